"""Prices for calls that had none when they ended.

A call waits for a price until some list has one.  So all that ended lately are looked
at when the process starts (the operator's prices may be other ones) and when a new
list came; in between only those that ended since the last look.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from wellhead.jobs.runner import in_thread
from wellhead.logs import Log
from wellhead.moments import HOUR_US

LOOP = "cost-backfill"
EVENT = "cost.backfill"
OVERLAP_US = HOUR_US
"""How much of the last look is looked at again: some ends of calls are booked late."""


class Counts(Protocol):
    """What became of the calls that were looked at."""

    scanned: int
    updated: int
    ok: int
    pending: int
    unsupported: int
    is_whole: bool
    """Whether all were looked at that should be."""


Backfill = Callable[[int, int, Callable[[], bool]], Counts]
"""Prices what ended in [since, until) and is pending; asked to end it does so.  Blocks."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What was looked at last, by which list."""

    prices: object
    until_us: int


class CostBackfill:
    """Looks at the right calls again and again."""

    def __init__(
        self,
        backfill: Backfill,
        prices: Callable[[], object],
        *,
        lookback_us: int,
        now_us: Callable[[], int],
        log: Log,
    ) -> None:
        """`prices` tells which lists are gone by: another answer, another list."""
        self._backfill, self._prices = backfill, prices
        self._lookback_us, self._now_us, self._log = lookback_us, now_us, log
        self._last: _Look | None = None

    async def run(self) -> None:
        """Look once; raises `BooksUnavailable`."""
        prices, until_us = self._prices(), self._now_us()
        since_us = until_us - self._lookback_us
        if self._last is not None and self._last.prices == prices:
            since_us = max(since_us, self._last.until_us - OVERLAP_US)
        counts = await in_thread(lambda is_ending: self._backfill(since_us, until_us, is_ending))
        if counts.is_whole:
            self._last = _Look(prices, until_us)
        if counts.scanned:
            self._log.info(EVENT, **figures(counts))


def figures(counts: Counts) -> dict[str, int]:
    """Its figures by their names."""
    names = ("scanned", "updated", "ok", "pending", "unsupported")
    return {name: getattr(counts, name) for name in names}
