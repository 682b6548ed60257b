"""In which days and hours calls ended that match, out of the rollups, and how many they may be.

The newest first, and read only as far as somebody asks.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection, bindparam, func, select

from wellhead.call import CallState
from wellhead.database import closed_days
from wellhead.database.call_conditions import (
    WRONG,
    conditions,
    has_status,
    is_countable,
    of_pending,
    went_wrong,
)
from wellhead.database.schema import calls, models_hourly, retention, usage_daily, usage_hourly
from wellhead.database.spans import HOURS_A_DAY, split
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import CallFilter

PER_BATCH_MAX = 1_000
SCATTERED = 8
"""To look at a call that went wrong takes as long as at several that follow each other: those are in an index
by themselves, but each row is somewhere else."""
_FAR = 2**40
"""More days than there are on either side."""


def counted(connection: Connection, wanted: CallFilter, until_us: int, room: int) -> tuple[int, int]:
    """Back to when calls can be counted without more than `room`, and how many ended since then."""
    at_us, ended = until_us, 0
    if room <= 0 or not is_countable(wanted):
        return at_us, 0
    # Of days whose calls were removed the rollups know more than there is.
    removed_us = connection.execute(select(retention.c.removed_before_us)).scalar() or 0
    count_of = _counting(connection, wanted)
    for day, known in _days(connection, wanted, until_us, 0):
        since_us, end_us = day * DAY_US, min(until_us, (day + 1) * DAY_US)
        if since_us < removed_us:
            break
        if end_us - since_us == DAY_US:
            count = count_of(known, since_us, end_us)
            if ended + count <= room:
                at_us, ended = since_us, ended + count
                continue
        for hour, known_of_hour in _of_day(connection, wanted, day, end_us):
            since_us = hour * HOUR_US
            count = count_of(known_of_hour, since_us, since_us + HOUR_US)
            if ended + count > room:
                return at_us, ended
            at_us, ended = since_us, ended + count
    return at_us, ended


def hours(connection: Connection, wanted: CallFilter, first: int, until_us: int) -> Iterator[tuple[int, int]]:
    """Hours from one on in which calls like these ended, and how many they may be."""
    for day, _ in _days(connection, wanted, until_us, first // HOURS_A_DAY):
        yield from _of_day(connection, wanted, day, until_us)


def batch(some: Iterator[tuple[int, int]], calls_wanted: int) -> list[int]:
    """Some more hours, until they hold so many calls."""
    found: list[int] = []
    for hour, known in some:
        found.append(hour)
        calls_wanted -= known
        if calls_wanted <= 0 or len(found) == PER_BATCH_MAX:
            break
    return found


def looked_at(connection: Connection, wanted: CallFilter, hours: Sequence[int]) -> dict[int, int]:
    """How many calls one has to look at to find those that match and ended in these hours."""
    if went_wrong(wanted):
        t = usage_hourly.c
        query = select(t.hour, func.sum(t.calls) * SCATTERED).where(t.outcome != CallState.COMPLETED.value)
    else:
        t = models_hourly.c
        query = select(t.hour, func.sum(t.calls))
    query = query.where(t.hour.in_(hours)).group_by(t.hour)
    return {hour: int(count) for hour, count in connection.execute(query)}


def _counting(connection: Connection, wanted: CallFilter) -> Callable[[int, int, int], int]:
    """How many calls that match ended in a time: as the rollup knows, or by an index that holds it all."""
    if not has_status(wanted):
        return lambda known, _since_us, _until_us: known
    at = calls.c.finished_us
    query = select(func.count()).where(*conditions(calls, wanted), WRONG)
    query = query.where(at >= bindparam("since"), at < bindparam("until"))

    def count(_known: int, since_us: int, until_us: int) -> int:
        return connection.execute(query, {"since": since_us, "until": until_us}).scalar_one()

    return count


def _days(
    connection: Connection, wanted: CallFilter, until_us: int, first_day: int
) -> Iterator[tuple[int, int]]:
    if of_pending(wanted):
        return
    first = first_day if first_day > 0 else -_FAR
    days, hours = split([(0, first, -(-until_us // DAY_US))], list(closed_days.closed(connection)))
    stretches = [(since * HOURS_A_DAY, until * HOURS_A_DAY, _of_closed) for _, since, until in days]
    stretches += [(since, until, _of_open) for _, since, until in hours]
    for since, until, read in sorted(stretches, key=itemgetter(0), reverse=True):
        yield from read(connection, wanted, since, until)


def _of_closed(
    connection: Connection, wanted: CallFilter, since: int, until: int
) -> Iterator[tuple[int, int]]:
    t = usage_daily.c
    query = select(t.day, func.sum(t.calls)).where(*conditions(usage_daily, wanted))
    query = query.where(t.day >= since // HOURS_A_DAY, t.day < until // HOURS_A_DAY)
    yield from map(tuple, connection.execute(query.group_by(t.day).order_by(t.day.desc())))


def _of_open(connection: Connection, wanted: CallFilter, since: int, until: int) -> Iterator[tuple[int, int]]:
    t = usage_hourly.c
    query = select(t.hour, func.sum(t.calls)).where(*conditions(usage_hourly, wanted))
    query = query.where(t.hour >= since, t.hour < until)
    hours = connection.execute(query.group_by(t.hour).order_by(t.hour.desc()))
    for day, some in groupby(hours, lambda row: int(row[0]) // HOURS_A_DAY):
        yield day, sum(count for _, count in some)


def _of_day(connection: Connection, wanted: CallFilter, day: int, until_us: int) -> Iterator[tuple[int, int]]:
    t, first = usage_hourly.c, day * HOURS_A_DAY
    end = min(until_us // HOUR_US, (day + 1) * HOURS_A_DAY)
    query = select(t.hour, func.sum(t.calls)).where(*conditions(usage_hourly, wanted))
    query = query.where(t.hour >= first, t.hour < end)
    yield from map(tuple, connection.execute(query.group_by(t.hour).order_by(t.hour.desc())))
