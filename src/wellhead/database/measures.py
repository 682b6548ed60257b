"""Measures and dimensions as SQL has them, whichever table they are read from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, case, func, select

from wellhead.call import CallState
from wellhead.database.schema import TOKEN_COLUMNS, calls, projects
from wellhead.report import UNKNOWN, Dimension, Key, Measure, Question
from wellhead.usage import UsageSource

_ERRORS = (CallState.FAILED.value, CallState.REFUSED.value)
_ABORTS = (CallState.ABORTED.value, CallState.INTERRUPTED.value)
_NUMBERED = {Dimension.PROJECT: "project_id", Dimension.KEY: "key_id", Dimension.STREAMED: "streamed"}
"""Dimensions whose columns are numbers; 0 stands for none in the first two."""


@dataclass(frozen=True, slots=True)
class Projects:
    """Projects of a question, by their numbers and the other way round."""

    uuids: Mapping[int, str] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)


NO_PROJECTS = Projects()
"""Where none are asked for."""


def projects_of(connection: Connection, question: Question) -> Projects:
    """Read only if the question is about them."""
    if Dimension.PROJECT not in question.dimensions:
        return NO_PROJECTS
    rows = connection.execute(select(projects.c.id, projects.c.uuid))
    uuids = {one: other for one, other in rows}  # noqa: C416  (rows are no pairs to mypy)
    return Projects(uuids, {uuid: number for number, uuid in uuids.items()})


def name_of(dimension: Dimension) -> str:
    """The column of a dimension in rollups."""
    return _NUMBERED.get(dimension, dimension.value)


def grouping(table: Table, dimension: Dimension) -> ColumnElement[Any]:
    """What rows are grouped by; in rollups the bare column, by which they may be in order."""
    return said(table, dimension) if table is calls else table.c[name_of(dimension)]


def said(table: Table, dimension: Dimension) -> ColumnElement[Any]:
    """The rollups' way to write a dimension, whichever table it is: nothing is `''` or 0."""
    name = "state" if dimension is Dimension.OUTCOME and table is calls else name_of(dimension)
    # Never the bare column: SQLite would rather make an index over the whole table for a condition
    # than look the hours up.
    return func.coalesce(table.c[name], 0 if dimension in _NUMBERED else "")


def restricted(query: Select[Any], table: Table, question: Question, known: Projects) -> Select[Any]:
    """Only what the question is about, as far as the table knows its dimensions."""
    for dimension, wanted in question.where.items():
        if table is calls or name_of(dimension) in table.c:
            query = query.where(_is(said(table, dimension), dimension, wanted, known))
    return query


def _is(found: ColumnElement[Any], dimension: Dimension, wanted: Key, known: Projects) -> ColumnElement[bool]:
    if dimension is Dimension.PROJECT and isinstance(wanted, str):
        return found == known.numbers.get(wanted, -1)
    if wanted is None:
        return found.in_((0,) if dimension in _NUMBERED else ("", UNKNOWN))
    matches: ColumnElement[bool] = found == wanted
    return matches


def is_wanted(value: str, wanted: Key) -> bool:
    """The same of a text that was read already."""
    return value in ("", UNKNOWN) if wanted is None else value == wanted


def shown(dimension: Dimension, known: Projects) -> Callable[[Any], Key]:
    """What a value of a column is shown as."""
    if dimension is Dimension.PROJECT:
        return lambda value: known.uuids.get(value, str(value)) if value else None
    if dimension is Dimension.STREAMED:
        return int
    if dimension in _NUMBERED:
        return lambda value: value or None
    return lambda value: None if value in ("", UNKNOWN) else value


def sum_of(table: Table, measure: Measure) -> ColumnElement[Any]:
    """A measure over the rows of a group."""
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
