"""Removes old calls, a few at a time, beside gateways that book new ones.

::

    calls      ░░░░░░░░|▒▒▒▒▒▒▒▒        ░ removed: ended before a midnight (UTC)
    rollups    ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓        all of them stay

So every figure stays as it is; what is lost is the single call, and with it whatever
only the rows know: sessions, and parts of hours.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Engine

from wellhead.database import retention
from wellhead.database.engine import outages, transaction, writing_connection
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
            with transaction(connection):
                retention.mark(connection, before_us)
        while not is_ending():
            with transaction(connection):
                old = retention.oldest(connection, before_us, CALLS_AT_ONCE)
                if old:
                    ids = [opening.id for opening, _ in old]
                    retention.remove(connection, ids, tally(old).latency_total)
            if not old:
                break
            removed += len(old)
            progress(removed)
            wait(PAUSE_S)
        while not is_ending() and retention.shrink(connection, PAGES_AT_ONCE):
            wait(PAUSE_S)
    return Removed(removed, before_us)
