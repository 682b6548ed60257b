"""Closed days: what is read and written of them, in the forms that the tables take.

::

    usage_hourly  ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓   written when calls end
    closed_days         day 1     │     day 2    │  (open)
    usage_daily           ▓       │       ▓      │
    models_daily          ▓       │       ▓      │          made when it is over (`wellhead.ledger.closing`)
    usage_sheets          ▓       │       ▓      │
    session_sheets        ▓       │       ▓      │

A day counts as closed only as long as its row in `closed_days` stands.  Whatever changes
a figure of the day takes that row away in the same transaction, so nobody ever reads
what is not true any more: of an open day everything is read from its hours and calls.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from sqlalchemy import Connection, select

from wellhead.database import costs
from wellhead.database.bulk import Bulk, Row, placeholders
from wellhead.database.schema import (
    MEASURES,
    SPENDING_KEY,
    closed_days,
    models_daily,
    retention,
    session_sheets,
    usage_daily,
)
from wellhead.database.sheet import Sheet, packed, parted, unpacked
from wellhead.database.spans import HOURS_A_DAY
from wellhead.moments import DAY_US

ROWS_MAX = 200_000
"""Rows in the hours of a day: one that has more stays open, for it is made of them in memory."""
Sums = Mapping[Row, Row]
"""Measures, in the order of `MEASURES`, by a key."""

_KEY = tuple(name for name, _ in SPENDING_KEY)


def _inserting(table: str, count: int) -> Bulk:
    return Bulk(f"INSERT INTO {table} VALUES ", placeholders(count))  # noqa: S608


_USAGE = _inserting(usage_daily.name, len(usage_daily.columns))
_MODELS = _inserting(models_daily.name, len(models_daily.columns))
_SHEETS = _inserting("usage_sheets", 3)
_NUMBER = f"SELECT number FROM usage_keys WHERE {' AND '.join(f'{name}=?' for name in _KEY)}"  # noqa: S608
_NEW_KEY = (
    f"INSERT INTO usage_keys ({','.join(_KEY)}) VALUES {placeholders(len(_KEY))} ON CONFLICT DO NOTHING"  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class DayFigures:
    """What a closed day has, beside who used what in parts of it, which is too much to have at once."""

    usage: Sequence[Row]
    """The rows of `usage_daily`..."""
    models: Sequence[Row]
    """...and of `models_daily`."""
    sessions: Sums | None
    """By session, agent and who used what (`SPENDING_KEY`); `None` where there are too many, or calls of the
    day had been removed."""


@dataclass(frozen=True, slots=True)
class PackedDay:
    """All of it, as it is written."""

    day: int
    has_calls: bool
    usage: Sequence[Row]
    models: Sequence[Row]
    sessions: bytes | None
    spending: Sequence[tuple[int, bytes]]
    """By half hour, as `usage_sheets` has them."""


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
    for table in ("usage_daily", "models_daily", "usage_sheets"):
        connection.execute(f"DELETE FROM {table} WHERE day=?", (one.day,))  # noqa: S608
    _USAGE.run(connection, one.usage)
    _MODELS.run(connection, one.models)
    _SHEETS.run(connection, [(place, one.day, sheet) for place, sheet in one.spending])
    if one.has_calls:
        connection.execute("DELETE FROM session_sheets WHERE day=?", (one.day,))
    if one.sessions is not None:
        connection.execute("INSERT INTO session_sheets VALUES (?,?)", (one.day, one.sessions))
    reopen(connection, (one.day,))  # Another process may have closed it just now.
    connection.execute("INSERT INTO closed_days VALUES (?,?)", (one.day, int(one.has_calls)))


def kept(connection: sqlite3.Connection, day: int) -> DayFigures:
    """What a day has as it stands there."""
    sessions = connection.execute("SELECT sheet FROM session_sheets WHERE day=?", (day,)).fetchone()
    return DayFigures(
        usage=_rows_of(connection, usage_daily.name, day),
        models=_rows_of(connection, models_daily.name, day),
        sessions=None if sessions is None else _sessions(unpacked(sessions[0]), _keys(connection)),
    )


def kept_spending(connection: sqlite3.Connection, day: int) -> dict[int, Sums]:
    """Who used what in each of its parts, by half hour."""
    keys = _keys(connection)
    sheets = connection.execute("SELECT half_hour,sheet FROM usage_sheets WHERE day=?", (day,))
    return {half_hour: _spending(unpacked(sheet), keys) for half_hour, sheet in sheets}


def _keys(connection: sqlite3.Connection) -> dict[int, Row]:
    return {row[0]: row[1:] for row in connection.execute(f"SELECT number,{','.join(_KEY)} FROM usage_keys")}  # noqa: S608


def _rows_of(connection: sqlite3.Connection, table: str, day: int) -> list[Row]:
    query = f"SELECT * FROM {table} WHERE day=? ORDER BY {','.join(map(str, range(1, 11)))}"  # noqa: S608
    return connection.execute(query, (day,)).fetchall()


def spending_sheet(sums: Sums, number_of: Mapping[Row, int]) -> bytes:
    """Who used what, packed."""
    rows = sorted((number_of[key], measures) for key, measures in sums.items())
    return packed([[number for number, _ in rows]], [measures for _, measures in rows])


def session_sheet(sums: Sums, number_of: Mapping[Row, int]) -> bytes:
    """What was used by session, agent and who used it, packed."""
    sessions, agents = (sorted({key[place] for key in sums}) for place in (0, 1))
    session_at, agent_at = ({name: place for place, name in enumerate(some)} for some in (sessions, agents))
    rows = sorted(
        ((session_at[session], agent_at[agent], number_of[tuple(key)]), measures)
        for (session, agent, *key), measures in sums.items()
    )
    columns = [[ids[place] for ids, _ in rows] for place in range(3)]
    return packed(columns, [measures for _, measures in rows], (sessions, agents))


def _spending(sheet: Sheet, keys: Mapping[int, Row]) -> Sums:
    return {
        keys[number]: parted(total, len(MEASURES))
        for number, total in zip(sheet.ids[0], sheet.sums, strict=True)
    }


def _sessions(sheet: Sheet, keys: Mapping[int, Row]) -> Sums:
    sessions, agents = sheet.names
    return {
        (sessions[session], agents[agent], *keys[number]): parted(total, len(MEASURES))
        for session, agent, number, total in zip(*sheet.ids, sheet.sums, strict=True)
    }
