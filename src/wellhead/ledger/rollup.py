"""Adds settled calls up: what a batch means for the three rollup tables.

The same function serves the writer, recovery and rebuilding, which is why
rebuilding changes nothing.  Rows are tuples in the order of the tables' columns,
sorted by their keys, so that writers in several processes never lock each other
out.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import add, attrgetter

from wellhead.call import Opening, Settlement
from wellhead.database.rollups import Rollup
from wellhead.database.schema import TOKEN_COLUMNS
from wellhead.histogram import bucket
from wellhead.moments import HOUR_US
from wellhead.usage import UsageSource

CALLS_FOLDED = 256
"""Calls that are alike are put aside and added up so many at a time, figure by figure."""

Key = tuple[object, ...]
Figures = tuple[int, ...]
"""Of one call or the sum of several, in the order of `USAGE_SUMS`."""

_tokens = attrgetter(*TOKEN_COLUMNS)


class Tally:
    """Adds up settled calls; its size is that of the rollups, not that of the calls."""

    def __init__(self) -> None:
        self._aside: dict[Key, list[Figures]] = {}
        self._usage: dict[Key, Figures] = {}
        self._latency: dict[Key, list[int]] = {}

    def add(self, opening: Opening, settlement: Settlement) -> None:
        """Count one call that was really moved to its terminal state."""
        key = (
            settlement.finished_us // HOUR_US,
            opening.provider,
            opening.model or "",
            opening.tool or "",
            opening.client or "",
            opening.project_id or 0,
            opening.key_id or 0,
            settlement.account or "",
            settlement.state.value,
            int(settlement.streamed),
        )
        alike = self._aside.setdefault(key, [])
        alike.append(_figures(opening, settlement))
        if len(alike) == CALLS_FOLDED:
            self._fold(key, self._aside.pop(key))
        place = key[:3]  # Hour, provider, model.
        if settlement.latency_us is not None:
            self._latency.setdefault((*place, bucket(settlement.latency_us)), [0, 0])[0] += 1
        if settlement.ttft_us is not None:
            self._latency.setdefault((*place, bucket(settlement.ttft_us)), [0, 0])[1] += 1

    def rollup(self) -> Rollup:
        """What all of them add to each table."""
        while self._aside:
            self._fold(*self._aside.popitem())
        total: dict[Key, Figures] = {}
        for key, sums in self._usage.items():
            _add(total, key[1:], sums)
        return Rollup(_rows(self._usage), _rows(total), _rows(self._latency))

    def _fold(self, key: Key, alike: list[Figures]) -> None:
        _add(self._usage, key, alike[0] if len(alike) == 1 else tuple(map(sum, zip(*alike, strict=True))))


def tally(settled: Iterable[tuple[Opening, Settlement]]) -> Rollup:
    """What a number of settled calls add to the rollups."""
    counted = Tally()
    for opening, settlement in settled:
        counted.add(opening, settlement)
    return counted.rollup()


def _figures(opening: Opening, settlement: Settlement) -> Figures:
    cost, latency, ttft = settlement.cost_nanousd, settlement.latency_us, settlement.ttft_us
    sent = opening.request_bytes if settlement.request_bytes is None else settlement.request_bytes
    return (
        1,
        0 if settlement.usage_source is UsageSource.ABSENT else 1,
        0 if cost is None else 1,
        *[count or 0 for count in _tokens(settlement.usage)],
        cost or 0,
        0 if latency is None else 1,
        latency or 0,
        0 if ttft is None else 1,
        ttft or 0,
        sent or 0,
        settlement.response_bytes or 0,
    )


def _add(sums: dict[Key, Figures], key: Key, more: Figures) -> None:
    before = sums.get(key)
    sums[key] = more if before is None else tuple(map(add, before, more))


def _rows(sums: Mapping[Key, Sequence[int]]) -> list[tuple[object, ...]]:
    return sorted((*key, *values) for key, values in sums.items())
