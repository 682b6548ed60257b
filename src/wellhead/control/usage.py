"""`/admin/usage`: sums by day, in the form that agent-cli-proxy's users know.

Days are UTC.  A call belongs to the day it ended on; every call that ended counts,
so that days, models, providers and accounts add up to the same totals.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from wellhead.control import days
from wellhead.control.answers import failing
from wellhead.control.bodies import example
from wellhead.control.days import DAYS_MAX, EXAMPLE_DAY
from wellhead.control.parameters import instead, only
from wellhead.control.roles import VIEWER
from wellhead.moments import DAY_US
from wellhead.money import usd
from wellhead.ports import Reports
from wellhead.report import UNKNOWN, Dimension, Key, Line, Measure, Question

SUMMARY_DAYS = 7

EXAMPLE_ROW: dict[str, Any] = {
    "day": "2026-03-01",
    "provider": "anthropic",
    "model": "demo-large",
    "request_count": 2,
    "prompt_tokens": 1000,
    "completion_tokens": 500,
    "cache_creation_tokens": 100,
    "cache_read_tokens": 200,
    "total_tokens": 1500,
    "cost_usd": 0.01095,
}
ACCOUNT: dict[str, Any] = {"cliproxy_account": "dev@example.org", "cliproxy_auth_index": None}

_DAILY = (
    Measure.CALLS,
    Measure.INPUT_TOKENS,
    Measure.OUTPUT_TOKENS,
    Measure.CACHE_WRITE_TOKENS,
    Measure.CACHE_READ_TOKENS,
    Measure.TOTAL_TOKENS,
    Measure.COST_NANOUSD,
)
_BRIEF = (Measure.CALLS, Measure.TOTAL_TOKENS, Measure.COST_NANOUSD)

Day = Annotated[
    str | None, Query(description="A UTC day, YYYY-MM-DD; absent: today.", examples=[EXAMPLE_DAY])
]
From = Annotated[
    str | None, Query(alias="from", description="The first UTC day, YYYY-MM-DD.", examples=[EXAMPLE_DAY])
]
To = Annotated[
    str | None,
    Query(alias="to", description=f"The last UTC day; {DAYS_MAX} at most.", examples=[EXAMPLE_DAY]),
]


class DailyRow(BaseModel):
    """One model on one day."""

    model_config = example(**EXAMPLE_ROW)

    day: str
    provider: str
    model: str
    request_count: int
    prompt_tokens: int = Field(description="Every token that was read, cached ones included.")
    completion_tokens: int
    cache_creation_tokens: int = Field(description="A part of `prompt_tokens`.")
    cache_read_tokens: int = Field(description="A part of `prompt_tokens`.")
    total_tokens: int
    cost_usd: float


class DaySummary(BaseModel):
    """One day."""

    model_config = example(
        date="2026-03-01", requests=2, total_tokens=1500, cost_usd=0.01095, breakdown=[EXAMPLE_ROW]
    )

    date: str
    requests: int
    total_tokens: int
    cost_usd: float
    breakdown: list[DailyRow]


class ProviderRow(BaseModel):
    """One provider on one day."""

    model_config = example(provider="openai", request_count=3, total_tokens=390, cost_usd=0.00042)

    provider: str
    request_count: int
    total_tokens: int
    cost_usd: float


class AccountRow(BaseModel):
    """One model by one account on one day."""

    model_config = example(**{**EXAMPLE_ROW, **ACCOUNT, "reasoning_tokens": 12})

    day: str
    provider: str
    model: str
    cliproxy_account: str
    cliproxy_auth_index: str | None
    request_count: int
    prompt_tokens: int
    completion_tokens: int
    cache_creation_tokens: int
    cache_read_tokens: int
    reasoning_tokens: int = Field(description="A part of `completion_tokens`.")
    total_tokens: int
    cost_usd: float


class AccountSummary(BaseModel):
    """One account at one provider."""

    model_config = example(
        **ACCOUNT, provider="openai", request_count=21, total_tokens=2730, cost_usd=0.00294
    )

    cliproxy_account: str
    cliproxy_auth_index: str | None
    provider: str
    request_count: int
    total_tokens: int
    cost_usd: float


def add_to(routes: APIRouter, reports: Reports, now_us: Callable[[], int]) -> None:
    """Sums by day, model, provider and account."""
    _add_days(routes, reports, now_us)
    _add_accounts(routes, reports, now_us)


def _add_days(routes: APIRouter, reports: Reports, now_us: Callable[[], int]) -> None:
    tags: list[Any] = ["usage"]

    @routes.get(
        "/admin/usage/today",
        tags=tags,
        dependencies=[*VIEWER, Depends(only())],
        summary="Today, by model",
        responses=failing(400),
    )
    def today() -> DaySummary:
        """The UTC day that it is, up to now; without calls there are zeros."""
        start_us = days.today_us(now_us())
        return _summary(start_us, _daily_lines(reports, start_us, start_us + DAY_US))

    @routes.get(
        "/admin/usage/range",
        tags=tags,
        dependencies=[*VIEWER, Depends(only("from", "to"))],
        summary="Days, by model",
        responses=failing(400),
    )
    def range_(since: From = None, until: To = None) -> list[DaySummary]:
        """The newest day first; days without calls are left out."""
        since_us, until_us = days.range_us(since, until)
        by_slot = groupby(_daily_lines(reports, since_us, until_us), key=attrgetter("slot"))
        return [_summary(since_us + slot * DAY_US, list(lines)) for slot, lines in by_slot]

    @routes.get(
        "/admin/usage/models",
        tags=tags,
        dependencies=[*VIEWER, Depends(only("day", "from", "to")), Depends(instead("day", "from", "to"))],
        summary="Models, by day",
        responses=failing(400),
    )
    def models(day: Day = None, since: From = None, until: To = None) -> list[DailyRow]:
        """A day or a range of days; the newest day first."""
        if since is not None or until is not None:
            return _daily(reports, *days.range_us(since, until))
        return _daily(reports, *_one_day(day, now_us))

    @routes.get(
        "/admin/usage/providers",
        tags=tags,
        dependencies=[*VIEWER, Depends(only("day"))],
        summary="Providers on a day",
        responses=failing(400),
    )
    def providers(day: Day = None) -> list[ProviderRow]:
        """In the order of their names."""
        question = Question(_BRIEF, (Dimension.PROVIDER,), _one_day(day, now_us))
        rows = [ProviderRow(provider=named(line.keys[0]), **_brief(line)) for line in reports.usage(question)]
        return sorted(rows, key=attrgetter("provider"))


def _add_accounts(routes: APIRouter, reports: Reports, now_us: Callable[[], int]) -> None:
    tags: list[Any] = ["usage"]

    @routes.get(
        "/admin/usage/accounts",
        tags=tags,
        dependencies=[*VIEWER, Depends(only("day"))],
        summary="Accounts on a day, by model",
        responses=failing(400),
    )
    def accounts(day: Day = None) -> list[AccountRow]:
        """Calls whose account nobody told are those of the account `unknown`."""
        return _accounts(reports, *_one_day(day, now_us))

    @routes.get(
        "/admin/usage/accounts/range",
        tags=tags,
        dependencies=[*VIEWER, Depends(only("from", "to"))],
        summary="Accounts, by day and model",
        responses=failing(400),
    )
    def accounts_range(since: From = None, until: To = None) -> list[AccountRow]:
        """The newest day first."""
        return _accounts(reports, *days.range_us(since, until))

    @routes.get(
        "/admin/usage/accounts/summary",
        tags=tags,
        dependencies=[*VIEWER, Depends(only("from", "to"))],
        summary="Accounts over several days",
        responses=failing(400),
    )
    def accounts_summary(since: From = None, until: To = None) -> list[AccountSummary]:
        """The most expensive first; without a range, today and the six days before."""
        if since is None and until is None:
            end_us = days.today_us(now_us()) + DAY_US
            edges = (end_us - SUMMARY_DAYS * DAY_US, end_us)
        else:
            edges = days.range_us(since, until)
        question = Question(_BRIEF, (Dimension.ACCOUNT, Dimension.PROVIDER), edges)
        lines = sorted(
            reports.usage(question), key=lambda line: (-line.sums[Measure.COST_NANOUSD], _named(line))
        )
        return [_account_summary(line) for line in lines]


def _one_day(day: str | None, now_us: Callable[[], int]) -> tuple[int, int]:
    start_us = days.today_us(now_us()) if day is None else days.day_us(day, "day")
    return start_us, start_us + DAY_US


def _daily(reports: Reports, since_us: int, until_us: int) -> list[DailyRow]:
    lines = _daily_lines(reports, since_us, until_us)
    return [_daily_row(since_us + line.slot * DAY_US, line) for line in lines]


def _daily_lines(reports: Reports, since_us: int, until_us: int) -> list[Line]:
    by = (Dimension.PROVIDER, Dimension.MODEL)
    return _newest_day_first(reports.usage(Question(_DAILY, by, days.edges_us(since_us, until_us))))


def _daily_row(day_us: int, line: Line) -> DailyRow:
    provider, model = _named(line)
    return DailyRow(day=days.shown(day_us), provider=provider, model=model, **_tokens(line), **_brief(line))


def _summary(day_us: int, lines: Sequence[Line]) -> DaySummary:
    def total(measure: Measure) -> int:
        return sum(line.sums[measure] for line in lines)

    return DaySummary(
        date=days.shown(day_us),
        requests=total(Measure.CALLS),
        total_tokens=total(Measure.TOTAL_TOKENS),
        cost_usd=usd(total(Measure.COST_NANOUSD)),
        breakdown=[_daily_row(day_us, line) for line in lines],
    )


def _accounts(reports: Reports, since_us: int, until_us: int) -> list[AccountRow]:
    by = (Dimension.ACCOUNT, Dimension.PROVIDER, Dimension.MODEL)
    question = Question((*_DAILY, Measure.REASONING_TOKENS), by, days.edges_us(since_us, until_us))
    return [
        AccountRow(
            day=days.shown(since_us + line.slot * DAY_US),
            provider=named(line.keys[1]),
            model=named(line.keys[2]),
            cliproxy_account=named(line.keys[0]),
            cliproxy_auth_index=None,
            reasoning_tokens=line.sums[Measure.REASONING_TOKENS],
            **_tokens(line),
            **_brief(line),
        )
        for line in _newest_day_first(reports.usage(question))
    ]


def _account_summary(line: Line) -> AccountSummary:
    account, provider = _named(line)
    return AccountSummary(
        cliproxy_account=account, cliproxy_auth_index=None, provider=provider, **_brief(line)
    )


def _newest_day_first(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: (-line.slot, _named(line)))


def _tokens(line: Line) -> dict[str, int]:
    return {
        "prompt_tokens": line.sums[Measure.INPUT_TOKENS],
        "completion_tokens": line.sums[Measure.OUTPUT_TOKENS],
        "cache_creation_tokens": line.sums[Measure.CACHE_WRITE_TOKENS],
        "cache_read_tokens": line.sums[Measure.CACHE_READ_TOKENS],
    }


def _brief(line: Line) -> dict[str, Any]:
    return {
        "request_count": line.sums[Measure.CALLS],
        "total_tokens": line.sums[Measure.TOTAL_TOKENS],
        "cost_usd": usd(line.sums[Measure.COST_NANOUSD]),
    }


def _named(line: Line) -> tuple[str, ...]:
    return tuple(map(named, line.keys))


def named(key: Key) -> str:
    """A name as it is shown."""
    return UNKNOWN if key is None else str(key)
