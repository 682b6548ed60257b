"""Who counts as dead, and what becomes of the calls it left open.

On the same host the process table decides, at once and both ways: a worker that is
merely stopped is alive.  A worker elsewhere is judged by its silence.  One with
open calls speaks every `BEAT_US`; one without has nothing to protect, speaks
rarely (an idle gateway leaves the disk alone), and loses only its slot.

Silence is what both clocks say: the wall clocks of two hosts may be an hour apart, or
one of them may be set, so a worker elsewhere is dead only if its word has not changed
for as long by the monotonic clock of whoever judges it, too.

The calls become `interrupted` at the moment of recovery, not at the guessed moment
of death: figures of hours that have passed do not change afterwards.
"""

import sqlite3
from collections.abc import Callable, Collection, Container, Sequence

from wellhead.call import CallState, Opening, Settlement
from wellhead.database import calls, workers
from wellhead.database.calls import Settled
from wellhead.database.engine import transaction
from wellhead.database.workers import Process, Worker

BEAT_US = 10_000_000
"""How often a worker with open calls says that it lives."""
IDLE_BEAT_US = 600_000_000
"""How often a worker without open calls does."""
SILENCE_US_MAX = 60_000_000
"""A worker elsewhere with open calls that was not heard of for this long is dead."""
IDLE_SILENCE_US_MAX = 3_600_000_000
"""The same for one without open calls."""
CALLS_PER_TRANSACTION = 500
"""So that living workers wait only shortly for their turn."""

Liveness = Callable[[Process], bool | None]
Settle = Callable[[sqlite3.Connection, Sequence[Settled]], None]
"""Books ends of calls that are known to be pending, with all that hangs on them."""


class Hearing:
    """For how long others have been silent, by a clock that nobody sets; for one process."""

    def __init__(self, elapsed_us: Callable[[], int]) -> None:
        self._elapsed_us = elapsed_us
        self._heard: dict[tuple[int, Process, int], int] = {}
        """By slot, process and last word: when it was first seen here."""

    def silent(self, registered: Sequence[Worker], with_pending: Container[int]) -> set[int]:
        """The slots of those whose word has not changed for too long, as far as was listened."""
        now_us = self._elapsed_us()
        words = {worker: (worker.slot, worker.process, worker.heartbeat_us) for worker in registered}
        self._heard = {word: self._heard.get(word, now_us) for word in words.values()}
        return {
            worker.slot
            for worker, word in words.items()
            if now_us - self._heard[word] > silence_us_max(worker.slot in with_pending)
        }


def silence_us_max(has_pending: bool) -> int:
    """How long a worker elsewhere may be silent."""
    return SILENCE_US_MAX if has_pending else IDLE_SILENCE_US_MAX


def is_gone(worker: Worker, here: Process, now_us: int, has_pending: bool, is_running: Liveness) -> bool:
    """Whether a worker's calls may be booked by somebody else."""
    running = is_running(worker.process) if worker.process.host == here.host else None
    if running is not None:
        return not running
    return now_us - worker.heartbeat_us > silence_us_max(has_pending)


def recover(
    connection: sqlite3.Connection,
    here: Process,
    now_us: int,
    is_running: Liveness,
    settle: Settle,
    spared: Collection[int] = (),
    hearing: Hearing | None = None,
) -> int:
    """Book what dead workers left open and release their slots; how many calls that were.

    Those of the spared slots are left for later: how they ended is known elsewhere.  Without `hearing`
    the wall clock alone says who is silent.

    Looks first without taking the write lock: as a rule nobody died.  What it then does it
    decides again under the lock, since another worker may have been quicker.
    """
    booked = 0
    for slot in _gone(connection, here, now_us, is_running, hearing) - set(spared):
        while True:
            with transaction(connection):
                if slot not in _gone(connection, here, now_us, is_running, hearing):
                    break
                count = interrupt(connection, slot, now_us, settle)
                booked += count
                if count < CALLS_PER_TRANSACTION:
                    workers.release(connection, slot)
                    break
    return booked


def interrupt(connection: sqlite3.Connection, slot: int, now_us: int, settle: Settle) -> int:
    """Book some open calls of a worker as interrupted; fewer than `CALLS_PER_TRANSACTION` were the last."""
    openings = calls.pending_of(connection, slot, CALLS_PER_TRANSACTION)
    settle(connection, [(opening, interrupted(opening, now_us)) for opening in openings])
    return len(openings)


def _gone(
    connection: sqlite3.Connection,
    here: Process,
    now_us: int,
    is_running: Liveness,
    hearing: Hearing | None,
) -> set[int]:
    with_pending = calls.workers_with_pending(connection)
    registered = workers.registered(connection)
    gone = {w.slot for w in registered if is_gone(w, here, now_us, w.slot in with_pending, is_running)}
    if hearing is not None:
        strangers = {w.slot for w in registered if w.process.host != here.host}
        gone -= strangers - hearing.silent(registered, with_pending)
    # Open calls of nobody (a worker's row was lost) belong to a dead worker as well.
    return gone | with_pending - {worker.slot for worker in registered}


def interrupted(opening: Opening, now_us: int) -> Settlement:
    """The end of a call whose worker died."""
    return Settlement(
        state=CallState.INTERRUPTED,
        finished_us=max(now_us, opening.started_us),
        error_code="worker_died",
        streamed=opening.streamed,
    )
