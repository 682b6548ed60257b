"""What waits between the event loop and the books' thread.

::

    event loop    puts in at the end, and rings if the thread sleeps
    thread        takes what is there, `BATCH_MAX` at a time; wakes a whole batch with one message

Group commit: the thread takes all that was queued since its last commit.  An opening is
booked at once, for its call waits; an idle system commits one, a busy one hundreds together.
Nobody waits for an end, so it waits for company: where there are limits, or much is to do, the
next openings take it along; else it goes with all others after `ENDS_WAIT_S`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from wellhead.call import Opening
from wellhead.database.calls import Settled
from wellhead.directory import Directory
from wellhead.errors import BooksUnavailable

OPENINGS_QUEUED_MAX = 10_000
"""Calls that may wait to be booked; the next one is refused."""
SETTLEMENTS_QUEUED_MAX = 100_000
"""Ends that may wait to be booked (about 1 KB each); the next one is lost, and counted."""
ENDS_WAIT_S = 0.005
"""How long the end of a call may wait for openings, or for other ends..."""
ENDS_WAITING_MAX = 256
"""...if no more than so many do."""
BATCH_MAX = 1024
"""Openings, and settlements, per transaction: bounds how long other processes wait."""

_T = TypeVar("_T")
Waiting = tuple[Opening, "asyncio.Future[None]"]
Answer = tuple["asyncio.Future[Any]", Any]
"""A future, and its result or exception."""


class Queues:
    """Each end of a queue belongs to one thread, so nothing here is locked."""

    def __init__(self) -> None:
        self.openings: deque[Waiting] = deque()
        self.moves: deque[Waiting] = deque()
        self.settlements: deque[Settled] = deque()
        self.asking: deque[asyncio.Future[Directory]] = deque()
        self.lost = 0
        """Ends of calls that were not booked: the queue was full, or the database would not take them."""
        self.are_closed = False
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._asleep = False
        self._are_due = False
        """Ends have waited for long enough."""
        self._clock: asyncio.AbstractEventLoop | None = None
        """The event loop that will say when they have."""

    def close(self) -> None:
        """Let nobody in any more; the thread is woken."""
        self.are_closed = True
        self._bell.put(None)

    def ring(self) -> None:
        """Wake the thread if it sleeps."""
        if self._asleep:
            self._asleep = False
            self._bell.put(None)

    def put_end(self, end: Settled) -> None:
        """Have the end of a call booked, soon."""
        self.settlements.append(end)
        if len(self.settlements) >= ENDS_WAITING_MAX:
            self.ring()
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # Nobody is here to tell the time.
            self._end_the_wait()
            return
        if self._clock is not loop:
            self._clock = loop
            loop.call_later(ENDS_WAIT_S, self._end_the_wait)

    def _end_the_wait(self) -> None:
        self._clock = None
        self._are_due = True
        if self.settlements:
            self.ring()

    @property
    def has_due_ends(self) -> bool:
        """Some ends of calls are not to wait any longer."""
        waiting = len(self.settlements)
        return waiting > 0 and (self._are_due or self.are_closed or waiting >= ENDS_WAITING_MAX)

    def taken_ends(self) -> list[Settled]:
        """For the thread: the first ends, taken out."""
        # Before they are taken: what comes meanwhile is due too early at worst, and never forgotten.
        self._are_due = len(self.settlements) > BATCH_MAX
        return taken(self.settlements)

    def put_back(self, ends: Sequence[Settled]) -> None:
        """For the thread: ends that could not be booked, and have waited."""
        self.settlements.extendleft(reversed(ends))
        self._are_due = True

    def sleep(self, timeout_s: float, has_work: Callable[[], bool]) -> None:
        """For the thread: until somebody rings, unless there is something to do already."""
        # Asleep first, then the look at the queues: whoever queues after the look rings.
        self._asleep = True
        if not has_work() and not self.are_closed:
            with suppress(Empty):
                self._bell.get(timeout=timeout_s)
        self._asleep = False

    def refuse_all(self) -> None:
        """For the thread, at its end: nobody is left waiting."""
        self.are_closed = True
        closed = BooksUnavailable("the books are closed")
        for queue in (self.openings, self.moves):
            while waiting := taken(queue):
                answer([(booked, closed) for _, booked in waiting])
        while asking := taken(self.asking):
            answer([(one, closed) for one in asking])


def taken(queue: deque[_T]) -> list[_T]:
    """The first of a queue, taken out."""
    return [queue.popleft() for _ in range(min(len(queue), BATCH_MAX))]


def still_wanted(queue: deque[Waiting]) -> list[Waiting]:
    """The same, but for those whose call was cancelled meanwhile."""
    return [one for one in taken(queue) if not one[1].cancelled()]


def answer(answers: Sequence[Answer]) -> None:
    """Wake the calls of a batch with one message to their event loop."""
    if not answers:
        return
    loop = answers[0][0].get_loop()
    try:
        loop.call_soon_threadsafe(_wake, answers)
    except RuntimeError:  # The event loop is closed, so nobody waits any more.
        assert loop.is_closed()


def _wake(answers: Sequence[Answer]) -> None:
    for future, said in answers:
        if future.done():  # Cancelled meanwhile.
            continue
        if isinstance(said, Exception):
            future.set_exception(said)
        else:
            future.set_result(said)
