"""The writer: the books as a gateway sees them, and the one thread that writes them.

::

    event loop      open() ── queue ──►┐            ┌──► one call_soon_threadsafe per batch
                    settle() ─ queue ──►│ the thread │
                                        └► Clerk.book: openings, settlements, rollups, one transaction

This is the event loop's side; `queues` lies between, `bookkeeping` is the thread's.
While the database is not there (see `outage`) ends of calls are kept, and openings are
refused, or let through uncounted where that is wanted.
"""

import asyncio
from collections.abc import Callable, Sequence
from threading import Thread

from sqlalchemy import Engine

from wellhead.call import Opening, Settlement
from wellhead.clock import monotonic_us, wall_us
from wellhead.database.workers import Process
from wellhead.directory import Directory
from wellhead.errors import BooksUnavailable
from wellhead.ledger.bookkeeping import Bookkeeping
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.outage import NO_SPOOL, Outage, Trouble
from wellhead.ledger.processes import this_process
from wellhead.ledger.queues import OPENINGS_QUEUED_MAX, SETTLEMENTS_QUEUED_MAX, Queues
from wellhead.ledger.recovery import Hearing
from wellhead.ledger.rules import NO_RULES, Rules
from wellhead.ledger.say import Say, say_nothing
from wellhead.quota import Gauge

TICK_S = 10.0
"""How often dead workers are looked for."""


class Writer:
    """Implements `wellhead.ports.Books` for the event loop of one process."""

    def __init__(
        self,
        engine: Engine,
        *,
        now_us: Callable[[], int] = wall_us,
        process: Process | None = None,
        rules: Rules = NO_RULES,
        say: Say = say_nothing,
        tick_s: float = TICK_S,
        outage: Outage = NO_SPOOL,
        elapsed_us: Callable[[], int] = monotonic_us,
    ) -> None:
        process = process or this_process()
        self._clerk = Clerk(engine, now_us, process, rules, say)
        self._clerk.hearing = Hearing(elapsed_us)
        self._queues = Queues()
        self._trouble = Trouble(self._clerk, outage, process, say)
        self._bookkeeping = Bookkeeping(
            self._clerk, self._queues, self._trouble, now_us=now_us, say=say, tick_s=tick_s
        )
        self._thread = Thread(target=self._bookkeeping.run, name="wellhead-books", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs; it ends only by `close`."""
        return self._thread.is_alive()

    @property
    def fault(self) -> str | None:
        """Why the books cannot be written just now; `None` when they can."""
        return self._trouble.fault

    @property
    def settlements_lost(self) -> int:
        """Ends of calls that were not booked: the queue was full, or the database would not take them."""
        return self._queues.lost

    def start(self) -> None:
        """Recover what dead workers left, register, begin; `BooksUnavailable` without a database."""
        self._bookkeeping.begin()
        self._thread.start()

    def close(self) -> None:
        """Book what is queued and end.  Blocks: call it in a thread, or when the event loop is done."""
        self._queues.close()
        if self._thread.ident is not None:
            self._thread.join()

    def next_id(self) -> int:
        return self._clerk.next_id()

    @property
    def directory(self) -> Directory:
        return self._clerk.directory

    async def current(self) -> Directory:
        queues = self._queues
        if queues.are_closed or not self.is_alive:
            raise BooksUnavailable("the books are closed")
        if len(queues.asking) >= OPENINGS_QUEUED_MAX:
            raise BooksUnavailable("too many requests wait for the books")
        told: asyncio.Future[Directory] = asyncio.get_running_loop().create_future()
        queues.asking.append(told)
        queues.ring()
        if queues.are_closed:
            raise BooksUnavailable("the books are closed")
        return await told

    async def open(self, opening: Opening) -> None:
        queues = self._queues
        if queues.are_closed or not self.is_alive:
            raise BooksUnavailable("the books are closed")
        if len(queues.openings) >= OPENINGS_QUEUED_MAX:
            raise BooksUnavailable("too many calls wait to be booked")
        booked = asyncio.get_running_loop().create_future()
        queues.openings.append((opening, booked))
        queues.ring()
        if queues.are_closed:  # Perhaps just too late for the thread's last look at the queue.
            raise BooksUnavailable("the books are closed")
        await booked

    async def move(self, opening: Opening, to: Opening) -> None:
        assert opening.id == to.id, "it stays the same call"
        queues = self._queues
        if queues.are_closed or not self.is_alive:
            raise BooksUnavailable("the books are closed")
        if len(queues.moves) >= OPENINGS_QUEUED_MAX:
            raise BooksUnavailable("too many calls wait to be booked")
        moved = asyncio.get_running_loop().create_future()
        queues.moves.append((to, moved))
        queues.ring()
        if queues.are_closed:
            raise BooksUnavailable("the books are closed")
        await moved

    def settle(self, opening: Opening, settlement: Settlement) -> None:
        queues = self._queues
        if len(queues.settlements) >= SETTLEMENTS_QUEUED_MAX or not self.is_alive:
            queues.lost += 1
            return
        queues.put_end((opening, settlement))

    def note_quotas(self, provider: str, gauges: Sequence[Gauge]) -> None:
        # They go along with the next batch, at the latest with the next tick: nobody is woken for them.
        self._clerk.gauges.note(provider, gauges)
