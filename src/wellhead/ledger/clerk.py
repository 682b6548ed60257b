"""The clerk: holds a worker's writing connection and its registration, and books batches.

Everything here is synchronous and belongs to one thread.  After any trouble with
the database the connection is given up; the next use makes a new one.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Engine

from wellhead.call import Opening
from wellhead.database import calls, rollups, workers
from wellhead.database.calls import Settled
from wellhead.database.engine import file_of, outages, transaction, writing_connection
from wellhead.database.workers import Process, Worker
from wellhead.errors import BooksUnavailable
from wellhead.ledger.fit import fitted_opening, fitted_settlement
from wellhead.ledger.ids import Ids, slot_of
from wellhead.ledger.processes import is_running
from wellhead.ledger.recovery import BEAT_US, CALLS_PER_TRANSACTION, IDLE_BEAT_US, interrupt, recover
from wellhead.ledger.rollup import tally


class _RegistrationLost(Exception):
    """Somebody took this worker for dead."""


class _SomeWereSettled(Exception):
    """Not every settlement of the batch has a pending row."""


class Clerk:
    """Books for one worker.

    A worker that was taken for dead (its host slept, say) finds its registration gone in the first
    batch after the silence.  It then signs on anew under another slot: its open calls were booked by
    whoever recovered them, and an id of the old slot opens no call any more, for that slot may be
    somebody else's by now.
    """

    def __init__(self, engine: Engine, now_us: Callable[[], int], process: Process) -> None:
        self._engine = engine
        self._now_us = now_us
        self._process = process
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        """Which file the connection writes to."""
        self._worker: Worker | None = None
        self._open: dict[int, Opening] = {}  # The calls in flight by their ids, as they were booked.
        self._beaten_us = 0
        self._ids: Ids | None = None

    @property
    def worker(self) -> Worker:
        """The present registration."""
        assert self._worker is not None, "sign_on comes first"
        return self._worker

    def next_id(self) -> int:
        """A call id of the present registration; the only thing here that is for another thread."""
        assert self._ids is not None, "sign_on comes first"
        return self._ids.next()

    def sign_on(self) -> None:
        """Register under a free slot, having released those of the dead."""
        self.recover()
        now_us = self._now_us()
        with self._connected() as connection, transaction(connection):
            taken = {worker.slot for worker in workers.registered(connection)}
            # Another slot than the one just lost, so that its ids can be told from the new ones.
            lost = {self._worker.slot} if self._worker else set()
            worker = workers.register(connection, self._process, now_us, taken | lost)
            after = calls.latest_id(connection)
        self._worker, self._beaten_us = worker, now_us
        self._open.clear()
        self._ids = Ids(worker.slot, self._now_us, after)

    def book(self, openings: Sequence[Opening], settled: Sequence[Settled]) -> set[int]:
        """Book a batch in one transaction; the ids that could not be opened since their slot was lost.

        `BooksUnavailable`: nothing of it is booked.  A settlement without a pending row is passed over.
        """
        openings = [fitted_opening(opening) for opening in openings]
        # Of several ends of one call the first counts.
        once = [
            (self._open.get(opening.id) or fitted_opening(opening), fitted_settlement(end))
            for opening, end in {pair[0].id: pair for pair in reversed(settled)}.values()
        ]
        exact = False
        while True:
            own = [opening for opening in openings if slot_of(opening.id) == self.worker.slot]
            try:
                self._book(own, once, exact)
            except _RegistrationLost:
                self.sign_on()
            except _SomeWereSettled:
                exact = True
            else:
                self._open.update((opening.id, opening) for opening in own)
                for opening, _ in once:
                    self._open.pop(opening.id, None)
                return {opening.id for opening in openings} - {opening.id for opening in own}

    def tick(self) -> int:
        """What has to be done from time to time; how many calls of dead workers were recovered."""
        recovered = self.recover()
        if self._silent_us(self._now_us()) >= (BEAT_US if self._open else IDLE_BEAT_US):
            self.book((), ())
        return recovered

    def recover(self) -> int:
        """Book what dead workers left open."""
        with self._connected() as connection:
            return recover(connection, self._process, self._now_us(), is_running)

    def sign_off(self) -> None:
        """Book what is still open as interrupted, release the slot, and let the connection go."""
        try:
            with self._connected() as connection:
                while True:
                    with transaction(connection):
                        count = interrupt(connection, self.worker.slot, self._now_us())
                        if count < CALLS_PER_TRANSACTION:
                            workers.release(connection, self.worker.slot)
                            return
        finally:
            self.hang_up()

    def _book(self, own: Sequence[Opening], settled: Sequence[Settled], exact: bool) -> None:
        # All that can be computed beforehand is, since other processes wait for the lock.
        pending_rows, settled_rows, rollup = (
            calls.pending_rows(self.worker.slot, own),
            calls.settled_rows(settled),
            tally(settled),
        )
        with self._connected() as connection, transaction(connection):
            # Asked under the lock: whoever recovers this worker from here on waits for this batch.
            now_us = self._now_us()
            beat_is_due = self._silent_us(now_us) >= BEAT_US
            if beat_is_due and not workers.beat(connection, self.worker, now_us):
                raise _RegistrationLost
            calls.insert(connection, pending_rows)
            if exact:
                pending = calls.pending_among(connection, [opening.id for opening, _ in settled])
                settled = [(opening, end) for opening, end in settled if opening.id in pending]
                settled_rows, rollup = calls.settled_rows(settled), tally(settled)
            if calls.settle(connection, settled_rows) != len(settled_rows):
                raise _SomeWereSettled
            rollups.add(connection, rollup)
        if beat_is_due:
            self._beaten_us = now_us

    def _silent_us(self, now_us: int) -> int:
        # A clock that was set back counts as silence too: better one heartbeat too many.
        return abs(now_us - self._beaten_us)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with outages():
                if self._connection is None:
                    self._connection = writing_connection(self._engine)
                    self._file = file_of(self._engine)
                elif file_of(self._engine) != self._file:
                    # SQLite would go on writing to the file that nobody can find any more.
                    self._beaten_us = 0  # In another file this worker is not registered.
                    raise FileNotFoundError("its file was taken away")
                yield self._connection
        except BooksUnavailable:
            self.hang_up()
            raise

    def hang_up(self) -> None:
        """Let the connection go and sign off nothing, like a process that dies."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
