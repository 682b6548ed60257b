"""Histograms of how long calls took, by slot, provider and model: from the rollups of models, and the rows.

A histogram is added up as one whole number (`wellhead.histogram.widened`), for a year in
another time zone is made of twenty thousand of them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import add, sub
from typing import Any

from sqlalchemy import Connection, Table, func, select

from wellhead.database import closed_days
from wellhead.database.measures import NO_PROJECTS, grouping, restricted, shown
from wellhead.database.schema import calls, models_daily, models_hourly
from wellhead.database.slots import slots_of
from wellhead.database.spans import HOURS_A_DAY, Span, Spans, spans, split
from wellhead.database.usage_reports import ADDED, TAKEN, Effects
from wellhead.histogram import bucket, first_of, narrowed, packed, widened
from wellhead.report import HISTOGRAMMED, Histogram, Key, Question

Place = tuple[int, tuple[Key, ...]]
"""A slot, and the keys of its line."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Histograms by slot and the values of columns, and what is done with them."""

    rows: Sequence[tuple[Any, ...]]
    """Both histograms, a slot, values."""
    effects: Effects


def histograms(connection: Connection, question: Question) -> dict[Place, Histogram]:
    """How long the calls of each line took, by slot and keys; for dimensions in `HISTOGRAMMED` alone."""
    assert question.dimensions <= HISTOGRAMMED
    cut = spans(question.edges_us) if question.edges_us else Spans(days=_all_days(connection))
    days, hours = split(cut.days, list(closed_days.closed(connection)))
    parts = [
        (models_daily, days, ADDED),
        (models_hourly, hours, ADDED),
        (models_hourly, cut.hours, ADDED),
        (models_hourly, cut.less, TAKEN),
        *((models_hourly, some, ((0, 1), (towards, -1))) for towards, some in cut.moved.items()),
    ]
    pieces = [
        _Piece(_of_rollup(connection, question, table, some), effects)
        for table, some, effects in parts
        if some
    ]
    if cut.rest:
        pieces.append(_Piece(_of_calls(connection, question, cut.rest), ADDED))
    return _summed(pieces, question)


def _all_days(connection: Connection) -> list[Span]:
    hour = models_hourly.c.hour
    first, last = (connection.scalar(select(one(hour))) for one in (func.min, func.max))
    return [] if first is None else [(0, first // HOURS_A_DAY, last // HOURS_A_DAY + 1)]


def _of_rollup(
    connection: Connection, question: Question, table: Table, some: Sequence[Span]
) -> Sequence[tuple[Any, ...]]:
    keys = [grouping(table, one) for one in question.by]
    slot, within, _ = slots_of(next(iter(table.columns)), some)
    query = restricted(select(table.c.latency, table.c.ttft, slot, *keys), table, question, NO_PROJECTS)
    return [tuple(row) for row in connection.execute(within(query)).all()]


def _of_calls(connection: Connection, question: Question, rest: Sequence[Span]) -> list[tuple[Any, ...]]:
    """Calls of the edges."""
    t = calls.c
    slot, within, _ = slots_of(t.finished_us, rest)
    keys = [grouping(calls, one) for one in question.by]
    query = restricted(select(t.latency_us, t.ttft_us, slot, *keys), calls, question, NO_PROJECTS)
    counts: defaultdict[tuple[Any, ...], tuple[dict[int, int], dict[int, int]]] = defaultdict(
        lambda: ({}, {})
    )
    for latency_us, ttft_us, *place in map(tuple, connection.execute(within(query))):
        for some, us in zip(counts[tuple(place)], (latency_us, ttft_us), strict=True):
            if us is not None:
                some[bucket(us)] = some.get(bucket(us), 0) + 1
    return [(packed(latency), packed(ttft), *place) for place, (latency, ttft) in counts.items()]


def _summed(pieces: Sequence[_Piece], question: Question) -> dict[Place, Histogram]:
    # Nobody sees calls of less than some milliseconds, so there are no buckets before that.
    packed_ones = (one for piece in pieces for row in piece.rows for one in row[:2])
    base = min(map(first_of, filter(None, packed_ones)), default=0)
    shows = [shown(one, NO_PROJECTS) for one in question.by]
    found: defaultdict[Place, list[int]] = defaultdict(lambda: [0, 0])
    for piece in pieces:
        for (slot, *said), more in _alike(piece.rows, base).items():
            keys = tuple(show(value) for show, value in zip(shows, said, strict=True))
            for towards, sign in piece.effects:
                both = found[slot + towards, keys]
                both[:] = map(add if sign > 0 else sub, both, more)
    return {
        place: Histogram(narrowed(latency, base), narrowed(ttft, base))
        for place, (latency, ttft) in found.items()
    }


def _alike(rows: Sequence[tuple[Any, ...]], base: int) -> dict[tuple[Any, ...], list[int]]:
    """Those of the same slot and values as one: whatever is done with it, is done once."""
    sums: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for latency, ttft, *place in rows:
        both = sums[tuple(place)]
        both[0] += widened(latency, base)
        both[1] += widened(ttft, base)
    return sums
