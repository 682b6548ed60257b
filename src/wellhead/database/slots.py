"""Slots of time as SQL has them."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Integer, Select, and_, column, literal, text

from wellhead.database.spans import Span, even

Restrict = Callable[[Select[Any]], Select[Any]]


def slots_of(at: Column[Any], some: Sequence[Span]) -> tuple[ColumnElement[int], Restrict, list[Any]]:
    """The slot of a row, what restricts a query to the rows of slots, and what tells them apart.

    `at` is the column whose unit the spans have.
    """
    one = even(some)
    if one is None:
        cut = _cut(some)
        table = at.table
        return (
            cut.c.slot,
            lambda query: query.select_from(cut.join(table, and_(at >= cut.c.since, at < cut.c.until))),
            [cut.c.slot],
        )

    def within(query: Select[Any]) -> Select[Any]:
        return query.where(at >= one.since, at < one.until)

    if len(some) == 1:
        return literal(one.slot), within, []
    if one.width == 1:
        # By the column itself the rows are in order already.
        return at - (one.since - one.slot), within, [at]
    slot = ((at - one.since) // one.width + one.slot).label("slot")
    return slot, within, [slot]


def _cut(some: Sequence[Span]) -> Any:
    # The database looks each span up by itself, so that slots need not be alike (days of 23 hours).
    # Numbers in the text: SQLAlchemy needs 0.1 ms for a row of bound ones, and a year has four hundred.
    rows = ",".join(f"({slot:d},{since:d},{until:d})" for slot, since, until in some)
    made = text(f"SELECT column1 AS slot,column2 AS since,column3 AS until FROM (VALUES {rows})")  # noqa: S608
    columns = column("slot", Integer), column("since", BigInteger), column("until", BigInteger)
    return made.columns(*columns).cte("slots")
