"""The rows of metric_names: who has a series of its own in monitoring, and keeps it for good.

The first to come are named, of those that are new at the same time the busiest.  Who
comes when there is no name left is written down as well and stays among the others,
for a sum that lost somebody would go down.  Half of the names are kept for what is
really used: a flood of made-up models, of which none answers, cannot take them.

Room is made by an operator alone.  Names that were not seen for long retire together::

    a  b  c  d        b and d retire        a  c  "retired-2026-03-01"

Their sums go on under the one name, which nobody had before: no series ever goes down,
none jumps up, and all together are what they were.  Who comes back counts there.
"""

from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Exists,
    FromClause,
    Select,
    Table,
    case,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)

from wellhead.database.schema import metric_names, projects, usage_hourly, usage_total
from wellhead.database.spans import HOURS_A_DAY
from wellhead.figures import OTHER, UNKNOWN

NAMES_MAX = 100
"""Of each kind."""
UNUSED_MAX = 50
"""While there are fewer names, one is also given to what never reported any usage."""
LATE_MAX = 1_000_000
"""Of each kind; once so many came too late no name is given any more: to count who is new takes too long."""
NEW_AT_ONCE = 20_000
"""In one transaction, of each kind: gateways wait meanwhile."""
RETIRED = "retired-"
"""Begins the name that those share who retired together; so nobody else's may begin so."""
CHARS_MAX = 100
"""What is called something longer stays among the others."""

MODEL, TOOL, PROJECT = "model", "tool", "project"


@dataclass(frozen=True, slots=True)
class Name:
    """Who may have a series."""

    kind: str
    provider: str
    """Empty for what belongs to none."""
    name: str


def give(engine: Engine) -> None:
    """Give names to those that are new, while there are some; writes only then."""
    while True:
        with engine.connect() as connection:
            if not any(_new(connection, kind) for kind in _NEW):
                return
        with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
            for kind in _NEW:
                if new := _new(connection, kind):
                    connection.execute(insert(metric_names), new)


def unseen(connection: Connection, since_day: int) -> list[Name]:
    """Those with a name of their own and no call since the beginning of a day (UTC)."""
    t = metric_names.c
    own = select(t.kind, t.provider, t.name).where(t.is_named, t.retired_as.is_(None))
    own = own.order_by(t.kind, t.provider, t.name)
    seen = set()
    for kind, (source, provider, name) in _sources(usage_hourly).items():
        query = (
            select(provider, name)
            .distinct()
            .select_from(source)
            .where(usage_hourly.c.hour >= since_day * HOURS_A_DAY)
        )
        seen |= {Name(kind, *row) for row in connection.execute(query)}
    return [found for found in (Name(*row) for row in connection.execute(own)) if found not in seen]


def retire(engine: Engine, since_day: int, date: str) -> tuple[list[Name], str]:
    """Have those that were not seen since a day share one name; who they are, and the name."""
    t = metric_names.c
    with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
        taken = set(connection.execute(select(t.retired_as).distinct()).scalars())
        names = (f"{RETIRED}{date}{'' if number == 1 else f'-{number}'}" for number in count(1))
        shared = next(name for name in names if name not in taken)
        found = unseen(connection, since_day)
        for one in found:
            which = tuple_(t.kind, t.provider, t.name) == (one.kind, one.provider, one.name)
            connection.execute(update(metric_names).where(which).values(retired_as=shared))
    return found, shared


def shown(
    kind: str, name: ColumnElement[str], provider: ColumnElement[str] | None = None
) -> ColumnElement[str]:
    """What somebody is called in monitoring."""
    t = metric_names.c
    own = select(func.coalesce(t.retired_as, t.name)).where(*_is(kind, name, provider), t.is_named)
    return case(
        (name.in_(("", UNKNOWN)), UNKNOWN),
        else_=func.coalesce(own.correlate_except(metric_names).scalar_subquery(), OTHER),
    )


def _is_known(kind: str, name: ColumnElement[str], provider: ColumnElement[str]) -> Exists:
    return exists().where(*_is(kind, name, provider))


def _is(
    kind: str, name: ColumnElement[str], provider: ColumnElement[str] | None
) -> tuple[ColumnElement[bool], ...]:
    t = metric_names.c
    return t.kind == kind, t.provider == (literal("") if provider is None else provider), t.name == name


def _new(connection: Connection, kind: str) -> list[dict[str, object]]:
    """The rows of those that are not there yet."""
    t = metric_names.c
    late = func.count().filter(~t.is_named)
    own = func.count().filter(t.is_named, t.retired_as.is_(None))
    counted = select(late, own, func.count(t.retired_as.distinct())).where(t.kind == kind)
    late_ones, own_ones, shared = connection.execute(counted).one()
    if late_ones >= LATE_MAX:
        return []
    named = own_ones + shared
    rows = []
    for provider, name, is_used in connection.execute(_NEW[kind]):
        is_named = named < (NAMES_MAX if is_used else UNUSED_MAX)
        named += is_named
        rows.append({"kind": kind, "provider": provider, "name": name, "is_named": is_named})
    return rows


def _not_known(kind: str) -> Select[Any]:
    """Provider and name of those that are new, and whether they were used; the busiest first."""
    t = usage_total.c
    source, provider, name = _sources(usage_total)[kind]
    is_used = func.sum(t.metered_calls) > 0
    return (
        select(provider, name, is_used)
        .select_from(source)
        .where(
            name.not_in(("", UNKNOWN, OTHER)),
            func.length(name) <= CHARS_MAX,
            ~name.startswith(RETIRED),
            ~_is_known(kind, name, provider),
        )
        .group_by(provider, name)
        .order_by(is_used.desc(), func.sum(t.calls).desc(), provider, name)
        .limit(NEW_AT_ONCE)
    )


def _sources(rollup: Table) -> dict[str, tuple[FromClause, ColumnElement[Any], ColumnElement[Any]]]:
    """Where each kind is found in a rollup: its rows, the provider, the name."""
    t = rollup.c
    of_projects = rollup.join(projects, projects.c.id == t.project_id)
    return {
        MODEL: (rollup, t.provider, t.model),
        TOOL: (rollup, literal(""), t.tool),
        PROJECT: (of_projects, literal(""), projects.c.uuid),
    }


_NEW = {kind: _not_known(kind) for kind in (MODEL, TOOL, PROJECT)}
