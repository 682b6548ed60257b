"""Calls out of the books by the million: pages in the order in which they ended.

::

    usage_hourly     ..▓▓▓...▓..▓▓.     with a filter: the hours in which such calls ended
    calls_finished     ▒▒|▒|  ▒  ▒|▒    of these, so many calls at a time, by (finished_us, id)

Each page is read in a transaction of its own, and no statement looks at more than
`LOOKED_AT_MAX` calls: however long an export takes, and however slow its reader is, the
write-ahead log can be checkpointed in between.  The range is fixed when the export
begins, so it ends on a busy system, too.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, Text, cast, func, or_, select, text

from wellhead.call import CallState
from wellhead.database.call_conditions import conditions
from wellhead.database.engine import outages
from wellhead.database.request_forms import FACTS
from wellhead.database.schema import calls, projects, request_forms, usage_hourly, whole_calls
from wellhead.exporting.columns import COLUMNS, Row
from wellhead.moments import HOUR_US
from wellhead.report import CallFilter

PAGE_CALLS = 1_000
LOOKED_AT_MAX = 5_000
"""Calls that one statement looks at where a filter leaves most of them out."""

Span = tuple[int, int]
"""[since, until), in microseconds since the epoch."""
Place = tuple[int, int]
"""Where a page ends: the `finished_us` and `id` of the last call that was looked at."""

_PROJECT = func.coalesce(projects.c.uuid, cast(calls.c.project_id, Text))
_COLUMNS = {one.name: one for one in (*calls.columns, *(request_forms.c[name] for name in FACTS))}
_OF = {**_COLUMNS, "project_id": _PROJECT}
_SELECTED = tuple(_OF[column.of].label(column.name) for column in COLUMNS)
_FROM = whole_calls.outerjoin(projects, projects.c.id == calls.c.project_id)
_ENDED = calls.c.finished_us.is_not(None)
"""Without this the partial index is not used."""


def pages(engine: Engine, wanted: CallFilter, since_us: int, until_us: int) -> Iterator[list[Row]]:
    """Calls that match and ended in [since, until), the first to end first; no page is empty.

    Calls that are pending have no end and belong to no range: asked for by their state alone, they come
    in the order in which they began, whatever the range.  Raises `BooksUnavailable` at any page.
    """
    if wanted.states == (CallState.PENDING.value,):
        yield from _pending(engine, wanted)
        return
    for span in _spans(engine, wanted, since_us, until_us):
        yield from _ended(engine, wanted, span)


def about(engine: Engine, wanted: CallFilter, since_us: int, until_us: int) -> int:
    """How many calls that will be, or a few more: the rollup knows whole hours, and no HTTP status."""
    t = usage_hourly.c
    query = select(func.coalesce(func.sum(t.calls), 0)).where(
        *conditions(usage_hourly, wanted), t.hour >= since_us // HOUR_US, t.hour * HOUR_US < until_us
    )
    with outages(), engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def _spans(engine: Engine, wanted: CallFilter, since_us: int, until_us: int) -> list[Span]:
    """The parts of a range in which calls may be that match."""
    if wanted.is_everything:
        return [(since_us, until_us)]
    t = usage_hourly.c
    query = select(t.hour).distinct().where(*conditions(usage_hourly, wanted)).order_by(t.hour)
    query = query.where(t.hour >= since_us // HOUR_US, t.hour * HOUR_US < until_us)
    with outages(), engine.connect() as connection:
        hours = connection.execute(query).scalars().all()
    spans: list[Span] = []
    for hour in hours:
        first, end = max(hour * HOUR_US, since_us), min((hour + 1) * HOUR_US, until_us)
        if spans and spans[-1][1] == first:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((first, end))
    return spans


def _ended(engine: Engine, wanted: CallFilter, span: Span) -> Iterator[list[Row]]:
    matching = [] if wanted.is_everything else conditions(calls, wanted)
    after: Place | None = None
    more = True
    while more:
        with outages(), engine.connect() as connection:
            within = _within(span, after)
            end = _end_of_page(connection, within, LOOKED_AT_MAX if matching else PAGE_CALLS)
            more = end is not None
            query = select(*_SELECTED).select_from(_FROM).where(*within, *matching)
            if end is not None:
                query = query.where(*_up_to(end))
            page = _rows(connection, query.order_by(calls.c.finished_us, calls.c.id))
            after = end
        # In pieces, so that a page is a page to whoever takes it.
        for start in range(0, len(page), PAGE_CALLS):
            yield page[start : start + PAGE_CALLS]


def _within(span: Span, after: Place | None) -> list[ColumnElement[bool]]:
    t = calls.c
    since_us, until_us = span
    if after is None:
        return [_ENDED, t.finished_us >= since_us, t.finished_us < until_us]
    at_us, id_ = after
    beyond = or_(t.finished_us > at_us, t.id > id_)
    return [_ENDED, t.finished_us >= at_us, t.finished_us < until_us, beyond]


def _up_to(end: Place) -> list[ColumnElement[bool]]:
    t = calls.c
    at_us, id_ = end
    return [t.finished_us <= at_us, or_(t.finished_us < at_us, t.id <= id_)]


def _end_of_page(connection: Connection, within: list[ColumnElement[bool]], count: int) -> Place | None:
    """The last of so many calls; `None`: there are fewer.  Out of the index alone."""
    t = calls.c
    query = select(t.finished_us, t.id).where(*within).order_by(t.finished_us, t.id)
    row = connection.execute(query.limit(1).offset(count - 1)).first()
    return None if row is None else (row[0], row[1])


def _pending(engine: Engine, wanted: CallFilter) -> Iterator[list[Row]]:
    t = calls.c
    after = 0
    while True:
        # The state as it is in the index; a bound value would not be recognised.  The id as a sum, so that
        # open calls are not looked for among all others by their ids.
        query = select(*_SELECTED).select_from(_FROM).where(text("state = 'pending'"), t.id + 0 > after)
        query = query.where(*conditions(calls, wanted)).order_by(t.id + 0).limit(PAGE_CALLS)
        with outages(), engine.connect() as connection:
            page = _rows(connection, query)
        if not page:
            return
        after = page[-1][0]
        yield page


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [tuple(row) for row in connection.execute(query)]
