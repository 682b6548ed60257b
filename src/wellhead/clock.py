"""The clock: moments that never go backwards, near the wall clock's.

Call ids are ordered by time, so a wall clock that somebody sets must not reach them::

    wall clock set forward   adopted at the next look: time only ever grows
    wall clock set back      ours runs slower until the wall clock has caught up

In between, the monotonic clock advances it.  How long something took is told by the
monotonic clock alone (`from_here`), for in either case ours is no measure.
"""

import time
from collections.abc import Callable

LOOK_US = 1_000_000
"""How often the wall clock is looked at."""
TOLERANCE_US = 250_000
"""Smaller differences are left alone: correcting them would show in latencies."""
SLOWED = (7, 8)
"""How fast time passes while ours is ahead: an eighth slower, so an hour is made up for in eight."""


def wall_us() -> int:
    """Microseconds since the epoch by the machine's clock, which somebody may set."""
    return time.time_ns() // 1000


def monotonic_us() -> int:
    """Microseconds by a clock that nobody sets; only differences mean something."""
    return time.monotonic_ns() // 1000


def from_here(now_us: Callable[[], int]) -> Callable[[], int]:
    """Moments that follow on this one as time passes, whatever happens to the wall clock meanwhile."""
    ahead_us = now_us() - monotonic_us()
    return lambda: monotonic_us() + ahead_us


class Clock:
    """Microseconds since the epoch, strictly for one process."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        # One value, replaced whole: the event loop and the books' thread both ask.
        self._state = (wall_ns() // 1000, monotonic_ns() // 1000, False)

    def now_us(self) -> int:
        """The present moment; never less than any returned before."""
        at_us, since_us, slow = self._state
        elapsed_us = self._monotonic_ns() // 1000 - since_us
        now_us = at_us + (elapsed_us * SLOWED[0] // SLOWED[1] if slow else elapsed_us)
        return now_us if elapsed_us < LOOK_US else self._look(now_us, since_us + elapsed_us)

    def _look(self, now_us: int, since_us: int) -> int:
        ahead_us = now_us - self._wall_ns() // 1000
        if ahead_us < -TOLERANCE_US:
            now_us -= ahead_us
        self._state = (now_us, since_us, ahead_us > TOLERANCE_US)
        return now_us
