"""The writer: the books as a gateway sees them, and the one thread that writes them.

::

    event loop      open() ── queue ──►┐            ┌──► one call_soon_threadsafe per batch
                    settle() ─ queue ──►│ the thread │
                                        └► Clerk.book: openings, settlements, rollups, one transaction

Group commit without timer or linger: the thread takes all that was queued since its
last commit.  An idle system commits one call at once, a busy one hundreds together.

While the database is not there settlements are kept in the spool (see `spooling`), and
openings are refused, or let through uncounted where that is wanted.  What neither the
spool nor the memory can keep is lost, counted and said.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine

from wellhead.call import Opening, Settlement
from wellhead.database.calls import Settled
from wellhead.database.workers import Process
from wellhead.directory import Directory
from wellhead.errors import BooksUnavailable
from wellhead.ledger.clerk import NO_RULES, Clerk, Rules
from wellhead.ledger.processes import this_process
from wellhead.ledger.recovery import Hearing
from wellhead.ledger.spooling import Spooling
from wellhead.quota import Gauge

OPENINGS_QUEUED_MAX = 10_000
"""Calls that may wait to be booked; the next one is refused."""
SETTLEMENTS_QUEUED_MAX = 100_000
"""Ends that may wait to be booked (about 1 KB each); the next one is lost, and counted."""
BATCH_MAX = 1024
"""Openings, and settlements, per transaction: bounds how long other processes wait."""
TICK_S = 10.0
"""How often dead workers are looked for."""
RETRY_S = 0.5
"""How long after a failure the database is tried again."""
PATIENCE_S = 0.2
"""How long such a try waits for other processes' locks: openings wait with it."""
CLOSE_S_MAX = 10.0
"""How long `close` goes on trying to book what is kept."""

_T = TypeVar("_T")
_Waiting = tuple[Opening, "asyncio.Future[None]"]
_Answer = tuple["asyncio.Future[Any]", Any]
"""A future, and its result or exception."""


class Say(Protocol):
    """Where events go that an operator should see; called from the thread, must not raise."""

    def __call__(self, event: str, /, **facts: object) -> object: ...


def _say_nothing(_event: str, /, **_facts: object) -> None: ...


def clock_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Outage:
    """What is done while the database is not there."""

    spool: Path | None = None
    """The directory of the spool; without one settlements are kept in memory alone."""
    spool_bytes_max: int = 256 << 20
    lets_calls_through: bool = False
    """Calls go out all the same, and no limit counts them; otherwise they are refused."""
    durable: bool = False
    """What is in the spool is on the disk, so that it is there after a loss of power."""


def monotonic_us() -> int:
    """Microseconds by a clock that nobody sets."""
    return time.monotonic_ns() // 1000


class Writer:
    """Implements `wellhead.ports.Books` for the event loop of one process."""

    def __init__(
        self,
        engine: Engine,
        *,
        now_us: Callable[[], int] = clock_us,
        process: Process | None = None,
        rules: Rules = NO_RULES,
        say: Say = _say_nothing,
        tick_s: float = TICK_S,
        outage: Outage = Outage(),
        elapsed_us: Callable[[], int] = monotonic_us,
    ) -> None:
        process = process or this_process()
        self._clerk = Clerk(engine, now_us, process, rules, say)
        self._clerk.hearing = Hearing(elapsed_us)
        self._now_us = now_us
        self._lets_through = outage.lets_calls_through
        self._spooling: Spooling | None = None
        if outage.spool is not None:
            self._spooling = Spooling(
                outage.spool, outage.spool_bytes_max, process, say, durable=outage.durable
            )
            self._clerk.spared = self._spooling.spared
        self._retry_s = 0.0
        self._say = say
        self._tick_s = tick_s
        self._next_tick_s = 0.0
        self._openings: deque[_Waiting] = deque()
        self._moves: deque[_Waiting] = deque()
        self._settlements: deque[Settled] = deque()
        self._asking: deque[asyncio.Future[Directory]] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._asleep = False
        self._closing = False
        self._thread = Thread(target=self._run, name="wellhead-books", daemon=True)
        self._lost_said = 0
        self._has_kept = False
        """Some settlements are in memory that the spool did not take."""
        self.fault: str | None = None
        """Why the books cannot be written just now; `None` when they can."""
        self.settlements_lost = 0
        """Ends of calls that were not booked: the queue was full, or the database would not take them."""

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs; it ends only by `close`."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Recover what dead workers left, register, begin; `BooksUnavailable` without a database."""
        self._clerk.sign_on()
        self._adopt()
        self._clerk.refresh()
        self._next_tick_s = time.monotonic() + self._tick_s
        self._thread.start()

    def close(self) -> None:
        """Book what is queued and end.  Blocks: call it in a thread, or when the event loop is done."""
        self._closing = True
        self._bell.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    # The event loop's side.

    def next_id(self) -> int:
        return self._clerk.next_id()

    @property
    def directory(self) -> Directory:
        return self._clerk.directory

    async def current(self) -> Directory:
        if self._closing or not self.is_alive:
            raise BooksUnavailable("the books are closed")
        if len(self._asking) >= OPENINGS_QUEUED_MAX:
            raise BooksUnavailable("too many requests wait for the books")
        answer: asyncio.Future[Directory] = asyncio.get_running_loop().create_future()
        self._asking.append(answer)
        self._ring()
        if self._closing:
            raise BooksUnavailable("the books are closed")
        return await answer

    async def open(self, opening: Opening) -> None:
        if self._closing or not self.is_alive:
            raise BooksUnavailable("the books are closed")
        if len(self._openings) >= OPENINGS_QUEUED_MAX:
            raise BooksUnavailable("too many calls wait to be booked")
        booked = asyncio.get_running_loop().create_future()
        self._openings.append((opening, booked))
        self._ring()
        if self._closing:  # Perhaps just too late for the thread's last look at the queue.
            raise BooksUnavailable("the books are closed")
        await booked

    async def move(self, opening: Opening, to: Opening) -> None:
        assert opening.id == to.id, "it stays the same call"
        if self._closing or not self.is_alive:
            raise BooksUnavailable("the books are closed")
        if len(self._moves) >= OPENINGS_QUEUED_MAX:
            raise BooksUnavailable("too many calls wait to be booked")
        moved = asyncio.get_running_loop().create_future()
        self._moves.append((to, moved))
        self._ring()
        if self._closing:
            raise BooksUnavailable("the books are closed")
        await moved

    def settle(self, opening: Opening, settlement: Settlement) -> None:
        if len(self._settlements) >= SETTLEMENTS_QUEUED_MAX or not self.is_alive:
            self.settlements_lost += 1
            return
        self._settlements.append((opening, settlement))
        self._ring()

    def note_quotas(self, provider: str, gauges: Sequence[Gauge]) -> None:
        # They go along with the next batch, at the latest with the next tick: nobody is woken for them.
        self._clerk.gauges.note(provider, gauges)

    def _ring(self) -> None:
        if self._asleep:
            self._asleep = False
            self._bell.put(None)

    # The thread's side.

    def _run(self) -> None:
        try:
            while not self._closing:
                self._sleep()
                self._answer_the_asking()
                self._move_queued()
                self._book_queued()
                self._tick_if_due()
            self._finish()
        except BaseException as error:  # The last thing this thread can do is not to end in silence.
            self._set_fault(f"the books' thread ended: {type(error).__name__}: {error}")
            raise
        finally:
            self._clerk.hang_up()
            self._refuse_the_waiting()

    def _sleep(self) -> None:
        timeout_s = max(self._next_tick_s - time.monotonic(), 0.0)
        if self._settlements or self._has_spooled:
            timeout_s = min(timeout_s, RETRY_S)
        # Asleep first, then the look at the queues: whoever queues after the look rings.
        self._asleep = True
        if not self._has_work() and not self._closing:
            with suppress(Empty):
                self._bell.get(timeout=timeout_s)
        self._asleep = False

    def _has_work(self) -> bool:
        # Settlements that could not be booked are no reason to try again at once, unless the spool waits
        # for them.
        settles = self.fault is None or (self._spooling is not None and not self._has_kept)
        return bool(self._openings or self._moves or self._asking or (self._settlements and settles))

    @property
    def _has_spooled(self) -> bool:
        return self._spooling is not None and not self._spooling.is_empty

    def _answer_the_asking(self) -> None:
        """Everybody who asked before the look at the registry gets what it said."""
        asking = _taken(self._asking)
        if not asking:
            return
        found: Directory | BooksUnavailable
        try:
            found = self._clerk.refresh()
        except BooksUnavailable as error:
            self._set_fault(str(error))
            found = self._clerk.directory if self._lets_through else BooksUnavailable(str(error))
        _answer([(answer, found) for answer in asking])

    def _move_queued(self) -> None:
        """Each by itself: calls seldom turn to another provider."""
        moves = [one for one in _taken(self._moves) if not one[1].cancelled()]
        _answer([(moved, self._moved(to)) for to, moved in moves])

    def _moved(self, to: Opening) -> Exception | None:
        if self.fault is not None:
            return BooksUnavailable(self.fault)
        try:
            return self._clerk.move(to)
        except BooksUnavailable as error:
            return BooksUnavailable(str(error))
        except Exception as error:  # As for an opening: one bad record disturbs nobody else.
            self._say("record_refused", error_type=type(error).__name__)
            return BooksUnavailable("this call cannot be booked")

    def _book_queued(self) -> None:
        if (self._has_spooled or (self._lets_through and self.fault is not None)) and not self._replay():
            self._ride_out()
            return
        while self._openings or self._settlements:
            # First the openings: the end of a call must not be taken while its beginning still waits.  That
            # of one that was cancelled never comes to be booked, so it does not matter when its end is.
            waiting = [one for one in _taken(self._openings) if not one[1].cancelled()]
            self._book(waiting, _taken(self._settlements))
            if self.fault is not None:
                return

    def _book(self, waiting: Sequence[_Waiting], settled: Sequence[Settled]) -> None:
        self._tell_of_waiting()
        try:
            rulings = self._clerk.book([opening for opening, _ in waiting], settled)
        except BooksUnavailable as error:
            self._set_fault(str(error))
            self._keep(settled)
            self._let_through_or_refuse(waiting)
        except Exception as error:  # A value that no column takes, an id used twice.
            self._book_one_by_one(waiting, settled, error)
        else:
            self._set_fault(None)
            dead = sum(isinstance(ruling, BooksUnavailable) for ruling in rulings.values())
            if dead:
                self._say("worker_taken_for_dead", calls_refused=dead)
            _answer([(booked, rulings.get(opening.id)) for opening, booked in waiting])

    def _replay(self) -> bool:
        """Book what was kept, which also shows whether the database is back; at most every `RETRY_S`."""
        if self.fault is not None and time.monotonic() < self._retry_s:
            return False
        try:
            self._clerk.refresh()
            booked = self._spooling.replay(self._clerk) if self._spooling is not None else 0
        except BooksUnavailable as error:
            self._set_fault(str(error))
            self._retry_s = time.monotonic() + RETRY_S
            return False
        self._set_fault(None)
        if booked:
            self._say("spool_replayed", count=booked)
        return True

    def _ride_out(self) -> None:
        """Do with everything that is queued what can be done without a database."""
        self._has_kept = False
        while self._openings or (self._settlements and not self._has_kept):
            waiting = [one for one in _taken(self._openings) if not one[1].cancelled()]
            self._keep(_taken(self._settlements))
            self._let_through_or_refuse(waiting)

    def _keep(self, settled: Sequence[Settled]) -> None:
        """Keep ends of calls in the spool, or in memory where it takes no more."""
        if not settled or (self._spooling is not None and self._spooling.keep_ends(self._clerk, settled)):
            return
        self._has_kept = True
        self._settlements.extendleft(reversed(settled))

    def _let_through_or_refuse(self, waiting: Sequence[_Waiting]) -> None:
        away = BooksUnavailable(self.fault or "the books are not there")
        rulings: dict[int, Exception] = {opening.id: away for opening, _ in waiting}
        if self._lets_through and self._spooling is not None:
            known = {opening.id: self._clerk.ruling(opening) for opening, _ in waiting}
            through = [opening for opening, _ in waiting if known[opening.id] is None]
            if self._spooling.keep_beginnings(self._clerk, through):
                rulings = {id_: ruling for id_, ruling in known.items() if ruling is not None}
        _answer([(booked, rulings.get(opening.id)) for opening, booked in waiting])

    def _adopt(self) -> None:
        """Book what dead processes kept, before their calls are taken for interrupted."""
        if self._spooling is not None:
            booked = self._spooling.adopt(self._clerk, self._now_us())
            if booked:
                self._say("spool_replayed", count=booked)
                self._clerk.recover()

    def _book_one_by_one(
        self, waiting: Sequence[_Waiting], settled: Sequence[Settled], error: Exception
    ) -> None:
        """So that one bad record does not take its whole batch with it."""
        if len(waiting) + len(settled) > 1:
            for opening in waiting:
                self._book([opening], [])
            for end in settled:
                self._book([], [end])
            return
        self.settlements_lost += len(settled)
        # The error's text may hold what a client sent; its type does not.
        self._say("record_refused", error_type=type(error).__name__)
        _answer([(booked, BooksUnavailable("this call cannot be booked")) for _, booked in waiting])

    def _tick_if_due(self) -> None:
        if time.monotonic() < self._next_tick_s:
            return
        self._next_tick_s = time.monotonic() + self._tick_s
        self._say_losses()
        self._tell_of_waiting()
        if self._has_spooled and not self._replay():
            return
        try:
            self._adopt()
            recovered = self._clerk.tick()
        except BooksUnavailable as error:
            self._set_fault(str(error))
            return
        self._set_fault(None)
        if recovered:
            self._say("calls_recovered", count=recovered)

    def _finish(self) -> None:
        give_up_s = time.monotonic() + CLOSE_S_MAX
        self._book_queued()
        while (self._settlements or self._has_spooled) and time.monotonic() < give_up_s:
            time.sleep(RETRY_S)
            self._book_queued()
        # What is in the spool is booked by whoever looks there next.
        self.settlements_lost += len(self._settlements)
        self._say_losses()
        try:
            self._clerk.sign_off()
        except BooksUnavailable as error:  # Recovery will find the rest.
            self._set_fault(str(error))

    def _refuse_the_waiting(self) -> None:
        self._closing = True
        closed = BooksUnavailable("the books are closed")
        while waiting := _taken(self._openings):
            _answer([(booked, closed) for _, booked in waiting])
        while moves := _taken(self._moves):
            _answer([(moved, closed) for _, moved in moves])
        while asking := _taken(self._asking):
            _answer([(answer, closed) for answer in asking])

    def _tell_of_waiting(self) -> None:
        waiting = self._clerk.waiting
        waiting.queued = len(self._openings) + len(self._settlements)
        waiting.lost = self.settlements_lost

    def _set_fault(self, fault: str | None) -> None:
        if fault is not None and self.fault is None:
            self._say("books_unavailable", reason=fault)
        if fault is None and self.fault is not None:
            self._say("books_available")
        if (fault is None) is not (self.fault is None):
            self._clerk.wait_for_locks(None if fault is None else PATIENCE_S)
        self.fault = fault

    def _say_losses(self) -> None:
        lost = self.settlements_lost - self._lost_said
        if lost:
            self._say("settlements_lost", count=lost)
            self._lost_said += lost


def _taken(queue: deque[_T]) -> list[_T]:
    return [queue.popleft() for _ in range(min(len(queue), BATCH_MAX))]


def _answer(answers: Sequence[_Answer]) -> None:
    """Wake the calls of a batch with one message to their event loop."""
    if not answers:
        return
    loop = answers[0][0].get_loop()
    try:
        loop.call_soon_threadsafe(_wake, answers)
    except RuntimeError:  # The event loop is closed, so nobody waits any more.
        assert loop.is_closed()


def _wake(answers: Sequence[_Answer]) -> None:
    for future, answer in answers:
        if future.done():  # Cancelled meanwhile.
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
