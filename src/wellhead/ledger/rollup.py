"""Adds settled calls up: what a batch means for the rollup tables.

::

    calls ─► by hour ─► since the beginning

What there is by the day is made of the hours once a day is over (see `closing`).
The same function serves the writer, recovery and rebuilding, which is why
rebuilding changes nothing.  Rows are tuples in the order of the tables' columns,
sorted by their keys, so that writers in several processes never lock each other
out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import add, attrgetter, itemgetter

from wellhead.call import CallState, Opening, Settlement
from wellhead.database.bulk import Row
from wellhead.database.rollups import Rollup
from wellhead.database.schema import MEASURES, TOKEN_COLUMNS, USAGE_KEY, USAGE_SUMS
from wellhead.histogram import bucket, packed
from wellhead.moments import DAY_US, HOUR_US
from wellhead.usage import UsageSource

CALLS_FOLDED = 256
"""Calls that are alike are put aside and added up so many at a time, figure by figure."""

Figures = tuple[int, ...]
"""Of one call or the sum of several, in the order of `USAGE_SUMS`."""
Settled = tuple[Opening, Settlement]
Counts = dict[int, int]
"""Calls by their bucket."""

_tokens = attrgetter(*TOKEN_COLUMNS)
_known = itemgetter(*(USAGE_SUMS.index(name) for name in MEASURES if name in USAGE_SUMS))
"""The measures that are sums of a call, of its figures: all but the second and the third."""
_ERRORS = (CallState.FAILED.value, CallState.REFUSED.value)
_ABORTS = (CallState.ABORTED.value, CallState.INTERRUPTED.value)
_OUTCOME = 1 + [name for name, _ in USAGE_KEY].index("outcome")
"""Where it is in a key that begins with a time."""
_TIMED, _LATENCY, _STARTED, _TTFT = map(
    USAGE_SUMS.index, ("timed_calls", "latency_us", "ttft_calls", "ttft_us")
)


class Tally:
    """Adds up settled calls; its size is that of the rollups, not that of the calls."""

    def __init__(self) -> None:
        self._aside: dict[Row, list[Figures]] = {}
        self._usage: dict[Row, Figures] = {}
        self._times: defaultdict[Row, tuple[Counts, Counts]] = defaultdict(lambda: ({}, {}))
        """Latencies and times to the first byte by hour, provider and model."""
        self._answers: defaultdict[Row, tuple[Counts, Counts]] = defaultdict(lambda: ({}, {}))
        """The same by all that the histograms since the beginning tell apart..."""
        self._answers_us: dict[Row, Figures] = {}
        """...and how long these took together."""
        self._errors: Counter[Row] = Counter()
        self._origins: Counter[Row] = Counter()

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
            settlement.status_code or 0,
        )
        alike = self._aside.setdefault(key, [])
        alike.append(_figures(opening, settlement))
        if len(alike) == CALLS_FOLDED:
            self._fold(key, self._aside.pop(key))
        day = settlement.finished_us // DAY_US
        if settlement.state is not CallState.COMPLETED:
            self._errors[day, key[9], settlement.error_code or key[8]] += 1
        if opening.origin is not None:
            self._origins[day, opening.origin] += 1

    def rollup(self) -> Rollup:
        """What all of them add to each table."""
        while self._aside:
            self._fold(*self._aside.popitem())
        total: dict[Row, Figures] = {}
        models: dict[Row, Figures] = {}
        for key, figures in self._usage.items():
            _add(total, key[1:], figures)
            _add(models, key[:3], _measures(key[_OUTCOME], figures))
        return Rollup(
            usage_hourly=_rows(self._usage),
            usage_total=_rows(total),
            models_hourly=sorted(
                (*key, *sums, *map(packed, self._times[key])) for key, sums in models.items()
            ),
            latency_total=sorted(
                (*key, *us, *map(packed, self._answers[key])) for key, us in self._answers_us.items()
            ),
            errors_daily=sorted((*key, count) for key, count in self._errors.items()),
            origins_daily=sorted((*key, count) for key, count in self._origins.items()),
        )

    def _fold(self, key: Row, alike: list[Figures]) -> None:
        *usage_key, status = key
        sums = alike[0] if len(alike) == 1 else tuple(map(sum, zip(*alike, strict=True)))
        _add(self._usage, tuple(usage_key), sums)
        hour, provider, model, *_, outcome, streamed = usage_key
        answer = provider, model, outcome, status, streamed
        if sums[_TIMED] or sums[_STARTED]:
            _add(self._answers_us, answer, (sums[_LATENCY], sums[_TTFT]))
        latencies, ttfts = zip(self._times[hour, provider, model], self._answers[answer], strict=True)
        for one in alike:
            if one[_TIMED]:
                _count(latencies, one[_LATENCY])
            if one[_STARTED]:
                _count(ttfts, one[_TTFT])


def tally(settled: Iterable[Settled]) -> Rollup:
    """What a number of settled calls add to the rollups."""
    counted = Tally()
    for opening, settlement in settled:
        counted.add(opening, settlement)
    return counted.rollup()


def tally_by_day(settled: Iterable[Settled]) -> Iterator[tuple[int, Rollup]]:
    """The same for each day, of calls in the order of their ends: all of time takes the room of a day."""
    for day, some in groupby(settled, lambda pair: pair[1].finished_us // DAY_US):
        yield day, tally(some)


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


def _count(histograms: Iterable[Counts], us: int) -> None:
    number = bucket(us)
    for counts in histograms:
        counts[number] = counts.get(number, 0) + 1


def _add(sums: dict[Row, Figures], key: Row, more: Figures) -> None:
    before = sums.get(key)
    sums[key] = more if before is None else tuple(map(add, before, more))


def _rows(sums: Mapping[Row, Figures]) -> list[Row]:
    return sorted((*key, *values) for key, values in sums.items())


def _measures(outcome: str, figures: Figures) -> Figures:
    calls, *others = _known(figures)
    return calls, calls if outcome in _ERRORS else 0, calls if outcome in _ABORTS else 0, *others
