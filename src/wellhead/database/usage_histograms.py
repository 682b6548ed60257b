"""Histograms of how long calls took, by slot, provider and model: from sheets, hours and rows.

A histogram is added up as one whole number (`wellhead.histogram.widened`), for a year in
another time zone is made of ten thousand of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from wellhead.database import closed_days, sheet_reports
from wellhead.database.measures import NO_PROJECTS, grouping, restricted, shown
from wellhead.database.schema import calls, models_hourly
from wellhead.database.sheet import Numbers
from wellhead.database.slots import slots_of
from wellhead.database.spans import Span, marked
from wellhead.histogram import MANTISSA_BITS, bucket, first_of, narrowed, packed, widened
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import HISTOGRAMMED, Histogram, Key, Question
from wellhead.usage import COUNT_MAX

Place = tuple[int, tuple[Key, ...]]
"""A slot, and the keys of its line."""
Row = tuple[bytes, bytes, tuple[Key, ...]]
"""Both histograms, packed, and the keys of a line."""
BUCKETS = bucket(COUNT_MAX) + 1
Effects = dict[int, int]
"""By slot: whether it is added (1) or taken away (-1)."""


def histograms(connection: Connection, question: Question) -> dict[Place, Histogram]:
    """How long the calls of each line took, by slot and keys; for dimensions in `HISTOGRAMMED` alone."""
    assert question.dimensions <= HISTOGRAMMED
    cut = marked(question.edges_us or _all_days_us(connection), closed_days.closed(connection))
    sheets = sheet_reports.histograms(connection, question, cut.marks)
    parts = [(cut.marks[mark], rows) for mark, rows in sheets]
    parts += _by_slot(_of_hours(connection, question, cut.hours) if cut.hours else [], question)
    parts += _by_slot(_of_calls(connection, question, cut.rest) if cut.rest else [], question)
    return _summed(parts)


def _all_days_us(connection: Connection) -> tuple[int, ...]:
    hour = models_hourly.c.hour
    first, last = (connection.scalar(select(one(hour))) for one in (func.min, func.max))
    return () if first is None else (first * HOUR_US // DAY_US * DAY_US, (last + 1) * HOUR_US)


def _of_hours(connection: Connection, question: Question, hours: Sequence[Span]) -> Iterable[tuple[Any, ...]]:
    """Both histograms, a slot, and values of columns."""
    t = models_hourly.c
    keys = [grouping(models_hourly, one) for one in question.by]
    slot, within, _ = slots_of(t.hour, hours)
    query = restricted(select(t.latency, t.ttft, slot, *keys), models_hourly, question, NO_PROJECTS)
    return map(tuple, connection.execute(within(query)))


def _of_calls(connection: Connection, question: Question, rest: Sequence[Span]) -> Iterable[tuple[Any, ...]]:
    """The same of the rows."""
    t = calls.c
    slot, within, _ = slots_of(t.finished_us, rest)
    keys = [grouping(calls, one) for one in question.by]
    query = restricted(select(t.latency_us, t.ttft_us, slot, *keys), calls, question, NO_PROJECTS)
    rows = connection.execute(within(query)).all()
    places: dict[tuple[Any, ...], int] = {}
    at = np.array([places.setdefault(tuple(row[2:]), len(places)) for row in rows], np.int64)
    latencies, ttfts = (_packed(at, [row[column] for row in rows], len(places)) for column in (0, 1))
    return [(latency, ttft, *place) for place, latency, ttft in zip(places, latencies, ttfts, strict=True)]


def _packed(at: Numbers, took_us: Sequence[int | None], count: int) -> list[bytes]:
    """A histogram for each place, of the calls that are there and whose duration is known."""
    us = np.array([-1 if one is None else one for one in took_us], np.int64)
    is_known = us >= 0
    numbers = at[is_known] * BUCKETS + buckets(us[is_known])
    by_place: list[dict[int, int]] = [{} for _ in range(count)]
    for number, calls_of in zip(*map(np.ndarray.tolist, np.unique(numbers, return_counts=True)), strict=True):
        by_place[number // BUCKETS][number % BUCKETS] = calls_of
    return [packed(one) for one in by_place]


def buckets(us: Numbers) -> Numbers:
    """The same as `wellhead.histogram.bucket`, of many."""
    shifts = np.maximum(np.frexp(us.astype(np.float64))[1] - MANTISSA_BITS - 1, 0).astype(np.int64)
    found: Numbers = (shifts << MANTISSA_BITS) + (us >> shifts)
    return found


def _by_slot(rows: Iterable[tuple[Any, ...]], question: Question) -> Iterator[tuple[Effects, list[Row]]]:
    shows = [shown(one, NO_PROJECTS) for one in question.by]
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for latency, ttft, slot, *said in rows:
        keys = tuple(show(value) for show, value in zip(shows, said, strict=True))
        found[slot].append((latency, ttft, keys))
    return (({slot: 1}, some) for slot, some in found.items())


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
