"""The rows of calls, added up as a whole: what every other sum has to agree with."""

from dataclasses import dataclass

from sqlalchemy import Engine, case, func, select

from wellhead.call import CallState
from wellhead.database.engine import outages
from wellhead.database.schema import TOKEN_COLUMNS, calls
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
    """Add everything up."""
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
    ).where(t.state != CallState.PENDING.value)
    with outages(), engine.connect() as connection:
        first_us, last_us, errors, *found = connection.execute(query).one()
    figures = {name: int(value or 0) for name, value in zip(NAMES, found, strict=True)}
    return Sums({**figures, "error_calls": int(errors or 0)}, first_us, last_us)
