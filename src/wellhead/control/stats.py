"""`/admin/stats`: everything since the books were opened, in one line."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from wellhead import shown
from wellhead.control.answers import failing
from wellhead.control.bodies import example
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER
from wellhead.money import usd
from wellhead.ports import Reports
from wellhead.report import Measure, Question

QUESTION = Question((Measure.CALLS, Measure.TOTAL_TOKENS, Measure.COST_NANOUSD))


class Stats(BaseModel):
    """All of time."""

    model_config = example(
        total_requests=24,
        total_tokens=3120,
        total_cost_usd=0.00336,
        first_request_at="2026-02-22T08:00:00.000Z",
        last_request_at="2026-03-01T09:12:00.000Z",
    )

    total_requests: int
    total_tokens: int
    total_cost_usd: float
    first_request_at: str | None
    last_request_at: str | None


def add_to(routes: APIRouter, reports: Reports) -> None:
    """The one endpoint of statistics."""

    @routes.get(
        "/admin/stats",
        tags=["usage"],
        dependencies=[*VIEWER, Depends(only())],
        summary="Totals of all time",
        responses=failing(400),
    )
    def stats() -> Stats:
        """Calls that ended; the times are those at which the first and the last call began."""
        first_us, last_us = reports.call_times()
        sums = [line.sums for line in reports.usage(QUESTION)]
        return Stats(
            total_requests=sum(one[Measure.CALLS] for one in sums),
            total_tokens=sum(one[Measure.TOTAL_TOKENS] for one in sums),
            total_cost_usd=usd(sum(one[Measure.COST_NANOUSD] for one in sums)),
            first_request_at=shown.moment(first_us),
            last_request_at=shown.moment(last_us),
        )
