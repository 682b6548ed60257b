"""Whether what was added up agrees with the calls: rollups and the windows of limits.

Both can be counted again from the rows of `calls`.  Everything is read in one state of
the books, and nothing is written, so a gateway may run meanwhile.  Calls are counted
by the day they ended on, and the rollups are read beside them::

    calls          ▒▒▒▒▒▒|▒▒▒▒▒▒|▒▒▒▒▒▒      counted day by day
    usage_hourly   ▓▓▓▓▓▓|▓▓▓▓▓▓|▓▓▓▓▓▓      read as far as that day

so a check takes the room of a day and of what has no day, however many calls there are.
Of days whose calls were removed (see `retention`) only the totals can be compared, and
what two rollups have of a day.

What was made of closed days is counted again from their hours and calls, just as it was
when they were closed.  And what a call cost is held beside the last record of its pricing.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, Engine, Table

from wellhead.cost import CostState
from wellhead.database import calls, closed_days, costs, packed_days, removed_days, request_forms, rollups
from wellhead.database.bulk import Row
from wellhead.database.costs import Cost
from wellhead.database.day_figures import parts_of, sessions_of
from wellhead.database.day_sheets import Part, Sums, Took
from wellhead.database.directory import load_directory
from wellhead.database.engine import outages
from wellhead.database.limit_windows import differences
from wellhead.database.limits import driver
from wellhead.database.retention import remembered, removed_before_us
from wellhead.database.schema import (
    MEASURES,
    USAGE_KEY,
    errors_daily,
    latency_total,
    models_hourly,
    origins_daily,
    usage_hourly,
    usage_total,
)
from wellhead.database.spans import HOURS_A_DAY
from wellhead.histogram import merged, packed, unpacked
from wellhead.ledger.rollup import tally_by_day
from wellhead.moments import DAY_US

BY_TIME = {
    usage_hourly: HOURS_A_DAY,
    models_hourly: HOURS_A_DAY,
    errors_daily: 1,
    origins_daily: 1,
}
"""Rollups whose key begins with a time, and how many of it are a day."""
HISTOGRAMS = (models_hourly, latency_total)
"""Rollups whose last two columns are histograms."""
_COLUMNS = ("latency", "ttft")
BY_NONE = (usage_total, latency_total)
_USAGE_KEY = [name for name, _ in USAGE_KEY]
_MODEL_KEY = ["provider", "model", "outcome", "streamed"]
_SESSION_KEY = ["half_hour", "session", "agent", *_USAGE_KEY]
_COST = (*(one.value for one in CostState), "known", "cost_nanousd", "rate_id")
NOTHING = Part({}, {})
END_DAY = 2**31
"""Later than any day in the books."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A figure that is not what the calls say."""

    table: str
    where: dict[str, object]
    """The row's key."""
    figure: str
    kept: int
    """As it stands there; 0 where there is no row."""
    counted: int
    """As the calls have it: of states 1 for the one that it is."""


def check(engine: Engine, now_us: int) -> list[Disagreement]:
    """Every figure that does not agree with the calls."""
    with outages(), engine.connect() as reading, reading.begin():
        connection = driver(reading)
        since_us = removed_before_us(connection)
        found = [
            Disagreement("request_forms", {"number": number}, "calls", 0, count)
            for number, count in request_forms.missing(connection)
        ]
        found += _of_rollups(connection, since_us // DAY_US)
        for pair in removed_days.known_twice(reading, since_us // DAY_US):
            found += _differences(*pair)
        for day, has_calls in closed_days.closed(reading).items():
            found += _of_day(reading, day, has_calls=has_calls and day * DAY_US >= since_us)
        found += _of_costs(connection)
        limits = load_directory(connection).limits
        windows = differences(connection, limits, now_us)
    for one in windows:
        if one.bucket < since_us:
            continue  # Some of its calls may be gone.
        where = {"limit_id": one.limit_id, "subject": one.subject, "bucket": one.bucket}
        for figure, kept, count in zip(("used", "held"), one.kept, one.counted, strict=True):
            if kept != count:
                found.append(Disagreement("limit_windows", where, figure, kept, count))
    return found


def _of_rollups(connection: sqlite3.Connection, first_day: int) -> Iterator[Disagreement]:
    by_time = [(table, _Kept(connection, table, many)) for table, many in BY_TIME.items()]
    totals: dict[Table, dict[Row, Row]] = {table: {} for table in BY_NONE}
    _add(totals[latency_total], remembered(connection), _key_size(latency_total))
    for table, there in by_time:
        for rows in there.before(first_day):
            if table is usage_hourly:
                _add(totals[usage_total], (row[1:] for row in rows), _key_size(usage_total))
    for day, counted in tally_by_day(calls.all_settled(connection)):
        if day < first_day:
            _add(totals[latency_total], counted.latency_total, _key_size(latency_total))
            continue
        for table, there in by_time:
            for rows in there.before(day):
                yield from _compared(table, rows, ())
            yield from _compared(table, there.of(day), getattr(counted, table.name))
        for table, sums in totals.items():
            _add(sums, getattr(counted, table.name), _key_size(table))
    for table, there in by_time:
        for rows in there.before(END_DAY):
            yield from _compared(table, rows, ())
    for table, sums in totals.items():
        counted_rows = [(*key, *values) for key, values in sums.items()]
        yield from _compared(table, rollups.kept(connection, table), counted_rows)


def _of_day(reading: Connection, day: int, *, has_calls: bool) -> Iterator[Disagreement]:
    there = packed_days.kept_parts(driver(reading), day)
    for half_hour, counted in parts_of(reading, day, has_calls=has_calls):
        where = {"day": day, "half_hour": half_hour}
        yield from _of_part(where, there.pop(half_hour, (NOTHING, {})), counted)
    for half_hour, kept in there.items():
        if has_calls or half_hour % 2 == 0:
            yield from _of_part({"day": day, "half_hour": half_hour}, kept, NOTHING)
    if has_calls:
        sessions = packed_days.kept_sessions(driver(reading), day), sessions_of(reading, day)
        if sessions[0] != sessions[1]:
            yield from _of_sessions({"day": day}, *(one or ({}, {}) for one in sessions))


def _of_part(where: Mapping[str, int], kept: tuple[Part, Sums], counted: Part) -> Iterator[Disagreement]:
    there, models = kept
    yield from _of_sheets("usage_sheets", where, _USAGE_KEY, there.spending, counted.spending)
    yield from _of_sheets("model_sheets", where, _MODEL_KEY, models, counted.models)
    if there.histograms != counted.histograms:
        place, names = tuple(where.values()), [*where, *_MODEL_KEY[:2], *_COLUMNS]
        both = (
            [(*place, *key, *some) for key, some in one.items()]
            for one in (there.histograms, counted.histograms)
        )
        yield from _with_histograms("model_sheets", names, len(where) + 2, *both)


def _of_sessions(
    where: Mapping[str, int], kept: tuple[Sums, Took], counted: tuple[Sums, Took]
) -> Iterator[Disagreement]:
    yield from _of_sheets("session_sheets", where, _SESSION_KEY, kept[0], counted[0])
    place, names = tuple(where.values()), [*where, *_SESSION_KEY, *_COLUMNS]
    both = (
        [(*place, *key, *map(packed, map(Counter, some))) for key, some in took.items()]
        for _, took in (kept, counted)
    )
    yield from _with_histograms("session_sheets", names, len(names) - len(_COLUMNS), *both)


def _of_sheets(
    table: str, where: Mapping[str, int], key: Sequence[str], kept: Sums, counted: Sums
) -> Iterator[Disagreement]:
    if kept == counted:
        return
    names, place = [*where, *key, *MEASURES], tuple(where.values())
    both = ([(*place, *one, *sums) for one, sums in some.items()] for some in (kept, counted))
    yield from _differences(table, names, len(where) + len(key), *both)


def _of_costs(connection: sqlite3.Connection) -> Iterator[Disagreement]:
    for id_, number, kept, counted in costs.unlike_audits(connection):
        where: dict[str, object] = {"call_id": id_, "number": number}
        for figure, there, here in zip(_COST, _of_cost(kept), _of_cost(counted), strict=True):
            if there != here:
                yield Disagreement("cost_audits", where, figure, there, here)


def _of_cost(cost: Cost) -> tuple[int, ...]:
    states = (int(cost.state == one) for one in CostState)
    return (*states, int(cost.nanousd is not None), cost.nanousd or 0, cost.rate_id or 0)


class _Kept:
    """The rows of a rollup, read on from day to day."""

    def __init__(self, connection: sqlite3.Connection, table: Table, many_a_day: int) -> None:
        self._days = groupby(rollups.kept(connection, table), lambda row: int(row[0]) // many_a_day)
        self._next = self._take()

    def before(self, day: int) -> Iterator[list[Row]]:
        """What was not read yet of earlier days, by day."""
        while self._next is not None and self._next[0] < day:
            yield self._next[1]
            self._next = self._take()

    def of(self, day: int) -> list[Row]:
        """The day's own rows; what is earlier was read already."""
        if self._next is None or self._next[0] != day:
            return []
        rows, self._next = self._next[1], self._take()
        return rows

    def _take(self) -> tuple[int, list[Row]] | None:
        day, rows = next(self._days, (0, None))
        return None if rows is None else (day, list(rows))


def _compared(table: Table, there: Iterable[Row], counted: Iterable[Row]) -> Iterator[Disagreement]:
    there, counted = list(there), list(counted)
    if there == counted:
        return
    names, size = [column.name for column in table.columns], _key_size(table)
    differences = _with_histograms if table in HISTOGRAMS else _differences
    yield from differences(table.name, names, size, there, counted)


def _with_histograms(
    table: str, names: Sequence[str], size: int, there: Sequence[Row], counted: Sequence[Row]
) -> Iterator[Disagreement]:
    """Of rows that have two histograms in the end."""
    of_buckets = [*names[:size], "bucket", "latency_calls", "ttft_calls"]
    yield from _differences(
        table, of_buckets, size + 1, *(list(_unpacked(rows, size)) for rows in (there, counted))
    )
    sums = ([row[: -len(_COLUMNS)] for row in rows] for rows in (there, counted))
    yield from _differences(table, names[: -len(_COLUMNS)], size, *sums)


def _differences(
    table: str, names: Sequence[str], size: int, there: Iterable[Row], counted: Iterable[Row]
) -> Iterator[Disagreement]:
    kept_by_key = {row[:size]: row[size:] for row in there}
    counted_by_key = {row[:size]: row[size:] for row in counted}
    nothing = (0,) * (len(names) - size)
    for key in sorted(kept_by_key.keys() | counted_by_key.keys()):
        pairs = zip(kept_by_key.get(key, nothing), counted_by_key.get(key, nothing), strict=True)
        for figure, (kept, count) in zip(names[size:], pairs, strict=True):
            if kept != count:
                where = dict(zip(names, key, strict=False))
                yield Disagreement(table, where, figure, int(kept), int(count))


def _unpacked(rows: Iterable[Row], size: int) -> Iterator[Row]:
    """A row for each bucket of histograms, which are the last two columns."""
    for row in rows:
        latency, ttft = map(unpacked, row[-2:])
        for number in sorted(latency.keys() | ttft.keys()):
            yield *row[:size], number, latency.get(number, 0), ttft.get(number, 0)


def _add(sums: dict[Row, Row], rows: Iterable[Row], size: int) -> None:
    for row in rows:
        key, more = row[:size], row[size:]
        before = sums.get(key)
        sums[key] = more if before is None else tuple(map(_both, before, more))


def _both(one: int | bytes, other: int | bytes) -> int | bytes:
    if isinstance(one, bytes) and isinstance(other, bytes):
        return merged(one, other)
    assert isinstance(one, int)
    assert isinstance(other, int)
    return one + other


def _key_size(table: Table) -> int:
    return len(table.primary_key.columns)
