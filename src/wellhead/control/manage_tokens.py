"""`/manage/tokens` and `/admin/tokens`: keys in the form that the withering-token proxy's users know.

They are the same keys as under `/admin/keys`.  `max_requests` is a limit on the calls
of one key for good, and every key made here gets one on its calls per hour, too; both
are limits like any other.  Here a key's number is text.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from wellhead.access import Key
from wellhead.control.answers import failing, link_next
from wellhead.control.bodies import (
    ID_MAX,
    After,
    Body,
    Count,
    Hours,
    Id,
    Minutes,
    Name,
    Next,
    Secret,
    example,
)
from wellhead.control.keys import EXAMPLE_ISSUED, EXAMPLE_PROJECT, SHOWN_ONCE
from wellhead.control.options import ControlOptions
from wellhead.control.parameters import only
from wellhead.control.roles import ADMIN, By
from wellhead.control.times import to_the_second_if
from wellhead.errors import Conflict, Invalid, NotFound
from wellhead.limit import Limit, Measure, Scope, ScopeKind, Source, Window
from wellhead.moments import MINUTE_US, to_the_second
from wellhead.registry import PAGE_MAX, Actor, KeyUse, NewKey, NewLimit, Registry

KEY_NAME = "token"
"""What a key is called that nobody named."""
PER_HOUR = "calls_per_hour"
FOR_GOOD = "max_requests"
MAX_REQUESTS = 2**53
EXAMPLE_TOKEN: dict[str, Any] = {
    "id": "7",
    "token": "wh_00000...",
    "project_id": EXAMPLE_PROJECT,
    "expires_at": "2026-03-02T10:00:00Z",
    "is_active": True,
    "request_count": 12,
    "max_requests": None,
    "created_at": "2026-03-01T10:00:00Z",
    "last_used_at": "2026-03-01T11:12:13Z",
    "cache_hit_count": 0,
}

MaxRequests = Annotated[int, Field(ge=0, le=MAX_REQUESTS, description="Calls for good; 0: unlimited.")]


class TokenSent(Body):
    """A key to be made: how long it is to live is said in hours or in minutes."""

    model_config = example(project_id=EXAMPLE_PROJECT, duration_hours=24)

    project_id: Name
    duration_hours: Hours | None = None
    duration_minutes: Minutes | None = Field(default=None, description="Instead of `duration_hours`.")
    max_requests: MaxRequests = 0


class TokenChange(Body):
    """What is to be different; what is absent stays."""

    model_config = example(is_active=False)

    is_active: bool | None = Field(default=None, description="`false` revokes it, and that stays so.")
    max_requests: MaxRequests | None = None


class TokenNamed(Body):
    """Which key: the key itself."""

    model_config = example(token=EXAMPLE_ISSUED)

    token: Secret


class TokenNamedEither(Body):
    """Which key: the key itself, or its number."""

    model_config = example(id="7")

    token: Secret | None = None
    id: Name | None = None


class TokenIssued(BaseModel):
    """A new key."""

    model_config = example(id="7", token=EXAMPLE_ISSUED, expires_at="2026-03-02T10:00:00Z")

    id: str
    token: str = Field(description=SHOWN_ONCE)
    expires_at: str
    max_requests: int = Field(default=0, description="Only where there is such a limit.")


class Token(BaseModel):
    """A key with what was done with it."""

    model_config = example(**EXAMPLE_TOKEN)

    id: str
    token: str = Field(description="The first eight characters of the key, and dots.")
    project_id: str | None
    expires_at: str | None
    is_active: bool = Field(description="Whether it is not revoked.")
    request_count: int
    max_requests: int | None = Field(description="`null`: unlimited.")
    created_at: str
    last_used_at: str | None
    cache_hit_count: int = Field(default=0, description="Always 0: nothing is cached.")


class Tokens(BaseModel):
    """One page."""

    model_config = example(tokens=[EXAMPLE_TOKEN], next=None)

    tokens: list[Token]
    next: Next


def add_to(routes: APIRouter, registry: Registry, options: ControlOptions, now_us: Callable[[], int]) -> None:
    """Make, list, change and revoke keys."""
    _add_without_id(routes, registry, options, now_us)
    _add_with_id(routes, registry)
    _add_admin(routes, registry)


def _add_without_id(
    routes: APIRouter, registry: Registry, options: ControlOptions, now_us: Callable[[], int]
) -> None:
    @routes.post(
        "/manage/tokens",
        tags=["manage"],
        dependencies=ADMIN,
        summary="Make a key that withers",
        response_model_exclude_unset=True,
        responses=failing(400, 404, 409),
    )
    def create(body: TokenSent, by: By) -> TokenIssued:
        """The answer is the only one that ever holds the key itself."""
        # No finer than it is shown: the key withers at the second that the answer names.
        expires_us = (now_us() + _lifetime_us(body)) // 1_000_000 * 1_000_000
        limits = tuple(_limits(options.manage_calls_per_hour, body.max_requests))
        new = NewKey(KEY_NAME, project=body.project_id, expires_us=expires_us, limits=limits)
        issued = registry.create_key(by, new)
        shown = TokenIssued(id=str(issued.key.id), token=issued.secret, expires_at=to_the_second(expires_us))
        if body.max_requests:
            shown.max_requests = body.max_requests
        return shown

    @routes.delete(
        "/manage/tokens",
        tags=["manage"],
        dependencies=ADMIN,
        summary="Revoke a key, named in the body",
        status_code=204,
        response_class=Response,
        responses=failing(400, 404),
    )
    def revoke_named(body: TokenNamed, by: By) -> None:
        """No call that begins after the answer gets through; again, it changes nothing."""
        registry.revoke_key(by, registry.key_of(body.token).key.id)

    @routes.get(
        "/manage/tokens",
        tags=["manage"],
        dependencies=[*ADMIN, Depends(only("projectId", "after", "limit"))],
        summary="All keys, or those of a project",
        responses=failing(400, 404),
    )
    def list_(
        request: Request,
        response: Response,
        project: Annotated[
            str | None, Query(alias="projectId", max_length=64, description="Keys of this project.")
        ] = None,
        after: After = 0,
        count: Count = PAGE_MAX,
    ) -> list[Token]:
        """The oldest first; where there are more, a `Link` header says where they begin."""
        page = registry.keys(after=after, count=count, project=project or None)
        link_next(request, response, page.next)
        return _shown(registry, page.entries)


def _add_with_id(routes: APIRouter, registry: Registry) -> None:
    @routes.get(
        "/manage/tokens/{id}",
        tags=["manage"],
        dependencies=ADMIN,
        summary="A key",
        responses=failing(404),
    )
    def show(key_id: Id) -> Token:
        """With what was done with it, and without the key itself."""
        return _shown(registry, (registry.key(key_id),))[0]

    @routes.patch(
        "/manage/tokens/{id}",
        tags=["manage"],
        dependencies=ADMIN,
        summary="Revoke a key, or change how many calls it is good for",
        responses=failing(400, 404, 409),
    )
    def change(key_id: Id, body: TokenChange, by: By) -> Token:
        """It holds for every call that begins after the answer."""
        use = registry.key(key_id)
        if body.is_active and use.key.revoked_us is not None:
            raise Conflict("a revoked key stays revoked: make another one")
        if body.max_requests is not None:
            _change_ceiling(registry, by, use.key, body.max_requests)
        if body.is_active is False:
            registry.revoke_key(by, key_id)
        return _shown(registry, (registry.key(key_id),))[0]

    @routes.delete(
        "/manage/tokens/{id}",
        tags=["manage"],
        dependencies=ADMIN,
        summary="Revoke a key",
        status_code=204,
        response_class=Response,
        responses=failing(404),
    )
    def revoke(key_id: Id, by: By) -> None:
        """No call that begins after the answer gets through; again, it changes nothing."""
        registry.revoke_key(by, key_id)


def _add_admin(routes: APIRouter, registry: Registry) -> None:
    @routes.get(
        "/admin/tokens",
        tags=["manage"],
        dependencies=[*ADMIN, Depends(only("after", "limit"))],
        summary="All keys, in the withering-token proxy's form",
        responses=failing(400),
    )
    def list_(after: After = 0, count: Count = 100) -> Tokens:
        """The oldest first."""
        page = registry.keys(after=after, count=count)
        return Tokens(tokens=_shown(registry, page.entries), next=page.next)

    @routes.delete(
        "/admin/tokens",
        tags=["manage"],
        dependencies=ADMIN,
        summary="Revoke a key, named in the body",
        status_code=204,
        response_class=Response,
        responses=failing(400, 404),
    )
    def revoke_named(body: TokenNamedEither, by: By) -> None:
        """No call that begins after the answer gets through; again, it changes nothing."""
        if (body.token is None) == (body.id is None):
            raise Invalid("name the key by `token` or by `id`")
        key_id = _number(body.id) if body.token is None else registry.key_of(body.token).key.id
        registry.revoke_key(by, key_id)


def _number(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdigit() and int(text[:20]) <= ID_MAX):
        raise NotFound("there is no such key")
    return int(text)


def _lifetime_us(body: TokenSent) -> int:
    if (body.duration_hours is None) == (body.duration_minutes is None):
        raise Invalid("say how long the key is to live: `duration_hours` or `duration_minutes`")
    return ((body.duration_hours or 0) * 60 + (body.duration_minutes or 0)) * MINUTE_US


def _limits(per_hour: int, for_good: int) -> Iterator[NewLimit]:
    if per_hour:
        yield NewLimit(Measure.CALLS, Window.HOUR, per_hour, name=PER_HOUR)
    if for_good:
        yield NewLimit(Measure.CALLS, Window.TOTAL, for_good, name=FOR_GOOD)


def _change_ceiling(registry: Registry, by: Actor, key: Key, amount: int) -> None:
    line = set(_line(registry, key.id, {key.id: key.predecessor_id}))
    ceilings = [one for one in _ceilings(registry) if one.scope.id in line]
    if amount == 0:
        for one in ceilings:
            registry.delete_limit(by, one.id)
    elif ceilings:
        for one in ceilings:
            registry.change_limit(by, one.id, amount=amount)
    else:
        scope = Scope(ScopeKind.KEY, str(key.id))
        registry.create_limit(by, NewLimit(Measure.CALLS, Window.TOTAL, amount, scope, name=FOR_GOOD))


def _ceilings(registry: Registry) -> Iterator[Limit]:
    """Every limit on the calls of one key for good."""
    after: int | None = 0
    while after is not None:
        page = registry.limits(after=after, count=PAGE_MAX)
        for one in (use.limit for use in page.entries):
            is_for_good = one.measure is Measure.CALLS and one.window is Window.TOTAL
            if is_for_good and one.scope.kind is ScopeKind.KEY and one.source is Source.OPERATOR:
                yield one
        after = page.next


def _line(registry: Registry, key_id: int, predecessors: dict[int, int | None]) -> Iterator[str]:
    """The key and those it replaced, as limits name them: a limit counts all of them as one."""
    key: int | None = key_id
    while key is not None:
        yield str(key)
        if key not in predecessors:
            predecessors[key] = registry.key(key).key.predecessor_id
        key = predecessors[key]


def _shown(registry: Registry, uses: Sequence[KeyUse]) -> list[Token]:
    ceilings: dict[str | None, int] = {}
    for one in _ceilings(registry) if uses else ():
        ceilings[one.scope.id] = min(one.amount, ceilings.get(one.scope.id, one.amount))
    predecessors = {use.key.id: use.key.predecessor_id for use in uses}
    tokens = []
    for use in uses:
        line = _line(registry, use.key.id, predecessors) if ceilings else ()
        tokens.append(_token(use, min((ceilings[one] for one in line if one in ceilings), default=None)))
    return tokens


def _token(use: KeyUse, ceiling: int | None) -> Token:
    key = use.key
    return Token(
        id=str(key.id),
        token=f"{key.prefix}...",
        project_id=None if use.project is None else use.project.uuid,
        expires_at=to_the_second_if(key.expires_us),
        is_active=key.revoked_us is None,
        request_count=use.calls,
        max_requests=ceiling,
        created_at=to_the_second(key.created_us),
        last_used_at=to_the_second_if(use.last_used_us),
    )
