"""Single calls out of the books: one by its id, and listings by pages.

There is no index for what a listing may be filtered by, and calls that match may be
rare.  But the rollup knows the hours in which such calls ended::

    usage_hourly   ..▓...▓▓..▓.   hours with calls that match, the newest first
    calls              ▒▒▒  ▒     rows of these hours alone, until the page is certain
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Integer,
    Table,
    column,
    func,
    or_,
    select,
    text,
)
from sqlalchemy import values as rows_of

from wellhead.call import CallState
from wellhead.database.schema import calls, usage_hourly
from wellhead.moments import HOUR_US
from wellhead.report import CallFilter, CallRow

SKEW_US = HOUR_US
"""Ids follow the clock, but for a clock that was set back; by no more than this, it is taken."""
HOURS_PER_BATCH_MAX = 1_000
UNKNOWN = "unknown"

SHOWN = tuple(one for one in calls.columns if one.name not in ("credential_hash", "reserve", "worker_id"))
_TEXTS = ("tool", "client", "provider", "model")


def one(connection: Connection, id_: int) -> CallRow | None:
    """A call by its id; `None` if there is none."""
    row = connection.execute(select(*SHOWN).where(calls.c.id == id_)).mappings().first()
    return None if row is None else dict(row)


def newest(
    connection: Connection, wanted: CallFilter, *, count: int, offset: int, before: int | None
) -> list[CallRow]:
    """So many calls that match by their ids, the newest first, after `offset` others; all below `before`."""
    if wanted.is_everything:
        query = select(*SHOWN).order_by(calls.c.id.desc()).limit(count).offset(offset)
        if before is not None:
            query = query.where(calls.c.id < before)
        return [dict(row) for row in connection.execute(query).mappings()]
    matching = conditions(calls, wanted)
    if before is not None:
        # As a sum, so that the hours stay what rows are looked up by.
        matching.append(calls.c.id + 0 < before)
    ids = _matching(connection, wanted, matching, offset + count)[offset : offset + count]
    query = select(*SHOWN).where(calls.c.id.in_(ids)).order_by(calls.c.id.desc())
    return [dict(row) for row in connection.execute(query).mappings()]


def ended(
    connection: Connection,
    since_us: int | None,
    until_us: int | None,
    *,
    count: int,
    after: tuple[int, int] | None,
) -> list[CallRow]:
    """So many calls that ended in [since, until), the last first; after one by its end and its id."""
    t = calls.c
    # Without this the partial index is not used.
    query = select(*SHOWN).where(t.finished_us.is_not(None))
    if since_us is not None:
        query = query.where(t.finished_us >= since_us)
    if until_us is not None:
        query = query.where(t.finished_us < until_us)
    if after is not None:
        at_us, id_ = after
        query = query.where(t.finished_us <= at_us, or_(t.finished_us < at_us, t.id < id_))
    query = query.order_by(t.finished_us.desc(), t.id.desc()).limit(count)
    return [dict(row) for row in connection.execute(query).mappings()]


def first_and_last_us(connection: Connection) -> tuple[int | None, int | None]:
    """When the first and the last call in the books began."""
    t = calls.c
    first = connection.execute(select(t.started_us).order_by(t.id).limit(1)).scalar()
    last = connection.execute(select(t.started_us).order_by(t.id.desc()).limit(1)).scalar()
    return first, last


def _matching(
    connection: Connection, wanted: CallFilter, matching: Sequence[ColumnElement[bool]], needed: int
) -> list[int]:
    """The ids of the newest calls that match, as many as are needed."""
    found: list[tuple[int, int]] = []
    t = calls.c
    if not wanted.states or CallState.PENDING.value in wanted.states:
        # The condition as it is in the index; a bound value would not be recognised.
        query = select(t.id, t.started_us).where(text("state = 'pending'"), *matching)
        found += [(id_, started_us) for id_, started_us in connection.execute(query)]
    hours = _hours(connection, wanted)
    batch_calls = needed
    while batch := _next_hours(hours, batch_calls):
        cut = rows_of(column("hour", Integer), name="hours").data([(hour,) for hour in batch]).cte("hours")
        started = cut.c.hour * HOUR_US
        within = (t.finished_us >= started) & (t.finished_us < started + HOUR_US)
        query = select(t.id, t.started_us).select_from(cut.join(calls, within)).where(*matching)
        found += [(id_, started_us) for id_, started_us in connection.execute(query)]
        found.sort(reverse=True)
        # What is not looked at yet ended, and so began, before the last of these hours.
        if len(found) >= needed and found[needed - 1][1] >= batch[-1] * HOUR_US + SKEW_US:
            break
        batch_calls *= 2
    found.sort(reverse=True)
    return [id_ for id_, _ in found[:needed]]


def _hours(connection: Connection, wanted: CallFilter) -> CursorResult[Any]:
    """Hours in which calls like these ended, the last first, and how many they may be."""
    t = usage_hourly.c
    query = select(t.hour, func.sum(t.calls).label("calls")).group_by(t.hour).order_by(t.hour.desc())
    return connection.execute(query.where(*conditions(usage_hourly, wanted)))


def _next_hours(hours: CursorResult[Any], calls_wanted: int) -> list[int]:
    """Some more hours, until they hold so many calls; read from the database only as far as that."""
    batch: list[int] = []
    while calls_wanted > 0 and len(batch) < HOURS_PER_BATCH_MAX:
        row: Any = hours.fetchone()
        if row is None:
            break
        batch.append(row.hour)
        calls_wanted -= row.calls
    return batch


def conditions(table: Table, wanted: CallFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions on the rows, or as far as the rollup knows."""
    t, in_rows = table.c, table is calls
    found: list[ColumnElement[bool]] = []
    for name in _TEXTS:
        value = getattr(wanted, name)
        if value == UNKNOWN:
            found.append(_unindexed(t[name]).in_(("", UNKNOWN)))
        elif value is not None:
            found.append(_unindexed(t[name]) == value)
    state = _unindexed(t.state if in_rows else t.outcome)
    if wanted.states:
        found.append(state.in_(wanted.states))
    if in_rows and wanted.status_min is not None:
        found.append(t.status_code >= wanted.status_min)
    if in_rows and wanted.status_max is not None:
        found.append(t.status_code <= wanted.status_max)
    if not in_rows and wanted.status_min is not None and wanted.status_min >= 400:
        # A call is completed only if it was answered below that.
        found.append(state != CallState.COMPLETED.value)
    return found


def _unindexed(of: ColumnElement[Any]) -> ColumnElement[Any]:
    # SQLite would make an index of its own over the whole table, for this one statement.
    return func.coalesce(of, "")
