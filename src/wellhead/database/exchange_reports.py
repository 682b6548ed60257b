"""What system C's metrics tell apart and the rollups do not: kinds of errors, and origins."""

from sqlalchemy import ColumnElement, Connection, func, select, text

from wellhead.database import usage_reports
from wellhead.database.schema import calls
from wellhead.report import Dimension, Exchange, Measure, Question

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
    """All of it, from one state of the books."""
    edges_us: tuple[int, ...] = ()
    if since_us is not None or until_us is not None:
        first = BEGINNING_US if since_us is None else max(since_us, BEGINNING_US)
        end = END_US if until_us is None else min(until_us, END_US)
        if first >= end:
            return Exchange([], {}, {})
        edges_us = (first, end)
    question = Question(MEASURES, BY, edges_us)
    return Exchange(
        usage_reports.answer(connection, question),
        error_codes(connection, since_us, until_us),
        origins(connection, since_us, until_us),
    )


def error_codes(
    connection: Connection, since_us: int | None, until_us: int | None
) -> dict[tuple[bool, str], int]:
    """How many calls did not go well, by whether they streamed and by their error code."""
    t = calls.c
    query = (
        select(t.streamed, func.coalesce(t.error_code, t.state), func.count())
        .where(WENT_WRONG, *_ended(since_us, until_us))
        .group_by(t.streamed, func.coalesce(t.error_code, t.state))
    )
    return {(bool(streamed), code): count for streamed, code, count in connection.execute(query)}


def origins(connection: Connection, since_us: int | None, until_us: int | None) -> dict[str, int]:
    """How many calls came from each web page, by the header `Origin`."""
    t = calls.c
    query = (
        select(t.origin, func.count())
        .where(t.origin.is_not(None), *_ended(since_us, until_us))
        .group_by(t.origin)
    )
    return {one: other for one, other in connection.execute(query)}  # noqa: C416  (rows are no pairs to mypy)


def _ended(since_us: int | None, until_us: int | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [calls.c.finished_us.is_not(None)]
    if since_us is not None:
        found.append(calls.c.finished_us >= since_us)
    if until_us is not None:
        found.append(calls.c.finished_us < until_us)
    return found
