"""What system C's metrics tell apart: how calls ended, kinds of errors, and origins."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, Table, func, select, text

from wellhead.database import closed_days, usage_reports
from wellhead.database.schema import calls, errors_daily, origins_daily
from wellhead.figures import OTHER
from wellhead.moments import DAY_US
from wellhead.report import Dimension, Exchange, Line, Measure, Question, TooManyLines

MEASURES = (
    Measure.CALLS,
    Measure.METERED_CALLS,
    Measure.INPUT_TOKENS,
    Measure.OUTPUT_TOKENS,
    Measure.TOTAL_TOKENS,
    Measure.TIMED_CALLS,
    Measure.LATENCY_US,
    Measure.TTFT_CALLS,
    Measure.TTFT_US,
)
BY = (Dimension.STREAMED, Dimension.OUTCOME, Dimension.MODEL)
WENT_WRONG = text("state NOT IN ('pending', 'completed')")
"""With its values, since a partial index is recognised only by a condition that is written like its own."""
BEGINNING_US = 0
END_US = 2**62
"""Later than any moment in the books."""


def answer(connection: Connection, since_us: int | None, until_us: int | None) -> Exchange:
    """All of it, from one state of the books.

    Kinds of errors and origins of removed calls are known by the day: one that is cut counts where it begins.
    """
    edges_us: tuple[int, ...] = ()
    if since_us is not None or until_us is not None:
        first = BEGINNING_US if since_us is None else max(since_us, BEGINNING_US)
        end = END_US if until_us is None else min(until_us, END_US)
        edges_us = closed_days.day_cuts_us(connection, (first, end))
        if edges_us[0] >= edges_us[1]:
            return Exchange([], {}, {})
    return Exchange(
        _lines(connection, edges_us),
        _error_codes(connection, edges_us),
        _origins(connection, edges_us),
    )


def _lines(connection: Connection, edges_us: tuple[int, ...]) -> list[Line]:
    """By model; where there are more than an answer has lines, all models are one.

    Names are made up by clients, and whoever asks for all of time can ask for no shorter one.
    """
    try:
        return usage_reports.answer(connection, Question(MEASURES, BY, edges_us))
    except TooManyLines:
        found = usage_reports.answer(connection, Question(MEASURES, BY[:-1], edges_us))
        return [replace(line, keys=(*line.keys, OTHER)) for line in found]


def _error_codes(connection: Connection, edges_us: tuple[int, ...]) -> dict[tuple[bool, str], int]:
    """How many calls did not go well, by whether they streamed and by their error code."""
    t = calls.c
    code = func.coalesce(t.error_code, t.state)
    rows = select(t.streamed, code, func.count()).where(WENT_WRONG).group_by(t.streamed, code)
    d = errors_daily.c
    days = select(d.streamed, d.error_code, func.sum(d.calls)).group_by(d.streamed, d.error_code)
    found: Counter[tuple[bool, str]] = Counter()
    for streamed, name, count in _both(connection, days, errors_daily, rows, edges_us):
        found[bool(streamed), name] += count
    return dict(found)


def _origins(connection: Connection, edges_us: tuple[int, ...]) -> dict[str, int]:
    """How many calls came from each web page, by the header `Origin`."""
    t, d = calls.c, origins_daily.c
    rows = select(t.origin, func.count()).where(t.origin.is_not(None)).group_by(t.origin)
    days = select(d.origin, func.sum(d.calls)).group_by(d.origin)
    found: Counter[str] = Counter()
    for origin, count in _both(connection, days, origins_daily, rows, edges_us):
        found[origin] += count
    return dict(found)


def _both(
    connection: Connection,
    days: Select[Any],
    table: Table,
    rows: Select[Any],
    edges_us: tuple[int, ...],
) -> Iterator[Sequence[Any]]:
    """What whole days have, from their rollup, and what is left of a range has, from the rows."""
    if not edges_us:
        yield from connection.execute(days)
        return
    since_us, until_us = edges_us
    first, end = -(-since_us // DAY_US), until_us // DAY_US
    edges = [(since_us, until_us)]
    if first < end:
        edges = [(since_us, first * DAY_US), (end * DAY_US, until_us)]
        yield from connection.execute(days.where(table.c.day >= first, table.c.day < end))
    for since, until in edges:
        if since < until:
            finished_us = calls.c.finished_us
            yield from connection.execute(rows.where(finished_us >= since, finished_us < until))
