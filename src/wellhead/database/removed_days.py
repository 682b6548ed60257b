"""What two rollups have of days whose calls were removed: there they can only be held beside each other.

::

    usage_hourly    ▓▓▓▓│▓▓▓▓│▓▓▓▓      by hour, provider and model: the sums of models_hourly
                                        by day, if not completed: the calls of errors_daily
    models_hourly   ▓▓▓▓│▓▓▓▓│▓▓▓▓      calls that were timed: those of its histograms
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from wellhead.call import CallState
from wellhead.database.bulk import Row
from wellhead.database.measures import sum_of
from wellhead.database.schema import MEASURES, errors_daily, models_hourly, usage_hourly
from wellhead.database.spans import HOURS_A_DAY
from wellhead.histogram import unpacked
from wellhead.report import Measure

_MEASURES = [Measure(name) for name in MEASURES]
_BY_MODEL = ("hour", "provider", "model")


class Pair(NamedTuple):
    """Rows that should be alike: a key, and figures."""

    table: str
    names: Sequence[str]
    key_size: int
    kept: Sequence[Row]
    counted: Sequence[Row]


def known_twice(connection: Connection, until: int) -> Iterator[Pair]:
    """Day by day, before one."""
    first = connection.scalar(select(func.min(usage_hourly.c.hour)))
    for day in range(until if first is None else first // HOURS_A_DAY, until):
        yield from _of_models(connection, day)
        yield _of_errors(connection, day)


def _of_models(connection: Connection, day: int) -> Iterator[Pair]:
    t, u = models_hourly.c, usage_hourly.c
    first, end = day * HOURS_A_DAY, (day + 1) * HOURS_A_DAY
    sums = [t[name] for name in MEASURES]
    query = select(*(t[name] for name in _BY_MODEL), *sums, t.latency, t.ttft)
    rows = [tuple(row) for row in connection.execute(query.where(t.hour >= first, t.hour < end))]
    keys = [u[name] for name in _BY_MODEL]
    query = select(*keys, *(sum_of(usage_hourly, one) for one in _MEASURES)).group_by(*keys)
    counted = [tuple(row) for row in connection.execute(query.where(u.hour >= first, u.hour < end))]
    size = len(_BY_MODEL)
    yield Pair(models_hourly.name, (*_BY_MODEL, *MEASURES), size, [row[:-2] for row in rows], counted)
    timed = [size + MEASURES.index(one.value) for one in (Measure.TIMED_CALLS, Measure.TTFT_CALLS)]
    in_histograms = [(*row[:size], *(sum(unpacked(one).values()) for one in row[-2:])) for row in rows]
    told = [(*row[:size], *(row[at] for at in timed)) for row in rows]
    yield Pair(models_hourly.name, (*_BY_MODEL, "latency_calls", "ttft_calls"), size, in_histograms, told)


def _of_errors(connection: Connection, day: int) -> Pair:
    e, u = errors_daily.c, usage_hourly.c
    kept = select(e.day, e.streamed, func.sum(e.calls)).where(e.day == day).group_by(e.day, e.streamed)
    counted = (
        select(u.streamed, func.sum(u.calls))
        .where(u.hour >= day * HOURS_A_DAY, u.hour < (day + 1) * HOURS_A_DAY)
        .where(u.outcome != CallState.COMPLETED.value)
        .group_by(u.streamed)
    )
    return Pair(
        errors_daily.name,
        ("day", "streamed", "calls"),
        2,
        [tuple(row) for row in connection.execute(kept)],
        [(day, *row) for row in connection.execute(counted)],
    )
