"""The figures of a day, counted from its hours and its calls: what is written when it is closed."""

from collections.abc import Iterator, Sequence
from functools import cache
from operator import add
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select

from wellhead.database.bulk import Row
from wellhead.database.day_sheets import Part, Sums, Took
from wellhead.database.measures import said, sum_of
from wellhead.database.schema import MEASURES, USAGE_KEY, calls, models_hourly, usage_hourly
from wellhead.database.spans import HALF_US, HOURS_A_DAY
from wellhead.histogram import bucket, histograms_of, merged
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import Dimension, Measure

SESSIONS_MAX = 200_000
"""Rows by half hour, session, agent and the rest: a day that has more leaves its sessions to the calls."""
_WHO_AND_HOW = (
    *(Dimension.PROVIDER, Dimension.MODEL, Dimension.TOOL, Dimension.CLIENT),
    *(Dimension.PROJECT, Dimension.KEY, Dimension.ACCOUNT),
    *(Dimension.OUTCOME, Dimension.STREAMED),
)
"""`USAGE_KEY` as dimensions."""
_SESSION_SIZE = 3 + len(_WHO_AND_HOW)
_MODEL = (Dimension.PROVIDER, Dimension.MODEL)
_MEASURES = tuple(map(Measure, MEASURES))


def parts_of(connection: Connection, day: int, *, has_calls: bool) -> Iterator[tuple[int, Part]]:
    """What is known of parts of a day, by half hour; of first halves of hours only from calls.

    One after the other, for each has the day so far, but for those first halves, which are alone.
    What is told of the end of an hour is the same mapping every time, with more in it.
    """
    spending: dict[Row, Row] = {}
    histograms: dict[Row, tuple[bytes, bytes]] = {}
    for place in range(HOURS_A_DAY):
        hour = day * HOURS_A_DAY + place
        if has_calls and (half := _first_half(connection, hour)).spending:
            yield 2 * place + 1, half
        for key, sums in _sums(connection, _hour_query(), len(USAGE_KEY), hour=hour).items():
            before = spending.get(key)
            spending[key] = sums if before is None else tuple(map(add, before, sums))
        for *model, latency, ttft in _rows(connection, _histograms_query(), hour=hour):
            some = histograms.get(tuple(model), (b"", b""))
            histograms[tuple(model)] = merged(some[0], latency), merged(some[1], ttft)
        if spending:
            yield 2 * place + 2, Part(spending, histograms)


def sessions_of(connection: Connection, day: int) -> tuple[Sums, Took] | None:
    """By half hour, session, agent and `USAGE_KEY`; `None` where there are too many."""
    values = {"since": day * DAY_US, "until": (day + 1) * DAY_US}
    found = _sums(connection, _sessions_query(), _SESSION_SIZE, **values, most=SESSIONS_MAX + 1)
    if len(found) > SESSIONS_MAX:
        return None
    took: dict[Row, tuple[list[int], list[int]]] = {}
    for *key, latency_us, ttft_us in _rows(connection, _session_times_query(), **values):
        if latency_us is not None or ttft_us is not None:
            both = took.setdefault(tuple(key), ([], []))
            for some, us in zip(both, (latency_us, ttft_us), strict=True):
                if us is not None:
                    some.append(bucket(us))
    return found, {key: (sorted(latencies), sorted(ttfts)) for key, (latencies, ttfts) in took.items()}


@cache
def _sessions_query() -> Select[Any]:
    return _of_calls(_session_key()).limit(bindparam("most"))


@cache
def _session_times_query() -> Select[Any]:
    at = calls.c.finished_us
    query = select(*_session_key(), calls.c.latency_us, calls.c.ttft_us)
    return query.where(at >= bindparam("since"), at < bindparam("until"))


def _session_key() -> list[ColumnElement[Any]]:
    half_hour = (calls.c.finished_us - bindparam("since")) // HALF_US
    return [half_hour, *(said(calls, one) for one in (Dimension.SESSION, Dimension.AGENT, *_WHO_AND_HOW))]


@cache
def _hour_query() -> Select[Any]:
    # Made once, as below: for a day without much in it that takes longer than to ask.
    t = usage_hourly.c
    keys = [t[name] for name, _ in USAGE_KEY]
    sums = [sum_of(usage_hourly, measure) for measure in _MEASURES]
    return select(*keys, *sums).where(t.hour == bindparam("hour")).group_by(*keys)


@cache
def _histograms_query() -> Select[Any]:
    t = models_hourly.c
    return select(t.provider, t.model, t.latency, t.ttft).where(t.hour == bindparam("hour"))


def _first_half(connection: Connection, hour: int) -> Part:
    since_us, until_us = hour * HOUR_US, hour * HOUR_US + HALF_US
    took = (
        ((provider, model), latency_us, ttft_us)
        for provider, model, latency_us, ttft_us in _rows(
            connection, _took_query(), since=since_us, until=until_us
        )
    )
    spending = _sums(connection, _half_query(), len(USAGE_KEY), since=since_us, until=until_us)
    return Part(spending, histograms_of(took))


@cache
def _took_query() -> Select[Any]:
    t = calls.c
    query = select(*(said(calls, one) for one in _MODEL), t.latency_us, t.ttft_us)
    return query.where(t.finished_us >= bindparam("since"), t.finished_us < bindparam("until"))


@cache
def _half_query() -> Select[Any]:
    return _of_calls([said(calls, one) for one in _WHO_AND_HOW])


def _of_calls(keys: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """Those that ended in [since, until)."""
    at = calls.c.finished_us
    query = select(*keys, *(sum_of(calls, measure) for measure in _MEASURES)).group_by(*keys)
    return query.where(at >= bindparam("since"), at < bindparam("until"))


def _sums(connection: Connection, query: Select[Any], size: int, **values: int) -> Sums:
    return {row[:size]: row[size:] for row in _rows(connection, query, **values)}


def _rows(connection: Connection, query: Select[Any], **values: int) -> Iterator[Row]:
    return (tuple(row) for row in connection.execute(query, values))
