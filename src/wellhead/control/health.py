"""`/health` says that the process is there, `/ready` that it can do its work.

However many ask, at most one check is under way, its result serves everybody for
`FRESH_S`, and nobody waits longer than `WAIT_MAX_S` for it: a database that hangs
costs one thread.  How prices and loops stand is known without asking anybody.

A warning is no failure: what warns goes on trying, and the program does its work
meanwhile.  A fetched price list fails only once it is older than the operator allows;
who never fetched one, or is not to, goes by the prices that came with the program.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from wellhead.background import LoopState, Standing
from wellhead.control.background import Background
from wellhead.control.roles import OPEN
from wellhead.errors import BooksUnavailable
from wellhead.ports import Reports

WAIT_MAX_S = 1.5
FRESH_S = 3.0


class Health(BaseModel):
    """The process answers; nothing else was asked."""

    status: Literal["ok"] = "ok"


class LoopHealth(BaseModel):
    """How a loop stands; ages are in milliseconds."""

    name: str
    status: Standing
    consecutiveFailures: int  # noqa: N815 (the field's name on the wire, as all of these)
    lastRunAgeMs: int | None = None  # noqa: N815
    lastSuccessAgeMs: int | None = None  # noqa: N815
    lastErrorAgeMs: int | None = None  # noqa: N815
    lastError: str | None = Field(default=None, description="What went wrong then.")  # noqa: N815
    nextRunInMs: int | None = None  # noqa: N815


class FailedLoop(BaseModel):
    """One that has given up."""

    name: str
    failed: bool = True
    consecutiveFailures: int  # noqa: N815


class Check(BaseModel):
    """One thing it depends on."""

    status: Literal["pass", "warn", "fail"]
    responseTime: int | None = Field(default=None, description="Milliseconds.")  # noqa: N815
    ageMs: int | None = Field(  # noqa: N815
        default=None, description="How long ago the source confirmed the price list."
    )
    loops: list[str] | None = Field(default=None, description="What is done in the background.")
    loopHealth: list[LoopHealth] | None = None  # noqa: N815
    failedLoops: list[FailedLoop] | None = None  # noqa: N815
    output: str | None = Field(default=None, description="What is wrong.")


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
    "pricing": "The source of prices has not confirmed them for too long; `/admin/pricing` says more.",
    "supervisor": "What is done in the background failed too often; it is tried again after a restart.",
}


Note = Callable[[str, int], object]
"""Told how a check ended and how many milliseconds it took."""


def note_nothing(_status: str, _took_ms: int) -> None: ...


@dataclass(slots=True)
class _Probe:
    """One check of the database under way, or done."""

    task: asyncio.Task[Check]
    started_s: float

    @property
    def is_stale(self) -> bool:
        return self.task.done() and time.monotonic() - self.started_s > FRESH_S


class DatabaseCheck:
    """Whether the books answer, asked at most once at a time."""

    def __init__(self, reports: Reports, wait_max_s: float = WAIT_MAX_S, note: Note = note_nothing) -> None:
        self.reports = reports
        self._note = note
        self.wait_max_s = wait_max_s
        self._probe: _Probe | None = None

    async def result(self) -> Check:
        if self._probe is None or self._probe.is_stale:
            task = asyncio.create_task(asyncio.to_thread(self._ask))
            self._probe = _Probe(task, time.monotonic())
        try:
            return await asyncio.wait_for(asyncio.shield(self._probe.task), self.wait_max_s)
        except TimeoutError:
            said = f"no answer within {self.wait_max_s} s"
            return Check(status="fail", responseTime=round(self.wait_max_s * 1000), output=said)

    def _ask(self) -> Check:
        started_s = time.monotonic()
        output = None
        try:
            self.reports.check()
        except BooksUnavailable:
            # The driver's own words may hold the database's address and user.
            output = "the database cannot be read"
        taken_ms = round((time.monotonic() - started_s) * 1000)
        check = Check(status="fail" if output else "pass", responseTime=taken_ms, output=output)
        self._note(check.status, taken_ms)
        return check


def pricing(background: Background, now_us: int) -> Check:
    """Whether prices are as up to date as they should be."""
    refreshing = background.refreshing()
    age_s = refreshing.age_s(now_us)
    age_ms = None if age_s is None else round(age_s * 1000)
    if refreshing.is_stale(now_us):
        return Check(status="fail", ageMs=age_ms, output="the price list was not confirmed for too long")
    if refreshing.refused is not None:
        return Check(status="warn", ageMs=age_ms, output="the newest price list is not believed")
    return Check(status="pass", ageMs=age_ms)


def supervisor(loops: Sequence[LoopState], now_us: int) -> Check:
    """How the loops stand: as well as the worst of them."""

    def ago_ms(then_us: int | None) -> int | None:
        return None if then_us is None else max(now_us - then_us, 0) // 1000

    standings = {loop.standing for loop in loops}
    worst = next((one for one in (Standing.FAIL, Standing.WARN) if one in standings), Standing.PASS)
    failed = [FailedLoop(name=one.name, consecutiveFailures=one.failures) for one in loops if one.is_disabled]
    return Check(
        status=worst.value,
        loops=[loop.name for loop in loops],
        loopHealth=[
            LoopHealth(
                name=loop.name,
                status=loop.standing,
                consecutiveFailures=loop.failures,
                lastRunAgeMs=ago_ms(loop.last_run_us),
                lastSuccessAgeMs=ago_ms(loop.last_success_us),
                lastErrorAgeMs=ago_ms(loop.last_error_us),
                lastError=loop.last_error,
                nextRunInMs=None if loop.next_run_us is None else max(loop.next_run_us - now_us, 0) // 1000,
            )
            for loop in loops
        ],
        failedLoops=failed or None,
    )


def add_to(
    routes: APIRouter, reports: Reports, note: Note, background: Background, now_us: Callable[[], int]
) -> None:
    """`/health` and `/ready`; `note` is told of every check of the database."""
    database = DatabaseCheck(reports, note=note)

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
        """Checks the database (at most 1.5 s, and at most once in 3 s however many ask), prices and loops."""
        now = now_us()
        checks = {
            "database": await database.result(),
            "pricing": pricing(background, now),
            "supervisor": supervisor(background.loops(), now),
        }
        failed = [FAILURES[name] for name, check in checks.items() if check.status == "fail"]
        if failed:
            return _shown(NotReady(status="fail", checks=checks, error=failed[0], code="NOT_READY"), 503)
        warns = any(check.status == "warn" for check in checks.values())
        return _shown(Ready(status="warn" if warns else "pass", checks=checks), 200)


def _shown(ready: Ready, status: int) -> JSONResponse:
    return JSONResponse(ready.model_dump(mode="json", exclude_none=True), status)
