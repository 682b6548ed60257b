"""`/metrics`: Prometheus' text, or by what is asked for LLM Metrics Proxy's JSON.

::

    ?format=json, Accept: application/json, a range    JSON
    Accept: application/openmetrics-text               OpenMetrics
    ?format=prometheus, anything else                  Prometheus' text

Raw counts and measurements: ratios are for whoever looks at them.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.call import CallState
from wellhead.control.answers import failing
from wellhead.control.bodies import example
from wellhead.control.exchanges import RANGE_PARAMETERS, Since, Until, error_type, range_us
from wellhead.control.failures import Responses
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER
from wellhead.control.scrape import OPENMETRICS, TEXT, Scrape
from wellhead.control.usage import named
from wellhead.errors import CallerError
from wellhead.ports import Reports
from wellhead.report import Exchange, Line, Measure

EXAMPLE_METRICS: dict[str, Any] = {
    "timestamp": "2026-03-01T10:05:00.000Z",
    "requests": {
        "total": {"total": 3, "successful": 2, "failed": 1, "avg_response_time_ms": 640.5},
        "streamed": {
            "total": 2,
            "successful": 1,
            "failed": 1,
            "tokens": {
                "reported_count": 1,
                "total": 31,
                "prompt_total": 19,
                "completion_total": 12,
                "avg_tokens_per_second": 22.96,
            },
            "error_types": {"http_error": 1},
            "avg_response_time_ms": 900.0,
            "avg_time_to_first_token_ms": 150.0,
            "avg_time_to_last_token_ms": 1350.0,
            "avg_completion_duration_ms": 1200.0,
        },
        "non_streamed": {
            "total": 1,
            "successful": 1,
            "failed": 0,
            "tokens": {
                "reported_count": 1,
                "total": 60,
                "prompt_total": 40,
                "completion_total": 20,
                "avg_tokens_per_second": 157.48,
            },
            "error_types": {},
            "avg_time_to_first_token_ms": 381.0,
            "avg_time_to_last_token_ms": 381.0,
            "avg_completion_duration_ms": 0.0,
        },
    },
    "model_distribution": {"demo-small": 3},
    "origin_distribution": {"http://localhost:5173": 2},
}
EXAMPLE_TEXT = """\
# HELP wellhead_calls_total Calls that ended.
# TYPE wellhead_calls_total counter
wellhead_calls_total{model="demo-small",outcome="completed",provider="openai",streamed="true"} 2.0
"""
RESPONSES: Responses = {
    **failing(400),
    200: {
        "description": "In the form that was asked for.",
        "content": {
            one: {"schema": {"type": "string"}, "example": EXAMPLE_TEXT} for one in (TEXT, OPENMETRICS)
        },
    },
}
NO_RANGE = "`start` and `end` are for JSON; Prometheus' text counts since the books were opened."


class Tokens(BaseModel):
    """Tokens of the calls whose usage is known."""

    reported_count: int = Field(description="Calls whose usage is known.")
    total: int
    prompt_total: int
    completion_total: int
    avg_tokens_per_second: float | None = Field(
        default=None,
        description="Tokens of completed calls by the seconds that those took; absent if unknown.",
    )


class AllExchanges(BaseModel):
    """All calls."""

    total: int
    successful: int
    failed: int
    avg_response_time_ms: float


class NonStreamed(BaseModel):
    """Calls whose answer came in one piece: its first byte counts as its last."""

    total: int
    successful: int
    failed: int
    tokens: Tokens
    error_types: dict[str, int]
    avg_time_to_first_token_ms: float | None = None
    avg_time_to_last_token_ms: float | None = None
    avg_completion_duration_ms: float | None = None


class Streamed(BaseModel):
    """Calls whose answer was streamed."""

    total: int
    successful: int
    failed: int
    tokens: Tokens
    error_types: dict[str, int]
    avg_response_time_ms: float
    avg_time_to_first_token_ms: float | None = None
    avg_time_to_last_token_ms: float | None = None
    avg_completion_duration_ms: float | None = None


class Exchanges(BaseModel):
    """Calls, by how they were answered."""

    total: AllExchanges
    streamed: Streamed
    non_streamed: NonStreamed


class JsonMetrics(BaseModel):
    """What is not known is left out."""

    model_config = example(**EXAMPLE_METRICS)

    timestamp: str
    requests: Exchanges
    model_distribution: dict[str, int]
    origin_distribution: dict[str, int]


def add_to(routes: APIRouter, reports: Reports, scrape: Scrape, now_us: Callable[[], int]) -> None:
    """The one endpoint of metrics by negotiation."""

    @routes.get(
        "/metrics",
        tags=["metrics"],
        dependencies=[*VIEWER, Depends(only("format", *RANGE_PARAMETERS))],
        summary="Metrics for Prometheus, or in LLM Metrics Proxy's form",
        response_model=JsonMetrics,
        response_model_exclude_none=True,
        responses=RESPONSES,
    )
    async def metrics(
        request: Request,
        form: Annotated[
            Literal["json", "prometheus"] | None, Query(alias="format", description="Whatever `Accept` says.")
        ] = None,
        since: Since = None,
        until: Until = None,
    ) -> JsonMetrics | Response:
        """JSON is over the calls that ended in [start, end); all of time without a range."""
        accept = request.headers.get("accept", "")
        has_range = since is not None or until is not None
        if form == "json" or (form is None and (has_range or prefers_json(accept))):
            found = await run_in_threadpool(reports.exchange, *range_us(since, until))
            return _shown(found, now_us())
        if has_range:
            raise CallerError("UNKNOWN_PARAMETER", 400, NO_RANGE)
        text = OPENMETRICS if prefers(accept, "application/openmetrics-text", "text/plain") else TEXT
        return Response(await scrape.text(text), media_type=text)


def prefers_json(accept: str) -> bool:
    """Whether an `Accept` header names JSON, and no form of text that it would rather have."""
    return prefers(accept, "application/json", "text")


def prefers(accept: str, wanted: str, other: str) -> bool:
    """Whether an `Accept` header names something, and nothing with other words that it would rather have."""
    weights: dict[str, float] = {}
    for one in accept.lower().split(","):
        name, *parameters = (part.strip() for part in one.split(";"))
        weight = next((_weight(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
        weights[name] = max(weight, weights.get(name, 0.0))
    rather = (weight for name, weight in weights.items() if other in name)
    return 0.0 < weights.get(wanted, 0.0) >= max(rather, default=0.0)


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _shown(found: Exchange, now_us: int) -> JsonMetrics:
    streamed = [line for line in found.lines if line.keys[0]]
    others = [line for line in found.lines if not line.keys[0]]
    models: dict[str, int] = {}
    for line in sorted(found.lines, key=lambda line: named(line.keys[2])):
        name = named(line.keys[2])
        models[name] = models.get(name, 0) + line.sums[Measure.CALLS]
    return JsonMetrics(
        timestamp=shown.moment(now_us),
        requests=Exchanges(
            total=AllExchanges(**_outcome(found.lines), avg_response_time_ms=_response_ms(found.lines)),
            streamed=Streamed(
                **_outcome(streamed),
                tokens=_tokens(streamed),
                error_types=_error_types(found, streamed=True),
                avg_response_time_ms=_response_ms(streamed),
                **_streamed_times(_completed(streamed)),
            ),
            non_streamed=NonStreamed(
                **_outcome(others),
                tokens=_tokens(others),
                error_types=_error_types(found, streamed=False),
                **_other_times(_completed(others)),
            ),
        ),
        model_distribution=models,
        origin_distribution=dict(sorted(found.origins.items())),
    )


def _outcome(lines: Iterable[Line]) -> dict[str, int]:
    lines = list(lines)
    total, good = _sum(lines, Measure.CALLS), _sum(_completed(lines), Measure.CALLS)
    return {"total": total, "successful": good, "failed": total - good}


def _completed(lines: Iterable[Line]) -> list[Line]:
    return [line for line in lines if line.keys[1] == CallState.COMPLETED.value]


def _tokens(lines: list[Line]) -> Tokens:
    completed = _completed(lines)
    tokens, took_us = _sum(completed, Measure.TOTAL_TOKENS), _sum(completed, Measure.LATENCY_US)
    return Tokens(
        reported_count=_sum(lines, Measure.METERED_CALLS),
        total=_sum(lines, Measure.TOTAL_TOKENS),
        prompt_total=_sum(lines, Measure.INPUT_TOKENS),
        completion_total=_sum(lines, Measure.OUTPUT_TOKENS),
        avg_tokens_per_second=round(tokens * 1_000_000 / took_us, 2) if tokens and took_us else None,
    )


def _error_types(found: Exchange, *, streamed: bool) -> dict[str, int]:
    types: dict[str, int] = {}
    for (was_streamed, code), count in sorted(found.error_codes.items()):
        if was_streamed is streamed:
            types[error_type(code)] = types.get(error_type(code), 0) + count
    return types


def _response_ms(lines: list[Line]) -> float:
    return _average_ms(lines, Measure.LATENCY_US, Measure.TIMED_CALLS) or 0.0


def _streamed_times(completed: list[Line]) -> dict[str, Any]:
    first = _average_ms(completed, Measure.TTFT_US, Measure.TTFT_CALLS)
    last = _average_ms(completed, Measure.LATENCY_US, Measure.TIMED_CALLS)
    return {
        "avg_time_to_first_token_ms": first,
        "avg_time_to_last_token_ms": last,
        "avg_completion_duration_ms": None if first is None or last is None else round(last - first, 3),
    }


def _other_times(completed: list[Line]) -> dict[str, Any]:
    last = _average_ms(completed, Measure.LATENCY_US, Measure.TIMED_CALLS)
    return {
        "avg_time_to_first_token_ms": last,
        "avg_time_to_last_token_ms": last,
        "avg_completion_duration_ms": None if last is None else 0.0,
    }


def _average_ms(lines: list[Line], total: Measure, count: Measure) -> float | None:
    number = _sum(lines, count)
    return round(_sum(lines, total) / number / 1000, 3) if number else None


def _sum(lines: Iterable[Line], measure: Measure) -> int:
    return sum(line.sums[measure] for line in lines)
