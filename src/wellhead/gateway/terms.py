"""What the connections of a process are held to: how long a client may take, and how many calls there may be.

One value for all connections of a process::

    idle --first byte--> head --whole--> body --whole--> answer --> idle
     75 s                10 s            30 s             the client sets the pace
     between two         altogether      for each KB
"""

import asyncio
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
        return 0 < self.calls_max <= self.open_calls()


def overloaded() -> CallerError:
    """503: as many calls are under way as `gateway.max_concurrent_calls` allows."""
    told = "As many calls are under way as may be; try again shortly"
    return CallerError("overloaded", 503, told, retry_after_s=RETRY_AFTER_S)


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
