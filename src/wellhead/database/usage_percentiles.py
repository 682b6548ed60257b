"""How long calls took, in percentiles, by slot and whatever else they are told apart by.

::

    provider and model    packed histograms of sheets and hours, and calls for what is left
    all else              each call of closed days, from the sheets of sessions, and calls for what is left

A packed histogram is added up as one whole number (`wellhead.histogram.widened`), for a
year in another time zone is made of ten thousand of them.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from wellhead.database import closed_days, session_reports, sheet_reports
from wellhead.database.buckets import BUCKETS, buckets, middles_us, ranked
from wellhead.database.measures import NO_PROJECTS, Projects, grouping, projects_of, restricted, shown
from wellhead.database.schema import calls, models_hourly
from wellhead.database.sheet import Numbers
from wellhead.database.slots import slots_of
from wellhead.database.spans import ALL_US, Span, half_hours, marked
from wellhead.database.totals import ROWS_AT_ONCE, Counts
from wellhead.histogram import Lanes, lanes_for, narrowed, packed, widened
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import HISTOGRAMMED, Durations, Key, Question

Place = tuple[int, tuple[Key, ...]]
"""A slot, and the keys of its line."""
Row = tuple[bytes, bytes, tuple[Key, ...]]
"""Both histograms, packed, and the keys of a line."""
SlotRow = tuple[int, Row]
Effects = tuple[tuple[int, int], ...]
"""Slots, and whether something is added to each (1) or taken away (-1)."""
Parts = defaultdict[Effects, list[Row]]
"""What is done with rows; those of which the same is done are together."""
Sums = dict[tuple[Key, ...], tuple[int, int]]
"""Both histograms of each line, widened."""
Told = tuple[list[int], list[tuple[int, ...]]]
"""By place: of how many calls it is known, and their percentiles, in microseconds."""
UNKNOWN_US = -1
SHORT_PLACES = 2**31 // BUCKETS
"""Of so many places codes are half as long, and sorted in half the time."""
PLACES_AT_ONCE = 512
"""Widened histograms of so many are a megabyte."""


def percentiles(
    connection: Connection, question: Question, percents: Sequence[int]
) -> dict[Place, Durations]:
    """How long the calls of each line took, by slot and keys.  Raises `TooManyLines`."""
    closed = closed_days.closed(connection)
    edges_us = closed_days.cuts_us(connection, question.edges_us, closed)
    if question.dimensions <= HISTOGRAMMED:
        return _of_models(connection, question, edges_us or _all_days_us(connection), closed, percents)
    return _of_anything(connection, question, edges_us or ALL_US).percentiles(percents)


def _of_models(
    connection: Connection,
    question: Question,
    edges_us: Sequence[int],
    closed: Mapping[int, bool],
    percents: Sequence[int],
) -> dict[Place, Durations]:
    cut = marked(edges_us, closed)
    parts = Parts(list)
    for mark, rows in sheet_reports.histograms(connection, question, cut.marks):
        parts[tuple(cut.marks[mark].items())] += rows
    if cut.hours:
        for slot, row in _of_hours(connection, question, cut.hours):
            parts[(slot, 1),].append(row)
    if cut.rest:
        took = _Took()
        _add_calls(took, connection, question, cut.rest, NO_PROJECTS)
        for slot, row in took.packed():
            parts[(slot, 1),].append(row)
    return _summed(parts, percents)


def _of_anything(connection: Connection, question: Question, edges_us: Sequence[int]) -> "_Took":
    known, took = projects_of(connection, question), _Took()
    since, until = edges_us[0] // DAY_US, -(-edges_us[-1] // DAY_US)
    slots, rest = half_hours(edges_us, closed_days.with_sessions(connection, since, until))
    lines = sheet_reports.lines(connection, question, known)
    for places, at, numbers in session_reports.durations(connection, question, slots, lines):
        took.add(places, at, numbers)
    if rest:
        _add_calls(took, connection, question, rest, known)
    return took


def _all_days_us(connection: Connection) -> tuple[int, ...]:
    hour = models_hourly.c.hour
    first, last = (connection.scalar(select(one(hour))) for one in (func.min, func.max))
    return () if first is None else (first * HOUR_US // DAY_US * DAY_US, (last + 1) * HOUR_US)


def _of_hours(connection: Connection, question: Question, hours: Sequence[Span]) -> Iterator[SlotRow]:
    t = models_hourly.c
    shows = [shown(one, NO_PROJECTS) for one in question.by]
    keys = [grouping(models_hourly, one) for one in question.by]
    slot, within, _ = slots_of(t.hour, hours)
    query = restricted(select(t.latency, t.ttft, slot, *keys), models_hourly, question, NO_PROJECTS)
    for latency, ttft, in_slot, *said in map(tuple, connection.execute(within(query))):
        yield in_slot, (latency, ttft, tuple(show(value) for show, value in zip(shows, said, strict=True)))


def _add_calls(
    took: "_Took", connection: Connection, question: Question, rest: Sequence[Span], known: Projects
) -> None:
    t = calls.c
    shows = [shown(one, known) for one in question.by]
    slot, within, _ = slots_of(t.finished_us, rest)
    keys = [grouping(calls, one) for one in question.by]
    both_us = [func.coalesce(us, UNKNOWN_US) for us in (t.latency_us, t.ttft_us)]
    query = restricted(select(*both_us, slot, *keys), calls, question, known)
    # The driver's own rows: SQLAlchemy would need a quarter of the time for making others of them.
    found = connection.execute(within(query)).cursor
    while rows := found.fetchmany(ROWS_AT_ONCE):
        latencies, ttfts, *columns = zip(*rows, strict=True)
        index: dict[tuple[Any, ...], int] = {}
        at = np.array([index.setdefault(one, len(index)) for one in zip(*columns, strict=True)], np.int64)
        places = [
            (in_slot, *(show(value) for show, value in zip(shows, said, strict=True)))
            for in_slot, *said in index
        ]
        us = [np.array(one, np.int64) for one in (latencies, ttfts)]
        is_known = [one != UNKNOWN_US for one in us]
        took.add(
            places,
            [at[known_ones] for known_ones in is_known],
            [buckets(one[known_ones]) for one, known_ones in zip(us, is_known, strict=True)],
        )


class _Took:
    """Calls by how long they took, one by one."""

    def __init__(self) -> None:
        self._places: dict[tuple[Any, ...], int] = {}
        self._counts = Counts(), Counts()

    def add(
        self, places: Sequence[tuple[Any, ...]], at: Sequence[Numbers], numbers: Sequence[Numbers]
    ) -> None:
        """Of latencies and times to first byte, which of the places, and buckets."""
        codes = np.array([self._places.setdefault(one, len(self._places)) for one in places], np.int64)
        for counts, which, of_calls in zip(self._counts, at, numbers, strict=True):
            found = codes[which] * BUCKETS + of_calls
            counts.add(found.astype(np.int32) if len(self._places) < SHORT_PLACES else found)

    def percentiles(self, percents: Sequence[int]) -> dict[Place, Durations]:
        """By slot and keys."""
        found: list[Told] = []
        for numbers, counts, ends in self._found():
            totals, at = ranked(counts, ends, percents)
            found.append(_told(totals, numbers[at] if len(numbers) else at))
        latency, ttft = found
        places = ((place[0], place[1:]) for place in self._places)
        return dict(zip(places, map(Durations, *latency, *ttft), strict=True))

    def packed(self) -> Iterator[SlotRow]:
        """Packed histograms, by slot."""
        both: list[list[bytes]] = []
        for numbers, counts, ends in self._found():
            pairs = list(zip(numbers.tolist(), counts.tolist(), strict=True))
            both.append([packed(dict(pairs[at:end])) for at, end in pairwise([0, *ends.tolist()])])
        for (slot, *keys), latency, ttft in zip(self._places, *both, strict=True):
            yield slot, (latency, ttft, tuple(keys))

    def _found(self) -> Iterator[tuple[Numbers, Numbers, Numbers]]:
        """Of latencies and times to first byte: buckets, their calls, and where those of each place end."""
        after = np.arange(1, len(self._places) + 1) * BUCKETS
        for one in self._counts:
            codes, counts = one.found()
            yield codes % BUCKETS, counts, np.searchsorted(codes, after)


def _told(totals: Numbers, numbers: Numbers) -> Told:
    """From the buckets by percent and place."""
    known = zip(*middles_us(numbers).tolist(), strict=True)
    return totals.tolist(), [
        some if total else () for total, some in zip(totals.tolist(), known, strict=True)
    ]


def _summed(parts: Parts, percents: Sequence[int]) -> dict[Place, Durations]:
    histograms = (one for rows in parts.values() for latency, ttft, _ in rows for one in (latency, ttft))
    lanes = lanes_for(histograms, sum(map(len, parts.values())))
    found: dict[int, Sums] = {}
    # Backwards, so that what a slot is made of mostly comes before what is taken away from it.
    for effects, rows in reversed(parts.items()):
        alike = _alike(rows, lanes)
        for slot, sign in effects:
            if (of_slot := found.get(slot)) is None and sign > 0:
                found[slot] = dict(alike)
                continue
            if of_slot is None:
                of_slot = found[slot] = {}
            for keys, (latency, ttft) in alike.items():
                of_latency, of_ttft = of_slot.get(keys, (0, 0))
                if sign > 0:
                    of_slot[keys] = of_latency + latency, of_ttft + ttft
                else:
                    of_slot[keys] = of_latency - latency, of_ttft - ttft
    places = [(slot, keys) for slot, of_slot in found.items() for keys in of_slot]
    sums = [both for of_slot in found.values() for both in of_slot.values()]
    durations: list[Durations] = []
    for at in range(0, len(sums), PLACES_AT_ONCE):
        latencies, ttfts = zip(*sums[at : at + PLACES_AT_ONCE], strict=True)
        told = (*_told_of_sums(latencies, lanes, percents), *_told_of_sums(ttfts, lanes, percents))
        durations += map(Durations, *told)
    return {place: one for place, one in zip(places, durations, strict=True) if any(one)}


def _told_of_sums(sums: Sequence[int], lanes: Lanes, percents: Sequence[int]) -> Told:
    some = [narrowed(one, lanes) for one in sums]
    ends = np.cumsum([len(one) // lanes.width for one in some])
    totals, at = ranked(np.frombuffer(b"".join(some), f"<u{lanes.width}"), ends, percents)
    return _told(totals, at - np.concatenate([[0], ends[:-1]]) + lanes.base)


def _alike(rows: Sequence[Row], lanes: Lanes) -> Sums:
    """Those of the same line as one: whatever is done with it, is done once."""
    sums: Sums = {}
    for packed_latency, packed_ttft, keys in rows:
        latency, ttft = widened(packed_latency, lanes), widened(packed_ttft, lanes)
        before = sums.get(keys)
        sums[keys] = (latency, ttft) if before is None else (before[0] + latency, before[1] + ttft)
    return sums
