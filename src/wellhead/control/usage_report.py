"""`/admin/usage/report`: usage by any combination of dimensions, and by intervals of any time zone.

The lines of every grouping and every interval add up to the same totals; nothing is
left out of a report, and one that would be too long is refused.
"""

from collections.abc import Callable
from datetime import date, timedelta
from itertools import chain
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from wellhead import shown
from wellhead.call import CallState
from wellhead.control import days
from wellhead.control.answers import failing
from wellhead.control.bodies import example
from wellhead.control.days import DATE
from wellhead.control.filters import Exact, a_filter, a_number
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER
from wellhead.control.times import EXAMPLE, moment_us
from wellhead.errors import CallerError
from wellhead.intervals import BY_MINUTES, Interval, day_of, edges_us, midnight_us
from wellhead.moments import DAY_US, EPOCH, HOUR_US
from wellhead.money import usd
from wellhead.ports import Reports
from wellhead.report import (
    HISTOGRAMMED,
    UNKNOWN,
    UNROLLED,
    Dimension,
    Durations,
    Key,
    Line,
    Measure,
    Question,
)

DEFAULT_DAYS = 7
UNROLLED_DAYS_MAX = 31
FIRST_US = DAY_US
LAST_US = (date(9999, 12, 1) - EPOCH.date()).days * DAY_US
"""What ranges may reach from and to: there the clocks of every zone still have a date."""
BY_MINUTES_HOURS_MAX = 12
SLOTS_MAX = 1_000
LINES_MAX = 10_000
PERCENTS = (50, 95, 99)
PERCENTILES = tuple(f"p{percent}_{name}_ms" for name in ("latency", "ttft") for percent in PERCENTS)
UNKNOWN_MS: list[float | None] = [None for _ in PERCENTS]
NOT_KNOWN = Durations()
TOKENS = tuple(
    (one.value, one)
    for one in (
        *(Measure.INPUT_TOKENS, Measure.OUTPUT_TOKENS, Measure.CACHE_READ_TOKENS),
        *(Measure.CACHE_WRITE_TOKENS, Measure.REASONING_TOKENS, Measure.TOTAL_TOKENS),
    )
)
"""By their names: there are thousands of lines in an answer."""
EVERY_CALL_HAS = {Dimension.OUTCOME: tuple(CallState), Dimension.STREAMED: ("0", "1")}
"""Dimensions with a few values and no others: any other filter would find nothing, and look right."""
EXAMPLE_LINE: dict[str, Any] = {
    "start": "2026-03-01T00:00:00.000Z",
    "tool": "codex",
    "calls": 3,
    "errors": 1,
    "aborted": 0,
    "metered_calls": 2,
    "priced_calls": 2,
    "input_tokens": 1000,
    "output_tokens": 500,
    "cache_read_tokens": 200,
    "cache_write_tokens": 0,
    "reasoning_tokens": 12,
    "total_tokens": 1500,
    "cost_usd": 0.01095,
    "avg_latency_ms": 1840.5,
    "avg_ttft_ms": 320.0,
}


Outcome = Literal["completed", "failed", "aborted", "refused", "interrupted"]
ABSENT: Any = None
"""Not in every line, and never `null` where it is there."""
Percentile = Annotated[
    float | None, Field(default=None, description="There with `percentiles=true`; `null` without calls.")
]


class ReportLine(BaseModel):
    """The sums of the calls that are alike.

    Those dimensions are there that the report is grouped by; `null` is what nobody said.
    """

    model_config = example(**EXAMPLE_LINE)

    start: Annotated[str, Field(description="Of the interval, where there is one.")] = ABSENT
    provider: str | None = None
    model: str | None = None
    tool: str | None = None
    client: str | None = None
    project: str | None = Field(default=None, description="Its UUID; the number of one that is gone.")
    key: int | None = None
    account: str | None = None
    outcome: Outcome = ABSENT
    streamed: Literal[0, 1] = ABSENT
    session: str | None = None
    agent: str | None = None
    calls: int
    errors: int = Field(description="Failed or refused.")
    aborted: int = Field(description="Left by the client, or cut by an end of the gateway.")
    metered_calls: int = Field(description="Whose usage is known; without any, tokens are `null`.")
    priced_calls: int = Field(description="Whose cost is known; without any, the cost is `null`.")
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    total_tokens: int | None
    cost_usd: float | None
    avg_latency_ms: float | None
    avg_ttft_ms: float | None
    p50_latency_ms: Percentile
    p95_latency_ms: Percentile
    p99_latency_ms: Percentile
    p50_ttft_ms: Percentile
    p95_ttft_ms: Percentile
    p99_ttft_ms: Percentile


class UsageReport(BaseModel):
    """Sums, by time and dimensions."""

    model_config = example(
        **{"from": "2026-03-01T00:00:00.000Z", "to": "2026-03-02T00:00:00.000Z", "tz": "UTC"},
        lines=[EXAMPLE_LINE],
    ) | ConfigDict(serialize_by_alias=True)

    since: str = Field(alias="from")
    until: str = Field(alias="to")
    tz: str
    lines: list[ReportLine]


def add_to(routes: APIRouter, reports: Reports, now_us: Callable[[], int]) -> None:
    """The one endpoint of reports."""
    known = ("group_by", "from", "to", "interval", "tz", "percentiles", *Dimension)

    @routes.get(
        "/admin/usage/report",
        tags=["usage"],
        dependencies=[*VIEWER, Depends(only(*known))],
        summary="Usage by whatever it is told apart by",
        response_model=UsageReport,
        responses=failing(400),
    )
    def report(
        group_by: Annotated[str, Query(description="Dimensions, with commas between them.")] = "",
        since: Annotated[
            str | None, Query(alias="from", description="A day of `tz`, or a moment.", examples=[EXAMPLE])
        ] = None,
        until: Annotated[
            str | None,
            Query(alias="to", description="A day, which is included, or a moment.", examples=[EXAMPLE]),
        ] = None,
        interval: Annotated[
            Interval | None, Query(description="Absent: the range in one. By minutes for 12 hours at most.")
        ] = None,
        tz: Annotated[str, Query(max_length=64, description="An IANA time zone.")] = "UTC",
        percentiles: Annotated[bool, Query(description="Of latencies, too.")] = False,
        provider: Exact = None,
        model: Exact = None,
        tool: Exact = None,
        client: Exact = None,
        project: Exact = None,
        key: Exact = None,
        account: Exact = None,
        outcome: Exact = None,
        streamed: Exact = None,
        session: Exact = None,
        agent: Exact = None,
    ) -> Response:
        """Over the calls that ended in the range; without one, over today and the six days before."""
        sent = (provider, model, tool, client, project, key, account, outcome, streamed, session, agent)
        where = {
            one: _key(one, value) for one, value in zip(Dimension, sent, strict=True) if value is not None
        }
        zone = _zone(tz)
        edges = _cut(*_range_us(since, until, zone, now_us()), interval, zone)
        question = Question(tuple(Measure), _dimensions(group_by), edges, where, LINES_MAX)
        _refuse_what_takes_too_long(question, percentiles=percentiles)
        lines = _lines(reports, question, with_start=interval is not None, percentiles=percentiles)
        # Thousands of lines: they go out as they are, and their form is declared alone.
        range_ = {"from": shown.moment(edges[0]), "to": shown.moment(edges[-1])}
        body = msgspec.json.encode({**range_, "tz": tz, "lines": lines})
        return Response(body, media_type="application/json")


def _dimensions(group_by: str) -> tuple[Dimension, ...]:
    names = [name.strip() for name in group_by.split(",")] if group_by else []
    unknown = [name for name in names if name not in tuple(Dimension)]
    if unknown or len(set(names)) < len(names):
        known = ", ".join(Dimension)
        raise CallerError("INVALID_FILTER", 400, f"`group_by` takes some of {known}, each of them once.")
    return tuple(Dimension(name) for name in names)


def _key(dimension: Dimension, value: str) -> Key:
    text = a_filter(dimension.value, value)
    if dimension in EVERY_CALL_HAS and text not in EVERY_CALL_HAS[dimension]:
        known = ", ".join(EVERY_CALL_HAS[dimension])
        raise CallerError(
            "INVALID_FILTER", 400, f"Invalid filter parameter: `{dimension}` is one of {known}."
        )
    if text == UNKNOWN or text is None:
        return None
    return a_number(dimension.value, text) if dimension in (Dimension.KEY, Dimension.STREAMED) else text


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        said = "`tz` must be the name of a time zone, such as Europe/Berlin."
        raise CallerError("INVALID_FILTER", 400, said) from None


def _range_us(since: str | None, until: str | None, zone: ZoneInfo, now_us: int) -> tuple[int, int]:
    if since is None and until is None:
        today = day_of(now_us, zone)
        first = today - timedelta(days=DEFAULT_DAYS - 1)
        return midnight_us(first, zone), midnight_us(today + timedelta(days=1), zone)
    if since is None or until is None:
        raise CallerError("MISSING_PARAMETER", 400, "Missing from or to parameter.")
    return days.bounded(_moment_us(since, "from", zone, 0), _moment_us(until, "to", zone, 1))


def _moment_us(text: str, parameter: str, zone: ZoneInfo, more_days: int) -> int:
    is_day = DATE.fullmatch(text) is not None
    found = days.day_us(text, parameter) if is_day else moment_us(text, parameter)
    assert found is not None
    if not FIRST_US <= found < LAST_US:
        raise CallerError("INVALID_TIME", 400, f"`{parameter}` is out of all bounds.")
    if is_day:
        return midnight_us(EPOCH.date() + timedelta(days=found // DAY_US + more_days), zone)
    return found


def _cut(since_us: int, until_us: int, interval: Interval | None, zone: ZoneInfo) -> tuple[int, ...]:
    """The bounds of the intervals of a range, which begin when they do on the clocks of the zone."""
    if interval in BY_MINUTES and until_us - since_us > BY_MINUTES_HOURS_MAX * HOUR_US:
        said = f"Reports by minutes cannot exceed {BY_MINUTES_HOURS_MAX} hours; ask for a shorter range."
        raise CallerError("INVALID_RANGE", 400, said)
    edges = edges_us(since_us, until_us, interval, zone)
    if len(edges) > SLOTS_MAX + 1:
        said = f"A report has at most {SLOTS_MAX} intervals; ask for a shorter range or wider ones."
        raise CallerError("REPORT_TOO_LARGE", 400, said)
    return edges


def _refuse_what_takes_too_long(question: Question, *, percentiles: bool) -> None:
    since_us, until_us = question.edges_us[0], question.edges_us[-1]
    if until_us - since_us <= UNROLLED_DAYS_MAX * DAY_US:
        return
    if question.dimensions & UNROLLED:
        said = f"Reports by session or agent cannot exceed {UNROLLED_DAYS_MAX} days."
        raise CallerError("INVALID_RANGE", 400, said)
    if percentiles and not question.dimensions <= HISTOGRAMMED:
        said = f"Percentiles by anything but provider and model cannot exceed {UNROLLED_DAYS_MAX} days."
        raise CallerError("INVALID_RANGE", 400, said)


def _lines(
    reports: Reports, question: Question, *, with_start: bool, percentiles: bool
) -> list[dict[str, Any]]:
    lines = sorted(
        reports.usage(question),
        key=lambda line: (
            line.slot,
            -line.sums[Measure.COST_NANOUSD],
            -line.sums[Measure.TOTAL_TOKENS],
            tuple(map(str, line.keys)),
        ),
    )
    took = reports.percentiles(question, PERCENTS) if percentiles else {}
    starts = [{"start": shown.moment(since)} if with_start else {} for since in question.edges_us[:-1]]
    by = [one.value for one in question.by]
    return [
        {
            **starts[line.slot],
            **dict(zip(by, line.keys, strict=True)),
            **_sums(line),
            **(_percentiles(took.get((line.slot, line.keys), NOT_KNOWN)) if percentiles else {}),
        }
        for line in lines
    ]


def _sums(line: Line) -> dict[str, Any]:
    sums = line.sums
    metered, priced = sums[Measure.METERED_CALLS], sums[Measure.PRICED_CALLS]
    return {
        "calls": sums[Measure.CALLS],
        "errors": sums[Measure.ERROR_CALLS],
        "aborted": sums[Measure.ABORTED_CALLS],
        "metered_calls": metered,
        "priced_calls": priced,
        **{name: sums[one] if metered else None for name, one in TOKENS},
        "cost_usd": usd(sums[Measure.COST_NANOUSD]) if priced else None,
        "avg_latency_ms": _average_ms(sums[Measure.LATENCY_US], sums[Measure.TIMED_CALLS]),
        "avg_ttft_ms": _average_ms(sums[Measure.TTFT_US], sums[Measure.TTFT_CALLS]),
    }


def _average_ms(total_us: int, count: int) -> float | None:
    return round(total_us / count / 1000, 3) if count else None


def _percentiles(took: Durations) -> dict[str, float | None]:
    both = [[us / 1000 for us in some] or UNKNOWN_MS for some in (took.latency_us, took.ttft_us)]
    return dict(zip(PERCENTILES, chain(*both), strict=True))
