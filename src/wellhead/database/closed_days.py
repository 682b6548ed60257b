"""Which days are closed.

::

    usage_hourly  ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓   written when calls end
    closed_days         day 1     │     day 2    │  (open)
    usage_sheets          ▓       │       ▓      │
    model_sheets          ▓       │       ▓      │          made when it is over (`wellhead.ledger.closing`)
    session_sheets        ▓       │       ▓      │

A day counts as closed only as long as its row in `closed_days` stands.  Whatever changes
a figure of the day takes that row away in the same transaction, so nobody ever reads
what is not true any more: of an open day everything is read from its hours and calls.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import Connection, select

from wellhead.database import costs
from wellhead.database.bulk import Row, placeholders
from wellhead.database.schema import closed_days, retention, session_sheets
from wellhead.database.spans import HALF_US, HOURS_A_DAY
from wellhead.moments import DAY_US, HOUR_US

ROWS_MAX = 200_000
"""Rows in the hours of a day: one that has more stays open, for it is made of them in memory."""


def closed(connection: Connection) -> dict[int, bool]:
    """All closed days, the first one first, and whether they were made with their calls."""
    t = closed_days.c
    query = select(t.day, t.has_calls).order_by(t.day)
    return {day: has_calls for day, has_calls in connection.execute(query)}  # noqa: C416


def cuts_us(connection: Connection, edges_us: Sequence[int], closed_: Mapping[int, bool]) -> tuple[int, ...]:
    """Where slots can begin: once calls were removed, at half hours, or where those are not known at hours.

    Edges are moved on to there, so what is cut counts where it begins; some may be the same then.
    """
    removed_us = _removed_before_us(connection)
    return tuple(
        -(-edge // width) * width
        for edge in edges_us
        for width in (1 if edge >= removed_us else HALF_US if closed_.get(edge // DAY_US) else HOUR_US,)
    )


def day_cuts_us(connection: Connection, edges_us: Sequence[int]) -> tuple[int, ...]:
    """The same, of what is known by the day once calls were removed."""
    removed_us = _removed_before_us(connection)
    return tuple(edge if edge >= removed_us else -(-edge // DAY_US) * DAY_US for edge in edges_us)


def _removed_before_us(connection: Connection) -> int:
    return connection.execute(select(retention.c.removed_before_us)).scalar() or 0


def with_sessions(connection: Connection, since: int, until: int) -> list[int]:
    """Days whose sessions are in their sheets: closed ones, and those whose calls are not all there now."""
    t, closed_too = session_sheets.c, select(closed_days.c.day).where(closed_days.c.has_calls)
    removed_us = _removed_before_us(connection)
    query = select(t.day).where(t.day >= since, t.day < until).order_by(t.day)
    return list(connection.scalars(query.where((t.day < removed_us // DAY_US) | t.day.in_(closed_too))))


def is_closed(connection: sqlite3.Connection, day: int) -> bool:
    return connection.execute("SELECT 1 FROM closed_days WHERE day=?", (day,)).fetchone() is not None


def reopen(connection: sqlite3.Connection, days: Collection[int]) -> None:
    """Part of the transaction that changes figures of these days."""
    if days:
        connection.execute(f"DELETE FROM closed_days WHERE day IN {placeholders(len(days))}", tuple(days))  # noqa: S608


def reopen_since(connection: sqlite3.Connection, day: int) -> None:
    """Have a day and all later ones be open."""
    connection.execute("DELETE FROM closed_days WHERE day>=?", (day,))


def to_close(connection: sqlite3.Connection, until: int) -> Iterator[int]:
    """Open days before one on which calls ended, the first one first, each looked for when it is its turn."""
    day = -1
    while True:
        hour = connection.execute(
            "SELECT min(hour) FROM usage_hourly WHERE hour>=?", ((day + 1) * HOURS_A_DAY,)
        ).fetchone()[0]
        if hour is None or hour // HOURS_A_DAY >= until:
            return
        day = hour // HOURS_A_DAY
        if not is_closed(connection, day) and _fits(connection, day):
            yield day


def _fits(connection: sqlite3.Connection, day: int) -> bool:
    some = "SELECT 1 FROM usage_hourly WHERE hour>=? AND hour<? LIMIT ?"
    values = (*_hours(day), ROWS_MAX + 1)
    count: int = connection.execute(f"SELECT count(*) FROM ({some})", values).fetchone()[0]  # noqa: S608
    return count <= ROWS_MAX


def state(connection: sqlite3.Connection, day: int) -> Row:
    """Changes with every change of the day's figures: a call more, or one that is priced again."""
    query = "SELECT sum(calls),sum(total_tokens),sum(cost_nanousd) FROM usage_hourly WHERE hour>=? AND hour<?"
    return (*connection.execute(query, _hours(day)).fetchone(), costs.last_again_us(connection))


def _hours(day: int) -> tuple[int, int]:
    return day * HOURS_A_DAY, (day + 1) * HOURS_A_DAY
