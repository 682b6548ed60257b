"""Pages of calls that match, the newest first by their ids, without a look at all the others.

There is no index for what a listing may be filtered by, and calls that match may be
rare.  First the calls just below are looked at, which is all it takes for most filters.
Then the rollups know when such calls ended, and how many they were::

                  before                                              the newest
                     │                                                    │
    usage_sheets  ▓▓ │ ░░  ░░  ░░  ░░     whole days with calls that match, counted and left out,
    usage_hourly  ▓▓ │ ░░ ▓               then whole hours, as many as the offset allows
    calls           ▒▒▒   ▒▒              rows of the next hours with such calls, until the page is certain

Ids follow the moments at which calls began, and rollups those at which they ended.
So wherever reading begins, the calls that were under way at that moment are looked
up by themselves: those that ended within an hour of their beginning by the time,
and the few others by an index of their own.

Where rollups know nothing of what is wanted, or an hour has too many calls, it goes row
by row.  However it goes, a page looks at no more than a few times `LOOKED_AT_MAX` rows:
then it has what was found so far, and says from which id on nothing was looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Integer, Select, column, func, select
from sqlalchemy import values as rows_of

from wellhead.call import CallState
from wellhead.database import call_hours
from wellhead.database.call_conditions import (
    LONG,
    PENDING,
    WRONG,
    conditions,
    of_pending,
    rollups_narrow,
    went_wrong,
)
from wellhead.database.schema import calls
from wellhead.moments import HOUR_US
from wellhead.report import CallFilter

FIRST_LOOK = 2_000
"""Rows that are looked at before the rollups are asked."""
LOOKED_AT_MAX = 50_000
"""Rows that are looked at around a moment, and again in the hours before it; in a row twice as many."""
LONG_US = HOUR_US
"""Calls that took longer are in the index of long calls, which is made for exactly this."""
SKEW_US = HOUR_US
"""Ids follow the clock, but for a clock that was set back; by no more than this, it is taken."""
UNDER_WAY_HOURS = 1 + (LONG_US + SKEW_US) // HOUR_US
"""From the beginning of an hour on; calls that began in it ended by then, but for long ones."""
END = 2**62
"""Above all ids, and after all moments."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: among the ids below one, after so many others that match."""

    before: int
    offset: int


@dataclass(frozen=True, slots=True)
class Found:
    """Some ids that match, the highest first: all of them from `certain` on, but for those left out."""

    ids: list[int]
    left: int
    """How many more of them are to be left out."""
    certain: int


@dataclass(frozen=True, slots=True)
class _Start:
    """From where on calls are read, towards older ones."""

    at_us: int
    """Calls that ended earlier are found by the hours in which they did..."""
    before: int
    """...as far as their ids are below this one..."""
    others: frozenset[int]
    """...and all the others that are: pending ones, and those that ended later."""
    left: int
    """How many are left out still."""


def page(
    connection: Connection,
    wanted: CallFilter,
    place: Place,
    *,
    count: int,
    since_us: int | None = None,
    until_us: int | None = None,
) -> tuple[list[int], Place | None]:
    """Ids of so many calls that match and began in [since, until), and where the next page goes on.

    There may be fewer than that and more to come: then it was looked at as many as may be.
    """
    low, high = _bounds(connection, place, since_us, until_us)
    found = _search(connection, wanted, Place(high, place.offset), low, count + 1)
    ids = found.ids[found.left : found.left + count]
    if len(found.ids) > found.left + count:
        return ids, Place(ids[-1], 0)
    if found.certain <= low:
        return ids, None
    return ids, Place(found.certain, max(found.left - len(found.ids), 0))


def everything(
    connection: Connection,
    _wanted: CallFilter,
    place: Place,
    *,
    count: int,
    since_us: int | None = None,
    until_us: int | None = None,
) -> tuple[list[int], Place | None]:
    """The same of all calls: as many rows are looked at as are passed."""
    low, high = _bounds(connection, place, since_us, until_us)
    t = calls.c
    query = select(t.id).where(t.id < high, t.id >= low).order_by(t.id.desc())
    ids = _ids(connection, query.limit(count + 1).offset(place.offset))
    return ids[:count], Place(ids[count - 1], 0) if len(ids) > count else None


def _bounds(
    connection: Connection, place: Place, since_us: int | None, until_us: int | None
) -> tuple[int, int]:
    low = 0 if since_us is None else first_id(connection, since_us)
    return low, place.before if until_us is None else min(place.before, first_id(connection, until_us))


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


def _search(connection: Connection, wanted: CallFilter, place: Place, low: int, count: int) -> Found:
    near = Found([], place.offset, place.before)
    if place.offset <= FIRST_LOOK and not of_pending(wanted):
        near = _look(connection, wanted, place, low, FIRST_LOOK)
    missing = near.left + count - len(near.ids)
    if near.certain <= low or missing <= 0:
        return near
    rest = Place(near.certain, max(near.left - len(near.ids), 0))
    if rollups_narrow(wanted) and not _is_crowded(connection, wanted, rest.before):
        more = _by_hours(connection, wanted, rest, low, min(missing, count))
    else:
        more = _look(connection, wanted, rest, low, 2 * LOOKED_AT_MAX)
    # Where calls are still to be left out, all that were near are.
    return more if rest.offset else replace(more, ids=near.ids + more.ids, left=near.left)


def _look(connection: Connection, wanted: CallFilter, place: Place, low: int, rows: int) -> Found:
    """Look at so many calls below an id."""
    t = calls.c
    within = t.id < place.before, t.id >= low
    last = connection.scalar(select(t.id).where(*within).order_by(t.id.desc()).limit(1).offset(rows - 1))
    certain = low if last is None else last
    query = select(t.id).where(t.id < place.before, t.id >= certain, *conditions(calls, wanted))
    return Found(_ids(connection, query.order_by(t.id.desc())), place.offset, certain)


def _by_hours(connection: Connection, wanted: CallFilter, place: Place, low: int, count: int) -> Found:
    start = _skip(connection, wanted, _start(connection, wanted, place))
    found, needed = sorted(start.others, reverse=True), start.left + count
    first = _hour_below(connection, low) - SKEW_US // HOUR_US if low else 0
    hours = call_hours.hours(connection, wanted, first, start.at_us)
    batch_calls, room, certain = needed, LOOKED_AT_MAX, low
    while batch := call_hours.batch(hours, batch_calls):
        read, looked_at = _as_many_as_may_be(connection, wanted, batch, room)
        if not read and room == LOOKED_AT_MAX:
            # Nobody could ever read that hour as a whole.
            top = min(start.before, first_id(connection, (batch[0] + 1) * HOUR_US + SKEW_US))
            there = _look(connection, wanted, Place(top, 0), low, 2 * LOOKED_AT_MAX)
            found, certain = sorted({*found, *there.ids}, reverse=True), there.certain
            break
        room -= looked_at
        if read:
            found += _ids(connection, _ended_in(read, wanted, start.before))
        found.sort(reverse=True)
        # What was not looked at yet ended, and so began, before this.
        unread_us = (batch[len(read)] + 1 if len(read) < len(batch) else batch[-1]) * HOUR_US
        certain = max(first_id(connection, unread_us + SKEW_US), low)
        if len(read) < len(batch) or certain == low:
            break
        if len(found) >= needed and found[needed - 1] >= certain:
            break
        certain = low
        batch_calls *= 2
    return Found([id_ for id_ in found if id_ >= certain], start.left, certain)


def _as_many_as_may_be(
    connection: Connection, wanted: CallFilter, hours: Sequence[int], room: int
) -> tuple[list[int], int]:
    """The first of these hours, and how many calls are looked at to find those that match."""
    counts = call_hours.looked_at(connection, wanted, hours)
    read: list[int] = []
    looked_at = 0
    for hour in hours:
        looked_at += counts.get(hour, 0)
        if looked_at > room:
            return read, looked_at
        read.append(hour)
    return read, looked_at


def _is_crowded(connection: Connection, wanted: CallFilter, before: int) -> bool:
    """Whether more calls ended around a moment than may be looked at."""
    if before >= END or of_pending(wanted):
        return False
    first = _hour_below(connection, before)
    some = call_hours.looked_at(connection, wanted, range(first, first + UNDER_WAY_HOURS))
    return sum(some.values()) > LOOKED_AT_MAX


def _matching(wanted: CallFilter, before: int) -> Select[Any]:
    found = select(calls.c.id).where(*conditions(calls, wanted))
    if went_wrong(wanted):
        found = found.where(WRONG)
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


def _hour_below(connection: Connection, before: int) -> int:
    """In which hour the last call below an id began."""
    query = select(calls.c.started_us).where(calls.c.id < before).order_by(calls.c.id.desc()).limit(1)
    return int(connection.scalar(query) or 0) // HOUR_US


def _start(connection: Connection, wanted: CallFilter, place: Place) -> _Start:
    before = place.before
    pending: set[int] = set()
    if not wanted.states or CallState.PENDING.value in wanted.states:
        pending = set(_ids(connection, _matching(wanted, before).where(PENDING)))
    if before >= END:
        return _Start(END, END, frozenset(pending), place.offset)
    at_us = _hour_below(connection, before) * HOUR_US
    return _Start(at_us, before, frozenset(pending | _later(connection, wanted, at_us, before)), place.offset)


def _later(connection: Connection, wanted: CallFilter, at_us: int, before: int) -> set[int]:
    """Calls with ids below one that began within an hour of a moment, which ended at that moment or later."""
    if of_pending(wanted):
        return set()
    t, matching = calls.c, _matching(wanted, before)
    until_us = at_us + UNDER_WAY_HOURS * HOUR_US
    short = matching.where(t.finished_us >= at_us, t.finished_us < until_us)
    long = matching.where(LONG, t.finished_us >= at_us)
    return {*_ids(connection, short), *_ids(connection, long)}


def _skip(connection: Connection, wanted: CallFilter, start: _Start) -> _Start:
    """Go past whole days and hours of which is known how many calls match."""
    room = start.left - len(start.others)
    at_us, ended = call_hours.counted(connection, wanted, start.at_us, room)
    if not ended:
        return start
    before = min(first_id(connection, at_us), start.before)
    if _is_crowded(connection, wanted, before):
        return start
    later = _later(connection, wanted, at_us, before)
    pending_too = {id_ for id_ in start.others if id_ < before} | later
    passed = len(start.others) - len(start.others & pending_too) + ended - len(later - start.others)
    # Where the clock was set back, some ended in earlier hours and have higher ids, and the other way round.
    passed += _ended_before(connection, wanted, at_us, before, start.before)
    passed -= _ended_before(connection, wanted, start.at_us, start.before, END)
    if passed > start.left:
        return start
    return _Start(at_us, before, frozenset(pending_too), start.left - passed)


def _ended_before(connection: Connection, wanted: CallFilter, at_us: int, from_: int, before: int) -> int:
    """How many ended in the hour before a moment with ids from one on."""
    if at_us == END:
        return 0
    t = calls.c
    since_us = at_us - SKEW_US
    query = _matching(wanted, before).where(
        t.finished_us >= since_us, t.finished_us < at_us, t.id + 0 >= from_
    )
    return len(_ids(connection, query))
