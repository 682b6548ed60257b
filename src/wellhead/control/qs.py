"""`/_qs`: the metrics interface of the QuantumSpring fork of CLIProxyAPI, as its users know it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from wellhead.control.failures import Responses, described
from wellhead.control.filters import a_filter
from wellhead.control.operators import REFUSALS
from wellhead.control.parameters import only
from wellhead.control.roles import OPEN, VIEWER
from wellhead.control.times import EXAMPLE, range_us
from wellhead.ports import Reports

EXAMPLE_METRICS = {
    "totals": {"total_tokens": 4200, "total_requests": 3},
    "by_model": [
        {"model": "demo-large", "tokens": 4000, "requests": 2, "avg_latency_ms": 910},
        {"model": "demo-small", "tokens": 200, "requests": 1, "avg_latency_ms": 120},
    ],
    "timeseries": [
        {"bucket_start": "2026-03-01T09:00:00Z", "tokens": 200, "requests": 1},
        {"bucket_start": "2026-03-01T10:00:00Z", "tokens": 4000, "requests": 2},
    ],
}


class Alive(BaseModel):
    """The control plane answers."""

    ok: bool = True


class Totals(BaseModel):
    """Sums over the filter."""

    total_tokens: int
    total_requests: int


class ModelTotals(BaseModel):
    """Sums of one model."""

    model: str
    tokens: int
    requests: int
    avg_latency_ms: int | float = Field(description="Mean duration of a whole call.")


class Bucket(BaseModel):
    """Sums of one hour that has calls."""

    bucket_start: str = Field(description="The hour's start, ISO-8601 with Z.")
    tokens: int
    requests: int


class Metrics(BaseModel):
    """All filters apply to all three parts; without calls there are zeros and empty lists."""

    totals: Totals
    by_model: list[ModelTotals]
    timeseries: list[Bucket]


METRICS_RESPONSES: Responses = {
    200: {"content": {"application/json": {"example": EXAMPLE_METRICS}}},
    400: described(
        "A parameter is malformed, unknown or repeated.",
        "INVALID_TIME",
        f"`from` must be a time such as {EXAMPLE}.",
    ),
    503: described("The books cannot be read now.", "BOOKS_UNAVAILABLE", "The books cannot be read now."),
    **REFUSALS,
}
SINCE = "Calls that ended at this moment or later; ISO-8601 with Z or an offset, without one UTC."
UNTIL = "Calls that ended before this moment; ISO-8601 with Z or an offset, without one UTC."


def add_to(routes: APIRouter, reports: Reports) -> None:
    """The endpoints under `/_qs`."""

    @routes.get("/_qs/health", tags=["metrics"], dependencies=OPEN, summary="Is the control plane alive?")
    async def health() -> Alive:
        """Always open, and asks nobody."""
        return Alive()

    @routes.get(
        "/_qs/metrics",
        tags=["metrics"],
        summary="Requests, tokens and latency",
        response_model=Metrics,
        dependencies=[*VIEWER, Depends(only("from", "to", "model"))],
        responses=METRICS_RESPONSES,
    )
    def metrics(
        since: Annotated[str | None, Query(alias="from", description=SINCE, examples=[EXAMPLE])] = None,
        until: Annotated[str | None, Query(alias="to", description=UNTIL, examples=[EXAMPLE])] = None,
        model: Annotated[str | None, Query(description="The model's exact name; absent: all.")] = None,
    ) -> Any:
        """Totals, totals by model and an hourly series over the calls that ended in [from, to)."""
        # A plain function: it runs in a thread, so a slow report holds up nothing else.
        since_us, until_us = range_us(since, until)
        return reports.qs_metrics(since_us, until_us, a_filter("model", model))
