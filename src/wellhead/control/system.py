"""`/admin/system`: what runs here, where its books are, and how the gateway processes do.

It names paths, hosts and processes, so it is for admins.  Whether all that is well is what
`/ready` says, from the same figures.
"""

import platform
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.control.answers import failing
from wellhead.control.bodies import example
from wellhead.control.checks import WORKERS_TOLD_MAX
from wellhead.control.parameters import only
from wellhead.control.roles import ADMIN
from wellhead.figures import BooksFigure, SpoolFigure, WorkerFigure
from wellhead.ports import Reports

EXAMPLE_SYSTEM: dict[str, Any] = {
    "version": "0.1.0",
    "python": "3.12.4",
    "platform": "Linux-6.8.0-x86_64-with-glibc2.36",
    "started_at": "2026-03-01T08:00:00.000Z",
    "now": "2026-03-01T10:05:00.000Z",
    "database": {
        "kind": "sqlite",
        "path": "/var/lib/wellhead/wellhead.db",
        "migration": "v0009",
        "calls": 10000000,
        "bytes": 4539744256,
        "log_bytes": 4124152,
        "free_bytes": 0,
    },
    "workers": [
        {
            "worker": 0,
            "host": "gpu-1",
            "pid": 4242,
            "up": True,
            "started_at": "2026-03-01T08:00:00.400Z",
            "heartbeat_at": "2026-03-01T10:04:55.900Z",
            "calls_open": 3,
            "queued": 0,
            "commits": 812,
            "commit_ms": 0.412,
            "settlements_lost": 0,
        }
    ],
    "spool": {"entries": 0, "bytes": 0, "bytes_max": 67108864, "oldest_at": None, "damaged": 0},
}


class DatabaseShown(BaseModel):
    """The books."""

    kind: str
    path: str = Field(description="The file; without user and password where there are any.")
    migration: str | None = Field(description="Which was the last: it says which schema they have.")
    calls: int = Field(description="Calls in the books: ended and not removed since, or under way.")
    bytes: int = Field(description="Of the file.")
    log_bytes: int = Field(description="Of the write-ahead log beside it.")
    free_bytes: int = Field(description="Of the file, what new calls have room in.")


class WorkerShown(BaseModel):
    """A gateway process, as it said itself with its last heartbeat."""

    worker: int = Field(description="Its slot.")
    host: str
    pid: int
    up: bool = Field(description="It was heard of lately, and runs where that can be known.")
    started_at: str
    heartbeat_at: str = Field(description="Every ten seconds while there are calls, else every ten minutes.")
    calls_open: int = Field(description="As the books have it now.")
    queued: int = Field(description="Bookings that waited then.")
    commits: int = Field(description="Transactions of bookings, since it started.")
    commit_ms: float | None = Field(description="What one of them took on average.")
    settlements_lost: int = Field(description="Ends of calls that it could not book.")


class SpoolShown(BaseModel):
    """What waits beside the database on this machine, because it could not be booked."""

    entries: int
    bytes: int
    bytes_max: int = Field(description="Of each gateway process; 0: there is no spool.")
    oldest_at: str | None
    damaged: int = Field(description="Files that were put aside as damaged.")


class System(BaseModel):
    """What runs here."""

    model_config = example(**EXAMPLE_SYSTEM)

    version: str
    python: str
    platform: str
    started_at: str = Field(description="When this control process started.")
    now: str = Field(description="By its clock.")
    database: DatabaseShown
    workers: list[WorkerShown] = Field(description="Gateway processes, the first 100.")
    spool: SpoolShown


def add_to(
    routes: APIRouter,
    reports: Reports,
    spool: Callable[[], SpoolFigure],
    version: str,
    now_us: Callable[[], int],
) -> None:
    """The one endpoint of the system."""
    started_us = now_us()

    @routes.get(
        "/admin/system",
        tags=["setup"],
        dependencies=[*ADMIN, Depends(only())],
        summary="What runs here, and its books",
        responses=failing(400),
    )
    def system() -> System:
        """How well it does is what `/ready` says."""
        now = now_us()
        return System(
            version=version,
            python=platform.python_version(),
            platform=platform.platform(),
            started_at=shown.moment(started_us),
            now=shown.moment(now),
            database=_database(reports.books()),
            workers=[_worker(one) for one in reports.workers(now)[:WORKERS_TOLD_MAX]],
            spool=_spool(spool()),
        )


def _database(found: BooksFigure) -> DatabaseShown:
    return DatabaseShown(
        kind=found.kind,
        path=found.place,
        migration=found.migration,
        calls=found.calls,
        bytes=found.bytes,
        log_bytes=found.log_bytes,
        free_bytes=found.free_bytes,
    )


def _worker(one: WorkerFigure) -> WorkerShown:
    return WorkerShown(
        worker=one.slot,
        host=one.host,
        pid=one.pid,
        up=one.is_up,
        started_at=shown.moment(one.started_us),
        heartbeat_at=shown.moment(one.heartbeat_us),
        calls_open=one.calls_open,
        queued=one.queued,
        commits=one.commits,
        commit_ms=round(one.commit_us / one.commits / 1000, 3) if one.commits else None,
        settlements_lost=one.settlements_lost,
    )


def _spool(found: SpoolFigure) -> SpoolShown:
    return SpoolShown(
        entries=found.entries,
        bytes=found.bytes,
        bytes_max=found.bytes_max,
        oldest_at=shown.moment(found.since_us),
        damaged=found.damaged,
    )
