"""Pages of calls that match, the newest first by their ids, without a look at all the others.

There is no index for what a listing may be filtered by, and calls that match may be
rare.  But the rollups know when such calls ended, and how many they were::

                  before                                              the newest
                     │                                                    │
    usage_daily   ▓▓ │ ░░  ░░  ░░  ░░     whole days with calls that match, counted and left out,
    usage_hourly  ▓▓ │ ░░ ▓               then whole hours, as many as the offset allows
    calls           ▒▒▒   ▒▒              rows of the next hours with such calls, until the page is certain

Ids follow the moments at which calls began, and rollups those at which they ended.
So wherever reading begins, the calls that were under way at that moment are looked
up by themselves: those that ended within an hour of their beginning by the time,
and the few others by an index of their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, Table, column, func, select, text
from sqlalchemy import values as rows_of

from wellhead.call import CallState
from wellhead.database.schema import calls, retention, usage_daily, usage_hourly
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import CallFilter

LONG_US = HOUR_US
"""Calls that took longer are in the index of long calls, which is made for exactly this."""
SKEW_US = HOUR_US
"""Ids follow the clock, but for a clock that was set back; by no more than this, it is taken."""
HOURS_PER_BATCH_MAX = 1_000
UNKNOWN = "unknown"
_TEXTS = ("tool", "client", "provider", "model")
_PENDING = text("state = 'pending'")
_WRONG = text("state NOT IN ('pending', 'completed')")
_LONG = text("finished_us - started_us > 3600000000")
"""Conditions as they are in the indexes; bound values would not be recognised."""
_END_US = 2**62


@dataclass(frozen=True, slots=True)
class _Place:
    """From where on calls are read, towards older ones."""

    at_us: int
    """Calls that ended earlier are found by the hours in which they did..."""
    before: int
    """...as far as their ids are below this one..."""
    others: frozenset[int]
    """...and all the others that are: pending ones, and those that ended later."""
    left: int
    """How many are left out still."""


def newest_ids(
    connection: Connection, wanted: CallFilter, *, count: int, offset: int, before: int | None
) -> list[int]:
    """The ids of so many calls that match, the newest first, after `offset` others; all below `before`."""
    place = _skip(connection, wanted, _start(connection, wanted, before, offset))
    found, needed = sorted(place.others, reverse=True), place.left + count
    hours = _hours(connection, wanted, place.at_us)
    batch_calls = needed
    while batch := _next_hours(hours, batch_calls):
        found += _ids(connection, _ended_in(batch, wanted, place.before))
        found.sort(reverse=True)
        # What was not looked at yet ended, and so began, before the last of these hours.
        last_us = batch[-1] * HOUR_US
        if len(found) >= needed and found[needed - 1] >= first_id(connection, last_us + SKEW_US):
            break
        batch_calls *= 2
    return found[place.left : needed]


def first_id(connection: Connection, at_us: int) -> int:
    """The id from which on calls began at a moment or later."""
    # Each by itself is a look at one end of the table; both in one statement would read all of it.
    low = connection.scalar(select(func.min(calls.c.id))) or 0
    high = (connection.scalar(select(func.max(calls.c.id))) or -1) + 1
    query = "SELECT id, started_us FROM calls WHERE id >= ? ORDER BY id LIMIT 1"
    while low < high:
        middle = (low + high) // 2
        id_, started_us = connection.exec_driver_sql(query, (middle,)).one()
        if started_us >= at_us:
            high = middle
        else:
            low = id_ + 1
    return int(low)


def conditions(table: Table, wanted: CallFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions on the rows, or as far as a rollup knows."""
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
    if not in_rows and not wanted.states and _went_wrong(wanted):
        found.append(state != CallState.COMPLETED.value)
    return found


def _unindexed(of: ColumnElement[str | None]) -> ColumnElement[str]:
    # SQLite would make an index of its own over the whole table, for this one statement.
    return func.coalesce(of, "")


def _went_wrong(wanted: CallFilter) -> bool:
    """Whether only calls match that failed in some way: those have an index."""
    # A call is completed only if it was answered below 400, and a pending one was not answered.
    by_status = wanted.status_min is not None and wanted.status_min >= 400
    good = {CallState.COMPLETED.value, CallState.PENDING.value}
    return by_status or (bool(wanted.states) and not good & set(wanted.states))


def _matching(wanted: CallFilter, before: int) -> Select[Any]:
    found = select(calls.c.id).where(*conditions(calls, wanted))
    if _went_wrong(wanted):
        found = found.where(_WRONG)
    # As a sum, so that times stay what rows are looked up by.
    return found.where(calls.c.id + 0 < before)


def _ids(connection: Connection, query: Select[Any]) -> list[int]:
    return [row[0] for row in connection.execute(query)]


def _ended_in(hours: Sequence[int], wanted: CallFilter, before: int) -> Select[Any]:
    cut = rows_of(column("hour", Integer), name="hours").data([(hour,) for hour in hours]).cte("hours")
    started = cut.c.hour * HOUR_US
    t = calls.c
    within = (t.finished_us >= started) & (t.finished_us < started + HOUR_US)
    return _matching(wanted, before).select_from(cut.join(calls, within))


def _start(connection: Connection, wanted: CallFilter, before: int | None, offset: int) -> _Place:
    pending: set[int] = set()
    if not wanted.states or CallState.PENDING.value in wanted.states:
        query = _matching(wanted, _END_US if before is None else before).where(_PENDING)
        pending = set(_ids(connection, query))
    if before is None:
        return _Place(_END_US, _END_US, frozenset(pending), offset)
    t = calls.c
    last = connection.execute(
        select(t.started_us).where(t.id < before).order_by(t.id.desc()).limit(1)
    ).scalar()
    at_us = 0 if last is None else last - last % HOUR_US
    return _Place(at_us, before, frozenset(pending | _later(connection, wanted, at_us, before)), offset)


def _later(connection: Connection, wanted: CallFilter, at_us: int, before: int) -> set[int]:
    """Calls with ids below one that began within an hour of a moment, which ended at that moment or later."""
    t, matching = calls.c, _matching(wanted, before)
    until_us = at_us + HOUR_US + LONG_US + SKEW_US
    short = matching.where(t.finished_us >= at_us, t.finished_us < until_us)
    long = matching.where(_LONG, t.finished_us >= at_us)
    return {*_ids(connection, short), *_ids(connection, long)}


def _skip(connection: Connection, wanted: CallFilter, start: _Place) -> _Place:
    """Go past whole days and hours of which is known how many calls match."""
    at_us, ended = _counted(connection, wanted, start)
    if not ended:
        return start
    before = min(first_id(connection, at_us), start.before)
    later = _later(connection, wanted, at_us, before)
    pending_too = {id_ for id_ in start.others if id_ < before} | later
    passed = len(start.others) - len(start.others & pending_too) + ended - len(later - start.others)
    # Where the clock was set back, some ended in earlier hours and have higher ids, and the other way round.
    passed += _ended_before(connection, wanted, at_us, before, start.before)
    passed -= _ended_before(connection, wanted, start.at_us, start.before, _END_US)
    if passed > start.left:
        return start
    return _Place(at_us, before, frozenset(pending_too), start.left - passed)


def _ended_before(connection: Connection, wanted: CallFilter, at_us: int, from_: int, before: int) -> int:
    """How many ended in the hour before a moment with ids from one on."""
    if at_us == _END_US:
        return 0
    t = calls.c
    since_us = at_us - SKEW_US
    query = _matching(wanted, before).where(
        t.finished_us >= since_us, t.finished_us < at_us, t.id + 0 >= from_
    )
    return len(_ids(connection, query))


def _counted(connection: Connection, wanted: CallFilter, start: _Place) -> tuple[int, int]:
    """Back to when calls can be counted without passing the offset, and how many ended since then."""
    at_us, ended, room = start.at_us, 0, start.left - len(start.others)
    if room <= 0 or not _is_countable(wanted):
        return at_us, 0
    # Of days whose calls were removed the rollups know more than there is.
    removed_us = connection.execute(select(retention.c.removed_before_us)).scalar() or 0
    for day, known in _days(connection, wanted, start.at_us):
        since_us, until_us = day * DAY_US, min(start.at_us, (day + 1) * DAY_US)
        if since_us < removed_us:
            break
        if until_us - since_us == DAY_US:
            count = _count(connection, wanted, known, since_us, until_us)
            if ended + count <= room:
                at_us, ended = since_us, ended + count
                continue
        for hour, known_of_hour in _hours_of(connection, wanted, day, until_us):
            since_us = hour * HOUR_US
            count = _count(connection, wanted, known_of_hour, since_us, since_us + HOUR_US)
            if ended + count > room:
                return at_us, ended
            at_us, ended = since_us, ended + count
    return at_us, ended


def _is_countable(wanted: CallFilter) -> bool:
    by_text = any(getattr(wanted, name) is not None for name in _TEXTS)
    return not _has_status(wanted) or (_went_wrong(wanted) and not by_text)


def _has_status(wanted: CallFilter) -> bool:
    return wanted.status_min is not None or wanted.status_max is not None


def _count(connection: Connection, wanted: CallFilter, known: int, since_us: int, until_us: int) -> int:
    """How many calls that match ended in a time: as the rollup knows, or by an index that holds it all."""
    if not _has_status(wanted):
        return known
    t = calls.c
    query = select(func.count()).where(*conditions(calls, wanted), _WRONG)
    return connection.execute(query.where(t.finished_us >= since_us, t.finished_us < until_us)).scalar_one()


def _days(connection: Connection, wanted: CallFilter, until_us: int) -> Iterator[tuple[int, int]]:
    """Days in which calls like these ended, the last first, and how many they may be."""
    if wanted.states and set(wanted.states) <= {CallState.PENDING.value}:
        return
    t = usage_daily.c
    query = select(t.day, func.sum(t.calls)).where(*conditions(usage_daily, wanted))
    query = query.where(t.day < -(-until_us // DAY_US))
    # Read only as far as somebody asks.
    yield from map(tuple, connection.execute(query.group_by(t.day).order_by(t.day.desc())))


def _hours_of(
    connection: Connection, wanted: CallFilter, day: int, until_us: int
) -> Iterator[tuple[int, int]]:
    """The same for the hours of a day."""
    t, first = usage_hourly.c, day * (DAY_US // HOUR_US)
    end = min(until_us, (day + 1) * DAY_US) // HOUR_US
    query = select(t.hour, func.sum(t.calls)).where(*conditions(usage_hourly, wanted))
    query = query.where(t.hour >= first, t.hour < end)
    yield from map(tuple, connection.execute(query.group_by(t.hour).order_by(t.hour.desc())))


def _hours(connection: Connection, wanted: CallFilter, until_us: int) -> Iterator[tuple[int, int]]:
    for day, _ in _days(connection, wanted, until_us):
        yield from _hours_of(connection, wanted, day, until_us)


def _next_hours(hours: Iterator[tuple[int, int]], calls_wanted: int) -> list[int]:
    """Some more hours, until they hold so many calls."""
    batch: list[int] = []
    for hour, known in hours:
        batch.append(hour)
        calls_wanted -= known
        if calls_wanted <= 0 or len(batch) == HOURS_PER_BATCH_MAX:
            break
    return batch
