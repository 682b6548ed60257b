"""Sums over the usage in the books: answers a `wellhead.report.Question`.

::

    slot 0                                      slot 1
    |▒▒▒|▓▓▓▓|▓▓▓▓|██████████████████|▓▓▓▓|▒▒▒▒|▒▒▒|▓▓▓▓|██████████████████|██
    ▒ from calls   ▓ whole hours, from usage_hourly   █ whole days (UTC), from usage_daily

Each slot is cut into whole days and whole hours, which come from the rollups, and
edges, which come from the rows; three statements, whatever the number of slots.  All
of time comes from `usage_total`.  Where a dimension is asked for that the rollups do
not know, everything comes from the rows.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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
    literal,
    select,
    true,
    values,
)

from wellhead.call import CallState
from wellhead.database.schema import (
    TOKEN_COLUMNS,
    calls,
    latency_daily,
    latency_hourly,
    projects,
    usage_daily,
    usage_hourly,
    usage_total,
)
from wellhead.histogram import bucket, packed, summed
from wellhead.moments import DAY_US, HOUR_US
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
"""A slot, and from when to when: days, hours or microseconds."""


@dataclass(frozen=True, slots=True)
class Spans:
    """What slots are made of; each moment of a slot is in one of its spans."""

    days: list[Span] = field(default_factory=list)
    hours: list[Span] = field(default_factory=list)
    rest: list[Span] = field(default_factory=list)
    """In microseconds."""


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
    found: defaultdict[tuple[int, tuple[Key, ...]], tuple[list[bytes], list[bytes]]]
    found = defaultdict(lambda: ([], []))
    for query in _packed(question):
        for slot, *keys, latency, ttft in connection.execute(query):
            both = found[slot, _keys(question, keys)]
            both[0].append(latency)
            both[1].append(ttft)
    cut = spans(question.edges_us)
    if cut.rest:
        for place, counted in _of_rows(connection, question, cut.rest).items():
            for some, counts in zip(found[place], counted, strict=True):
                some.append(packed(counts))
    return {place: Histogram(*map(summed, both)) for place, both in found.items()}


def spans(edges_us: Sequence[int]) -> Spans:
    """Slots, cut into whole days, whole hours, and what is left."""
    found = Spans()
    for slot, (since_us, until_us) in enumerate(itertools.pairwise(edges_us)):
        for hours in _whole(slot, since_us, until_us, HOUR_US, found.rest):
            for days in _whole(*hours, DAY_US // HOUR_US, found.hours):
                found.days.append(days)
    return found


def _whole(slot: int, since: int, until: int, unit: int, rest: list[Span]) -> list[Span]:
    """The whole units of a span, if there are any, in units; what is left of it is added to `rest`."""
    first, end = -(-since // unit), until // unit
    if first >= end:
        rest.append((slot, since, until))
        return []
    if since < first * unit:
        rest.append((slot, since, first * unit))
    if end * unit < until:
        rest.append((slot, end * unit, until))
    return [(slot, first, end)]


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
    cut = spans(question.edges_us)
    if unrolled:
        cut = Spans(rest=[(slot, *edges) for slot, edges in enumerate(itertools.pairwise(question.edges_us))])
    for table, moment, some in (
        (usage_daily, "day", cut.days),
        (usage_hourly, "hour", cut.hours),
        (calls, "finished_us", cut.rest),
    ):
        if some:
            slots = _cut(some)
            keys = [_column(table, one) for one in question.by]
            query = (
                select(slots.c.slot, *keys, *_sums(table, question))
                .select_from(slots.join(table, _within(table.c[moment], slots)))
                .group_by(slots.c.slot, *keys)
            )
            yield _where(query, table, question, projects_by_uuid)


def _packed(question: Question) -> Iterable[Select[Any]]:
    """Packed histograms of whole days and whole hours, each with its slot and keys."""
    if not question.edges_us:
        t = latency_daily.c
        keys = [_column(latency_daily, one) for one in question.by]
        yield _where(select(literal(0), *keys, t.latency, t.ttft), latency_daily, question, {})
        return
    cut = spans(question.edges_us)
    for table, moment, some in ((latency_daily, "day", cut.days), (latency_hourly, "hour", cut.hours)):
        if some:
            slots = _cut(some)
            keys = [_column(table, one) for one in question.by]
            query = select(slots.c.slot, *keys, table.c.latency, table.c.ttft).select_from(
                slots.join(table, _within(table.c[moment], slots))
            )
            yield _where(query, table, question, {})


def _of_rows(
    connection: Connection, question: Question, rest: Sequence[Span]
) -> dict[tuple[int, tuple[Key, ...]], tuple[dict[int, int], dict[int, int]]]:
    """Calls of the edges by their bucket, by slot and keys."""
    found: defaultdict[tuple[int, tuple[Key, ...]], tuple[dict[int, int], dict[int, int]]]
    found = defaultdict(lambda: ({}, {}))
    t, slots = calls.c, _cut(rest)
    query = select(
        slots.c.slot, *(_column(calls, one) for one in question.by), t.latency_us, t.ttft_us
    ).select_from(slots.join(calls, _within(t.finished_us, slots)))
    for slot, *keys, latency_us, ttft_us in connection.execute(_where(query, calls, question, {})):
        for counts, us in zip(found[slot, _keys(question, keys)], (latency_us, ttft_us), strict=True):
            if us is not None:
                counts[bucket(us)] = counts.get(bucket(us), 0) + 1
    return found


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


def _keys(question: Question, values: Sequence[Any]) -> tuple[Key, ...]:
    return tuple(_key(one, value) for one, value in zip(question.by, values, strict=True))


def _projects(connection: Connection) -> dict[int, str]:
    return {one: other for one, other in connection.execute(select(projects.c.id, projects.c.uuid))}  # noqa: C416  (rows are no pairs to mypy)
