"""How long an upstream may keep us waiting: for its head, for the first of a stream, for what comes next."""

import asyncio
from collections.abc import Callable

from wellhead.errors import UpstreamTimeout, Wait

_LATE = {
    Wait.HEADERS: "it did not answer",
    Wait.FIRST_CHUNK: "nothing of its stream came",
    Wait.IDLE: "it fell silent: nothing more came",
}


class WaitClock:
    """Notices that an upstream keeps us waiting for too long.

    It runs between `start` and `stop` only, so whatever else takes its time meanwhile (a client that
    reads slowly) does not count.  That is done for every piece of a body, so both only take note of the
    time; one timer looks at it, and is set anew only when it went off too early.
    """

    __slots__ = ("_expire", "_limit_s", "_loop", "_since", "_timer", "_wait")

    def __init__(self, expire: Callable[[UpstreamTimeout], None], wait: Wait, limit_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._expire = expire
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.set(wait, limit_s)

    def set(self, wait: Wait, limit_s: float) -> None:
        """Wait for something else from here on; 0: for as long as it takes."""
        self.close()
        self._wait, self._limit_s = wait, limit_s

    def start(self) -> None:
        if self._limit_s:
            self._since = self._loop.time()
            if self._timer is None:
                self._timer = self._loop.call_later(self._limit_s, self._look)

    def stop(self) -> None:
        self._since = None

    def close(self) -> None:
        self._since = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._since is None:
            return  # The next start sets it.
        left_s = self._since + self._limit_s - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look)
        else:
            self._expire(UpstreamTimeout(self._wait, f"{_LATE[self._wait]} within {self._limit_s:g} s"))
