"""`/admin/keys`: what Wellhead gives to clients.

A key's secret is in the answer to the request that made it, and nowhere after that.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.access import KeyState
from wellhead.control.answers import failing
from wellhead.control.bodies import (
    LISTED_MAX,
    After,
    Body,
    Count,
    Globs,
    Hours,
    Id,
    Moment,
    Name,
    Next,
    example,
    patterns,
)
from wellhead.control.limits import KeyLimitSent
from wellhead.control.parameters import only
from wellhead.control.roles import ADMIN, VIEWER, By
from wellhead.control.times import moment_us
from wellhead.errors import Invalid
from wellhead.moments import HOUR_US
from wellhead.registry import UNCHANGED, Issued, KeyChange, KeyUse, NewKey, Registry

OVERLAP_S = 3600
OVERLAP_S_MAX = 365 * 24 * 3600
SHOWN_ONCE = "The key itself.  It is shown this once; only its hash is kept."
EXAMPLE_PROJECT = "77b0c0de-0000-4000-8000-000000000001"
EXAMPLE_ISSUED = "wh_…"
EXAMPLE_KEY: dict[str, Any] = {
    "id": 7,
    "prefix": "wh_00000",
    "name": "laptop of Ann",
    "project_id": EXAMPLE_PROJECT,
    "state": "active",
    "created_at": "2026-03-01T09:00:00.000Z",
    "expires_at": "2026-04-01T00:00:00.000Z",
    "revoked_at": None,
    "last_used_at": "2026-03-02T10:11:12.000Z",
    "allowed_models": ["gpt-*"],
    "allowed_providers": ["openai"],
    "allowed_endpoints": None,
    "allowed_accounts": None,
    "tags": {"team": "search"},
    "predecessor_id": None,
    "calls": 24,
    "total_tokens": 31200,
    "cost_usd": 0.42,
}
EXAMPLE_NEW_KEY = {**EXAMPLE_KEY, "last_used_at": None, "calls": 0, "total_tokens": 0, "cost_usd": 0.0}


class KeySent(Body):
    """A key to be made."""

    model_config = example(
        name="laptop of Ann",
        project_id=EXAMPLE_PROJECT,
        duration_hours=720,
        allowed_models=["gpt-*"],
        limits=[{"measure": "calls", "window": "hour", "amount": 200}],
    )

    name: Name
    project_id: Name | None = None
    expires_at: Moment | None = None
    duration_hours: Hours | None = Field(default=None, description="Instead of `expires_at`.")
    allowed_models: Globs | None = None
    allowed_providers: Globs | None = None
    allowed_endpoints: Globs | None = None
    allowed_accounts: Globs | None = None
    tags: dict[str, str] = Field(default={}, max_length=LISTED_MAX)
    limits: list[KeyLimitSent] = Field(
        default=[], max_length=LISTED_MAX, description="As for `/admin/limits`, without a scope."
    )


class KeyChangeSent(Body):
    """What is to be different; what is absent stays, and `null` takes a restriction away."""

    model_config = example(expires_at="2026-05-01T00:00:00Z", allowed_models=None)

    name: Name | None = None
    expires_at: Moment | None = None
    allowed_models: Globs | None = None
    allowed_providers: Globs | None = None
    allowed_endpoints: Globs | None = None
    allowed_accounts: Globs | None = None
    tags: dict[str, str] | None = Field(default=None, max_length=LISTED_MAX)


class Rotation(Body):
    """How a key is replaced."""

    model_config = example(overlap_s=OVERLAP_S)

    overlap_s: Annotated[int, Field(ge=0, le=OVERLAP_S_MAX)] = Field(
        default=OVERLAP_S, description="For how many seconds both keys work."
    )


class KeyShown(BaseModel):
    """A key with what was done with it."""

    model_config = example(**EXAMPLE_KEY)

    id: int
    prefix: str = Field(description="The first eight characters of the key.")
    name: str
    project_id: str | None
    state: KeyState
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    allowed_models: list[str] | None
    allowed_providers: list[str] | None
    allowed_endpoints: list[str] | None
    allowed_accounts: list[str] | None
    tags: dict[str, str]
    predecessor_id: int | None = Field(description="The key that this one replaces.")
    calls: int = Field(description="That ended; refused ones are left out.")
    total_tokens: int
    cost_usd: float | None = Field(description="Of the calls that have a price; null: none of them has.")


class KeyIssued(KeyShown):
    """A new key."""

    model_config = example(**EXAMPLE_NEW_KEY, key=EXAMPLE_ISSUED)

    key: str = Field(description=SHOWN_ONCE)


class Keys(BaseModel):
    """One page."""

    model_config = example(keys=[EXAMPLE_KEY], next=None)

    keys: list[KeyShown]
    next: Next


def add_to(routes: APIRouter, registry: Registry, now_us: Callable[[], int]) -> None:
    """List, make, show, change, revoke and replace keys."""
    _add_reading(routes, registry)
    _add_changing(routes, registry, now_us)


def _add_reading(routes: APIRouter, registry: Registry) -> None:
    @routes.get(
        "/admin/keys",
        tags=["keys"],
        dependencies=[*VIEWER, Depends(only("after", "limit", "project_id", "state"))],
        summary="All keys",
        responses=failing(400, 404),
    )
    def list_(
        after: After = 0,
        count: Count = 100,
        project_id: Annotated[str | None, Query(max_length=64, description="Keys of this project.")] = None,
        state: Annotated[KeyState | None, Query(description="Keys in this state now.")] = None,
    ) -> Keys:
        """With what was done with them, the oldest first."""
        page = registry.keys(after=after, count=count, project=project_id, state=state)
        return Keys(keys=[_shown(one) for one in page.entries], next=page.next)

    @routes.get(
        "/admin/keys/{id}", tags=["keys"], dependencies=VIEWER, summary="A key", responses=failing(404)
    )
    def show(key_id: Id) -> KeyShown:
        """With what was done with it."""
        return _shown(registry.key(key_id))


def _add_changing(routes: APIRouter, registry: Registry, now_us: Callable[[], int]) -> None:
    @routes.post(
        "/admin/keys",
        tags=["keys"],
        dependencies=ADMIN,
        summary="Make a key",
        status_code=201,
        responses=failing(400, 404, 409),
    )
    def create(body: KeySent, by: By) -> KeyIssued:
        """The answer is the only one that ever holds the key itself."""
        new = NewKey(
            name=body.name,
            project=body.project_id,
            expires_us=_expiry(body, now_us()),
            allowed_models=patterns(body.allowed_models),
            allowed_providers=patterns(body.allowed_providers),
            allowed_endpoints=patterns(body.allowed_endpoints),
            allowed_accounts=patterns(body.allowed_accounts),
            tags=tuple(sorted(body.tags.items())),
            limits=tuple(one.as_new() for one in body.limits),
        )
        return _issued(registry.create_key(by, new), body.project_id)

    @routes.patch(
        "/admin/keys/{id}",
        tags=["keys"],
        dependencies=ADMIN,
        summary="Change a key",
        responses=failing(400, 404, 409),
    )
    def change(key_id: Id, body: KeyChangeSent, by: By) -> KeyShown:
        """It holds for every call that begins after the answer."""
        if body.given("name") and body.name is None:
            raise Invalid("a key has a name")
        change = KeyChange(
            name=body.name if body.name is not None else UNCHANGED,
            expires_us=moment_us(body.expires_at, "expires_at") if body.given("expires_at") else UNCHANGED,
            allowed_models=body.globs("allowed_models"),
            allowed_providers=body.globs("allowed_providers"),
            allowed_endpoints=body.globs("allowed_endpoints"),
            allowed_accounts=body.globs("allowed_accounts"),
            tags=tuple(sorted((body.tags or {}).items())) if body.given("tags") else UNCHANGED,
        )
        registry.change_key(by, key_id, change)
        return _shown(registry.key(key_id))

    @routes.delete(
        "/admin/keys/{id}",
        tags=["keys"],
        dependencies=ADMIN,
        summary="Revoke a key",
        responses=failing(404),
    )
    def revoke(key_id: Id, by: By) -> KeyShown:
        """No call that begins after the answer gets through; again, it changes nothing."""
        registry.revoke_key(by, key_id)
        return _shown(registry.key(key_id))

    @routes.post(
        "/admin/keys/{id}/rotate",
        tags=["keys"],
        dependencies=ADMIN,
        summary="Replace a key",
        status_code=201,
        responses=failing(400, 404, 409),
    )
    def rotate(key_id: Id, by: By, body: Rotation | None = None) -> KeyIssued:
        """A successor with the same rights; the old one withers after the overlap."""
        # What can fail is asked before: once the successor is there, its secret must arrive.
        project = registry.key(key_id).project
        issued = registry.rotate_key(by, key_id, (body or Rotation()).overlap_s)
        return _issued(issued, None if project is None else project.uuid)


def _shown(use: KeyUse) -> KeyShown:
    return KeyShown(**shown.key(use))


def _issued(issued: Issued, project: str | None) -> KeyIssued:
    unused = KeyUse(
        issued.key, None, KeyState.ACTIVE, last_used_us=None, calls=0, total_tokens=0, cost_nanousd=0
    )
    return KeyIssued(**{**shown.issued(unused, issued.secret), "project_id": project})


def _expiry(body: KeySent, now_us: int) -> int | None:
    if body.expires_at is not None and body.duration_hours is not None:
        raise Invalid("`expires_at` and `duration_hours` exclude each other")
    if body.duration_hours is not None:
        # No finer than it is shown: the key withers at the moment that the answer names.
        return (now_us + body.duration_hours * HOUR_US) // 1000 * 1000
    return moment_us(body.expires_at, "expires_at")
