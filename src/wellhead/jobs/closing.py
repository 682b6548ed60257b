"""Closes days that are over, so that reports over long ranges are quick."""

from collections.abc import Callable

from wellhead.jobs.runner import in_thread
from wellhead.logs import Log

LOOP = "days-closing"
EVENT = "days.closed"
INTERVAL_S = 600.0
FIRST_S = 15.0
"""How long after the start the first look is: what has just started has better things to do."""


Close = Callable[[int, Callable[[], bool]], int]
"""Closes the days that are over at a moment and says how many; asked to end it does so.  Blocks."""


class DaysClosing:
    """Closes days soon after they are over, and those that were opened again."""

    def __init__(self, close: Close, *, now_us: Callable[[], int], log: Log) -> None:
        self._close, self._now_us, self._log = close, now_us, log

    async def run(self) -> None:
        """Look once; raises `BooksUnavailable`."""
        now_us = self._now_us()
        count = await in_thread(lambda is_ending: self._close(now_us, is_ending))
        if count:
            self._log.info(EVENT, count=count)
