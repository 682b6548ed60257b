"""The figures of a day, counted from its hours and its calls: what is written when it is closed."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from operator import add
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, func, select

from wellhead.database.bulk import Row
from wellhead.database.closed_days import DayFigures, Sums
from wellhead.database.measures import said, sum_of
from wellhead.database.schema import (
    MEASURES,
    SPENDING_KEY,
    USAGE_KEY,
    USAGE_SUMS,
    calls,
    models_hourly,
    usage_hourly,
)
from wellhead.database.spans import HALF_US, HOURS_A_DAY
from wellhead.histogram import packed, summed
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import Dimension, Measure

SESSIONS_MAX = 200_000
"""Rows by session, agent and who used what: a day that has more leaves its sessions to the calls."""
EVERY_ROW = 2**62
_WHO = (
    *(Dimension.PROVIDER, Dimension.MODEL, Dimension.TOOL, Dimension.CLIENT),
    *(Dimension.PROJECT, Dimension.KEY, Dimension.ACCOUNT),
)
"""`SPENDING_KEY` as dimensions."""
_MEASURES = tuple(map(Measure, MEASURES))


def figures_of(connection: Connection, day: int, *, has_calls: bool) -> DayFigures:
    """From one state of the books; without the calls only what the hours know."""
    return DayFigures(
        usage=_usage(connection, day),
        models=_models(connection, day),
        sessions=_sessions(connection, day) if has_calls else None,
    )


def spending_of(connection: Connection, day: int, *, has_calls: bool) -> Iterator[tuple[int, Sums]]:
    """Who used what by half hour, as `usage_sheets` has it; one after the other, for each has the day so far.

    What is told of the end of an hour is the same mapping every time, with more in it.
    """
    so_far: dict[Row, Row] = {}
    for hour in range(HOURS_A_DAY):
        half = _first_half(connection, day * HOURS_A_DAY + hour) if has_calls else {}
        if half:
            yield 2 * hour + 1, half
        for key, sums in _of_hour(connection, day * HOURS_A_DAY + hour).items():
            before = so_far.get(key)
            so_far[key] = sums if before is None else tuple(map(add, before, sums))
        if so_far:
            yield 2 * hour + 2, so_far


def _usage(connection: Connection, day: int) -> list[Row]:
    t = usage_hourly.c
    keys = [t[name] for name, _ in USAGE_KEY]
    query = select(*keys, *(func.sum(t[name]) for name in USAGE_SUMS)).group_by(*keys).order_by(*keys)
    return [(day, *row) for row in _rows(connection, _of_day(query, usage_hourly, day))]


def _models(connection: Connection, day: int) -> list[Row]:
    t = models_hourly.c
    query = select(t.provider, t.model, *(t[name] for name in MEASURES), t.latency, t.ttft)
    found: defaultdict[Row, list[Row]] = defaultdict(list)
    for row in _rows(connection, _of_day(query, models_hourly, day)):
        found[row[:2]].append(row[2:])
    return [
        (day, *key, *map(sum, sums), packed(summed(latency)), packed(summed(ttft)))
        for key, rows in sorted(found.items())
        for *sums, latency, ttft in (tuple(zip(*rows, strict=True)),)
    ]


def _of_hour(connection: Connection, hour: int) -> Sums:
    return _sums(connection, _hour_query(), len(SPENDING_KEY), hour=hour)


@cache
def _hour_query() -> Select[Any]:
    # Made once, as below: for a day without much in it that takes longer than to ask.
    t = usage_hourly.c
    keys = [t[name] for name, _ in SPENDING_KEY]
    sums = [sum_of(usage_hourly, measure) for measure in _MEASURES]
    return select(*keys, *sums).where(t.hour == bindparam("hour")).group_by(*keys)


def _first_half(connection: Connection, hour: int) -> Sums:
    return _counted(connection, _WHO, hour * HOUR_US, hour * HOUR_US + HALF_US)


def _sessions(connection: Connection, day: int) -> Sums | None:
    by = (Dimension.SESSION, Dimension.AGENT, *_WHO)
    found = _counted(connection, by, day * DAY_US, (day + 1) * DAY_US, SESSIONS_MAX + 1)
    return found if len(found) <= SESSIONS_MAX else None


def _counted(
    connection: Connection, by: Sequence[Dimension], since_us: int, until_us: int, most: int | None = None
) -> Sums:
    """Of the rows of calls."""
    query = _calls_query(tuple(by))
    return _sums(connection, query, len(by), since=since_us, until=until_us, most=most or EVERY_ROW)


@cache
def _calls_query(by: tuple[Dimension, ...]) -> Select[Any]:
    keys = [said(calls, one) for one in by]
    at = calls.c.finished_us
    query = select(*keys, *(sum_of(calls, measure) for measure in _MEASURES)).group_by(*keys)
    return query.where(at >= bindparam("since"), at < bindparam("until")).limit(bindparam("most"))


def _sums(connection: Connection, query: Select[Any], size: int, **values: int) -> Sums:
    return {row[:size]: row[size:] for row in _rows(connection, query, **values)}


def _of_day(query: Select[Any], table: Table, day: int) -> Select[Any]:
    hour = table.c.hour
    return query.where(hour >= day * HOURS_A_DAY, hour < (day + 1) * HOURS_A_DAY)


def _rows(connection: Connection, query: Select[Any], **values: int) -> Iterator[Row]:
    return (tuple(row) for row in connection.execute(query, values))
