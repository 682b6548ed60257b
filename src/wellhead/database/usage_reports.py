"""Sums over the usage in the books: answers a `wellhead.report.Question`.

::

    slot 0                                      slot 1
    |▒▒▒|▓▓▓▓|▓▓▓▓|██████████████████|▓▓▓▓|▒▒▒▒|▒▒▒|▓▓▓▓|██████████████████|██
    ▒ from calls   ▓ whole hours   █ whole days (UTC), from the smallest rollup that knows the dimensions

What slots are made of is said in `wellhead.database.spans`; a few statements answer for
some dozens of them.  All of time comes from `usage_total`, and so does a range that is
most of it, less the days outside.  Where a dimension is asked for that the rollups do
not know, everything comes from the rows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from operator import add, neg
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
    models_daily,
    models_hourly,
    projects,
    spending_daily,
    usage_daily,
    usage_hourly,
    usage_total,
)
from wellhead.database.spans import Span, Spans, even, spans
from wellhead.histogram import bucket, packed, summed
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
END_DAY = 2**31
"""Later than any day in the books."""
SLOTS_AT_ONCE = 50
"""After so many slots it is looked whether the answer is too long."""
OF_ENDS = frozenset({Dimension.OUTCOME, Dimension.STREAMED})
"""What `spending_daily` does not tell apart."""

_ERRORS = (CallState.FAILED.value, CallState.REFUSED.value)
_ABORTS = (CallState.ABORTED.value, CallState.INTERRUPTED.value)
_NUMBERED = {Dimension.PROJECT: "project_id", Dimension.KEY: "key_id", Dimension.STREAMED: "streamed"}
"""Dimensions whose columns are numbers; 0 stands for none in the first two."""

Sums = dict[tuple[Any, ...], tuple[int, ...]]
"""By slot and keys."""
Place = tuple[int, tuple[Key, ...]]
Packed = defaultdict[Place, tuple[list[bytes], list[bytes]]]
Restrict = Callable[[Select[Any]], Select[Any]]
Effects = tuple[tuple[int, int], ...]
"""What is done with sums: to which slot, seen from their own, they are added (1), or taken from (-1)."""
ADDED: Effects = ((0, 1),)
TAKEN: Effects = ((0, -1),)


def answer(connection: Connection, question: Question) -> list[Line]:
    """The lines of the answer, by slot, in no particular order beyond that; raises `TooManyLines`."""
    known = _projects(connection) if Dimension.PROJECT in question.dimensions else {}
    # Counted in any case: where as many are taken away as there were, there is no line.
    measures = (*(one for one in question.measures if one is not Measure.CALLS), Measure.CALLS)
    asked = replace(question, measures=measures)
    sums: Sums = {}
    for queries in _parts(connection, asked, {uuid: id_ for id_, uuid in known.items()}):
        found: Sums = {}
        exact = all(effects == ADDED for _, effects in queries)
        for query, effects in queries:
            rows = connection.execute(query.limit(question.lines_max + 1) if exact else query)
            _merge(found, [tuple(row) for row in rows], asked, known, effects)
        sums |= sorted((item for item in found.items() if item[1][-1]), key=lambda item: int(item[0][0]))
        if len(sums) > question.lines_max:
            raise TooManyLines(question.lines_max)
    lines = [
        Line(place[0], place[1:], dict(zip(measures, some, strict=True))) for place, some in sums.items()
    ]
    return lines if Measure.CALLS in question.measures else [_without_calls(line) for line in lines]


def histograms(connection: Connection, question: Question) -> dict[Place, Histogram]:
    """How long the calls of each line took, by slot and keys; for dimensions in `HISTOGRAMMED` alone."""
    assert question.dimensions <= HISTOGRAMMED
    if not question.edges_us:
        found = _packed(connection, question, models_daily, "day", None)
        return {place: Histogram(*map(summed, both)) for place, both in found.items()}
    cut = spans(question.edges_us)
    added = _packed(connection, question, models_daily, "day", cut.days)
    taken = _packed(connection, question, models_hourly, "hour", cut.less)
    _extend(added, _packed(connection, question, models_hourly, "hour", cut.hours))
    for towards, some in cut.moved.items():
        moved = _packed(connection, question, models_hourly, "hour", some)
        _extend(added, moved)
        _extend(taken, {(slot + towards, keys): both for (slot, keys), both in moved.items()})
    for place, (latency, ttft) in _of_rows(connection, question, cut.rest).items():
        _extend(added, {place: ([packed(latency)], [packed(ttft)])})
    return {place: Histogram(*map(_difference, both, taken[place])) for place, both in added.items()}


def _extend(found: Packed, more: Mapping[Place, tuple[list[bytes], list[bytes]]]) -> None:
    for place, both in more.items():
        for some, others in zip(found[place], both, strict=True):
            some.extend(others)


def _parts(
    connection: Connection, question: Question, projects_by_uuid: dict[str, int]
) -> Iterator[list[tuple[Select[Any], Effects]]]:
    """Queries for some slots at a time, each with what is done with its sums."""
    unrolled = bool(question.dimensions & UNROLLED)
    edges = question.edges_us
    if not edges:
        yield [(_ever(calls if unrolled else usage_total, question, projects_by_uuid), ADDED)]
        return
    for first in range(0, len(edges) - 1, SLOTS_AT_ONCE):
        some = edges[first : first + SLOTS_AT_ONCE + 1]
        if unrolled:
            cut = Spans(rest=[(slot, *both) for slot, both in enumerate(pairwise(some), start=first)])
        else:
            cut = spans(some, first)
        daily, hourly = _rollups(question)
        pieces = [
            (daily, "day", cut.days, ADDED),
            (hourly, "hour", cut.hours, ADDED),
            (hourly, "hour", cut.less, TAKEN),
            *((hourly, "hour", spans_, ((0, 1), (towards, -1))) for towards, spans_ in cut.moved.items()),
            (calls, "finished_us", cut.rest, ADDED),
        ]
        ever = len(edges) == 2 and not unrolled and _is_most(connection, cut)
        if ever:
            pieces[:1] = [(daily, "day", days, TAKEN) for days in _outside(cut)]
        queries = [
            (_sliced(table, moment, spans_, question, projects_by_uuid), effects)
            for table, moment, spans_, effects in pieces
            if spans_
        ]
        yield [(_ever(usage_total, question, projects_by_uuid), ADDED), *queries] if ever else queries


def _is_most(connection: Connection, cut: Spans) -> bool:
    """Whether the days of the only slot are most of those in the books."""
    day = usage_daily.c.day
    first, last = (connection.scalar(select(one(day))) for one in (func.min, func.max))
    if not cut.days or first is None:
        return False
    _, since, until = cut.days[0]
    inside = min(until, last + 1) - max(since, first)
    return bool(2 * inside > last + 1 - first)


def _outside(cut: Spans) -> tuple[list[Span], list[Span]]:
    """All days before and after those of the only slot."""
    slot, since, until = cut.days[0]
    return [(slot, -END_DAY, since)], [(slot, until, END_DAY)]


def _rollups(question: Question) -> tuple[Table, Table]:
    """The smallest ones that know all that is asked, by the day and by the hour."""
    if question.dimensions <= HISTOGRAMMED:
        return models_daily, models_hourly
    return (usage_daily if question.dimensions & OF_ENDS else spending_daily), usage_hourly


def _ever(table: Table, question: Question, projects_by_uuid: dict[str, int]) -> Select[Any]:
    keys = [_key_column(table, one) for one in question.by]
    ended = calls.c.finished_us.is_not(None) if table is calls else true()
    query = select(literal(0), *keys, *_sums(table, question)).where(ended).group_by(*keys)
    return _where(query, table, question, projects_by_uuid).having(_sum(table, Measure.CALLS) > 0)


def _sliced(
    table: Table, moment: str, some: Sequence[Span], question: Question, projects_by_uuid: dict[str, int]
) -> Select[Any]:
    slot, source, by_slot = _slots(table, moment, some)
    keys = [_key_column(table, one) for one in question.by]
    query = select(slot, *keys, *_sums(table, question)).group_by(*by_slot, *keys)
    query = query.having(_sum(table, Measure.CALLS) > 0)
    return source(_where(query, table, question, projects_by_uuid))


def _slots(table: Table, moment: str, some: Sequence[Span]) -> tuple[ColumnElement[int], Restrict, list[Any]]:
    """The slot of a row, what restricts a query to the rows of slots, and what tells them apart."""
    at = table.c[moment]
    one = even(some)
    if one is None:
        cut = _cut(some)
        return (
            cut.c.slot,
            lambda query: query.select_from(cut.join(table, and_(at >= cut.c.since, at < cut.c.until))),
            [cut.c.slot],
        )

    def within(query: Select[Any]) -> Select[Any]:
        return query.where(at >= one.since, at < one.until)

    if len(some) == 1:
        return literal(one.slot), within, []
    if one.width == 1:
        # By the column itself the rows are in order already.
        return at - (one.since - one.slot), within, [at]
    slot = ((at - one.since) // one.width + one.slot).label("slot")
    return slot, within, [slot]


def _packed(
    connection: Connection, question: Question, table: Table, moment: str, some: Sequence[Span] | None
) -> Packed:
    """Packed histograms of a rollup by slot and keys; of all of time without spans."""
    found: Packed = defaultdict(lambda: ([], []))
    if some is not None and not some:
        return found
    slot, within, _ = (literal(0), _as_it_is, []) if some is None else _slots(table, moment, some)
    keys = [_key_column(table, one) for one in question.by]
    query = _where(select(slot, *keys, table.c.latency, table.c.ttft), table, question, {})
    shown = [_shown(one, {}) for one in question.by]
    for number, *values_of, latency, ttft in map(tuple, connection.execute(within(query))):
        both = found[number, tuple(show(value) for show, value in zip(shown, values_of, strict=True))]
        both[0].append(latency)
        both[1].append(ttft)
    return found


def _as_it_is(query: Select[Any]) -> Select[Any]:
    return query


def _of_rows(
    connection: Connection, question: Question, rest: Sequence[Span]
) -> dict[Place, tuple[dict[int, int], dict[int, int]]]:
    """Calls of the edges by their bucket, by slot and keys."""
    found: defaultdict[Place, tuple[dict[int, int], dict[int, int]]] = defaultdict(lambda: ({}, {}))
    if not rest:
        return found
    t = calls.c
    slot, within, _ = _slots(calls, "finished_us", rest)
    keys = [_key_column(calls, one) for one in question.by]
    query = within(_where(select(slot, *keys, t.latency_us, t.ttft_us), calls, question, {}))
    shown = [_shown(one, {}) for one in question.by]
    for number, *values_of, latency_us, ttft_us in map(tuple, connection.execute(query)):
        both = found[number, tuple(show(value) for show, value in zip(shown, values_of, strict=True))]
        for counts, us in zip(both, (latency_us, ttft_us), strict=True):
            if us is not None:
                counts[bucket(us)] = counts.get(bucket(us), 0) + 1
    return found


def _difference(added: Sequence[bytes], taken: Sequence[bytes]) -> dict[int, int]:
    total = summed(added)
    if not taken:
        return total
    for number, count in summed(taken).items():
        total[number] -= count
    return {number: count for number, count in total.items() if count}


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


def _key_column(table: Table, dimension: Dimension) -> ColumnElement[Any]:
    """What rows are grouped by; in rollups the bare column, by which they may be in order."""
    name = _NUMBERED.get(dimension, dimension.value)
    return _column(table, dimension) if table is calls else table.c[name]


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
        if measure.value in t:
            return func.sum(t[measure.value])
        some = _ERRORS if measure is Measure.ERROR_CALLS else _ABORTS
        return func.sum(case((t.outcome.in_(some), t.calls), else_=0))
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
    found: Sums,
    rows: Iterable[tuple[Any, ...]],
    question: Question,
    known: dict[int, str],
    effects: Effects,
) -> None:
    end = 1 + len(question.by)
    shown = [_shown(one, known) for one in question.by]
    for row in rows:
        keys = [show(value) for show, value in zip(shown, row[1:end], strict=True)]
        for towards, sign in effects:
            place = row[0] + towards, *keys
            more = row[end:] if sign > 0 else tuple(map(neg, row[end:]))
            before = found.get(place)
            found[place] = more if before is None else tuple(map(add, before, more))


def _without_calls(line: Line) -> Line:
    return replace(line, sums={one: sum_ for one, sum_ in line.sums.items() if one is not Measure.CALLS})


def _shown(dimension: Dimension, known: dict[int, str]) -> Callable[[Any], Key]:
    """What a value of a column is shown as."""
    if dimension is Dimension.PROJECT:
        return lambda value: known.get(value, str(value)) if value else None
    if dimension is Dimension.STREAMED:
        return int
    if dimension in _NUMBERED:
        return lambda value: value or None
    return lambda value: None if value in ("", UNKNOWN) else value


def _projects(connection: Connection) -> dict[int, str]:
    return {one: other for one, other in connection.execute(select(projects.c.id, projects.c.uuid))}  # noqa: C416  (rows are no pairs to mypy)
