"""Sums over the usage in the books: answers a `wellhead.report.Question`.

::

    slot 0                                      slot 1
    |▒▒▒|▓▓▓▓|▓▓▓▓|██████████████████|▓▓▓▓|▒▒▒▒|▒▒▒|▓▓▓▓|██████████████████|██
    ▒ from calls   ▓ whole hours   █ whole days (UTC), as far as they are closed

Where from depends on what is asked for:

    session or agent                             session_sheets for whole half hours, and the rows
    provider and model, outcome and streamed     model_sheets, of which any part of a day is a difference
    all else                                     usage_sheets, just so

What slots are made of is said in `wellhead.database.spans`; a few statements answer for
some dozens of them.  All of time comes from `usage_total`, and so does a range that is
most of it, less what is outside.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import add, neg
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, literal, select

from wellhead.database import closed_days, sheet_reports
from wellhead.database.measures import Projects, grouping, projects_of, restricted, shown, sum_of
from wellhead.database.schema import (
    calls,
    models_hourly,
    usage_hourly,
    usage_total,
)
from wellhead.database.session_reports import by_session
from wellhead.database.sheet_reports import Lines
from wellhead.database.slots import slots_of
from wellhead.database.spans import ALL_US, Span, half_hours, marked
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import (
    HISTOGRAMMED,
    UNROLLED,
    Line,
    Measure,
    Question,
    TooManyLines,
)

SLOTS_AT_ONCE = 50
"""After so many slots it is looked whether the answer is too long."""

Place = tuple[Any, ...]
"""A slot, and what its line is told apart by."""
Sums = dict[Place, tuple[int, ...]]


@dataclass(frozen=True)
class _Asked:
    """A question, and what has to be known of the books to answer it."""

    connection: Connection
    question: Question
    known: Projects
    edges_us: Sequence[int]
    """Those of the question, as far as figures can be told apart there."""
    closed: Mapping[int, bool]
    """Days that are closed, in their order, and whether they have half hours."""

    @cached_property
    def lines(self) -> Lines:
        """What the numbers of keys stand for; of keys that are asked for alone."""
        return sheet_reports.lines(self.connection, self.question, self.known)


def answer(connection: Connection, question: Question) -> list[Line]:
    """The lines of the answer, by slot, in no particular order beyond that; raises `TooManyLines`."""
    # Counted in any case: where as many are taken away as there were, there is no line.
    measures = (*(one for one in question.measures if one is not Measure.CALLS), Measure.CALLS)
    whole = replace(question, measures=measures)
    closed = closed_days.closed(connection)
    sums: Sums = {}
    edges_us = closed_days.cuts_us(connection, question.edges_us, closed)
    for found in _parts(_Asked(connection, whole, projects_of(connection, whole), edges_us, closed)):
        sums |= sorted((item for item in found.items() if item[1][-1]), key=lambda item: int(item[0][0]))
        if len(sums) > question.lines_max:
            raise TooManyLines(question.lines_max)
    lines = [
        Line(place[0], place[1:], dict(zip(measures, some, strict=True))) for place, some in sums.items()
    ]
    return lines if Measure.CALLS in question.measures else [_without_calls(line) for line in lines]


def _parts(asked: _Asked) -> Iterator[Sums]:
    """The sums of some slots at a time."""
    edges = asked.edges_us
    if asked.question.dimensions & UNROLLED:
        yield _by_session(asked, edges or ALL_US)
    elif not edges:
        yield _of_queries(asked, [_ever(asked)])
    elif len(edges) == 2 and (books := _books_around(asked)):
        yield _of_most(asked, *books)
    else:
        for first in range(0, len(edges) - 1, SLOTS_AT_ONCE):
            yield _rolled(asked, edges[first : first + SLOTS_AT_ONCE + 1], first)


def _books_around(asked: _Asked) -> tuple[int, int] | None:
    """The first hour in the books and the end of the last one, if the only slot has most of them."""
    hour = usage_hourly.c.hour
    first, last = (asked.connection.scalar(select(one(hour))) for one in (func.min, func.max))
    if first is None:
        return None
    since, until = _whole_hours(asked)
    inside = min(until, last + 1) - max(since, first)
    return (first, last + 1) if 2 * inside > last + 1 - first else None


def _of_most(asked: _Asked, first: int, end: int) -> Sums:
    """All of time less what is outside of the only slot."""
    since_us, until_us = asked.edges_us
    found = _of_queries(asked, [_ever(asked)], limited=False)
    for outside_us in ((first * HOUR_US, since_us), (until_us, end * HOUR_US)):
        if outside_us[0] < outside_us[1]:
            _add(found, _rolled(asked, outside_us, limited=False).items(), -1)
    return found


def _whole_hours(asked: _Asked) -> tuple[int, int]:
    since_us, until_us = asked.edges_us
    return -(-since_us // HOUR_US), until_us // HOUR_US


def _rolled(asked: _Asked, edges_us: Sequence[int], first: int = 0, *, limited: bool = True) -> Sums:
    """Of whole days and hours from the smallest rollup that knows, of what is left from calls."""
    hourly = models_hourly if asked.question.dimensions <= HISTOGRAMMED else usage_hourly
    cut = marked(edges_us, asked.closed, first)
    queries = [*_of_rollup(asked, hourly, cut.hours), *_of_calls(asked, cut.rest)]
    found = _of_queries(asked, queries, limited=limited and not cut.marks)
    sheets = sheet_reports.spending(asked.connection, asked.question, cut.marks, asked.lines)
    return _add(found, sheets) if found else dict(sheets)


def _by_session(asked: _Asked, edges_us: Sequence[int]) -> Sums:
    """Half hours of closed days from their sheets, and the rest from the rows."""
    since, until = edges_us[0] // DAY_US, -(-edges_us[-1] // DAY_US)
    slots, rest = half_hours(edges_us, closed_days.with_sessions(asked.connection, since, until))
    found = _of_queries(asked, _of_calls(asked, rest), limited=not slots)
    sheets = by_session(asked.connection, asked.question, slots, asked.lines)
    return _add(found, sheets) if found else dict(sheets)


def _of_queries(asked: _Asked, queries: Sequence[Select[Any]], *, limited: bool = True) -> Sums:
    """The sums of some statements; of as many rows as there may be lines, if nothing is taken away again."""
    found: Sums = {}
    most = asked.question.lines_max + 1
    end = 1 + len(asked.question.by)
    shows = [shown(one, asked.known) for one in asked.question.by]
    for query in queries:
        rows = asked.connection.execute(query.limit(most) if limited else query)
        sums = (
            ((row[0], *(show(value) for show, value in zip(shows, row[1:end], strict=True))), row[end:])
            for row in map(tuple, rows)
        )
        _add(found, sums)
    return found


def _of_rollup(asked: _Asked, table: Table, some: Sequence[Span]) -> list[Select[Any]]:
    return [_sliced(asked, table, next(iter(table.columns)).name, some)] if some else []


def _of_calls(asked: _Asked, some: Sequence[Span]) -> list[Select[Any]]:
    return [_sliced(asked, calls, "finished_us", some)] if some else []


def _ever(asked: _Asked) -> Select[Any]:
    return _summed(asked, usage_total, literal(0), [])


def _sliced(asked: _Asked, table: Table, moment: str, some: Sequence[Span]) -> Select[Any]:
    slot, within, by_slot = slots_of(table.c[moment], some)
    return within(_summed(asked, table, slot, by_slot))


def _summed(asked: _Asked, table: Table, slot: ColumnElement[int], by_slot: Sequence[Any]) -> Select[Any]:
    keys = [grouping(table, one) for one in asked.question.by]
    sums = [sum_of(table, measure) for measure in asked.question.measures]
    query = select(slot, *keys, *sums).group_by(*by_slot, *keys).having(sum_of(table, Measure.CALLS) > 0)
    return restricted(query, table, asked.question, asked.known)


def _add(found: Sums, more: Iterable[tuple[Place, tuple[int, ...]]], sign: int = 1) -> Sums:
    for place, sums in more:
        some = sums if sign > 0 else tuple(map(neg, sums))
        before = found.get(place)
        found[place] = some if before is None else tuple(map(add, before, some))
    return found


def _without_calls(line: Line) -> Line:
    return replace(line, sums={one: sum_ for one, sum_ in line.sums.items() if one is not Measure.CALLS})
