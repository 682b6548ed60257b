"""What the calls of some time name in one dimension: the models, tools, keys, ... that there are.

Out of the rollup by the day, so it takes as long as there are names, not calls; who is
asked for some text looks at all names, and answers with those that most calls have.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Text, case, cast, func, null, or_, select

from wellhead.database.schema import keys, projects, spending_daily
from wellhead.moments import DAY_US
from wellhead.report import UNKNOWN, Dimension, Name

DIMENSIONS = (
    *(Dimension.PROVIDER, Dimension.MODEL, Dimension.TOOL, Dimension.CLIENT),
    *(Dimension.PROJECT, Dimension.KEY, Dimension.ACCOUNT),
)
"""The others have few values that are known, or are in no rollup."""
_REGISTERED = {
    Dimension.PROJECT: (projects, "project_id", projects.c.uuid),
    Dimension.KEY: (keys, "key_id", cast(keys.c.id, Text)),
}
"""Numbers in rollups, and by what interfaces have them."""
_ESCAPE = "\\"


def names(connection: Connection, dimension: Dimension, since_us: int, text: str, count: int) -> list[Name]:
    """So many names with some text in them, of calls that ended on the day of a moment or later."""
    t = spending_daily.c
    value, label, source = _of(dimension)
    calls = func.sum(t.calls)
    query = select(
        value, func.max(label), calls, func.sum(t.priced_calls), func.sum(t.cost_nanousd), func.max(t.day)
    )
    query = query.select_from(source).where(t.day >= since_us // DAY_US)
    if text:
        query = query.where(or_(_contains(value, text), _contains(label, text)))
    query = query.group_by(value).order_by(calls.desc(), value).limit(count)
    return [
        Name(shown, called, count_, cost if priced else None, day * DAY_US)
        for shown, called, count_, priced, cost, day in map(tuple, connection.execute(query))
    ]


def _of(dimension: Dimension) -> tuple[ColumnElement[Any], ColumnElement[Any], FromClause]:
    """What filters take, what people call it, and where both are."""
    t = spending_daily.c
    if dimension not in _REGISTERED:
        column = t[dimension.value]
        return case((column == "", UNKNOWN), else_=column), null(), spending_daily
    table, name, shown = _REGISTERED[dimension]
    number = t[name]
    value = case((number == 0, UNKNOWN), else_=func.coalesce(shown, cast(number, Text)))
    return value, table.c.name, spending_daily.outerjoin(table, table.c.id == number)


def _contains(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    literal = text.lower()
    for special in (_ESCAPE, "%", "_"):
        literal = literal.replace(special, _ESCAPE + special)
    return func.lower(column).like(f"%{literal}%", escape=_ESCAPE)
