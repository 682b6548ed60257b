"""`/admin/usage/unmetered`: attempts whose usage nobody knows, and what they may have cost at most.

No other figure has any of it: those are what upstreams said.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from wellhead.control import days
from wellhead.control.answers import failing
from wellhead.control.bodies import example
from wellhead.control.days import DAYS_MAX, EXAMPLE_DAY
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER
from wellhead.moments import DAY_US
from wellhead.money import usd
from wellhead.ports import Reports
from wellhead.report import UNKNOWN

SUMMARY_DAYS = 7


class UnmeteredShown(BaseModel):
    """Such attempts of one model at one provider."""

    model_config = example(
        provider="anthropic",
        model="demo-large",
        attempts=3,
        input_tokens_max=5400,
        output_tokens_max=12288,
        cost_usd_max=0.20052,
        without_price=0,
    )

    provider: str
    model: str
    attempts: int = Field(description="That were sent, and ended without any usage.")
    input_tokens_max: int = Field(description="What they may have read, as limits reckon it.")
    output_tokens_max: int = Field(description="What they may have written at most.")
    cost_usd_max: float = Field(description="What so much costs, of those with a price.")
    without_price: int = Field(description="Attempts whose cost nobody can estimate.")


def add_to(routes: APIRouter, reports: Reports, now_us: Callable[[], int]) -> None:
    """The one endpoint of estimates."""

    @routes.get(
        "/admin/usage/unmetered",
        tags=["usage"],
        dependencies=[*VIEWER, Depends(only("from", "to"))],
        summary="Attempts whose usage nobody knows",
        responses=failing(400),
    )
    def unmetered(
        since: Annotated[
            str | None, Query(alias="from", description="The first UTC day.", examples=[EXAMPLE_DAY])
        ] = None,
        until: Annotated[
            str | None,
            Query(alias="to", description=f"The last UTC day; {DAYS_MAX} at most.", examples=[EXAMPLE_DAY]),
        ] = None,
    ) -> list[UnmeteredShown]:
        """By provider and model, the most expensive first; without a range, today and the six days before."""
        if since is None and until is None:
            end_us = days.today_us(now_us()) + DAY_US
            edges = (end_us - SUMMARY_DAYS * DAY_US, end_us)
        else:
            edges = days.range_us(since, until)
        return [
            UnmeteredShown(
                provider=one.provider,
                model=one.model or UNKNOWN,
                attempts=one.attempts,
                input_tokens_max=one.input_tokens_max,
                output_tokens_max=one.output_tokens_max,
                cost_usd_max=usd(one.cost_nanousd_max),
                without_price=one.attempts - one.priced,
            )
            for one in reports.unmetered(*edges)
        ]
