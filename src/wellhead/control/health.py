"""`/health` says that the process is there, `/ready` that it can do its work.

However many ask, at most one check is under way, its result serves everybody for
`FRESH_S`, and nobody waits longer than `WAIT_MAX_S` for it: a database that hangs
costs one thread.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from wellhead.control.roles import OPEN
from wellhead.errors import BooksUnavailable
from wellhead.ports import Reports

WAIT_MAX_S = 1.5
FRESH_S = 3.0


class Health(BaseModel):
    """The process answers; nothing else was asked."""

    status: Literal["ok"] = "ok"


class Check(BaseModel):
    """One thing it depends on."""

    status: Literal["pass", "fail"]
    responseTime: int = Field(description="Milliseconds.")  # noqa: N815 (the field's name on the wire)
    output: str | None = Field(default=None, description="What went wrong.")


class Ready(BaseModel):
    """All that it depends on."""

    status: Literal["pass", "fail"]
    checks: dict[str, Check]


class NotReady(Ready):
    """The same, and an error like any other."""

    error: str
    code: str


EXAMPLE_READY = {"status": "pass", "checks": {"database": {"status": "pass", "responseTime": 2}}}
EXAMPLE_NOT_READY = {
    "error": "The database does not answer.",
    "code": "NOT_READY",
    "status": "fail",
    "checks": {"database": {"status": "fail", "responseTime": 1500, "output": "no answer within 1.5 s"}},
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


def add_to(routes: APIRouter, reports: Reports, note: Note) -> None:
    """`/health` and `/ready`; `note` is told of every check."""
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
        """Checks the database; at most 1.5 s, and at most once in 3 s however many ask."""
        found = await database.result()
        checks = {"database": found}
        if found.status == "pass":
            return _shown(Ready(status="pass", checks=checks), 200)
        said = "The database does not answer; new calls cannot be booked."
        return _shown(NotReady(status="fail", checks=checks, error=said, code="NOT_READY"), 503)


def _shown(ready: Ready, status: int) -> JSONResponse:
    return JSONResponse(ready.model_dump(exclude_none=True), status)
