"""What is promised: every figure, its first aim and where it is heading.

A speed that depends on the machine is a ratio to a reference measured in the same
run.  Figures without an aim are shown because the ratios are made of them.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Target:
    """One row of the table."""

    key: str
    figure: str
    unit: str
    better: Literal["higher", "lower"]
    first_aim: float | None
    heading: float | None
    how: str

    def reached(self, value: float) -> bool | None:
        """Whether the first aim is reached; `None` without an aim."""
        if self.first_aim is None:
            return None
        return value >= self.first_aim if self.better == "higher" else value <= self.first_aim

    def told(self, aim: float | None) -> str:
        """An aim as a person reads it."""
        if aim is None:
            return "-"
        return f"{'≥' if self.better == 'higher' else '≤'} {number(aim)} {self.unit}".rstrip()


def number(value: float) -> str:
    """A figure with three significant digits, and no fewer than its whole part."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


LOAD = "wrk -t1 -c32, POST chat completion, 785-byte JSON answer from nginx, proxy alone on one core"
CALLS = "calls/s"

TARGETS = (
    Target(
        "throughput_ratio",
        "throughput / nginx reverse proxy",
        "×",
        "higher",
        0.25,
        0.70,
        f"{LOAD}; one worker, metering and two-phase ledger on; over nginx's proxy as it comes, same round",
    ),
    Target(
        "throughput_kept_ratio",
        "throughput / nginx with kept connections",
        "×",
        "higher",
        0.25,
        0.70,
        "as above, over nginx set up to keep its connections to the upstream: the hardest reference",
    ),
    Target("gateway_calls_per_s", "  Wellhead", CALLS, "higher", None, None, LOAD),
    Target("nginx_calls_per_s", "  nginx reverse proxy", CALLS, "higher", None, None, LOAD),
    Target("nginx_kept_calls_per_s", "  nginx, kept connections", CALLS, "higher", None, None, LOAD),
    Target(
        "peer_ratio",
        "throughput / LiteLLM proxy",
        "×",
        "higher",
        40,
        100,
        "same load, same rounds; LiteLLM with one worker",
    ),
    Target("litellm_calls_per_s", "  LiteLLM proxy", CALLS, "higher", None, None, LOAD),
    Target(
        "limited_ratio",
        "throughput with a key and five limits",
        "×",
        "higher",
        0.75,
        0.90,
        "same load, same rounds; a key, and on every call calls per sliding minute and per hour, tokens per "
        "day, cost per month, calls at one time; over Wellhead without",
    ),
    Target("limited_calls_per_s", "  Wellhead with five limits", CALLS, "higher", None, None, LOAD),
    Target(
        "crowd_ratio",
        "calls answered when 3,000 clients come again at once, / with 32",
        "×",
        "higher",
        0.80,
        0.95,
        "the same load over 3,000 connections, none of which waits when it is refused; refusals do not count",
    ),
    Target(
        "added_latency_p50_ms",
        "added latency, p50",
        "ms",
        "lower",
        0.6,
        0.2,
        "one keep-alive connection, blocks of 400 calls, through minus direct",
    ),
    Target("added_latency_p99_ms", "added latency, p99", "ms", "lower", 3, 1, "as above"),
    Target(
        "stream_cpu_us_per_chunk",
        "streaming, CPU per chunk",
        "µs",
        "lower",
        25,
        10,
        "100 streams at once, 100 chunks each, 20 ms apart; CPU time of the worker over 10,000 chunks",
    ),
    Target(
        "stream_added_ttfb_p99_ms",
        "streaming, added time to first byte, p99",
        "ms",
        "lower",
        30,
        5,
        "the same streams, all asked for at the same moment: p99 through minus p99 direct",
    ),
    Target(
        "overload_goodput_ratio",
        "goodput at three times the peak",
        "×",
        "higher",
        0.80,
        0.95,
        "thrice as many calls as the upstream serves, whatever comes back; answered within 3 s, over peak",
    ),
    Target("overload_p99_ms", "  p99 of what was answered", "ms", "lower", None, None, "as above"),
    Target("overload_uncapped_ratio", "  without a cap on calls", "×", "higher", None, None, "as above"),
    Target(
        "overload_refusal_us",
        "a call that there is no room for",
        "µs",
        "lower",
        25,
        15,
        "CPU time of the worker for each of 18,000 refusals, 32 at a time",
    ),
    Target(
        "memory_start_mb", "memory after start", "MB", "lower", 90, 60, "RSS of a gateway worker, no call yet"
    ),
    Target(
        "memory_idle_stream_kb",
        "memory per open idle stream",
        "KB",
        "lower",
        60,
        25,
        "growth of the worker's RSS over 1,000 streams that stay silent after their first chunk",
    ),
    Target(
        "memory_stall_mb",
        "memory growth under a stalled reader",
        "MB",
        "lower",
        10,
        2,
        "one client stops reading an endless stream for 4 s; highest RSS minus RSS before",
    ),
    Target(
        "books_calls_per_s",
        "books",
        CALLS,
        "higher",
        15_000,
        40_000,
        "open + settle + rollups on SQLite, one writer",
    ),
    Target(
        "reports_p95_ms",
        "reports, the slowest query's p95",
        "ms",
        "lower",
        150,
        30,
        "every query behind the control API over ten million calls in 400 days, warm; each one's is below",
    ),
    Target(
        "reports_bytes_per_call",
        "disk per call, a busy year",
        "bytes",
        "lower",
        450,
        250,
        "the ledger of those ten million calls, indexes and rollups included",
    ),
    Target("meter_mb_per_s", "meter on SSE", "MB/s", "higher", 100, None, "a chat stream in 16 KiB chunks"),
    Target(
        "meter_request_us",
        "meter on a request of 400 KB",
        "µs",
        "lower",
        100,
        None,
        "model, streaming, limits and message count out of 12 long messages",
    ),
    Target(
        "start_s",
        "start to first answered call",
        "s",
        "lower",
        2.0,
        0.8,
        "`wellhead serve` with a new database to the first answered chat completion",
    ),
    Target(
        "disk_bytes_per_call",
        "disk per call",
        "bytes",
        "lower",
        450,
        250,
        "size of the ledger of the throughput runs, indexes included, divided by its calls",
    ),
    Target(
        "books_bytes_per_call",
        "disk per call, varied calls",
        "bytes",
        "lower",
        450,
        250,
        "the same of the ledger that the books' own measurement leaves",
    ),
)
