"""Closes days that are over: makes of their hours and calls what reports read instead of them.

::

    read the day, number its keys, pack ─► lock ─► still as it was? ─► write ─► rest as long
         ▲                                               │ no: a call came late, or was priced again
         └───────────────────────────────────────────────┘

Nothing depends on it but how long a report takes: an open day is read from its hours and
calls, and a closed one is open again with every change of its figures.  Gateways wait for
one short transaction for each day.  Several processes may do it at once: whoever is second
writes the same.
"""

import time
from collections.abc import Callable, Set
from contextlib import closing
from sqlite3 import Connection

import sqlalchemy
from sqlalchemy import Engine

from wellhead.database import closed_days, packed_days, retention
from wellhead.database.bulk import Row
from wellhead.database.day_figures import parts_of, sessions_of
from wellhead.database.day_sheets import packed_part, packed_sessions, session_keys
from wellhead.database.engine import outages, transaction, writing_connection
from wellhead.database.limits import driver
from wellhead.database.packed_days import PackedDay
from wellhead.moments import DAY_US

LATE_US = 600_000_000
"""How long after its midnight a day is closed: some ends of calls are booked late."""
ATTEMPTS = 3
"""A day that always changes is left for later, and so are those after it: calls are being priced again."""
REST_MIN_S = 0.005


def last_day(now_us: int) -> int:
    """Days before this one are over, and nearly all of their calls are booked."""
    return (now_us - LATE_US) // DAY_US


def close(
    engine: Engine,
    until: int,
    rest: Callable[[float], object] = time.sleep,
    is_ending: Callable[[], bool] = lambda: False,
) -> int:
    """Close the open days before one, the first one first, and say how many; may end between two of them."""
    count = 0
    with outages(), closing(writing_connection(engine)) as connection:
        for day in closed_days.to_close(connection, until):
            began_s = time.monotonic()
            if is_ending() or not _close_day(engine, connection, day):
                break
            count += 1
            rest(max(time.monotonic() - began_s, REST_MIN_S))
    return count


def _close_day(engine: Engine, connection: Connection, day: int) -> bool:
    for _ in range(ATTEMPTS):
        with engine.connect() as reading, reading.begin():  # So that all of it is of one state of the books.
            before = _state(driver(reading), day)
            made = _packed(reading, connection, day)
        with transaction(connection):
            if _state(connection, day) == before:
                packed_days.write(connection, made)
                return True
    return False


def _packed(reading: sqlalchemy.Connection, connection: Connection, day: int) -> PackedDay:
    """All that takes time, before the lock is taken; but new keys are written down at once."""
    has_calls = _has_calls(driver(reading), day)
    number_of: dict[Row, int] = {}
    parts = []
    for half_hour, part in parts_of(reading, day, has_calls=has_calls):
        _number(connection, number_of, part.keys())
        parts.append((half_hour, packed_part(part, number_of)))
    sessions = None
    if has_calls and (some := sessions_of(reading, day)) is not None:
        _number(connection, number_of, session_keys(some[0]))
        sessions = packed_sessions(*some, number_of)
    return PackedDay(day, has_calls, parts, sessions)


def _number(connection: Connection, number_of: dict[Row, int], keys: Set[Row]) -> None:
    """Have all of the keys be in `number_of`."""
    number_of |= packed_days.numbers(connection, keys - number_of.keys())
    if new := keys - number_of.keys():
        with transaction(connection):
            packed_days.give_numbers(connection, new)
        number_of |= packed_days.numbers(connection, new)


def _state(connection: Connection, day: int) -> Row:
    return (*closed_days.state(connection, day), _has_calls(connection, day))


def _has_calls(connection: Connection, day: int) -> bool:
    return day * DAY_US >= retention.removed_before_us(connection)
