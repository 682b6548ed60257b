"""All calls there ever were, added up as a whole: what every other sum has to agree with.

Of days whose calls were removed what counts is what the hours kept of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, case, func, select

from wellhead.call import CallState
from wellhead.database.engine import outages
from wellhead.database.schema import TOKEN_COLUMNS, calls, retention, usage_hourly
from wellhead.moments import HOUR_US
from wellhead.usage import UsageSource

NAMES = (
    "calls",
    "metered_calls",
    "priced_calls",
    *TOKEN_COLUMNS,
    "cost_nanousd",
    "timed_calls",
    "latency_us",
)
_WENT_WRONG = (CallState.FAILED.value, CallState.REFUSED.value)


@dataclass(frozen=True, slots=True)
class Sums:
    """Of the calls that ended; one state of the books."""

    figures: dict[str, int]
    """By the names of columns."""
    first_us: int | None
    """When the first of them ended..."""
    last_us: int | None
    """...and the last; `None` where none did."""


def sums(engine: Engine) -> Sums:
    """Add everything up, in one state of the books."""
    with outages(), engine.connect() as connection, connection.begin():
        removed_us = connection.execute(select(retention.c.removed_before_us)).scalar() or 0
        some = [_of_rows(connection, removed_us)]
        if removed_us:
            some.append(_of_hours(connection, removed_us // HOUR_US))
    figures = {name: sum(one.figures[name] for one in some) for name in some[0].figures}
    first = [one.first_us for one in some if one.first_us is not None]
    last = [one.last_us for one in some if one.last_us is not None]
    return Sums(figures, min(first, default=None), max(last, default=None))


def _of_rows(connection: Connection, since_us: int) -> Sums:
    t = calls.c
    query = select(
        func.min(t.finished_us),
        func.max(t.finished_us),
        func.sum(case((t.state.in_(_WENT_WRONG), 1), else_=0)),
        func.count(),
        func.sum(case((t.usage_source == UsageSource.ABSENT.value, 0), else_=1)),
        func.count(t.cost_nanousd),
        *(func.sum(t[name]) for name in TOKEN_COLUMNS),
        func.sum(t.cost_nanousd),
        func.count(t.latency_us),
        func.sum(t.latency_us),
    ).where(t.state != CallState.PENDING.value, t.finished_us >= since_us)
    return _named(connection.execute(query).one())


def _of_hours(connection: Connection, until: int) -> Sums:
    t = usage_hourly.c
    query = select(
        func.min(t.hour) * HOUR_US,
        func.max(t.hour) * HOUR_US,
        func.sum(case((t.outcome.in_(_WENT_WRONG), t.calls), else_=0)),
        *(func.sum(t[name]) for name in NAMES),
    ).where(t.hour < until)
    return _named(connection.execute(query).one())


def _named(row: Sequence[Any]) -> Sums:
    first_us, last_us, errors, *found = row
    figures = {name: int(value or 0) for name, value in zip(NAMES, found, strict=True)}
    return Sums({**figures, "error_calls": int(errors or 0)}, first_us, last_us)
