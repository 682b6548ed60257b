"""The figures of a day, counted from its hours and its calls: what is written when it is closed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import add
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, func, select

from wellhead.database.bulk import Row
from wellhead.database.closed_days import DayFigures
from wellhead.database.day_sheets import Models, Sums
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
from wellhead.histogram import histograms_of, merged
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import HISTOGRAMMED, Dimension, Measure

SESSIONS_MAX = 200_000
"""Rows by session, agent and who used what: a day that has more leaves its sessions to the calls."""
EVERY_ROW = 2**62
_WHO = (
    *(Dimension.PROVIDER, Dimension.MODEL, Dimension.TOOL, Dimension.CLIENT),
    *(Dimension.PROJECT, Dimension.KEY, Dimension.ACCOUNT),
)
"""`SPENDING_KEY` as dimensions."""
_MODEL = (Dimension.PROVIDER, Dimension.MODEL)
_MEASURES = tuple(map(Measure, MEASURES))


def figures_of(connection: Connection, day: int, *, has_calls: bool) -> DayFigures:
    """From one state of the books; without the calls only what the hours know."""
    return DayFigures(
        usage=_usage(connection, day),
        sessions=_sessions(connection, day) if has_calls else None,
    )


def spending_of(connection: Connection, day: int, *, has_calls: bool) -> Iterator[tuple[int, Sums]]:
    """Who used what by half hour, as `usage_sheets` has it; see `_by_half_hour`."""
    return _by_half_hour(connection, day, _SPENDING, has_calls=has_calls)


def models_of(connection: Connection, day: int, *, has_calls: bool) -> Iterator[tuple[int, Models]]:
    """Models by half hour, as `model_sheets` has them; see `_by_half_hour`."""
    return _by_half_hour(connection, day, _MODELS, has_calls=has_calls)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is known of an hour, and how rows with the same key are joined."""

    of_first_half: Callable[[Connection, int], Mapping[Row, Row]]
    of_hour: Callable[[Connection, int], Mapping[Row, Row]]
    joined: Callable[[Row, Row], Row]


def _by_half_hour(
    connection: Connection, day: int, kind: _Kind, *, has_calls: bool
) -> Iterator[tuple[int, Mapping[Row, Row]]]:
    """One after the other, for each has the day so far, but for first halves of hours, which are alone.

    What is told of the end of an hour is the same mapping every time, with more in it.
    """
    so_far: dict[Row, Row] = {}
    for place in range(HOURS_A_DAY):
        hour = day * HOURS_A_DAY + place
        half = kind.of_first_half(connection, hour) if has_calls else {}
        if half:
            yield 2 * place + 1, half
        for key, row in kind.of_hour(connection, hour).items():
            before = so_far.get(key)
            so_far[key] = row if before is None else kind.joined(before, row)
        if so_far:
            yield 2 * place + 2, so_far


def _usage(connection: Connection, day: int) -> list[Row]:
    t = usage_hourly.c
    keys = [t[name] for name, _ in USAGE_KEY]
    query = select(*keys, *(func.sum(t[name]) for name in USAGE_SUMS)).group_by(*keys).order_by(*keys)
    return [(day, *row) for row in _rows(connection, _of_day(query, usage_hourly, day))]


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
    return _counted(connection, _WHO, *_half_us(hour))


def _joined(before: Row, more: Row) -> Row:
    return tuple(map(add, before, more))


_SPENDING = _Kind(_first_half, _of_hour, _joined)


def _models_of_hour(connection: Connection, hour: int) -> Models:
    return _sums(connection, _models_query(), len(HISTOGRAMMED), hour=hour)


@cache
def _models_query() -> Select[Any]:
    t = models_hourly.c
    query = select(t.provider, t.model, *(t[name] for name in MEASURES), t.latency, t.ttft)
    return query.where(t.hour == bindparam("hour"))


def _models_of_first_half(connection: Connection, hour: int) -> Models:
    since_us, until_us = _half_us(hour)
    sums = _counted(connection, _MODEL, since_us, until_us)
    took = (
        ((provider, model), latency_us, ttft_us)
        for provider, model, latency_us, ttft_us in _rows(
            connection, _took_query(), since=since_us, until=until_us
        )
    )
    histograms = histograms_of(took)
    return {key: (*row, *histograms[key]) for key, row in sums.items()}


@cache
def _took_query() -> Select[Any]:
    t = calls.c
    query = select(*(said(calls, one) for one in _MODEL), t.latency_us, t.ttft_us)
    return query.where(t.finished_us >= bindparam("since"), t.finished_us < bindparam("until"))


def _models_joined(before: Row, more: Row) -> Row:
    *sums, latency, ttft = before
    *added, more_latency, more_ttft = more
    return (*map(add, sums, added), merged(latency, more_latency), merged(ttft, more_ttft))


_MODELS = _Kind(_models_of_first_half, _models_of_hour, _models_joined)


def _half_us(hour: int) -> tuple[int, int]:
    return hour * HOUR_US, hour * HOUR_US + HALF_US


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
