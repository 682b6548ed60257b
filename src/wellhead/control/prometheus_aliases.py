"""Prometheus' metrics under the names of agent-cli-proxy, whose dashboards go on working.

Counters of a day begin anew at midnight (UTC).  Its bounds are not where the books'
buckets end: a bucket counts by its middle, so a bound is off by 3.1 % at most.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import HistogramMetricFamily, Metric

from wellhead.call import CallState
from wellhead.control.call_shown import LIFECYCLE
from wellhead.control.prometheus import counter, flag, gauge
from wellhead.figures import Durations, Figures
from wellhead.histogram import bounds
from wellhead.money import usd
from wellhead.report import Line, Measure

BOUNDS_MS = (25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
DAILY = ("agent_cli_proxy_requests_today", "agent_cli_proxy_tokens_today", "agent_cli_proxy_cost_usd_today")
"""Gauges to the library, since a counter's name would end in `_total`; theirs do not."""
RATE_LIMITED = 429


class ReadyChecks:
    """How long checks of readiness took since this process started."""

    def __init__(self) -> None:
        self._took_ms: dict[str, list[int]] = {}
        self._sum_ms: defaultdict[str, int] = defaultdict(int)
        self._max_ms: defaultdict[str, int] = defaultdict(int)

    def note(self, status: str, took_ms: int) -> None:
        """Count one."""
        counts = self._took_ms.setdefault(status, [0] * (len(BOUNDS_MS) + 1))
        counts[sum(took_ms > bound for bound in BOUNDS_MS)] += 1
        self._sum_ms[status] += took_ms
        self._max_ms[status] = max(took_ms, self._max_ms[status])

    def families(self) -> Iterator[Metric]:
        name, said = "agent_cli_proxy_ready_check_duration_ms", "How long checks of readiness took."
        found = HistogramMetricFamily(name, said, labels=("status",))
        for status, counts in list(self._took_ms.items()):
            found.add_metric([status], _cumulated(counts), self._sum_ms[status])
        yield found
        highest = (((status,), took_ms) for status, took_ms in list(self._max_ms.items()))
        yield gauge(f"{name}_max", "The longest of them.", ("status",), highest)


def families(figures: Figures, checks: ReadyChecks) -> Iterator[Metric]:
    """Every metric that agent-cli-proxy has."""
    yield gauge("agent_cli_proxy_up", "It answers.", (), [((), 1)])
    yield from _today(figures.today)
    yield from _answers(figures.answers)
    yield from checks.families()
    refused = (one for one in figures.answers if _is_rate_limited(one))
    count = sum(sum(one.calls.values()) for one in refused)
    yield counter("agent_cli_proxy_rate_limited", "Calls that a limit refused.", (), [((), count)])


def as_counters(text: bytes) -> bytes:
    """The text, with the counters of a day declared as what they are."""
    for name in DAILY:
        declared = f"# TYPE {name} ".encode()
        text = text.replace(declared + b"gauge\n", declared + b"counter\n", 1)
    return text


def _today(lines: Sequence[Line]) -> Iterator[Metric]:
    labels = "provider", "model"
    calls = ((line.keys, line.sums[Measure.CALLS]) for line in lines)
    tokens = ((line.keys, line.sums[Measure.TOTAL_TOKENS]) for line in lines)
    costs = ((line.keys, usd(line.sums[Measure.COST_NANOUSD])) for line in lines)
    for name, samples in zip(DAILY, (calls, tokens, costs), strict=True):
        what = name.removeprefix("agent_cli_proxy_").replace("_", " ").replace("usd", "in US dollars")
        yield gauge(name, f"{what.capitalize()} (UTC).", labels, samples)


def _answers(some: Iterable[Durations]) -> Iterator[Metric]:
    """Several outcomes of ours are one lifecycle of theirs."""
    counts: dict[tuple[str, ...], list[int]] = {}
    sum_us: defaultdict[tuple[str, ...], int] = defaultdict(int)
    max_us: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for one in some:
        outcome, provider, status, streamed = one.keys
        keys: tuple[str, ...] = (LIFECYCLE[str(outcome)], str(provider), str(status), flag(streamed))
        places = counts.setdefault(keys, [0] * (len(BOUNDS_MS) + 1))
        for bucket, count in one.calls.items():
            low, end = bounds(bucket)
            places[sum((low + end - 1) / 2 > bound * 1000 for bound in BOUNDS_MS)] += count
            max_us[keys] = max(max_us[keys], end - 1)
        sum_us[keys] += one.us
    name, labels = (
        "agent_cli_proxy_proxy_request_duration_ms",
        ("lifecycle_status", "provider", "status", "streamed"),
    )
    found = HistogramMetricFamily(name, "From the beginning of a call to its end.", labels=labels)
    for keys, places in counts.items():
        found.add_metric(keys, _cumulated(places), sum_us[keys] / 1000)
    yield found
    longest = ((keys, us / 1000) for keys, us in max_us.items())
    yield gauge(f"{name}_max", "The longest of them, at most 6.3 % too long.", labels, longest)


def _is_rate_limited(one: Durations) -> bool:
    outcome, _, status, _ = one.keys
    return outcome == CallState.REFUSED.value and status == RATE_LIMITED


def _cumulated(counts: Sequence[int]) -> list[tuple[str, float]]:
    total = 0
    found = []
    for bound, count in zip([*map(str, BOUNDS_MS), "+Inf"], counts, strict=True):
        total += count
        found.append((bound, float(total)))
    return found
