"""What the connections of a process are held to: how long a client may take, and how many calls there may be.

One value for all connections of a process::

    idle --first byte--> head --whole--> body --whole--> answer --> idle
     75 s                10 s            30 s             the client sets the pace
     between two         altogether      for each KB

There are two limits to the number of calls.  The one that is set is for what waits:
streams and slow upstreams cost memory, and hardly anything else.  The other one is for
what works: a process that has been behind its events for a second takes no more than
`CROWD` calls, for with more each of them costs more, and none is answered sooner.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from wellhead.errors import CallerError

LOOK_S = 1.0
"""How often connections are looked at, at most: a time that is over is noticed so much later."""
LEAVING_IDLE_S = 2.0
"""How long an idle connection is kept by a process whose place another one has taken."""
BODY_STEP = 1024
"""Bytes of a body by which the time for it begins anew; single bytes do not keep a call alive."""
CROWD = 500
"""Calls that a process may have under way that cannot keep up."""
LATE_S = 0.1
"""So far behind its events..."""
LATE_FOR_S = 1.0
"""...for so long without a break: it cannot keep up."""
PACE_LOOK_S = 0.05
RETRY_AFTER_S = 1
"""What a client is told that comes when there is no room."""


def _none_open() -> int:
    return 0


def _never() -> bool:
    return False


@dataclass(slots=True)
class Refusals:
    """How many calls there was no room for since somebody last asked."""

    count: int = 0

    def take(self) -> int:
        """The number, which begins anew."""
        taken, self.count = self.count, 0
        return taken


@dataclass(slots=True)
class Pace:
    """Whether a process keeps up with its events."""

    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """See the module."""

    header_timeout_s: float = 10.0
    """For the head of a request, from its first byte to its last."""
    body_timeout_s: float = 30.0
    """For each `BODY_STEP` of a request's body, while somebody waits for it."""
    idle_timeout_s: float = 75.0
    """For a connection without any request; longer than the pools of common clients."""
    calls_max: int = 0
    """Requests that may be under way at the same time; 0: any number."""
    open_calls: Callable[[], int] = _none_open
    pace: Pace = field(default_factory=Pace)
    refusals: Refusals = field(default_factory=Refusals)
    is_leaving: Callable[[], bool] = _never
    """Another process has taken the place: what is asked is answered, and then the connection ends."""

    @property
    def idle_s(self) -> float:
        """How long a connection may be idle just now."""
        return LEAVING_IDLE_S if self.is_leaving() else self.idle_timeout_s

    @property
    def is_full(self) -> bool:
        """No further call is taken just now."""
        if not self.calls_max:
            return False
        most = min(self.calls_max, CROWD) if self.pace.is_late else self.calls_max
        return most <= self.open_calls()


def too_slow(what: str, timeout_s: float) -> CallerError:
    """408: the client took too long; its SDK as a rule tries again."""
    return CallerError("request_timeout", 408, f"{what} did not come within {timeout_s:g} s")


def overloaded() -> CallerError:
    """503: there is no room for the call, or for its body."""
    told = "There is no room for another call just now; try again shortly"
    return CallerError("overloaded", 503, told, retry_after_s=RETRY_AFTER_S)


async def keep_pace(terms: Terms, now_s: Callable[[], float] = time.monotonic) -> None:
    """Look all the time whether the loop keeps up with its events, until cancelled."""
    late_since_s: float | None = None
    while True:
        due_s = now_s() + PACE_LOOK_S
        await asyncio.sleep(PACE_LOOK_S)
        woken_s = now_s()
        if woken_s - due_s < LATE_S:
            late_since_s = None
        elif late_since_s is None:
            late_since_s = due_s
        terms.pace.is_late = late_since_s is not None and woken_s - late_since_s >= LATE_FOR_S


class Watched(Protocol):
    """A connection whose client may take too long."""

    def look(self, now_s: float) -> None:
        """End what has taken too long; `now_s` is the loop's time."""
        ...


async def watch(connections: Iterable[Watched], terms: Terms) -> None:
    """Look at all connections again and again, until cancelled.

    One walk a second over five thousand connections takes about two milliseconds; a timer for each of
    them, set and cancelled with every request, costs more.
    """
    loop = asyncio.get_running_loop()
    pause_s = min(LOOK_S, terms.header_timeout_s / 4, terms.body_timeout_s / 4)
    while True:
        await asyncio.sleep(pause_s)
        now_s = loop.time()
        for connection in tuple(connections):
            connection.look(now_s)
