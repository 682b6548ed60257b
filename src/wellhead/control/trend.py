"""`/admin/usage/trend`: requests, tokens and cost over time, for a chart."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.control import days
from wellhead.control.answers import failing
from wellhead.control.bodies import example
from wellhead.control.days import DATE, DAYS_MAX
from wellhead.control.filters import Exact, a_filter
from wellhead.control.parameters import instead, only
from wellhead.control.roles import VIEWER
from wellhead.control.times import EXAMPLE, moment_us
from wellhead.errors import CallerError
from wellhead.moments import DAY_US, HOUR_US, MINUTE_US
from wellhead.money import usd
from wellhead.ports import Reports
from wellhead.report import UNKNOWN, Dimension, Key, Measure, Question

WIDTHS = ((5 * HOUR_US, 5 * MINUTE_US), (24 * HOUR_US, HOUR_US), (7 * DAY_US, 4 * HOUR_US))
"""Ranges up to this length, and how wide their buckets are; longer ones have a bucket a day."""
HOURS_MAX = DAYS_MAX * 24
FILTERS = (Dimension.PROVIDER, Dimension.MODEL, Dimension.TOOL)


class TrendBucket(BaseModel):
    """What ended in a stretch of time."""

    timestamp: str = Field(description="Its start, a multiple of its width (UTC).")
    requests: int
    tokens: int
    cost_usd: float


class Trend(BaseModel):
    """The oldest first; buckets without calls are there."""

    model_config = example(
        buckets=[{"timestamp": "2026-03-01T09:00:00.000Z", "requests": 3, "tokens": 390, "cost_usd": 0.00042}]
    )

    buckets: list[TrendBucket]


def add_to(routes: APIRouter, reports: Reports, now_us: Callable[[], int]) -> None:
    """The one endpoint of trends."""

    @routes.get(
        "/admin/usage/trend",
        tags=["usage"],
        dependencies=[
            *VIEWER,
            Depends(only("hours", "from", "to", "provider", "model", "tool")),
            Depends(instead("hours", "from", "to")),
        ],
        summary="Usage over time",
        responses=failing(400),
    )
    def trend(
        hours: Annotated[int, Query(ge=1, le=HOURS_MAX, description="So many hours up to now.")] = 24,
        since: Annotated[
            str | None, Query(alias="from", description="A day or a moment, instead.", examples=[EXAMPLE])
        ] = None,
        until: Annotated[
            str | None,
            Query(alias="to", description="A day, which is included, or a moment.", examples=[EXAMPLE]),
        ] = None,
        provider: Exact = None,
        model: Exact = None,
        tool: Exact = None,
    ) -> Trend:
        """Buckets of 5 minutes for up to 5 hours, 1 hour up to 24, 4 hours up to 7 days, then days."""
        if since is None and until is None:
            now = now_us()
            range_us = now - hours * HOUR_US, now
        else:
            range_us = _range_us(since, until)
        wanted = zip(FILTERS, (provider, model, tool), strict=True)
        where = {one: _key(value) for one, value in wanted if a_filter(one, value) is not None}
        return _trend(reports, *range_us, where)


def _range_us(since: str | None, until: str | None) -> tuple[int, int]:
    since_us, until_us = moment_us(since, "from"), moment_us(until, "to")
    if since_us is None or until is None or until_us is None:
        raise CallerError("MISSING_PARAMETER", 400, "Missing from or to parameter.")
    return days.bounded(since_us, until_us + DAY_US if DATE.fullmatch(until) else until_us)


def _trend(reports: Reports, since_us: int, until_us: int, where: dict[Dimension, Key]) -> Trend:
    width = next((width for length, width in WIDTHS if until_us - since_us <= length), DAY_US)
    starts = range(since_us - since_us % width, until_us, width)
    edges = (since_us, *starts[1:], until_us)
    measures = (Measure.CALLS, Measure.TOTAL_TOKENS, Measure.COST_NANOUSD)
    found = {line.slot: line.sums for line in reports.usage(Question(measures, (), edges, where))}
    nothing = dict.fromkeys(measures, 0)
    sums = [found.get(slot, nothing) for slot in range(len(starts))]
    return Trend(
        buckets=[
            TrendBucket(
                timestamp=shown.moment(start),
                requests=one[Measure.CALLS],
                tokens=one[Measure.TOTAL_TOKENS],
                cost_usd=usd(one[Measure.COST_NANOUSD]),
            )
            for start, one in zip(starts, sums, strict=True)
        ]
    )


def _key(value: str | None) -> Key:
    return None if value == UNKNOWN else value
