"""The rows of workers: who may have open calls, under which slot, and since when it was last heard of."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from wellhead.errors import BooksUnavailable

SLOTS_MAX = 1024
"""Workers at one time, over all hosts: what fits into the ten bits of a call id."""

_COLUMNS = "slot, host, pid, process_started_ticks, started_us, heartbeat_us"


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told apart from a later one with the same number by the moment it started."""

    host: str
    pid: int
    started_ticks: int
    """In the host's own clock ticks; 0 where it cannot be known."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A registration: whoever holds it may open calls under its slot."""

    slot: int
    process: Process
    started_us: int
    heartbeat_us: int


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a worker is, and was since it started."""

    calls_open: int = 0
    queued: int = 0
    """Bookings that wait."""
    commits: int = 0
    commit_us: int = 0
    """How long they took together."""
    settlements_lost: int = 0
    """Ends of calls that could not be booked."""


def registered(connection: sqlite3.Connection) -> list[Worker]:
    """All workers that signed on and were not released."""
    query = f"SELECT {_COLUMNS} FROM workers ORDER BY slot"  # noqa: S608
    return [
        Worker(slot, Process(host, pid, ticks), started_us, heartbeat_us)
        for slot, host, pid, ticks, started_us, heartbeat_us in connection.execute(query)
    ]


def loads(connection: sqlite3.Connection) -> list[tuple[Worker, Load]]:
    """All workers that are registered, with how busy they were at their last heartbeat."""
    query = "SELECT slot,calls_open,queued,commits,commit_us,settlements_lost FROM workers"
    load_of = {slot: Load(*figures) for slot, *figures in connection.execute(query)}
    return [(worker, load_of[worker.slot]) for worker in registered(connection)]


def register(connection: sqlite3.Connection, process: Process, now_us: int, taken: Iterable[int]) -> Worker:
    """Take the lowest slot that is not taken; `BooksUnavailable` when there is none."""
    slot = next(iter(sorted(set(range(SLOTS_MAX)) - set(taken))), None)
    if slot is None:
        raise BooksUnavailable(f"all {SLOTS_MAX} worker slots are taken")
    worker = Worker(slot, process, now_us, now_us)
    connection.execute(
        f"INSERT INTO workers ({_COLUMNS}) VALUES (?,?,?,?,?,?)",  # noqa: S608
        (slot, process.host, process.pid, process.started_ticks, now_us, now_us),
    )
    return worker


def beat(connection: sqlite3.Connection, worker: Worker, now_us: int, load: Load) -> bool:
    """Say that the worker lives, and how busy it is; false when its registration is gone."""
    statement = (
        "UPDATE workers SET heartbeat_us=?,calls_open=?,queued=?,commits=?,commit_us=?,settlements_lost=?"
        " WHERE slot=? AND started_us=? AND pid=? AND host=?"
    )
    figures = (load.calls_open, load.queued, load.commits, load.commit_us, load.settlements_lost)
    of = (worker.slot, worker.started_us, worker.process.pid, worker.process.host)
    return connection.execute(statement, (now_us, *figures, *of)).rowcount == 1


def release(connection: sqlite3.Connection, slot: int) -> None:
    """Give the slot back; its calls must all be booked by now."""
    connection.execute("DELETE FROM workers WHERE slot=?", (slot,))
