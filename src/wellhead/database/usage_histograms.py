"""Histograms of how long calls took, by slot and whatever else they are told apart by.

::

    provider and model    packed histograms of sheets and hours, and calls for what is left
    all else              each call of closed days, from the sheets of sessions, and calls for what is left

A packed histogram is added up as one whole number (`wellhead.histogram.widened`), for a
year in another time zone is made of ten thousand of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from wellhead.database import closed_days, session_reports, sheet_reports
from wellhead.database.measures import NO_PROJECTS, Projects, grouping, projects_of, restricted, shown
from wellhead.database.schema import calls, models_hourly
from wellhead.database.sheet import Numbers
from wellhead.database.slots import slots_of
from wellhead.database.spans import ALL_US, Span, half_hours, marked
from wellhead.database.totals import ROWS_AT_ONCE, Counts
from wellhead.histogram import (
    MANTISSA_BITS,
    NO_BUCKETS,
    Buckets,
    bucket,
    first_of,
    narrowed,
    packed,
    widened,
)
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import HISTOGRAMMED, Histogram, Key, Question
from wellhead.usage import COUNT_MAX

Place = tuple[int, tuple[Key, ...]]
"""A slot, and the keys of its line."""
Row = tuple[bytes, bytes, tuple[Key, ...]]
"""Both histograms, packed, and the keys of a line."""
SlotRow = tuple[int, Row]
Effects = Mapping[int, int]
"""By slot: whether it is added (1) or taken away (-1)."""
BUCKETS = bucket(COUNT_MAX) + 1
UNKNOWN_US = -1
SHORT_PLACES = 2**31 // BUCKETS
"""Of so many places codes are half as long, and sorted in half the time."""


def histograms(connection: Connection, question: Question) -> dict[Place, Histogram]:
    """How long the calls of each line took, by slot and keys.  Raises `TooManyLines`."""
    closed = closed_days.closed(connection)
    edges_us = closed_days.cuts_us(connection, question.edges_us, closed)
    if question.dimensions <= HISTOGRAMMED:
        return _of_models(connection, question, edges_us or _all_days_us(connection), closed)
    return _of_anything(connection, question, edges_us or ALL_US)


def _of_models(
    connection: Connection, question: Question, edges_us: Sequence[int], closed: Mapping[int, bool]
) -> dict[Place, Histogram]:
    cut = marked(edges_us, closed)
    sheets = sheet_reports.histograms(connection, question, cut.marks)
    parts: list[tuple[Effects, Sequence[Row]]] = [(cut.marks[mark], rows) for mark, rows in sheets]
    if cut.hours:
        parts += _by_slot(_of_hours(connection, question, cut.hours))
    if cut.rest:
        took = _Took()
        _add_calls(took, connection, question, cut.rest, NO_PROJECTS)
        parts += _by_slot(
            (slot, (_packed(one.latency), _packed(one.ttft), keys))
            for (slot, keys), one in took.histograms().items()
        )
    return _summed(parts)


def _of_anything(
    connection: Connection, question: Question, edges_us: Sequence[int]
) -> dict[Place, Histogram]:
    known, took = projects_of(connection, question), _Took()
    since, until = edges_us[0] // DAY_US, -(-edges_us[-1] // DAY_US)
    slots, rest = half_hours(edges_us, closed_days.with_sessions(connection, since, until))
    lines = sheet_reports.lines(connection, question, known)
    for places, at, numbers in session_reports.durations(connection, question, slots, lines):
        took.add(places, at, numbers)
    if rest:
        _add_calls(took, connection, question, rest, known)
    return took.histograms()


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
    for rows in connection.execute(within(query)).partitions(ROWS_AT_ONCE):
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

    def histograms(self) -> dict[Place, Histogram]:
        """By slot and keys."""
        latencies, ttfts = (_by_place(*counts.found()) for counts in self._counts)
        return {
            (place[0], place[1:]): Histogram(latencies.get(at, NO_BUCKETS), ttfts.get(at, NO_BUCKETS))
            for place, at in self._places.items()
        }


def _by_place(codes: Numbers, counts: Numbers) -> dict[int, Buckets]:
    """Rising codes of places and buckets, each with its calls."""
    if not len(codes):
        return {}
    places, numbers = np.divmod(codes, BUCKETS)
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    firsts, lasts = numbers[starts], numbers[[*starts[1:] - 1, -1]]
    ends = np.cumsum(lasts - firsts + 1)
    first_at = np.concatenate([[0], ends[:-1]])
    calls_of = np.zeros(ends[-1], np.int64)
    calls_of[numbers + np.repeat(first_at - firsts, np.diff(starts, append=len(codes)))] = counts
    flat = calls_of.tolist()
    columns = (one.tolist() for one in (places[starts], firsts, first_at, ends))
    return {place: Buckets(first, flat[at:end]) for place, first, at, end in zip(*columns, strict=True)}


def _packed(some: Buckets) -> bytes:
    return packed({number: count for number, count in enumerate(some.calls, some.first) if count})


def _by_slot(rows: Iterable[SlotRow]) -> Iterator[tuple[Effects, list[Row]]]:
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for slot, row in rows:
        found[slot].append(row)
    return (({slot: 1}, some) for slot, some in found.items())


def buckets(us: Numbers) -> Numbers:
    """The same as `wellhead.histogram.bucket`, of many."""
    shifts = np.maximum(np.frexp(us.astype(np.float64))[1] - MANTISSA_BITS - 1, 0).astype(np.int64)
    found: Numbers = (shifts << MANTISSA_BITS) + (us >> shifts)
    return found


def _summed(parts: Sequence[tuple[Effects, Sequence[Row]]]) -> dict[Place, Histogram]:
    # Nobody sees calls of less than some milliseconds, so there are no buckets before that.
    base = min((first_of(one) for _, rows in parts for row in rows for one in row[:2] if one), default=0)
    found: defaultdict[int, dict[tuple[Key, ...], list[int]]] = defaultdict(dict)
    for effects, rows in parts:
        alike = _alike(rows, base)
        for slot, sign in effects.items():
            of_slot = found[slot]
            for keys, (latency, ttft) in alike.items():
                if (both := of_slot.get(keys)) is None:
                    both = of_slot[keys] = [0, 0]
                if sign > 0:
                    both[0] += latency
                    both[1] += ttft
                else:
                    both[0] -= latency
                    both[1] -= ttft
    return {
        (slot, keys): Histogram(narrowed(latency, base), narrowed(ttft, base))
        for slot, of_slot in found.items()
        for keys, (latency, ttft) in of_slot.items()
        if latency or ttft
    }


def _alike(rows: Sequence[Row], base: int) -> dict[tuple[Key, ...], tuple[int, int]]:
    """Those of the same line as one: whatever is done with it, is done once."""
    sums: dict[tuple[Key, ...], tuple[int, int]] = {}
    for packed_latency, packed_ttft, keys in rows:
        latency, ttft = widened(packed_latency, base), widened(packed_ttft, base)
        before = sums.get(keys)
        sums[keys] = (latency, ttft) if before is None else (before[0] + latency, before[1] + ttft)
    return sums
