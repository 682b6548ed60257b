"""`/admin/usage/names`: which models, tools, clients, ... calls have lately, to choose from."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from wellhead.control import days
from wellhead.control.answers import failing
from wellhead.control.bodies import example
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER
from wellhead.moments import DAY_US
from wellhead.money import usd
from wellhead.ports import Reports
from wellhead.report import Dimension, Name

COUNT, COUNT_MAX = 100, 1_000
DAYS, DAYS_MAX = 90, 400
TEXT_CHARS_MAX = 200
EXAMPLE_NAME: dict[str, Any] = {
    "value": "7",
    "name": "laptop",
    "calls": 1204,
    "cost_usd": 3.0421,
    "last_day": "2026-03-01",
}


class NamedDimension(StrEnum):
    """Dimensions whose values are to be chosen from."""

    PROVIDER = "provider"
    MODEL = "model"
    TOOL = "tool"
    CLIENT = "client"
    PROJECT = "project"
    KEY = "key"
    ACCOUNT = "account"


class NameShown(BaseModel):
    """One value."""

    model_config = example(**EXAMPLE_NAME)

    value: str = Field(description="As filters take it; `unknown`: nobody said.")
    name: str | None = Field(description="What a key or a project is called now.")
    calls: int
    cost_usd: float | None = Field(description="`null`: of none of these calls a cost is known.")
    last_day: str = Field(description="The last UTC day on which such a call ended.")


class Names(BaseModel):
    """Those that most calls have, first."""

    model_config = example(names=[EXAMPLE_NAME], more=False)

    names: list[NameShown]
    more: bool = Field(description="There are others: say some `text` that is in the one that is looked for.")


def add_to(routes: APIRouter, reports: Reports, now_us: Callable[[], int]) -> None:
    """The one endpoint of names."""

    @routes.get(
        "/admin/usage/names",
        tags=["usage"],
        dependencies=[*VIEWER, Depends(only("dimension", "text", "days", "limit"))],
        summary="What there is to choose from",
        responses=failing(400),
    )
    def names(
        dimension: Annotated[NamedDimension, Query(description="Of what.")],
        text: Annotated[
            str, Query(max_length=TEXT_CHARS_MAX, description="Only those with this in them, in any case.")
        ] = "",
        since_days: Annotated[
            int, Query(alias="days", ge=1, le=DAYS_MAX, description="Of calls of so many UTC days up to now.")
        ] = DAYS,
        count: Annotated[
            int, Query(alias="limit", ge=1, le=COUNT_MAX, description="Entries at most.")
        ] = COUNT,
    ) -> Names:
        """Of calls that ended; the most used first."""
        since_us = days.today_us(now_us()) - (since_days - 1) * DAY_US
        found = reports.names(Dimension(dimension.value), since_us=since_us, text=text, count=count + 1)
        return Names(names=[_shown(one) for one in found[:count]], more=len(found) > count)


def _shown(one: Name) -> NameShown:
    return NameShown(
        value=one.value,
        name=one.label,
        calls=one.calls,
        cost_usd=None if one.cost_nanousd is None else usd(one.cost_nanousd),
        last_day=days.shown(one.last_us),
    )
