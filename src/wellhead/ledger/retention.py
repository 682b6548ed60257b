"""Removes old calls, a few at a time, beside gateways that book new ones.

::

    calls      ░░░░░░░░|▒▒▒▒▒▒▒▒        ░ removed: ended before a midnight (UTC)
    rollups    ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓        all of them stay

Their days are closed before (see `closing`), so every figure stays as it is, those of
sessions and agents by the day too.  What is lost is the single call, and with it
whatever only the rows know: sessions by outcome or by parts of days, and anything by
parts of half hours.  A call that is booked after others of its day were removed is in
no sum by session.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Engine

from wellhead.database import closed_days, request_forms, retention
from wellhead.database.engine import outages, transaction, writing_connection
from wellhead.ledger.closing import close
from wellhead.ledger.rollup import tally
from wellhead.moments import DAY_US

CALLS_AT_ONCE = 100
"""In one transaction: so short that no gateway waits noticeably for the lock."""
PAUSE_S = 0.02
"""Between two of them, so that whoever waits for the lock gets it."""
PAGES_AT_ONCE = 32
"""Of the file, given back to the disk in one transaction."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed."""

    calls: int
    before_us: int
    """Everything that ended before this midnight."""


def midnight(before_us: int) -> int:
    """The last midnight (UTC) that is not after a moment."""
    return before_us // DAY_US * DAY_US


def to_be_removed(engine: Engine, before_us: int) -> Removed:
    """What `remove` would remove; changes nothing."""
    before_us = midnight(before_us)
    with outages(), closing(writing_connection(engine)) as connection:
        return Removed(retention.count(connection, before_us), before_us)


def remove(
    engine: Engine,
    before_us: int,
    progress: Callable[[int], None] = lambda _: None,
    wait: Callable[[float], None] = time.sleep,
    is_ending: Callable[[], bool] = lambda: False,
) -> Removed:
    """Remove the calls that ended before the last midnight up to a moment; pending ones stay.

    May be ended at any point, as soon as `is_ending` says so, and done again.  `progress` is told how many
    are removed so far.
    """
    before_us, removed = midnight(before_us), 0
    with outages(), closing(writing_connection(engine)) as connection:
        if retention.count(connection, before_us):
            close(engine, before_us // DAY_US, wait, is_ending)
            with transaction(connection):
                before_us = min(before_us, _first_open(connection, before_us) * DAY_US)
                retention.mark(connection, before_us)
        while not is_ending():
            with transaction(connection):
                old = retention.oldest(connection, before_us, CALLS_AT_ONCE)
                if old:
                    ids = [opening.id for opening, _ in old]
                    retention.remove(connection, ids, tally(old).latency_total)
                else:
                    request_forms.remove(connection, before_us)
            if not old:
                break
            removed += len(old)
            progress(removed)
            wait(PAUSE_S)
        while not is_ending() and retention.shrink(connection, PAGES_AT_ONCE):
            wait(PAUSE_S)
    return Removed(removed, before_us)


def _first_open(connection: sqlite3.Connection, before_us: int) -> int:
    """The first day before a moment that has its calls and is still to be closed; else that of the moment."""
    until = before_us // DAY_US
    since = retention.removed_before_us(connection) // DAY_US
    return next((day for day in closed_days.to_close(connection, until) if day >= since), until)
