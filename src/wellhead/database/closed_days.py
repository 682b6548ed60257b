"""Closed days: what is read and written of them, in the forms that the tables take.

::

    usage_hourly  ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓   written when calls end
    closed_days         day 1     │     day 2    │  (open)
    usage_daily           ▓       │       ▓      │
    usage_sheets          ▓       │       ▓      │          made when it is over (`wellhead.ledger.closing`)
    model_sheets          ▓       │       ▓      │
    session_sheets        ▓       │       ▓      │

A day counts as closed only as long as its row in `closed_days` stands.  Whatever changes
a figure of the day takes that row away in the same transaction, so nobody ever reads
what is not true any more: of an open day everything is read from its hours and calls.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass

from sqlalchemy import Connection, select

from wellhead.database import costs
from wellhead.database.bulk import Bulk, Row, placeholders
from wellhead.database.day_sheets import Models, Sums, models, sessions, spending
from wellhead.database.schema import SPENDING_KEY, closed_days, retention, session_sheets, usage_daily
from wellhead.database.spans import HOURS_A_DAY
from wellhead.moments import DAY_US

ROWS_MAX = 200_000
"""Rows in the hours of a day: one that has more stays open, for it is made of them in memory."""

_KEY = tuple(name for name, _ in SPENDING_KEY)


def _inserting(table: str, count: int) -> Bulk:
    return Bulk(f"INSERT INTO {table} VALUES ", placeholders(count))  # noqa: S608


_USAGE = _inserting(usage_daily.name, len(usage_daily.columns))
_SHEETS = _inserting("usage_sheets", 3)
_MODEL_SHEETS = _inserting("model_sheets", 4)
_NUMBER = f"SELECT number FROM usage_keys WHERE {' AND '.join(f'{name}=?' for name in _KEY)}"  # noqa: S608
_NEW_KEY = (
    f"INSERT INTO usage_keys ({','.join(_KEY)}) VALUES {placeholders(len(_KEY))} ON CONFLICT DO NOTHING"  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class DayFigures:
    """What a closed day has, beside what parts of it have, which is too much to have at once."""

    usage: Sequence[Row]
    """The rows of `usage_daily`."""
    sessions: Sums | None
    """By session, agent and who used what (`SPENDING_KEY`); `None` where there are too many, or calls of the
    day had been removed."""


@dataclass(frozen=True, slots=True)
class PackedDay:
    """All of it, as it is written."""

    day: int
    has_calls: bool
    usage: Sequence[Row]
    sessions: bytes | None
    spending: Sequence[tuple[int, bytes]]
    """By half hour, as `usage_sheets` has them..."""
    models: Sequence[tuple[int, bytes, bytes]]
    """...and as `model_sheets` has."""


def closed(connection: Connection) -> dict[int, bool]:
    """All closed days, the first one first, and whether they were made with their calls."""
    t = closed_days.c
    query = select(t.day, t.has_calls).order_by(t.day)
    return {day: has_calls for day, has_calls in connection.execute(query)}  # noqa: C416


def with_sessions(connection: Connection, since: int, until: int) -> list[int]:
    """Days whose sessions are in their sheets: closed ones, and those whose calls are not all there now."""
    t, closed_too = session_sheets.c, select(closed_days.c.day).where(closed_days.c.has_calls)
    removed_us = connection.execute(select(retention.c.removed_before_us)).scalar() or 0
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


def numbers(connection: sqlite3.Connection, keys: Set[Row]) -> dict[Row, int]:
    """The numbers of keys, as far as they have some."""
    found = ((key, connection.execute(_NUMBER, key).fetchone()) for key in keys)
    return {key: row[0] for key, row in found if row is not None}


def give_numbers(connection: sqlite3.Connection, keys: Set[Row]) -> None:
    """Have all of them have numbers, which stay theirs for good."""
    connection.executemany(_NEW_KEY, keys)


def close(connection: sqlite3.Connection, one: PackedDay) -> None:
    """Put it in the place of what was there; sessions that cannot be counted any more stay as they are."""
    for table in ("usage_daily", "usage_sheets", "model_sheets"):
        connection.execute(f"DELETE FROM {table} WHERE day=?", (one.day,))  # noqa: S608
    _USAGE.run(connection, one.usage)
    _SHEETS.run(connection, [(place, one.day, *sheet) for place, *sheet in one.spending])
    _MODEL_SHEETS.run(connection, [(place, one.day, *sheets) for place, *sheets in one.models])
    if one.has_calls:
        connection.execute("DELETE FROM session_sheets WHERE day=?", (one.day,))
    if one.sessions is not None:
        connection.execute("INSERT INTO session_sheets VALUES (?,?)", (one.day, one.sessions))
    reopen(connection, (one.day,))  # Another process may have closed it just now.
    connection.execute("INSERT INTO closed_days VALUES (?,?)", (one.day, int(one.has_calls)))


def kept(connection: sqlite3.Connection, day: int) -> DayFigures:
    """What a day has as it stands there."""
    sheet = connection.execute("SELECT sheet FROM session_sheets WHERE day=?", (day,)).fetchone()
    return DayFigures(
        usage=_usage(connection, day),
        sessions=None if sheet is None else sessions(sheet[0], _keys(connection)),
    )


def kept_spending(connection: sqlite3.Connection, day: int) -> dict[int, Sums]:
    """Who used what in each of its parts, by half hour."""
    keys = _keys(connection)
    sheets = connection.execute("SELECT half_hour,sheet FROM usage_sheets WHERE day=?", (day,))
    return {half_hour: spending(sheet, keys) for half_hour, sheet in sheets}


def kept_models(connection: sqlite3.Connection, day: int) -> dict[int, Models]:
    """Models in each of its parts, by half hour."""
    keys = _keys(connection)
    query = "SELECT half_hour,sheet,histograms FROM model_sheets WHERE day=?"
    return {
        half_hour: models(sheet, histograms, keys)
        for half_hour, sheet, histograms in connection.execute(query, (day,))
    }


def _keys(connection: sqlite3.Connection) -> dict[int, Row]:
    return {row[0]: row[1:] for row in connection.execute(f"SELECT number,{','.join(_KEY)} FROM usage_keys")}  # noqa: S608


def _usage(connection: sqlite3.Connection, day: int) -> list[Row]:
    query = f"SELECT * FROM usage_daily WHERE day=? ORDER BY {','.join(map(str, range(1, 11)))}"  # noqa: S608
    return connection.execute(query, (day,)).fetchall()
