"""Closed days: what is read and written of them, in the forms that the tables take.

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
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass

from sqlalchemy import Connection, select

from wellhead.database import costs
from wellhead.database.bulk import Bulk, Row, placeholders
from wellhead.database.day_sheets import PackedPart, Part, Sums, packed_part, sessions, unpacked_part
from wellhead.database.schema import SPENDING_KEY, closed_days, retention, session_sheets
from wellhead.database.spans import HOURS_A_DAY
from wellhead.moments import DAY_US

ROWS_MAX = 200_000
"""Rows in the hours of a day: one that has more stays open, for it is made of them in memory."""

_KEY = tuple(name for name, _ in SPENDING_KEY)


def _inserting(table: str, count: int) -> Bulk:
    return Bulk(f"INSERT INTO {table} VALUES ", placeholders(count))  # noqa: S608


_USAGE = _inserting("usage_sheets", 4)
_MODELS = _inserting("model_sheets", 4)
_NUMBER = f"SELECT number FROM usage_keys WHERE {' AND '.join(f'{name}=?' for name in _KEY)}"  # noqa: S608
_NEW_KEY = (
    f"INSERT INTO usage_keys ({','.join(_KEY)}) VALUES {placeholders(len(_KEY))} ON CONFLICT DO NOTHING"  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class PackedDay:
    """What is written of a day."""

    day: int
    has_calls: bool
    parts: Sequence[tuple[int, PackedPart]]
    """By half hour, as `usage_sheets` and `model_sheets` have them."""
    sessions: bytes | None
    """`None` where there are too many, or calls of the day had been removed."""


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
    for table in ("usage_sheets", "model_sheets"):
        connection.execute(f"DELETE FROM {table} WHERE day=?", (one.day,))  # noqa: S608
    _USAGE.run(connection, [(at, one.day, part.usage, part.ends) for at, part in one.parts])
    _MODELS.run(connection, [(at, one.day, part.models, part.histograms) for at, part in one.parts])
    if one.has_calls:
        connection.execute("DELETE FROM session_sheets WHERE day=?", (one.day,))
    if one.sessions is not None:
        connection.execute("INSERT INTO session_sheets VALUES (?,?)", (one.day, one.sessions))
    reopen(connection, (one.day,))  # Another process may have closed it just now.
    connection.execute("INSERT INTO closed_days VALUES (?,?)", (one.day, int(one.has_calls)))


def kept_sessions(connection: sqlite3.Connection, day: int) -> Sums | None:
    """By session, agent and who used what, as it stands there; `None` where that was not written down."""
    sheet = connection.execute("SELECT sheet FROM session_sheets WHERE day=?", (day,)).fetchone()
    return None if sheet is None else sessions(sheet[0], _keys(connection))


def kept_parts(connection: sqlite3.Connection, day: int) -> dict[int, tuple[Part, Sums]]:
    """The parts of a day by half hour, and the sums of models beside each."""
    keys = _keys(connection)
    usage, models = (
        {half_hour: sheets for half_hour, *sheets in connection.execute(query, (day,))}
        for query in (
            "SELECT half_hour,sheet,ends FROM usage_sheets WHERE day=?",
            "SELECT half_hour,sheet,histograms FROM model_sheets WHERE day=?",
        )
    )
    empty = packed_part(Part({}, {}), {})
    none, no_models = (empty.usage, empty.ends), (empty.models, empty.histograms)
    return {
        at: unpacked_part(PackedPart(*usage.get(at, none), *models.get(at, no_models)), keys)
        for at in usage.keys() | models.keys()
    }


def _keys(connection: sqlite3.Connection) -> dict[int, Row]:
    return {row[0]: row[1:] for row in connection.execute(f"SELECT number,{','.join(_KEY)} FROM usage_keys")}  # noqa: S608
