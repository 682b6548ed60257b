"""`/admin/limits`: ceilings on calls, tokens and cost, and how they stand."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, BeforeValidator, Field

from wellhead import shown
from wellhead.control import amounts
from wellhead.control.amounts import Amount
from wellhead.control.answers import failing
from wellhead.control.bodies import (
    ID_MAX,
    ActionSent,
    After,
    AmountSent,
    Body,
    Count,
    Id,
    KindSent,
    MeasureSent,
    Name,
    Next,
    WindowSent,
    example,
)
from wellhead.control.parameters import only
from wellhead.control.roles import ADMIN, VIEWER, By
from wellhead.limit import Action, Measure, Scope, ScopeKind, Source, Window
from wellhead.registry import UNCHANGED, LimitUse, NewLimit, Registry

EXAMPLE_SCOPE = {"kind": "project", "id": "77b0c0de-0000-4000-8000-000000000001"}
EXAMPLE_LIMIT: dict[str, Any] = {
    "id": 3,
    "scope": {**EXAMPLE_SCOPE, "tool": None, "client": None},
    "measure": "cost",
    "window": "month",
    "amount": "12.50",
    "action": "refuse",
    "sliding": False,
    "zone": "Europe/Berlin",
    "name": "budget of the month",
    "source": "operator",
    "created_at": "2026-03-01T09:00:00.000Z",
    "standings": [
        {
            "subject": None,
            "used": "3.0421",
            "held": "0.20",
            "left": "9.2579",
            "exceeded": 0,
            "frees_at": "2026-03-31T22:00:00.000Z",
        }
    ],
}


def _a_number(sent: Any) -> Any:
    """A key's number may be written without quotes."""
    is_number = isinstance(sent, int) and not isinstance(sent, bool) and 0 <= sent <= ID_MAX
    return str(sent) if is_number else sent


class ScopeSent(Body):
    """Whose calls are counted."""

    kind: KindSent
    id: Annotated[Name, BeforeValidator(_a_number)] | None = Field(
        default=None,
        description="A project's UUID, a key's number, a provider's id, a glob of models. "
        "Absent: each of the kind is counted alone.",
    )
    tool: Name | None = Field(default=None, description="With `tool_client`.")
    client: Name | None = Field(default=None, description="With `tool_client`.")


class KeyLimitSent(Body):
    """A limit to be made together with its key."""

    measure: MeasureSent
    window: WindowSent
    amount: AmountSent
    action: ActionSent = Action.REFUSE
    sliding: bool = Field(default=False, description="The window ends now, instead of with the calendar.")
    zone: Name = Field(default="UTC", description="IANA name of the zone whose calendar counts.")
    name: Name | None = None

    def as_new(self, scope: Scope | None = None) -> NewLimit:
        return NewLimit(
            measure=self.measure,
            window=self.window,
            amount=amounts.read(self.measure, self.amount),
            scope=scope,
            action=self.action,
            sliding=self.sliding,
            zone=self.zone,
            name=self.name,
        )


class LimitSent(KeyLimitSent):
    """A limit to be made."""

    model_config = example(scope=EXAMPLE_SCOPE, measure="calls", window="hour", amount=200, action="refuse")

    scope: ScopeSent


class LimitChange(Body):
    """What is to be different; what is absent stays."""

    model_config = example(amount=500)

    amount: AmountSent | None = None
    action: ActionSent | None = None
    name: Name | None = Field(default=None, description="`null` takes it away.")


class ScopeShown(BaseModel):
    """Whose calls are counted."""

    kind: ScopeKind
    id: str | None = Field(description="A project's UUID, a key's number, a provider's id, a glob of models.")
    tool: str | None
    client: str | None


class StandingShown(BaseModel):
    """How much is used, for one of those that a limit counts.  Units are those of the amount."""

    subject: str | None = Field(
        description="Whom it counts: a project's UUID, a key's number, a model, `tool/client`; "
        "`null` where all are counted together."
    )
    used: Amount
    held: Amount = Field(description="Reserved for calls that are under way.")
    left: Amount
    exceeded: int = Field(description="Calls in this window that did not fit.")
    frees_at: str | None = Field(description="When something of it is free again; `null`: never by itself.")


class LimitShown(BaseModel):
    """A limit and how it stands."""

    model_config = example(**EXAMPLE_LIMIT)

    id: int
    scope: ScopeShown
    measure: Measure
    window: Window
    amount: Amount
    action: Action
    sliding: bool
    zone: str
    name: str | None
    source: Source = Field(description="What the configuration made, only the configuration changes.")
    created_at: str
    standings: list[StandingShown] = Field(description="The fullest first; empty if nothing was counted yet.")


class Limits(BaseModel):
    """One page."""

    model_config = example(limits=[EXAMPLE_LIMIT], next=None)

    limits: list[LimitShown]
    next: Next


def add_to(routes: APIRouter, registry: Registry) -> None:
    """List, make, show, change and delete limits."""
    tags: list[Any] = ["limits"]

    @routes.get(
        "/admin/limits",
        tags=tags,
        dependencies=[*VIEWER, Depends(only("after", "limit"))],
        summary="All limits",
        responses=failing(400),
    )
    def list_(after: After = 0, count: Count = 100) -> Limits:
        """With how they stand now, oldest first."""
        page = registry.limits(after=after, count=count)
        return Limits(limits=_shown(registry, page.entries), next=page.next)

    @routes.post(
        "/admin/limits",
        tags=tags,
        dependencies=ADMIN,
        summary="Make a limit",
        status_code=201,
        responses=failing(400, 404),
    )
    def create(body: LimitSent, by: By) -> LimitShown:
        """It holds for every call that begins after the answer; its present window counts already."""
        asked = body.scope
        scope = Scope(kind=asked.kind, id=asked.id, tool=asked.tool, client=asked.client)
        made = registry.create_limit(by, body.as_new(scope))
        return _one(registry, made.id)

    @routes.get(
        "/admin/limits/{id}",
        tags=tags,
        dependencies=VIEWER,
        summary="A limit",
        responses=failing(404),
    )
    def show(limit_id: Id) -> LimitShown:
        """With how it stands now."""
        return _one(registry, limit_id)

    @routes.patch(
        "/admin/limits/{id}",
        tags=tags,
        dependencies=ADMIN,
        summary="Change a limit",
        responses=failing(400, 404, 409),
    )
    def change(limit_id: Id, body: LimitChange, by: By) -> LimitShown:
        """Its amount, action or name; another scope, measure or window is another limit."""
        old = registry.limit(limit_id).limit
        registry.change_limit(
            by,
            limit_id,
            amount=None if body.amount is None else amounts.read(old.measure, body.amount),
            action=body.action,
            name=body.name if body.given("name") else UNCHANGED,
        )
        return _one(registry, limit_id)

    @routes.delete(
        "/admin/limits/{id}",
        tags=tags,
        dependencies=ADMIN,
        summary="Delete a limit",
        status_code=204,
        response_class=Response,
        responses=failing(404, 409),
    )
    def delete(limit_id: Id, by: By) -> None:
        """It holds nothing back any more."""
        registry.delete_limit(by, limit_id)


def _one(registry: Registry, limit_id: int) -> LimitShown:
    return _shown(registry, (registry.limit(limit_id),))[0]


def _shown(registry: Registry, uses: tuple[LimitUse, ...]) -> list[LimitShown]:
    numbers = shown.projects_in(uses)
    uuids = registry.project_uuids(numbers) if numbers else {}
    return [LimitShown(**shown.limit(use, uuids)) for use in uses]
