"""The feed: one look at the books for all who follow the calls.

::

    books ── look ──> events ──> kept (the last few)  ──> who comes back
              |          `-----> a queue for each listener ──> its client
              `-- every `LOOK_S`, while somebody listens

Events are numbered by the time at which they were found, so a number is a place to go on
from, also after a while without listeners and after a restart.  A listener that is too
slow loses the oldest events of its queue, and is told how many; nothing here grows with
what it does not take.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from wellhead.call import CallState
from wellhead.control.call_shown import as_shown
from wellhead.control.streams import in_thread
from wellhead.errors import BooksUnavailable
from wellhead.logs import Log
from wellhead.moments import SECOND_US
from wellhead.report import CallFilter, CallRow, Movement, Seen

LOOK_S = 0.25
FOUND_MAX = 2_000
"""Calls of one look; of more the newest are told, and how many they were."""
KEPT_MAX = 1_000
"""Events that are kept for who comes back, and those that wait for a slow listener."""
AT_ONCE_MAX = 64
"""Events that a listener gets in one piece."""
LATE_US = 3 * SECOND_US
"""How long after its end a call may be booked, and is still found without having been seen open."""
BACK_US = 60 * SECOND_US
"""How far back events are made up again for who comes back after a restart."""
TOLD_LATE_US = SECOND_US
"""After a restart rather too much is told again than too little: so much."""

Look = Callable[[Seen, int], Movement]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    id: int
    frame: bytes
    """As it goes over the wire."""
    call: CallRow | None
    """`None`: it says that others are missing, and is for everybody."""
    stands_for: int = 1
    """How many are missing with it."""


class Listener:
    """Who follows the calls, and what waits for them; at most `KEPT_MAX` events."""

    def __init__(self, wanted: CallFilter) -> None:
        self._wanted = wanted
        self._waiting: deque[Event] = deque()
        self._stirred = asyncio.Event()
        self._skipped: int | None = 0
        self._skipped_id = 0
        self._ended = False

    def tell(self, event: Event) -> None:
        """Let an event wait until it is taken.  Never waits."""
        if event.call is not None and not self._wanted.matches(event.call):
            return
        if len(self._waiting) >= KEPT_MAX:
            lost = self._waiting.popleft()
            self.miss(lost.stands_for, lost.id)
        self._waiting.append(event)
        self._stirred.set()

    def miss(self, count: int | None, up_to: int) -> None:
        """Events are lost to this listener; `None`: nobody knows how many."""
        self._skipped = None if count is None or self._skipped is None else self._skipped + count
        self._skipped_id = up_to
        self._stirred.set()

    def end(self) -> None:
        """There is nothing more to come."""
        self._ended = True
        self._stirred.set()

    async def take(self, timeout_s: float) -> bytes | None:
        """What waits, once something does; `b""`: nothing did for so long, `None`: that was all."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._stirred.wait()
        if not self._stirred.is_set():
            return b""
        if self._ended:
            return None
        frames = []
        if self._skipped != 0:
            frames.append(lagged(self._skipped_id, self._skipped))
            self._skipped = 0
        while self._waiting and len(frames) < AT_ONCE_MAX:
            frames.append(self._waiting.popleft().frame)
        if not self._waiting:
            self._stirred.clear()
        return b"".join(frames)


class Feed:
    """Follows the calls for all listeners; for one event loop."""

    def __init__(self, look: Look, now_us: Callable[[], int], log: Log, *, look_s: float = LOOK_S) -> None:
        self._look = look
        self._now_us = now_us
        self._log = log
        self._look_s = look_s
        self._seen: Seen | None = None
        self._looked_us = 0
        self._kept: deque[Event] = deque()
        self._floor = 0
        """All events after this number are kept."""
        self._last = 0
        """All events up to this number are told."""
        self._listeners: set[Listener] = set()
        self._looking: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._ended = False
        self._is_failing = False

    @property
    def place(self) -> int:
        """Where who has taken everything is to go on from."""
        return self._last

    @asynccontextmanager
    async def listening(self, wanted: CallFilter, after: int | None) -> AsyncIterator[Listener]:
        """Follow the calls from now on, or from after an event on; raises `BooksUnavailable`."""
        listener = Listener(wanted)
        async with self._turn:
            if self._looking is None and not self._ended:
                await self._catch_up()
                self._looking = asyncio.create_task(self._keep_looking())
            self._listeners.add(listener)
        try:
            if self._ended:
                listener.end()
            elif after is not None:
                self._tell_again(listener, after)
            yield listener
        finally:
            self._listeners.discard(listener)
            if not self._listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def end(self) -> None:
        """Let all listeners go, and take no more."""
        self._ended = True
        for listener in self._listeners:
            listener.end()

    def _tell_again(self, listener: Listener, after: int) -> None:
        if after < self._floor:
            listener.miss(None, self._floor)
        for event in self._kept:
            if event.id > after:
                listener.tell(event)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            try:
                await self._look_once()
            except BooksUnavailable as error:
                if not self._is_failing:
                    self._log.warning("live.books_unavailable", error=str(error))
                self._is_failing = True
            except Exception:
                # Whoever listens hears nothing new until it works again; the log says why, once.
                if not self._is_failing:
                    self._log.exception("live.error")
                self._is_failing = True
            else:
                self._is_failing = False

    async def _catch_up(self) -> None:
        """Find what happened since the last look; if that was long ago or never, in the last minute."""
        now_us = self._now_us()
        if self._seen is None or now_us - self._looked_us > BACK_US:
            since_us = now_us - BACK_US
            self._seen = None
            self._kept.clear()
            self._floor = self._last = max(self._last, since_us)
        await self._look_once()

    async def _look_once(self) -> None:
        now_us, is_first = self._now_us(), self._seen is None
        seen = self._seen or Seen(now_us - BACK_US)
        found = await in_thread(lambda: self._look(seen, FOUND_MAX))
        since_us = max(found.since_us, now_us - (BACK_US if is_first else LATE_US))
        ended = {id_: at_us for id_, at_us in found.ended.items() if at_us >= since_us}
        self._seen, self._looked_us = Seen(since_us, found.open, ended), now_us
        calls = sorted(found.calls, key=_happened_us)
        if is_first:
            # What is open for longer is no news.
            calls = [call for call in calls if _happened_us(call) >= seen.since_us]
        if found.skipped:
            self._tell(None, now_us if not is_first else seen.since_us, found.skipped)
        for call in calls:
            self._tell(call, _happened_us(call) + TOLD_LATE_US if is_first else now_us)
        self._last = max(self._last, now_us)

    def _tell(self, call: CallRow | None, at_us: int, skipped: int = 0) -> None:
        self._last = id_ = max(self._last + 1, at_us)
        event = (
            Event(id_, lagged(id_, skipped), None, skipped)
            if call is None
            else Event(id_, _frame(id_, call), call)
        )
        if len(self._kept) >= KEPT_MAX:
            self._floor = self._kept.popleft().id
        self._kept.append(event)
        for listener in self._listeners:
            listener.tell(event)


def lagged(id_: int, skipped: int | None) -> bytes:
    """What tells a listener that events are missing."""
    told = b"null" if skipped is None else b"%d" % skipped
    return b'id: %d\nevent: lagged\ndata: {"skipped":%s}\n\n' % (id_, told)


def _frame(id_: int, call: CallRow) -> bytes:
    kind = b"open" if call["state"] == CallState.PENDING.value else b"settle"
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (id_, kind, as_shown(call).model_dump_json().encode())


def _happened_us(call: CallRow) -> int:
    """When a call opened, or ended."""
    at_us: int = call["started_us"] if call["finished_us"] is None else call["finished_us"]
    return at_us
