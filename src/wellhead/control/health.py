"""`/health` says that the process is there, `/ready` that it can do its work.

However many ask, of each check at most one is under way, its result serves everybody
for `FRESH_S`, and nobody waits longer than `WAIT_MAX_S` for it: a database that hangs
costs two threads.  How prices and loops stand is known without asking anybody.  What
passes, warns and fails is said in `wellhead.control.checks`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from wellhead.control import checks
from wellhead.control.background import Background
from wellhead.control.checks import Check
from wellhead.control.roles import OPEN
from wellhead.errors import BooksUnavailable
from wellhead.figures import SpoolFigure
from wellhead.ports import Reports

WAIT_MAX_S = 1.5
FRESH_S = 3.0
UNREADABLE = "the database cannot be read"


class Health(BaseModel):
    """The process answers; nothing else was asked."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """All that it depends on; with a warning it does its work."""

    status: Literal["pass", "warn", "fail"]
    checks: dict[str, Check]


class NotReady(Ready):
    """The same, and an error like any other."""

    error: str
    code: str


EXAMPLE_READY = {
    "status": "warn",
    "checks": {
        "database": {"status": "pass", "responseTime": 2},
        "writer": {
            "status": "pass",
            "workers": [
                {
                    "worker": 0,
                    "status": "pass",
                    "lastHeartbeatAgeMs": 4100,
                    "callsOpen": 3,
                    "queued": 0,
                    "commits": 812,
                    "commitMs": 0.412,
                    "settlementsLost": 0,
                }
            ],
        },
        "spool": {"status": "pass", "entries": 0, "bytes": 0},
        "upstream": {"status": "pass", "responseTime": 12},
        "pricing": {"status": "pass", "ageMs": 60000},
        "supervisor": {
            "status": "warn",
            "loops": ["pricing-refresh", "cost-backfill"],
            "loopHealth": [
                {
                    "name": "pricing-refresh",
                    "status": "warn",
                    "consecutiveFailures": 2,
                    "lastErrorAgeMs": 900,
                    "lastError": "the source answered 503",
                },
                {
                    "name": "cost-backfill",
                    "status": "pass",
                    "consecutiveFailures": 0,
                    "lastSuccessAgeMs": 5000,
                },
            ],
        },
    },
}
EXAMPLE_NOT_READY = {
    "error": "The database does not answer; new calls cannot be booked.",
    "code": "NOT_READY",
    "status": "fail",
    "checks": {"database": {"status": "fail", "responseTime": 1500, "output": "no answer within 1.5 s"}},
}
FAILURES = {
    "database": "The database does not answer; new calls cannot be booked.",
    "writer": "No gateway process does its work; the log of `wellhead serve` says why.",
    "spool": "What could not be booked fills the spool; see to the database, or to its disk.",
    "upstream": "The upstream that has to answer does not.",
    "pricing": "The source of prices has not confirmed them for too long; `/admin/pricing` says more.",
    "supervisor": "What is done in the background failed too often; it is tried again after a restart.",
}


Note = Callable[[str, int], object]
"""Told how a check of the database ended and how many milliseconds it took."""


def note_nothing(_status: str, _took_ms: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Beside:
    """What is asked beside the books."""

    spool: Callable[[], SpoolFigure] = SpoolFigure
    """How full it is; may block, raises nothing."""
    upstream: Callable[[], Awaitable[bool]] | None = None
    """Whether the upstream answers that has to; `None`: there is none that has to."""


NOTHING_BESIDE = Beside()


@dataclass(slots=True)
class _Probe:
    """One check under way, or done."""

    task: asyncio.Task[Check]
    started_s: float

    @property
    def is_stale(self) -> bool:
        return self.task.done() and time.monotonic() - self.started_s > FRESH_S


class Look:
    """A check, made at most once at a time; what it found serves everybody for a while."""

    def __init__(self, make: Callable[[], Awaitable[Check]], wait_max_s: float = WAIT_MAX_S) -> None:
        self._make = make
        self._wait_max_s = wait_max_s
        self._probe: _Probe | None = None

    async def result(self) -> Check:
        if self._probe is None or self._probe.is_stale:
            self._probe = _Probe(asyncio.ensure_future(self._made()), time.monotonic())
        try:
            return await asyncio.wait_for(asyncio.shield(self._probe.task), self._wait_max_s)
        except TimeoutError:
            said = f"no answer within {self._wait_max_s} s"
            return Check(status="fail", responseTime=round(self._wait_max_s * 1000), output=said)

    async def _made(self) -> Check:
        return await self._make()


class Checks:
    """Everything that `/ready` asks."""

    def __init__(self, reports: Reports, beside: Beside, note: Note, now_us: Callable[[], int]) -> None:
        self._reports = reports
        self._beside = beside
        self._note = note
        self._now_us = now_us

    def looks(self) -> dict[str, Look]:
        """By the names under which they are shown."""
        found = {
            "database": Look(lambda: asyncio.to_thread(self.database)),
            "writer": Look(lambda: asyncio.to_thread(self.writer)),
            "spool": Look(lambda: asyncio.to_thread(self.spool)),
        }
        return found if self._beside.upstream is None else {**found, "upstream": Look(self.upstream)}

    def database(self) -> Check:
        started_s = time.monotonic()
        output = None
        try:
            self._reports.check()
        except BooksUnavailable:
            # The driver's own words may hold the database's address and user.
            output = UNREADABLE
        took_ms = _since_ms(started_s)
        check = Check(status="fail" if output else "pass", responseTime=took_ms, output=output)
        self._note(check.status, took_ms)
        return check

    def writer(self) -> Check:
        now_us = self._now_us()
        try:
            return checks.writer(self._reports.workers(now_us), now_us)
        except BooksUnavailable:
            return Check(status="fail", output=UNREADABLE)

    def spool(self) -> Check:
        return checks.spool(self._beside.spool(), self._now_us())

    async def upstream(self) -> Check:
        assert self._beside.upstream is not None, "nobody looks then"
        started_s = time.monotonic()
        return checks.upstream(await self._beside.upstream(), _since_ms(started_s))


def _since_ms(started_s: float) -> int:
    return round((time.monotonic() - started_s) * 1000)


def add_to(routes: APIRouter, asked: Checks, background: Background, now_us: Callable[[], int]) -> None:
    """`/health` and `/ready`."""
    looks = asked.looks()

    @routes.get("/health", tags=["health"], dependencies=OPEN, summary="Is the process alive?")
    async def health() -> Health:
        """Always open, and asks nobody."""
        return Health()

    @routes.get(
        "/ready",
        tags=["health"],
        dependencies=OPEN,
        summary="Can it do its work?",
        response_model=Ready,
        responses={
            200: {"content": {"application/json": {"example": EXAMPLE_READY}}},
            503: {
                "model": NotReady,
                "description": "Something it needs does not answer.",
                "content": {"application/json": {"example": EXAMPLE_NOT_READY}},
            },
        },
    )
    async def ready() -> JSONResponse:
        """Every part is looked at for at most 1.5 s, and at most once in 3 s however many ask."""
        found = dict(
            zip(looks, await asyncio.gather(*(look.result() for look in looks.values())), strict=True)
        )
        now = now_us()
        found["pricing"] = checks.pricing(background, now)
        found["supervisor"] = checks.supervisor(background.loops(), now)
        failed = [said for name, said in FAILURES.items() if name in found and found[name].status == "fail"]
        if failed:
            return _shown(NotReady(status="fail", checks=found, error=failed[0], code="NOT_READY"), 503)
        warns = any(check.status == "warn" for check in found.values())
        return _shown(Ready(status="warn" if warns else "pass", checks=found), 200)


def _shown(ready: Ready, status: int) -> JSONResponse:
    return JSONResponse(ready.model_dump(mode="json", exclude_none=True), status)
