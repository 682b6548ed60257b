"""In which days and hours calls ended that match, out of the rollups, and how many they may be.

The newest first, and read only as far as somebody asks.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection, bindparam, func, select

from wellhead.call import CallState
from wellhead.database import usage_reports
from wellhead.database.call_conditions import (
    WRONG,
    conditions,
    has_status,
    is_countable,
    of_pending,
    outcomes,
    went_wrong,
    where,
)
from wellhead.database.schema import calls, models_hourly, retention, usage_hourly
from wellhead.database.spans import HOURS_A_DAY
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import CallFilter, Dimension, Measure, Question

PER_BATCH_MAX = 1_000
SCATTERED = 8
"""To look at a call that went wrong takes as long as at several that follow each other: those are in an index
by themselves, but each row is somewhere else."""
DAYS_AT_ONCE = 60
MANY = 10**6
"""More lines than any answer has."""


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
    first_hour = connection.execute(select(func.min(usage_hourly.c.hour))).scalar()
    if of_pending(wanted) or first_hour is None:
        return
    first, until = max(first_day, first_hour // HOURS_A_DAY), -(-until_us // DAY_US)
    last_hour = connection.execute(select(func.max(usage_hourly.c.hour))).scalar_one()
    until = min(until, last_hour // HOURS_A_DAY + 1)
    while first < until:
        since = max(first, until - DAYS_AT_ONCE)
        yield from _of_days(connection, wanted, since, until)
        until = since


def _of_days(connection: Connection, wanted: CallFilter, since: int, until: int) -> list[tuple[int, int]]:
    """The last one first."""
    edges = tuple(day * DAY_US for day in range(since, until + 1))
    ends, asked = outcomes(wanted), where(wanted)
    if ends is not None and len(ends) == 1:
        asked |= {Dimension.OUTCOME: ends[0]}  # Of one end there is less to read.
    by = () if ends is None else (Dimension.OUTCOME,)
    found: Counter[int] = Counter()
    for line in usage_reports.answer(connection, Question((Measure.CALLS,), by, edges, asked, MANY)):
        if ends is None or line.keys[0] in ends:
            found[since + line.slot] += line.sums[Measure.CALLS]
    return sorted(found.items(), reverse=True)


def _of_day(connection: Connection, wanted: CallFilter, day: int, until_us: int) -> Iterator[tuple[int, int]]:
    t, first = usage_hourly.c, day * HOURS_A_DAY
    end = min(until_us // HOUR_US, (day + 1) * HOURS_A_DAY)
    query = select(t.hour, func.sum(t.calls)).where(*conditions(usage_hourly, wanted))
    query = query.where(t.hour >= first, t.hour < end)
    yield from map(tuple, connection.execute(query.group_by(t.hour).order_by(t.hour.desc())))
