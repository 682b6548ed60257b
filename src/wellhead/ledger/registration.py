"""The registration of one worker: its slot, the ids it gives out, and its word that it lives.

::

    sign_on    a free slot, and ids that go on after the latest in the books
    beat       along with a batch, when the last one is long ago: alive, and how busy
    release    the slot is free again

A worker that was taken for dead finds that out with its next beat.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from wellhead.database import calls, workers
from wellhead.database.workers import Load, Process, Worker
from wellhead.ledger.connection import HeldConnection
from wellhead.ledger.ids import Ids


class RegistrationLost(Exception):
    """Somebody took this worker for dead."""


@dataclass(slots=True)
class Waiting:
    """What whoever hands batches to a clerk knows of those that it could not hand over."""

    queued: int = 0
    lost: int = 0
    """Ends of calls that will never be booked."""


class Registration:
    """Belongs to one thread, but for the ids."""

    def __init__(self, process: Process, now_us: Callable[[], int]) -> None:
        self.process = process
        self._now_us = now_us
        self._worker: Worker | None = None
        self._beaten_us = 0
        self._commits = 0
        self._commit_ns = 0
        self.ids: Ids | None = None
        self.waiting = Waiting()

    @property
    def worker(self) -> Worker:
        """The present one."""
        assert self._worker is not None, "sign_on comes first"
        return self._worker

    def sign_on(self, held: HeldConnection) -> None:
        """Register under a free slot."""
        now_us = self._now_us()
        with held.transaction() as connection:
            taken = {worker.slot for worker in workers.registered(connection)}
            # Another slot than the one just lost, so that its ids can be told from the new ones.
            lost = {self._worker.slot} if self._worker else set()
            worker = workers.register(connection, self.process, now_us, taken | lost)
            after = calls.latest_id(connection)
        self._worker, self._beaten_us = worker, now_us
        self.ids = Ids(worker.slot, self._now_us, after)

    def release(self, connection: sqlite3.Connection) -> None:
        """Give the slot back."""
        workers.release(connection, self.worker.slot)

    def silent_us(self, now_us: int) -> int:
        """For how long this worker has said nothing."""
        # A clock that was set back counts as silence too: better one heartbeat too many.
        return abs(now_us - self._beaten_us)

    def beat(self, connection: sqlite3.Connection, now_us: int, calls_open: int) -> None:
        """Say that it lives, and how busy it is; once that is committed, tell `heard`."""
        load = Load(
            calls_open=calls_open,
            queued=self.waiting.queued,
            commits=self._commits,
            commit_us=self._commit_ns // 1000,
            settlements_lost=self.waiting.lost,
        )
        if not workers.beat(connection, self.worker, now_us, load):
            raise RegistrationLost

    def heard(self, now_us: int) -> None:
        """What it said at that moment is in the books."""
        self._beaten_us = now_us

    def unheard(self) -> None:
        """The books are another file: there this worker is not registered."""
        self._beaten_us = 0

    def committed(self, took_ns: int) -> None:
        """Another batch is in the books."""
        self._commits += 1
        self._commit_ns += took_ns
