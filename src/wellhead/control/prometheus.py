"""Prometheus' metrics of our own: what the books say, under names that begin with `wellhead_`.

Nothing is counted here: counters are sums from the books, so they survive restarts
and are right with any number of gateways.  Only some models, tools and projects have
series of their own (see `wellhead.figures`).  Bounds of histograms are powers of two
of microseconds, where the books' own buckets end, so their counts are exact; a
duration of just a bound counts above it.
"""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from wellhead.background import LoopState
from wellhead.breaker import State
from wellhead.figures import BreakerFigure, Durations, Figures, LimitFigure, SpoolFigure, WorkerFigure
from wellhead.limit import Measure as Counted
from wellhead.moments import SECOND_US
from wellhead.money import usd
from wellhead.quota import AccountGauge
from wellhead.report import Key, Line, Measure

TOKENS = {
    "input": Measure.INPUT_TOKENS,
    "output": Measure.OUTPUT_TOKENS,
    "cache_read": Measure.CACHE_READ_TOKENS,
    "cache_write": Measure.CACHE_WRITE_TOKENS,
    "reasoning": Measure.REASONING_TOKENS,
    "total": Measure.TOTAL_TOKENS,
}
"""Kinds of tokens: the first two are the whole, the next three parts of them."""
BOUND_MIN, BOUND_MAX = 13, 30
"""The first and the last bound of a histogram, as powers of two: 8 ms and 18 minutes."""
BREAKER_STATES = (State.CLOSED, State.HALF_OPEN, State.OPEN)
"""By their numbers."""
FIRST_BOUND = 4
"""The n-th doubling of a histogram holds what is below 2 ** (n + 4) microseconds."""

Sample = tuple[Sequence[Key], float]
"""Values of the labels, and the value."""


def families(figures: Figures, version: str) -> Iterator[Metric]:
    """Every metric of ours."""
    yield from _usage(figures.usage)
    yield from _by("tool", figures.tools)
    yield from _by("project", figures.projects)
    names = sorted(figures.project_names.items())
    yield gauge(
        "wellhead_project_info", "What projects are called.", ("project", "name"), ((n, 1) for n in names)
    )
    yield histogram(
        "wellhead_call_duration_seconds",
        "From the beginning of a call to its end.",
        ("provider", "model", "outcome"),
        figures.latency,
    )
    yield histogram(
        "wellhead_time_to_first_byte_seconds",
        "From the beginning of a call to the first byte of its answer's body.",
        ("provider", "model"),
        figures.ttft,
    )
    yield from _limits(figures.limits)
    yield _breakers(figures.breakers)
    yield from _workers(figures.workers)
    yield from _quotas(figures.gauges)
    yield gauge("wellhead_build_info", "Which Wellhead this is.", ("version",), [((version,), 1)])
    size = "Size of the database, without its log."
    yield gauge("wellhead_database_size_bytes", size, (), [((), figures.database_bytes)])
    last = () if figures.last_call_us is None else [((), figures.last_call_us / SECOND_US)]
    yield gauge("wellhead_last_call_timestamp_seconds", "When the last call began.", (), last)


def loops(states: Sequence[LoopState]) -> Iterator[Metric]:
    """What the control process does in the background; counted since it started."""
    label = ("loop",)
    yield counter(
        "wellhead_loop_runs",
        "Runs of a loop since the control process started.",
        label,
        (((s.name,), s.runs) for s in states),
    )
    yield counter(
        "wellhead_loop_failed_runs", "Those that failed.", label, (((s.name,), s.failed_runs) for s in states)
    )
    yield gauge(
        "wellhead_loop_failures",
        "Failures in a row, up to now.",
        label,
        (((s.name,), s.failures) for s in states),
    )
    done = (((s.name,), s.last_success_us / SECOND_US) for s in states if s.last_success_us is not None)
    yield gauge("wellhead_loop_last_success_timestamp_seconds", "When a loop last succeeded.", label, done)


def spool(found: SpoolFigure, now_us: int) -> Iterator[Metric]:
    """What waits beside the database; always there, so that an alert can tell nothing from no answer."""
    what = "of calls that wait beside the database because they could not be booked"
    yield gauge("wellhead_spool_entries", f"Records {what}.", (), [((), found.entries)])
    yield gauge("wellhead_spool_bytes", f"Size of the records {what}.", (), [((), found.bytes)])
    since_us = now_us if found.since_us is None else found.since_us
    yield gauge(
        "wellhead_spool_oldest_age_seconds",
        "For how long the oldest of them has waited; 0 when none does.",
        (),
        [((), max(now_us - since_us, 0) / SECOND_US)],
    )
    fullest = max((one.bytes for one in found.workers), default=0)
    yield gauge(
        "wellhead_spool_used_ratio",
        "How full the fullest spool is; 1 is all that it may hold.",
        (),
        [((), fullest / found.bytes_max if found.bytes_max else 0)],
    )
    yield gauge(
        "wellhead_spool_damaged_files", "Spools that were put aside as damaged.", (), [((), found.damaged)]
    )


def counter(name: str, said: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    """A counter; its name without `_total`."""
    found = CounterMetricFamily(name, said, labels=labels)
    for keys, value in samples:
        found.add_metric([str(key) for key in keys], value)
    return found


def gauge(name: str, said: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    """A gauge."""
    found = GaugeMetricFamily(name, said, labels=labels)
    for keys, value in samples:
        found.add_metric([str(key) for key in keys], value)
    return found


def flag(value: Key) -> str:
    """`true` or `false`."""
    return "true" if value else "false"


def _usage(lines: Sequence[Line]) -> Iterator[Metric]:
    yield counter(
        "wellhead_calls",
        "Calls that ended.",
        ("provider", "model", "outcome", "streamed"),
        (((*line.keys[:3], flag(line.keys[3])), line.sums[Measure.CALLS]) for line in lines),
    )
    model = "provider", "model"
    summed = _summed(lines, len(model))
    yield counter(
        "wellhead_metered_calls", "Calls whose usage is known.", model, _of(summed, Measure.METERED_CALLS)
    )
    yield counter(
        "wellhead_priced_calls", "Calls whose cost is known.", model, _of(summed, Measure.PRICED_CALLS)
    )
    yield counter(
        "wellhead_tokens",
        "Tokens by kind: input and output are the whole, cache and reasoning parts of them.",
        (*model, "kind"),
        (((*line.keys, kind), line.sums[measure]) for line in summed for kind, measure in TOKENS.items()),
    )
    yield counter("wellhead_cost_usd", "What calls cost, in US dollars.", model, _costs(summed))


def _by(what: str, lines: Sequence[Line]) -> Iterator[Metric]:
    calls, tokens = _of(lines, Measure.CALLS), _of(lines, Measure.TOTAL_TOKENS)
    yield counter(f"wellhead_{what}_calls", f"Calls that ended, by {what}.", (what,), calls)
    yield counter(f"wellhead_{what}_tokens", f"Tokens in total, by {what}.", (what,), tokens)
    yield counter(f"wellhead_{what}_cost_usd", f"What calls cost, by {what}.", (what,), _costs(lines))


def _of(lines: Iterable[Line], measure: Measure) -> Iterator[Sample]:
    return ((line.keys, line.sums[measure]) for line in lines)


def _costs(lines: Iterable[Line]) -> Iterator[Sample]:
    return ((line.keys, usd(line.sums[Measure.COST_NANOUSD])) for line in lines)


def _summed(lines: Iterable[Line], width: int) -> list[Line]:
    """The same by the first of their keys alone."""
    found: dict[tuple[Key, ...], dict[Measure, int]] = {}
    for line in lines:
        before = found.setdefault(line.keys[:width], dict.fromkeys(line.sums, 0))
        for measure, value in line.sums.items():
            before[measure] += value
    return [Line(0, keys, sums) for keys, sums in found.items()]


def histogram(name: str, said: str, labels: Sequence[str], some: Iterable[Durations]) -> Metric:
    """A histogram in seconds of durations by doublings."""
    found = HistogramMetricFamily(name, said, labels=labels)
    for one in some:
        buckets = [
            (str(2**bound / SECOND_US), _below(one, bound)) for bound in range(BOUND_MIN, BOUND_MAX + 1)
        ]
        buckets.append(("+Inf", sum(one.calls.values())))
        found.add_metric([str(key) for key in one.keys], buckets, one.us / SECOND_US)
    return found


def _below(one: Durations, bound: int) -> int:
    return sum(count for doubling, count in one.calls.items() if doubling + FIRST_BOUND <= bound)


def _limits(limits: Sequence[LimitFigure]) -> Iterator[Metric]:
    labels = "limit", "name", "scope", "measure", "window", "action"

    def shown(name: str, said: str, values: Iterable[float]) -> Metric:
        return gauge(name, said, labels, ((_limit(one), v) for one, v in zip(limits, values, strict=True)))

    yield shown(
        "wellhead_limit_used_ratio", "Used or held of a limit; 1 is all of it.", map(_used_ratio, limits)
    )
    unit = "in calls, tokens or US dollars, as its measure says."
    yield shown("wellhead_limit_used", f"Used of a limit, {unit}", (_in(o, o.used) for o in limits))
    yield shown("wellhead_limit_held", f"Held for calls under way, {unit}", (_in(o, o.held) for o in limits))
    yield shown(
        "wellhead_limit_amount", f"What a limit allows, {unit}", (_in(o, o.limit.amount) for o in limits)
    )


def _limit(one: LimitFigure) -> tuple[Key, ...]:
    limit = one.limit
    of = limit.scope.kind.value, limit.measure.value, limit.window.value, limit.action.value
    return (limit.id, limit.name or "", *of)


def _used_ratio(one: LimitFigure) -> float:
    return (one.used + one.held) / one.limit.amount if one.limit.amount else 1.0


def _in(one: LimitFigure, amount: int) -> float:
    return usd(amount) if one.limit.measure is Counted.COST else amount


def _breakers(breakers: Sequence[BreakerFigure]) -> Metric:
    return gauge(
        "wellhead_breaker_state",
        "The circuit breaker of a provider or of one of its credentials: 0 closed, 1 half-open, 2 open.",
        ("provider", "credential"),
        (((one.provider, one.credential_id), BREAKER_STATES.index(one.state)) for one in breakers),
    )


def _workers(workers: Sequence[WorkerFigure]) -> Iterator[Metric]:
    label = ("worker",)

    def shown(name: str, said: str, values: Iterable[float]) -> Metric:
        return gauge(name, said, label, (((w.slot,), v) for w, v in zip(workers, values, strict=True)))

    def counted(name: str, said: str, values: Iterable[float]) -> Metric:
        return counter(name, said, label, (((w.slot,), v) for w, v in zip(workers, values, strict=True)))

    yield shown("wellhead_worker_up", "Whether a gateway process does its work.", (w.is_up for w in workers))
    yield shown(
        "wellhead_worker_heartbeat_timestamp_seconds",
        "When a gateway process last said that it lives; one without calls does every ten minutes.",
        (w.heartbeat_us / SECOND_US for w in workers),
    )
    yield shown("wellhead_calls_in_flight", "Calls under way.", (w.calls_open for w in workers))
    yield shown(
        "wellhead_writer_queue", "Bookings that waited at the last heartbeat.", (w.queued for w in workers)
    )
    since = "since the process started, as of its last heartbeat."
    yield counted("wellhead_commits", f"Transactions of bookings {since}", (w.commits for w in workers))
    yield counted(
        "wellhead_commit_seconds", f"How long they took {since}", (w.commit_us / SECOND_US for w in workers)
    )
    yield counted(
        "wellhead_settlements_lost",
        f"Ends of calls that could not be booked {since}",
        (w.settlements_lost for w in workers),
    )


def _quotas(gauges: Sequence[AccountGauge]) -> Iterator[Metric]:
    labels = "provider", "account", "quota"

    def shown(name: str, said: str, values: Iterable[float | None]) -> Metric:
        of = zip(gauges, values, strict=True)
        keys = (((o.provider, o.gauge.account or "", o.gauge.name), v) for o, v in of if v is not None)
        return gauge(name, said, labels, keys)

    told = [one.gauge for one in gauges]
    yield shown(
        "wellhead_quota_used_ratio",
        "Used of an account's quota at its provider, as a response last told; 1 is all of it.",
        (one.used_ratio for one in told),
    )
    yield shown("wellhead_quota_limit", "What a quota allows.", (one.limit for one in told))
    yield shown("wellhead_quota_remaining", "What is left of it.", (one.remaining for one in told))
    yield shown(
        "wellhead_quota_reset_timestamp_seconds",
        "When it begins anew.",
        (None if one.resets_us is None else one.resets_us / SECOND_US for one in told),
    )
    yield shown(
        "wellhead_quota_timestamp_seconds", "When it was told.", (one.at_us / SECOND_US for one in told)
    )
