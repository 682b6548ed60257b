"""Removes calls that are older than they are to be kept."""

from collections.abc import Callable
from typing import Protocol

from wellhead.jobs.runner import in_thread
from wellhead.logs import Log
from wellhead.moments import DAY_US, to_the_second

LOOP = "calls-retention"
EVENT = "calls.removed"
INTERVAL_S = 3600.0
FIRST_S = 60.0
"""How long after the start the first look is: what has just started has better things to do."""


class Removed(Protocol):
    """What was removed."""

    @property
    def calls(self) -> int: ...

    @property
    def before_us(self) -> int: ...


Remove = Callable[[int, Callable[[], bool]], Removed]
"""Removes what ended before a moment; asked to end it does so.  Blocks."""


class CallsRetention:
    """Keeps calls for so many days."""

    def __init__(self, remove: Remove, *, days: int, now_us: Callable[[], int], log: Log) -> None:
        self._remove, self._days, self._now_us, self._log = remove, days, now_us, log

    async def run(self) -> None:
        """Look once; raises `BooksUnavailable`."""
        before_us = self._now_us() - self._days * DAY_US
        removed = await in_thread(lambda is_ending: self._remove(before_us, is_ending))
        if removed.calls:
            self._log.info(EVENT, count=removed.calls, before=to_the_second(removed.before_us))
