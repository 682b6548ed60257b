"""`/admin/api-keys`: keys in the form that agent-cli-proxy's users know.

They are the same keys as under `/admin/keys`; those made here have no project and do
not expire.
"""

# ruff: noqa: N815  (the names of fields are those on the wire)

from typing import Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.control.answers import failing, link_next
from wellhead.control.bodies import After, Body, Count, Globs, Id, Name, example, patterns
from wellhead.control.keys import EXAMPLE_ISSUED, SHOWN_ONCE
from wellhead.control.parameters import only
from wellhead.control.roles import ADMIN, VIEWER, By
from wellhead.money import usd
from wellhead.registry import PAGE_MAX, KeyChange, KeyUse, NewKey, Registry

EXAMPLE_API_KEY: dict[str, Any] = {
    "id": 2,
    "keyPrefix": "wh_1a2b3",
    "name": "laptop",
    "createdAt": "2026-03-01T08:00:00.000Z",
    "revokedAt": None,
    "lastUsedAt": "2026-03-01T09:11:58.000Z",
    "requestCount": 24,
    "allowedAccounts": None,
    "allowedProviders": ["anthropic"],
}


class ApiKeySent(Body):
    """A managed API key to be made."""

    model_config = example(name="laptop", allowed_accounts=None, allowed_providers=["anthropic"])

    name: Name
    allowed_accounts: Globs | None = None
    allowed_providers: Globs | None = None


class ApiKeyChange(Body):
    """What is to be different; what is absent stays."""

    model_config = example(allowed_providers=["anthropic", "openai"])

    allowed_accounts: Globs | None = None
    allowed_providers: Globs | None = None


class ApiKey(BaseModel):
    """A managed API key."""

    id: int
    keyPrefix: str
    name: str
    createdAt: str
    revokedAt: str | None
    lastUsedAt: str | None
    requestCount: int
    allowedAccounts: list[str] | None
    allowedProviders: list[str] | None


class ApiKeys(BaseModel):
    """Managed API keys, the oldest first."""

    model_config = example(apiKeys=[EXAMPLE_API_KEY])

    apiKeys: list[ApiKey]


class ApiKeyIssued(BaseModel):
    """A new managed API key."""

    model_config = example(
        id=2,
        key=EXAMPLE_ISSUED,
        keyPrefix="wh_00000",
        name="laptop",
        createdAt="2026-03-01T08:00:00.000Z",
        allowedAccounts=None,
        allowedProviders=["anthropic"],
    )

    id: int
    key: str = Field(description=SHOWN_ONCE)
    keyPrefix: str
    name: str
    createdAt: str
    allowedAccounts: list[str] | None
    allowedProviders: list[str] | None


class ApiKeyUsage(BaseModel):
    """What was done with a managed API key."""

    model_config = example(id=2, requestCount=24, totalTokens=31200, totalCostUsd=0.42)

    id: int
    requestCount: int
    totalTokens: int
    totalCostUsd: float


class Done(BaseModel):
    """It is done."""

    model_config = example(ok=True)

    ok: Literal[True] = True


class RevokedAt(BaseModel):
    """When a key was revoked."""

    model_config = example(revokedAt="2026-03-01T09:00:00.000Z")

    revokedAt: str


def add_to(routes: APIRouter, registry: Registry) -> None:
    """List, make, change and revoke keys."""
    tags: list[Any] = ["api-keys"]

    @routes.get(
        "/admin/api-keys",
        tags=tags,
        dependencies=[*VIEWER, Depends(only("after", "limit"))],
        summary="All keys, in agent-cli-proxy's form",
        responses=failing(400),
    )
    def list_(request: Request, response: Response, after: After = 0, count: Count = PAGE_MAX) -> ApiKeys:
        """The oldest first; where there are more, a `Link` header says where they begin."""
        page = registry.keys(after=after, count=count)
        link_next(request, response, page.next)
        return ApiKeys(apiKeys=[_api_key(one) for one in page.entries])

    @routes.post(
        "/admin/api-keys",
        tags=tags,
        dependencies=ADMIN,
        summary="Make a key, in agent-cli-proxy's form",
        status_code=201,
        responses=failing(400),
    )
    def create(body: ApiKeySent, by: By) -> ApiKeyIssued:
        """The answer is the only one that ever holds the key itself."""
        new = NewKey(
            name=body.name,
            allowed_accounts=patterns(body.allowed_accounts),
            allowed_providers=patterns(body.allowed_providers),
        )
        issued = registry.create_key(by, new)
        key = issued.key
        return ApiKeyIssued(
            id=key.id,
            key=issued.secret,
            keyPrefix=key.prefix,
            name=key.name,
            createdAt=shown.moment(key.created_us),
            allowedAccounts=shown.listed(key.allowed_accounts),
            allowedProviders=shown.listed(key.allowed_providers),
        )

    @routes.get(
        "/admin/api-keys/{id}/usage",
        tags=tags,
        dependencies=VIEWER,
        summary="What was done with a key",
        responses=failing(404),
    )
    def usage(key_id: Id) -> ApiKeyUsage:
        """Calls that ended, their tokens and cost."""
        use = registry.key(key_id)
        return ApiKeyUsage(
            id=use.key.id,
            requestCount=use.calls,
            totalTokens=use.total_tokens,
            totalCostUsd=usd(use.cost_nanousd or 0),  # a number in agent-cli-proxy's form
        )

    @routes.patch(
        "/admin/api-keys/{id}",
        tags=tags,
        dependencies=ADMIN,
        summary="Change what a key may use",
        responses=failing(400, 404, 409),
    )
    def change(key_id: Id, body: ApiKeyChange, by: By) -> Done:
        """`null` takes a restriction away."""
        change = KeyChange(
            allowed_accounts=body.globs("allowed_accounts"),
            allowed_providers=body.globs("allowed_providers"),
        )
        registry.change_key(by, key_id, change)
        return Done()

    @routes.delete(
        "/admin/api-keys/{id}",
        tags=tags,
        dependencies=ADMIN,
        summary="Revoke a key",
        responses=failing(404),
    )
    def revoke(key_id: Id, by: By) -> RevokedAt:
        """No call that begins after the answer gets through; again, it changes nothing."""
        revoked_us = registry.revoke_key(by, key_id).revoked_us
        assert revoked_us is not None
        return RevokedAt(revokedAt=shown.moment(revoked_us))


def _api_key(use: KeyUse) -> ApiKey:
    key = use.key
    return ApiKey(
        id=key.id,
        keyPrefix=key.prefix,
        name=key.name,
        createdAt=shown.moment(key.created_us),
        revokedAt=shown.moment(key.revoked_us),
        lastUsedAt=shown.moment(use.last_used_us),
        requestCount=use.calls,
        allowedAccounts=shown.listed(key.allowed_accounts),
        allowedProviders=shown.listed(key.allowed_providers),
    )
