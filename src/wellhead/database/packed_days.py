"""What closed days are made of, as the tables have it: written when one is closed, read by checks."""

import sqlite3
from collections.abc import Sequence, Set
from dataclasses import dataclass

from wellhead.database.bulk import Bulk, Row, placeholders
from wellhead.database.closed_days import reopen
from wellhead.database.day_sheets import (
    PackedPart,
    PackedSessions,
    Part,
    Sums,
    Took,
    packed_part,
    sessions,
    unpacked_part,
    unpacked_took,
)
from wellhead.database.schema import SPENDING_KEY

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
    sessions: PackedSessions | None
    """`None` where there are too many, or calls of the day had been removed."""


def numbers(connection: sqlite3.Connection, keys: Set[Row]) -> dict[Row, int]:
    """The numbers of keys, as far as they have some."""
    found = ((key, connection.execute(_NUMBER, key).fetchone()) for key in keys)
    return {key: row[0] for key, row in found if row is not None}


def give_numbers(connection: sqlite3.Connection, keys: Set[Row]) -> None:
    """Have all of them have numbers, which stay theirs for good."""
    connection.executemany(_NEW_KEY, keys)


def write(connection: sqlite3.Connection, one: PackedDay) -> None:
    """Close a day; sessions that cannot be counted any more stay as they were."""
    for table in ("usage_sheets", "model_sheets"):
        connection.execute(f"DELETE FROM {table} WHERE day=?", (one.day,))  # noqa: S608
    _USAGE.run(connection, [(at, one.day, part.usage, part.ends) for at, part in one.parts])
    _MODELS.run(connection, [(at, one.day, part.models, part.histograms) for at, part in one.parts])
    if one.has_calls:
        connection.execute("DELETE FROM session_sheets WHERE day=?", (one.day,))
    if one.sessions is not None:
        values = (one.day, one.sessions.sheet, one.sessions.took)
        connection.execute("INSERT INTO session_sheets VALUES (?,?,?)", values)
    reopen(connection, (one.day,))  # Another process may have closed it just now.
    connection.execute("INSERT INTO closed_days VALUES (?,?)", (one.day, int(one.has_calls)))


def kept_sessions(connection: sqlite3.Connection, day: int) -> tuple[Sums, Took] | None:
    """By session, agent and who used what, as it stands there; `None` where that was not written down."""
    row = connection.execute("SELECT sheet,took FROM session_sheets WHERE day=?", (day,)).fetchone()
    if row is None:
        return None
    keys = _keys(connection)
    return sessions(row[0], keys), unpacked_took(PackedSessions(*row), keys)


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
