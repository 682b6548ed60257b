"""Adds settled calls up: what a batch means for the rollup tables.

::

    calls ─► by hour ─► by day ─► since the beginning

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
from wellhead.histogram import bucket, merged, packed
from wellhead.moments import DAY_US, HOUR_US
from wellhead.usage import UsageSource

CALLS_FOLDED = 256
"""Calls that are alike are put aside and added up so many at a time, figure by figure."""
HOURS_A_DAY = DAY_US // HOUR_US

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
        self._answers: defaultdict[Row, dict[int, list[int]]] = defaultdict(dict)
        """Figures by bucket, by all that the histograms since the beginning tell apart."""
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
        daily: dict[Row, Figures] = {}
        total: dict[Row, Figures] = {}
        spending: dict[Row, Figures] = {}
        models: dict[Row, Figures] = {}
        for key, figures in self._usage.items():
            of_day = key[0] // HOURS_A_DAY, *key[1:]
            measures = _measures(key[_OUTCOME], figures)
            _add(daily, of_day, figures)
            _add(total, key[1:], figures)
            _add(spending, of_day[:_OUTCOME], measures)
            _add(models, key[:3], measures)
        hours = [(*key, *sums, *map(packed, self._times[key])) for key, sums in models.items()]
        hours.sort()
        return Rollup(
            usage_hourly=_rows(self._usage),
            usage_daily=_rows(daily),
            usage_total=_rows(total),
            spending_daily=_rows(spending),
            models_hourly=hours,
            models_daily=_days(hours),
            latency_total=sorted(
                (*key, number, *sums) for key, some in self._answers.items() for number, sums in some.items()
            ),
            errors_daily=sorted((*key, count) for key, count in self._errors.items()),
            origins_daily=sorted((*key, count) for key, count in self._origins.items()),
        )

    def _fold(self, key: Row, alike: list[Figures]) -> None:
        *usage_key, status = key
        _add(
            self._usage,
            tuple(usage_key),
            alike[0] if len(alike) == 1 else tuple(map(sum, zip(*alike, strict=True))),
        )
        hour, provider, model, *_, outcome, streamed = usage_key
        latencies, ttfts = self._times[hour, provider, model]
        answers = self._answers[provider, model, outcome, status, streamed]
        for one in alike:
            if one[_TIMED]:
                _count(latencies, answers, 0, one[_LATENCY])
            if one[_STARTED]:
                _count(ttfts, answers, 2, one[_TTFT])


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


def _count(counts: Counts, answers: dict[int, list[int]], place: int, us: int) -> None:
    number = bucket(us)
    counts[number] = counts.get(number, 0) + 1
    sums = answers.get(number)
    if sums is None:
        answers[number] = sums = [0, 0, 0, 0]
    sums[place] += 1
    sums[place + 1] += us


def _add(sums: dict[Row, Figures], key: Row, more: Figures) -> None:
    before = sums.get(key)
    sums[key] = more if before is None else tuple(map(add, before, more))


def _rows(sums: Mapping[Row, Figures]) -> list[Row]:
    return sorted((*key, *values) for key, values in sums.items())


def _measures(outcome: str, figures: Figures) -> Figures:
    calls, *others = _known(figures)
    return calls, calls if outcome in _ERRORS else 0, calls if outcome in _ABORTS else 0, *others


def _days(hours: Iterable[Row]) -> list[Row]:
    """The rows of models by the day, from those by the hour."""
    found: dict[Row, Row] = {}
    for row in hours:
        key, sums = (row[0] // HOURS_A_DAY, row[1], row[2]), row[3:]
        before = found.get(key)
        if before is not None:
            histograms = map(merged, before[-2:], sums[-2:])
            sums = (*map(add, before[:-2], sums[:-2]), *histograms)
        found[key] = sums
    return sorted((*key, *sums) for key, sums in found.items())
