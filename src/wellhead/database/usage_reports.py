"""Sums over the usage in the books: answers a `wellhead.report.Question`.

::

    slot 0                     slot 1
    |▒▒▒|▓▓▓▓▓▓▓▓|▓▓▓▓▓▓▓▓|▒▒▒▒|▒▒▒|▓▓▓▓▓▓▓▓|▒▒|      ▓ whole hours, from usage_hourly   ▒ from calls

Each slot is cut into whole hours, which come from the rollup, and edges, which come
from the rows; two statements, whatever the number of slots.  All of time comes from
`usage_total`.  Where a dimension is asked for that the rollups do not know,
everything comes from the rows.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    and_,
    case,
    column,
    func,
    select,
    true,
    values,
)

from wellhead.call import CallState
from wellhead.database.schema import TOKEN_COLUMNS, calls, latency_hourly, projects, usage_hourly, usage_total
from wellhead.histogram import bucket
from wellhead.moments import HOUR_US
from wellhead.report import (
    HISTOGRAMMED,
    UNROLLED,
    Dimension,
    Histogram,
    Key,
    Line,
    Measure,
    Question,
    TooManyLines,
)
from wellhead.usage import UsageSource

UNKNOWN = "unknown"
"""A name that says no more than none does; calls with it and calls without any are one line."""

Span = tuple[int, int, int]
"""A slot, and from when to when: hours or microseconds."""

_ERRORS = (CallState.FAILED.value, CallState.REFUSED.value)
_ABORTS = (CallState.ABORTED.value, CallState.INTERRUPTED.value)
_NUMBERED = {Dimension.PROJECT: "project_id", Dimension.KEY: "key_id", Dimension.STREAMED: "streamed"}
"""Dimensions whose columns are numbers; 0 stands for none in the first two."""


def answer(connection: Connection, question: Question) -> list[Line]:
    """The lines of the answer, by slot, in no particular order beyond that; raises `TooManyLines`."""
    found: dict[tuple[Any, ...], list[int]] = {}
    projects_known = _projects(connection) if Dimension.PROJECT in question.dimensions else {}
    ids = {uuid: id_ for id_, uuid in projects_known.items()}
    for query in _queries(question, ids):
        rows = connection.execute(query.limit(question.lines_max + 1)).all()
        if len(rows) > question.lines_max:
            raise TooManyLines(question.lines_max)
        _merge(found, rows, question, projects_known)
    if len(found) > question.lines_max:
        raise TooManyLines(question.lines_max)
    return [
        Line(slot, keys, dict(zip(question.measures, sums, strict=True)))
        for (slot, *some), sums in sorted(found.items(), key=lambda item: int(item[0][0]))
        for keys in [tuple(some)]
    ]


def histograms(connection: Connection, question: Question) -> dict[tuple[int, tuple[Key, ...]], Histogram]:
    """How long the calls of each line took, by slot and keys; for dimensions in `HISTOGRAMMED` alone."""
    assert question.dimensions <= HISTOGRAMMED
    found: defaultdict[tuple[int, tuple[Key, ...]], Histogram] = defaultdict(Histogram)
    whole, edges = spans(question.edges_us)
    if whole or not question.edges_us:
        t = latency_hourly.c
        for slot, *keys, number, latency, ttft in connection.execute(_of_histogram(question, whole)):
            line = found[slot, tuple(_key(one, value) for one, value in zip(question.by, keys, strict=True))]
            _count(line.latency, number, latency)
            _count(line.ttft, number, ttft)
    if edges:
        t = calls.c
        cut = _cut(edges)
        query = select(
            cut.c.slot, *(_column(calls, one) for one in question.by), t.latency_us, t.ttft_us
        ).select_from(cut.join(calls, _within(t.finished_us, cut)))
        for slot, *keys, latency_us, ttft_us in connection.execute(_where(query, calls, question, {})):
            line = found[slot, tuple(_key(one, value) for one, value in zip(question.by, keys, strict=True))]
            if latency_us is not None:
                _count(line.latency, bucket(latency_us), 1)
            if ttft_us is not None:
                _count(line.ttft, bucket(ttft_us), 1)
    return dict(found)


def spans(edges_us: Sequence[int]) -> tuple[list[Span], list[Span]]:
    """The whole hours of each slot, in hours, and what is left of each, in microseconds."""
    hours, rest = [], []
    for slot, (since_us, until_us) in enumerate(itertools.pairwise(edges_us)):
        first, end = -(-since_us // HOUR_US), until_us // HOUR_US
        if first >= end:
            rest.append((slot, since_us, until_us))
            continue
        hours.append((slot, first, end))
        if since_us < first * HOUR_US:
            rest.append((slot, since_us, first * HOUR_US))
        if end * HOUR_US < until_us:
            rest.append((slot, end * HOUR_US, until_us))
    return hours, rest


def _queries(question: Question, projects_by_uuid: dict[str, int]) -> Iterable[Select[Any]]:
    unrolled = bool(question.dimensions & UNROLLED)
    if not question.edges_us:
        table = calls if unrolled else usage_total
        ended = calls.c.finished_us.is_not(None) if unrolled else true()
        keys = [_column(table, one) for one in question.by]
        query = select(func.min(0).label("slot"), *keys, *_sums(table, question)).where(ended).group_by(*keys)
        # Without anything to group by there would be a row of nothing.
        yield _where(query, table, question, projects_by_uuid).having(_sum(table, Measure.CALLS) > 0)
        return
    whole, edges = spans(question.edges_us)
    if unrolled:
        whole, edges = (
            [],
            [
                (slot, since, until)
                for slot, (since, until) in enumerate(
                    zip(question.edges_us, question.edges_us[1:], strict=False)
                )
            ],
        )
    for table, moment, some in ((usage_hourly, "hour", whole), (calls, "finished_us", edges)):
        if some:
            cut = _cut(some)
            keys = [_column(table, one) for one in question.by]
            query = (
                select(cut.c.slot, *keys, *_sums(table, question))
                .select_from(cut.join(table, _within(table.c[moment], cut)))
                .group_by(cut.c.slot, *keys)
            )
            yield _where(query, table, question, projects_by_uuid)


def _of_histogram(question: Question, whole: Sequence[Span]) -> Select[Any]:
    t = latency_hourly.c
    keys = [_column(latency_hourly, one) for one in question.by]
    sums = (func.sum(t.latency_calls), func.sum(t.ttft_calls))
    if question.edges_us:
        cut = _cut(whole)
        query = (
            select(cut.c.slot, *keys, t.bucket, *sums)
            .select_from(cut.join(latency_hourly, _within(t.hour, cut)))
            .group_by(cut.c.slot, *keys, t.bucket)
        )
    else:
        query = select(func.min(0), *keys, t.bucket, *sums).group_by(*keys, t.bucket)
    return _where(query, latency_hourly, question, {})


def _cut(some: Sequence[Span]) -> Any:
    # The database looks each span up by itself, so that slots need not be alike (days of 23 hours).
    return (
        values(
            column("slot", Integer),
            column("since", BigInteger),
            column("until", BigInteger),
            name="slots",
        )
        .data(list(some))
        .cte("slots")
    )


def _within(moment: ColumnElement[Any], cut: Any) -> ColumnElement[bool]:
    return and_(moment >= cut.c.since, moment < cut.c.until)


def _column(table: Table, dimension: Dimension) -> ColumnElement[Any]:
    """The rollups' way to write a dimension, whichever table it is: nothing is `''` or 0."""
    name = "state" if dimension is Dimension.OUTCOME and table is calls else dimension.value
    # Never the bare column: SQLite would rather make an index over the whole table for a condition
    # than look the hours up.
    return func.coalesce(table.c[_NUMBERED.get(dimension, name)], 0 if dimension in _NUMBERED else "")


def _where(
    query: Select[Any], table: Table, question: Question, projects_by_uuid: dict[str, int]
) -> Select[Any]:
    for dimension, wanted in question.where.items():
        found = _column(table, dimension)
        if dimension is Dimension.PROJECT and isinstance(wanted, str):
            query = query.where(found == projects_by_uuid.get(wanted, -1))
        elif wanted is None:
            query = query.where(found == 0 if dimension in _NUMBERED else found.in_(("", UNKNOWN)))
        else:
            query = query.where(found == wanted)
    return query


def _sums(table: Table, question: Question) -> list[ColumnElement[Any]]:
    return [_sum(table, measure) for measure in question.measures]


def _sum(table: Table, measure: Measure) -> ColumnElement[Any]:
    t = table.c
    if table is not calls:
        if measure is Measure.ERROR_CALLS:
            return func.sum(case((t.outcome.in_(_ERRORS), t.calls), else_=0))
        if measure is Measure.ABORTED_CALLS:
            return func.sum(case((t.outcome.in_(_ABORTS), t.calls), else_=0))
        return func.sum(t[measure.value])
    match measure:
        case Measure.CALLS:
            return func.count()
        case Measure.ERROR_CALLS:
            return func.sum(case((t.state.in_(_ERRORS), 1), else_=0))
        case Measure.ABORTED_CALLS:
            return func.sum(case((t.state.in_(_ABORTS), 1), else_=0))
        case Measure.METERED_CALLS:
            return func.sum(case((t.usage_source == UsageSource.ABSENT.value, 0), else_=1))
        case Measure.PRICED_CALLS:
            return func.count(t.cost_nanousd)
        case Measure.TIMED_CALLS:
            return func.count(t.latency_us)
        case Measure.TTFT_CALLS:
            return func.count(t.ttft_us)
        case _:
            assert measure.value in (*TOKEN_COLUMNS, "cost_nanousd", "latency_us", "ttft_us")
            return func.coalesce(func.sum(t[measure.value]), 0)


def _merge(
    found: dict[tuple[Any, ...], list[int]],
    rows: Iterable[Sequence[Any]],
    question: Question,
    projects_known: dict[int, str],
) -> None:
    end = 1 + len(question.by)
    for row in rows:
        keys = [_key(one, value) for one, value in zip(question.by, row[1:end], strict=True)]
        for place, one in enumerate(question.by):
            if one is Dimension.PROJECT and isinstance(keys[place], int):
                keys[place] = projects_known.get(row[1 + place], str(row[1 + place]))
        place_of = (row[0], *keys)
        before = found.get(place_of)
        sums = [int(one) for one in row[end:]]
        found[place_of] = sums if before is None else [a + b for a, b in zip(before, sums, strict=True)]


def _key(dimension: Dimension, value: Any) -> Key:
    if dimension is Dimension.STREAMED:
        return int(value)
    if dimension in _NUMBERED:
        return value or None
    return None if value in ("", UNKNOWN) else value


def _count(histogram: Any, number: int, more: int) -> None:
    if more:
        histogram[number] = histogram.get(number, 0) + more


def _projects(connection: Connection) -> dict[int, str]:
    return {one: other for one, other in connection.execute(select(projects.c.id, projects.c.uuid))}  # noqa: C416  (rows are no pairs to mypy)
