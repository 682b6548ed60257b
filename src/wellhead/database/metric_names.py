"""The rows of metric_names: who has a series of its own in monitoring, and keeps it for good.

The first to come are named, of those that are new at the same time the busiest.  Who
comes when there is no name left is written down as well and stays among the others,
for a sum that lost somebody would go down.  Half of the names are kept for what is
really used: a flood of made-up models, of which none answers, cannot take them.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Exists,
    Select,
    case,
    exists,
    func,
    insert,
    literal,
    select,
)

from wellhead.database.schema import metric_names, projects, usage_total
from wellhead.figures import OTHER, UNKNOWN

NAMES_MAX = 100
"""Of each kind."""
UNUSED_MAX = 50
"""While there are fewer names, one is also given to what never reported any usage."""
LATE_MAX = 10_000
"""Of each kind; once so many came too late no name is given any more."""
CHARS_MAX = 100
"""What is called something longer stays among the others."""

MODEL, TOOL, PROJECT = "model", "tool", "project"


def give(engine: Engine) -> None:
    """Give names to those that are new, while there are some; writes only then."""
    with engine.connect() as connection:
        if not any(_new(connection, kind) for kind in _NEW):
            return
    with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
        for kind in _NEW:
            if new := _new(connection, kind):
                connection.execute(insert(metric_names), new)


def shown(
    kind: str, name: ColumnElement[str], provider: ColumnElement[str] | None = None
) -> ColumnElement[str]:
    """What somebody is called in monitoring."""
    is_named = _is_known(kind, name, provider).where(metric_names.c.is_named)
    return case((name.in_(("", UNKNOWN)), UNKNOWN), (is_named, name), else_=OTHER)


def _is_known(kind: str, name: ColumnElement[str], provider: ColumnElement[str] | None) -> Exists:
    t = metric_names.c
    at = literal("") if provider is None else provider
    return exists().where(t.kind == kind).where(t.provider == at).where(t.name == name)


def _new(connection: Connection, kind: str) -> list[dict[str, object]]:
    """The rows of those that are not there yet."""
    t = metric_names.c
    counted = select(func.count(), func.count().filter(t.is_named)).where(t.kind == kind)
    known, named = connection.execute(counted).one()
    if known - named >= LATE_MAX:
        return []
    rows = []
    for provider, name, is_used in connection.execute(_NEW[kind]):
        is_named = named < (NAMES_MAX if is_used else UNUSED_MAX)
        named += is_named
        rows.append({"kind": kind, "provider": provider, "name": name, "is_named": is_named})
    return rows


def _not_known(kind: str) -> Select[Any]:
    """Provider and name of those that are new, and whether they were used; the busiest first."""
    t = usage_total.c
    sources = {
        MODEL: (usage_total, t.provider, t.model),
        TOOL: (usage_total, literal(""), t.tool),
        PROJECT: (usage_total.join(projects, projects.c.id == t.project_id), literal(""), projects.c.uuid),
    }
    source, provider, name = sources[kind]
    is_used = func.sum(t.metered_calls) > 0
    return (
        select(provider, name, is_used)
        .select_from(source)
        .where(
            name.not_in(("", UNKNOWN, OTHER)),
            func.length(name) <= CHARS_MAX,
            ~_is_known(kind, name, provider),
        )
        .group_by(provider, name)
        .order_by(is_used.desc(), func.sum(t.calls).desc(), provider, name)
        .limit(NAMES_MAX + LATE_MAX)
    )


_NEW = {kind: _not_known(kind) for kind in (MODEL, TOOL, PROJECT)}
