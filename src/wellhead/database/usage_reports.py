"""Sums over the usage in the books: answers a `wellhead.report.Question`.

::

    slot 0                                      slot 1
    |▒▒▒|▓▓▓▓|▓▓▓▓|██████████████████|▓▓▓▓|▒▒▒▒|▒▒▒|▓▓▓▓|██████████████████|██
    ▒ from calls   ▓ whole hours   █ whole days (UTC), from the smallest rollup that knows the dimensions

What slots are made of is said in `wellhead.database.spans`; a few statements answer for
some dozens of them.  All of time comes from `usage_total`.  Where a dimension is asked
for that the rollups do not know, everything comes from the rows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
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
SLOTS_AT_ONCE = 100
"""After so many slots it is looked whether the answer is too long."""
OF_ENDS = frozenset({Dimension.OUTCOME, Dimension.STREAMED})
"""What `spending_daily` does not tell apart."""

_ERRORS = (CallState.FAILED.value, CallState.REFUSED.value)
_ABORTS = (CallState.ABORTED.value, CallState.INTERRUPTED.value)
_NUMBERED = {Dimension.PROJECT: "project_id", Dimension.KEY: "key_id", Dimension.STREAMED: "streamed"}
"""Dimensions whose columns are numbers; 0 stands for none in the first two."""

Sums = dict[tuple[Any, ...], list[int]]
"""By slot and keys."""
Place = tuple[int, tuple[Key, ...]]
Restrict = Callable[[Select[Any]], Select[Any]]


def answer(connection: Connection, question: Question) -> list[Line]:
    """The lines of the answer, by slot, in no particular order beyond that; raises `TooManyLines`."""
    known = _projects(connection) if Dimension.PROJECT in question.dimensions else {}
    # Counted in any case: where as many are taken away as there were, there is no line.
    measures = (*(one for one in question.measures if one is not Measure.CALLS), Measure.CALLS)
    asked = replace(question, measures=measures)
    lines: list[Line] = []
    for queries in _parts(asked, {uuid: id_ for id_, uuid in known.items()}):
        found: Sums = {}
        exact = len(queries) == sum(sign > 0 for _, sign in queries)
        for query, sign in queries:
            rows = connection.execute(query.limit(question.lines_max + 1) if exact else query)
            _merge(found, rows, asked, known, sign)
        lines += [
            Line(int(slot), tuple(keys), dict(zip(measures, sums, strict=True)))
            for (slot, *keys), sums in sorted(found.items(), key=lambda item: int(item[0][0]))
            if sums[-1]
        ]
        if len(lines) > question.lines_max:
            raise TooManyLines(question.lines_max)
    return lines if Measure.CALLS in question.measures else [_without_calls(line) for line in lines]


def histograms(connection: Connection, question: Question) -> dict[Place, Histogram]:
    """How long the calls of each line took, by slot and keys; for dimensions in `HISTOGRAMMED` alone."""
    assert question.dimensions <= HISTOGRAMMED
    cut = spans(question.edges_us) if question.edges_us else None
    of_days = (models_daily, "day", cut.days if cut else None)
    added = _packed(connection, question, of_days)
    taken: dict[Place, tuple[list[bytes], list[bytes]]] = {}
    if cut:
        for place, some in _packed(connection, question, (models_hourly, "hour", cut.hours)).items():
            for histograms_there, more in zip(added[place], some, strict=True):
                histograms_there.extend(more)
        for place, counted in _of_rows(connection, question, cut.rest).items():
            for histograms_there, counts in zip(added[place], counted, strict=True):
                histograms_there.append(packed(counts))
        taken = _packed(connection, question, (models_hourly, "hour", cut.less))
    nothing: tuple[list[bytes], list[bytes]] = ([], [])
    return {
        place: Histogram(*map(_difference, both, taken.get(place, nothing))) for place, both in added.items()
    }


def _parts(question: Question, projects_by_uuid: dict[str, int]) -> Iterator[list[tuple[Select[Any], int]]]:
    """Queries for some slots at a time, each with whether its sums are added or taken away."""
    unrolled = bool(question.dimensions & UNROLLED)
    edges = question.edges_us
    if not edges:
        yield [(_ever(calls if unrolled else usage_total, question, projects_by_uuid), 1)]
        return
    for first in range(0, len(edges) - 1, SLOTS_AT_ONCE):
        some = edges[first : first + SLOTS_AT_ONCE + 1]
        if unrolled:
            cut = Spans(rest=[(slot, *both) for slot, both in enumerate(pairwise(some), start=first)])
        else:
            cut = spans(some, first)
        daily, hourly = _rollups(question)
        pieces = (
            (daily, "day", cut.days, 1),
            (hourly, "hour", cut.hours, 1),
            (hourly, "hour", cut.less, -1),
            (calls, "finished_us", cut.rest, 1),
        )
        yield [
            (_sliced(table, moment, some_spans, question, projects_by_uuid), sign)
            for table, moment, some_spans, sign in pieces
            if some_spans
        ]


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
    connection: Connection, question: Question, of: tuple[Table, str, Sequence[Span] | None]
) -> defaultdict[Place, tuple[list[bytes], list[bytes]]]:
    """Packed histograms of a rollup by slot and keys; of all of time without spans."""
    table, moment, some = of
    found: defaultdict[Place, tuple[list[bytes], list[bytes]]] = defaultdict(lambda: ([], []))
    if some is not None and not some:
        return found
    slot, within = (literal(0), None) if some is None else _slots(table, moment, some)[:2]
    keys = [_key_column(table, one) for one in question.by]
    query = _where(select(slot, *keys, table.c.latency, table.c.ttft), table, question, {})
    for row in connection.execute(query if within is None else within(query)):
        for some_histograms, one in zip(found[row[0], _keys(question, row[1:-2])], row[-2:], strict=True):
            some_histograms.append(one)
    return found


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
    for row in connection.execute(query):
        both = found[row[0], _keys(question, row[1:-2])]
        for counts, us in zip(both, row[-2:], strict=True):
            if us is not None:
                counts[bucket(us)] = counts.get(bucket(us), 0) + 1
    return found


def _difference(added: Iterable[bytes], taken: Iterable[bytes]) -> dict[int, int]:
    total = summed(added)
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
    found: Sums, rows: Iterable[Sequence[Any]], question: Question, known: dict[int, str], sign: int
) -> None:
    end = 1 + len(question.by)
    for row in rows:
        keys = [_key(one, value) for one, value in zip(question.by, row[1:end], strict=True)]
        for place, one in enumerate(question.by):
            if one is Dimension.PROJECT and isinstance(keys[place], int):
                keys[place] = known.get(row[1 + place], str(row[1 + place]))
        place_of = (row[0], *keys)
        before = found.get(place_of)
        sums = [sign * int(one) for one in row[end:]]
        found[place_of] = sums if before is None else [a + b for a, b in zip(before, sums, strict=True)]


def _without_calls(line: Line) -> Line:
    return replace(line, sums={one: sum_ for one, sum_ in line.sums.items() if one is not Measure.CALLS})


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
