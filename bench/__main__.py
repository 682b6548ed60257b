"""Measures everything that is promised, prints it as a table and keeps it as JSON.

`python -m bench [PART ...]` runs the named parts only.  A figure that could not be
measured is named with its reason; nothing is estimated in its place.  The exit
code is 1 if something failed that was there to be measured.
"""

import importlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import latency, memory, overload, report, start, streaming, throughput, tools
from bench.rig import Rig, build
from bench.rounds import Rounds

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Part:
    """One measurement and the figures it gives."""

    name: str
    measure: Callable[[Rig], Rounds]
    keys: tuple[str, ...]


def once(module: str) -> Callable[[Rig], Rounds]:
    """A part that measures in this process, on any core, and says each figure once."""

    def measure(rig: Rig) -> Rounds:
        os.sched_setaffinity(0, rig.everywhere)
        try:
            figures: dict[str, float] = importlib.import_module(f"bench.{module}").measure()
        finally:
            os.sched_setaffinity(0, rig.load)
        return Rounds({key: [value] for key, value in figures.items()})

    return measure


PARTS = (
    Part(
        "throughput",
        throughput.measure,
        (
            "throughput_ratio",
            "throughput_kept_ratio",
            "gateway_calls_per_s",
            "nginx_calls_per_s",
            "nginx_kept_calls_per_s",
            "peer_ratio",
            "litellm_calls_per_s",
            "limited_ratio",
            "limited_calls_per_s",
            "crowd_ratio",
            "disk_bytes_per_call",
        ),
    ),
    Part("latency", latency.measure, ("added_latency_p50_ms", "added_latency_p99_ms")),
    Part("streaming", streaming.measure, ("stream_cpu_us_per_chunk", "stream_added_ttfb_p99_ms")),
    Part(
        "overload",
        overload.measure,
        (
            "overload_goodput_ratio",
            "overload_p99_ms",
            "overload_uncapped_ratio",
            "overload_refusal_us",
        ),
    ),
    Part("memory", memory.measure, ("memory_start_mb", "memory_idle_stream_kb", "memory_stall_mb")),
    Part("start", start.measure, ("start_s",)),
    Part("books", once("books"), ("books_calls_per_s", "books_bytes_per_call")),
    Part("meter", once("meter"), ("meter_mb_per_s", "meter_request_us")),
    Part("reports", once("reports"), ("reports_p95_ms", "reports_bytes_per_call")),
)


def main(names: list[str]) -> int:
    unknown = set(names) - {part.name for part in PARTS}
    if unknown:
        sys.stderr.write(
            f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in PARTS)}\n"
        )
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    with tempfile.TemporaryDirectory(prefix="wellhead-bench-") as home:
        rig, load = build(Path(home)), os.getloadavg()[0]
        trouble = tools.provide(rig)
        os.sched_setaffinity(0, rig.load)
        rounds = run(rig, [part for part in PARTS if not names or part.name in names])
        about = report.machine(rig, load)
    print(report.table(rounds, about, trouble))
    kept = report.keep(rounds, about, RESULTS, datetime.now(UTC))
    print(f"kept as {kept.relative_to(Path.cwd()) if kept.is_relative_to(Path.cwd()) else kept}")
    return 1 if any(missing.failed for missing in rounds.missing.values()) else 0


def run(rig: Rig, parts: list[Part]) -> Rounds:
    """Measure part by part; one that fails costs its own figures only."""
    rounds = Rounds()
    for part in parts:
        began = time.monotonic()
        print(f"measuring {part.name} ...", end="", flush=True)
        try:
            rounds.take(part.measure(rig))
        except Exception as error:
            rounds.miss(part.keys, error)
        for key in part.keys:
            if key not in rounds.values and key not in rounds.missing:
                rounds.miss((key,), LookupError(f"{part.name} did not say it"))
        print(f" {time.monotonic() - began:.0f} s", flush=True)
    return rounds


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
