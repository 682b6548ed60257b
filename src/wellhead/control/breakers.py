"""`/admin/breakers`: which providers calls are held back from, in the form of agent-cli-proxy.

Subjects are named in the path, and one of a credential has slashes in its name.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.breaker import Kind, State
from wellhead.control.answers import POSSIBLE
from wellhead.control.bodies import example
from wellhead.control.failures import Responses, described
from wellhead.control.operators import REFUSALS
from wellhead.control.roles import ADMIN, VIEWER, By
from wellhead.errors import CallerError, NotFound
from wellhead.logs import Log
from wellhead.registry import Registry

NOBODYS = "Breaker not found"
"""In agent-cli-proxy's very words."""
EXAMPLE_BREAKER: dict[str, Any] = {
    "providerId": "anthropic",
    "state": "open",
    "failures": 5,
    "openedAt": 1772355600000,
    "lastActivity": 1772355601250,
    "kind": "provider",
    "opened_by": "wellhead-1:4242",
    "retry_at": "2026-03-01T09:00:30.000Z",
}
BOOKS: Responses = {**REFUSALS, 503: POSSIBLE[503]}
NOT_FOUND: Responses = {
    **BOOKS,
    404: described("No call came to it lately, or it does not exist.", "NOT_FOUND", NOBODYS),
}

Subject = Annotated[
    str,
    InPath(
        alias="providerId",
        max_length=500,
        description="A provider's id, or `{provider}/credential/{id}`.",
        examples=["anthropic"],
    ),
]


class BreakerShown(BaseModel):
    """A breaker as all workers share it."""

    model_config = example(**EXAMPLE_BREAKER)

    providerId: str = Field(description="A provider's id, or `{provider}/credential/{id}`.")  # noqa: N815
    state: State
    failures: int = Field(description="In a row, as the worker counted that said so last.")
    openedAt: int = Field(description="Milliseconds since the epoch; 0: it is not open.")  # noqa: N815
    lastActivity: int = Field(  # noqa: N815
        description="When a call last came, to about 10 seconds; milliseconds since the epoch; 0: never."
    )
    kind: Kind
    opened_by: str | None = Field(description="Host and number of the process that saw the failures.")
    retry_at: str | None = Field(description="When a call may try.")


class Breakers(BaseModel):
    """All of them."""

    model_config = example(breakers=[EXAMPLE_BREAKER])

    breakers: list[BreakerShown]


class Reset(BaseModel):
    """It is closed."""

    model_config = example(ok=True, providerId="anthropic")

    ok: bool
    providerId: str  # noqa: N815


def add_to(routes: APIRouter, registry: Registry, now_us: Callable[[], int], log: Log) -> None:
    """List, show and reset breakers."""
    tags: list[Any] = ["breakers"]

    @routes.get(
        "/admin/breakers",
        tags=tags,
        dependencies=VIEWER,
        summary="All circuit breakers",
        responses=BOOKS,
    )
    def list_() -> Breakers:
        """Those that calls came to lately, and all that are not closed."""
        found = registry.breakers()
        return Breakers(breakers=[BreakerShown(**shown.breaker(one, now_us())) for one in found])

    @routes.get(
        "/admin/breakers/{providerId:path}",
        tags=tags,
        dependencies=VIEWER,
        summary="A circuit breaker",
        responses=NOT_FOUND,
    )
    def show(subject: Subject) -> BreakerShown:
        """As all workers share it."""
        try:
            return BreakerShown(**shown.breaker(registry.breaker(subject), now_us()))
        except NotFound:
            raise CallerError("NOT_FOUND", 404, NOBODYS) from None

    @routes.post(
        "/admin/breakers/{providerId:path}/reset",
        tags=tags,
        dependencies=ADMIN,
        summary="Close a circuit breaker",
        responses=NOT_FOUND,
    )
    def reset(subject: Subject, by: By) -> Reset:
        """In all workers, within a second; failures are counted anew."""
        try:
            registry.reset_breaker(by, subject)
        except NotFound:
            raise CallerError("NOT_FOUND", 404, NOBODYS) from None
        log.info("upstream.breaker_reset", providerId=subject, by=by.name)
        return Reset(ok=True, providerId=subject)
