"""`/admin/audit`: what operators did, without any secret.

Amounts of limits are told as `/admin/limits` shows them: those on cost as dollars.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, WithJsonSchema

from wellhead import shown
from wellhead.control.answers import failing
from wellhead.control.bodies import ID_MAX, Count, example
from wellhead.control.parameters import only
from wellhead.control.roles import ADMIN
from wellhead.control.times import EXAMPLE, range_us
from wellhead.limit import Measure
from wellhead.registry import AuditEntry, Registry

EXAMPLE_ENTRY: dict[str, Any] = {
    "id": 12,
    "at": "2026-03-01T09:00:00.000Z",
    "actor": "admin",
    "address": "127.0.0.1",
    "action": "limit.change",
    "object_kind": "limit",
    "object_id": "3",
    "before": {"amount": 200},
    "after": {"amount": 500},
}
FILTERS = ("before", "limit", "action", "object_kind", "object_id", "actor", "from", "to")
Exact = Annotated[str | None, Query(max_length=200, description="Only entries with exactly this.")]


TEXT: dict[str, Any] = {"type": "string"}
PLAIN = ({"type": "integer"}, {"type": "number"}, {"type": "boolean"}, {"type": "null"}, TEXT)
LISTED = ({"type": "array", "items": TEXT}, {"type": "object", "additionalProperties": TEXT})
# As they were written, whatever fields there were then, but for money.
Told = Annotated[
    dict[str, Any], WithJsonSchema({"type": "object", "additionalProperties": {"anyOf": [*PLAIN, *LISTED]}})
]


class Entry(BaseModel):
    """One thing that an operator did."""

    model_config = example(**EXAMPLE_ENTRY)

    id: int
    at: str
    actor: str = Field(description="A user's name, `admin-token`, `management-token`, `session`, `local`, …")
    address: str | None
    action: str
    object_kind: str
    object_id: str | None
    before: Told | None = Field(description="Of a change, the fields that differ.")
    after: Told | None = Field(description="The same, as they are since.")


class Entries(BaseModel):
    """One page."""

    model_config = example(audit=[EXAMPLE_ENTRY], next=None)

    audit: list[Entry]
    next: int | None = Field(description="`before` of the next page; `null`: this is the last one.")


def add_to(routes: APIRouter, registry: Registry) -> None:
    """The one endpoint of the audit."""

    @routes.get(
        "/admin/audit",
        tags=["audit"],
        dependencies=[*ADMIN, Depends(only(*FILTERS))],
        summary="What operators did",
        responses=failing(400),
    )
    def list_(
        before: Annotated[
            int | None, Query(ge=0, le=ID_MAX, description="Entries before this one: the last page's `next`.")
        ] = None,
        count: Count = 100,
        action: Exact = None,
        object_kind: Exact = None,
        object_id: Exact = None,
        actor: Exact = None,
        since: Annotated[
            str | None, Query(alias="from", description="At this moment or later.", examples=[EXAMPLE])
        ] = None,
        until: Annotated[
            str | None, Query(alias="to", description="Before this moment.", examples=[EXAMPLE])
        ] = None,
    ) -> Entries:
        """The newest first."""
        since_us, until_us = range_us(since, until)
        page = registry.audit(
            before=before,
            count=count,
            action=action,
            object_kind=object_kind,
            object_id=object_id,
            actor=actor,
            since_us=since_us,
            until_us=until_us,
        )
        measures = _measures(registry, page.entries)
        return Entries(audit=[_shown(one, measures) for one in page.entries], next=page.next)


def _measures(registry: Registry, entries: Sequence[AuditEntry]) -> dict[str | None, Any]:
    """What limits count, by their id: where an amount was changed, only their making tells it."""
    changed = {one.object_id for one in entries if "amount" in (one.after or {}) and _measure(one) is None}
    made = (registry.audit(count=1, action="limit.create", object_id=id_).entries for id_ in changed)
    return {one.object_id: _measure(one) for found in made for one in found}


def _measure(entry: AuditEntry) -> Any:
    return (entry.after or entry.before or {}).get("measure")


def _told(fields: dict[str, Any] | None, measure: Any) -> dict[str, Any] | None:
    if fields is None or "amount" not in fields or measure != Measure.COST:
        return fields
    return {**fields, "amount": shown.amount(Measure.COST, fields["amount"])}


def _shown(entry: AuditEntry, measures: dict[str | None, Any]) -> Entry:
    measure = _measure(entry) or measures.get(entry.object_id)
    return Entry(
        id=entry.id,
        at=shown.moment(entry.at_us),
        actor=entry.actor.name,
        address=entry.actor.address,
        action=entry.action,
        object_kind=entry.object_kind,
        object_id=entry.object_id,
        before=_told(entry.before, measure),
        after=_told(entry.after, measure),
    )
