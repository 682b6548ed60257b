"""More calls than can be served: how many are answered well and in time, and what a refusal costs.

::

    calls at a fixed rate, whatever comes back ──► the gateway ──► an upstream with so many slots

First the peak is measured: as many calls at a time as the upstream has slots.  Then
calls are offered at parts and multiples of it; who is refused does not come back,
and does not slow the others down.  An answer counts if it comes within `PATIENCE_S`.
The same is measured without a cap on calls: what the cap is there for.
"""

import asyncio
import contextlib
import json
import re
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import cast

from bench import chat, picture, servers, wire
from bench.rig import Failed, Rig, free_port, running, wait_for
from bench.rounds import Rounds, percentile
from bench.servers import PROJECT, Wellhead
from bench.stream_upstream import raise_files_limit
from bench.streaming import cpu_s, run_loop

SLOTS = 200
ANSWER_MS = 500
PATIENCE_S = 3.0
"""How long a client waits for an answer; the upstream takes a sixth of it."""
FACTORS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
"""Of the peak."""
OVERLOADED_AT = 3.0
ROUNDS = 3
"""Of the point at which the promise is; each point of the curve beside it is measured once."""
RAMP_S = 5.0
"""Until a rate has filled what it fills; only then is counted..."""
POINT_S = 4.0
"""...for so long."""
WARM_S = 2.0
PEAK_S = 4.0
BATCH = 200
"""Connections that are opened at a time."""
TICK_S = 0.002
REFUSALS = 20_000
AT_A_TIME = 32
"""Of them."""
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CAPPED, UNCAPPED = "with a cap", "without"
CAPS = {CAPPED: SLOTS, UNCAPPED: 0}
AT = FACTORS.index(OVERLOADED_AT)
CURVE = PROJECT / "docs/img/overload.json"


@dataclass(frozen=True, slots=True)
class Point:
    """What became of the calls that were offered at one rate."""

    offered_per_s: float
    good_per_s: float
    """Answered well, and in time."""
    refused_per_s: float
    p99_ms: float
    """Of the calls that were answered well, in time or not, from when they were offered."""


@dataclass(slots=True)
class Count:
    """The calls of one point."""

    offered: int = 0
    good: int = 0
    refused: int = 0
    took_ms: list[float] | None = None


class Caller(asyncio.Protocol):
    """One connection, one call at a time."""

    def __init__(self) -> None:
        self.idle: deque[Caller] | None = None
        self.count = Count()
        self._received = b""
        self._asked_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes, count: Count) -> None:
        self.count, self._asked_s = count, time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        announced = LENGTH.search(received, 0, end + 2)
        if announced is None or len(received) < end + 4 + int(announced[1]):
            return
        self._received = b""
        self._answered(received.startswith(b"HTTP/1.1 200"))
        if self.idle is not None:
            self.idle.append(self)

    def _answered(self, well: bool) -> None:
        count, took_s = self.count, time.perf_counter() - self._asked_s
        if not well:
            count.refused += 1
            return
        if took_s <= PATIENCE_S:
            count.good += 1
        if count.took_ms is not None:
            count.took_ms.append(took_s * 1000)


async def connect(port: int, count: int) -> deque[Caller]:
    """So many idle connections."""
    loop, idle = asyncio.get_running_loop(), deque[Caller]()
    while len(idle) < count:
        size = min(BATCH, count - len(idle))
        made = (loop.create_connection(Caller, "127.0.0.1", port) for _ in range(size))
        idle.extend(caller for _, caller in await asyncio.gather(*made))
    for caller in idle:
        caller.idle = idle
    return idle


async def peak_of(port: int, request: bytes) -> float:
    """Calls per second, with as many under way all the time as the upstream has slots."""
    idle, count, before = await connect(port, SLOTS), Count(), Count()
    callers, began_s = list(idle), time.perf_counter()
    while (passed_s := time.perf_counter() - began_s) < WARM_S + PEAK_S:
        if not before.good and passed_s >= WARM_S:
            before = replace(count)
        while idle:
            idle.popleft().ask(request, count)
        await asyncio.sleep(TICK_S)
    for caller in callers:
        caller.transport.close()
    return (count.good - before.good) / PEAK_S


async def point(port: int, request: bytes, rate_per_s: float) -> Point:
    """Offer calls at a rate, whatever becomes of them."""
    idle = await connect(port, round(rate_per_s * (RAMP_S + POINT_S)) + SLOTS)
    callers, count, before = list(idle), Count(), Count()
    began_s = time.perf_counter()
    while (passed_s := time.perf_counter() - began_s) < RAMP_S + POINT_S:
        if count.took_ms is None and passed_s >= RAMP_S:
            before, count.took_ms = replace(count), []
        due = int(passed_s * rate_per_s) - count.offered
        count.offered += due
        for _ in range(due):
            idle.popleft().ask(request, count)
        await asyncio.sleep(TICK_S)
    told = Point(
        round((count.offered - before.offered) / POINT_S, 1),
        round((count.good - before.good) / POINT_S, 1),
        round((count.refused - before.refused) / POINT_S, 1),
        round(percentile(count.took_ms or [0.0], 99), 1),
    )
    for caller in callers:
        caller.transport.close()
    return told


async def refusal_us(gateway: Wellhead, request: bytes) -> float:
    """Microseconds of a core for a call that there is no room for, at a gateway with room for one."""
    holding = await connect(gateway.port, 1)
    holding[0].ask(chat.request(f"{chat.PATH}?chunks=1&hold=1", stream=True), Count())
    idle, count, spent_s, already = await connect(gateway.port, AT_A_TIME), Count(), 0.0, 0
    callers = [*holding, *idle]
    while count.refused < REFUSALS:
        if not already and count.refused >= REFUSALS // 10:
            spent_s, already = -cpu_s(gateway.worker), count.refused
        while idle:
            idle.popleft().ask(request, count)
        await asyncio.sleep(0)
    spent_s += cpu_s(gateway.worker)
    for caller in callers:
        caller.transport.close()
    return spent_s * 1e6 / (count.refused - already)


@contextlib.contextmanager
def slow_upstream(rig: Rig) -> Iterator[int]:
    """`bench.slow_upstream`; gives its port."""
    port, home = free_port(), rig.directory("slow-upstream")
    command = [sys.executable, "-m", "bench.slow_upstream", str(port), str(SLOTS), str(ANSWER_MS)]
    with running(command, cores=rig.load, home=home, environment={"PYTHONPATH": str(PROJECT)}) as process:
        wait_for(lambda: wire.answers(port, chat.request()), process, home)
        yield port


def measure(rig: Rig) -> Rounds:
    """Goodput at three times the peak over the peak, with its p99; keeps the curve and draws it."""
    raise_files_limit()
    rounds, request = Rounds(), chat.request()
    curves: dict[str, list[Point]] = {}
    peak = 0.0
    with slow_upstream(rig) as upstream:
        for name, cap in CAPS.items():
            settings = {"WELLHEAD_GATEWAY__MAX_CONCURRENT_CALLS": str(cap)}
            with servers.wellhead(rig, upstream, settings=settings) as gateway:
                peak = peak or run_loop(peak_of(gateway.port, request))
                if not peak:
                    raise Failed("no call was answered")
                rates = [factor * peak for factor in FACTORS]
                curves[name] = [run_loop(point(gateway.port, request, rate)) for rate in rates]
                if cap:
                    curves[name][AT] = _overloaded(gateway.port, request, peak, rounds)
    room_for_one = {"WELLHEAD_GATEWAY__MAX_CONCURRENT_CALLS": "1"}
    with (
        servers.stream_upstream(rig) as upstream,
        servers.wellhead(rig, upstream, settings=room_for_one) as gateway,
    ):
        rounds.add("overload_refusal_us", run_loop(refusal_us(gateway, request)))
    rounds.add("overload_uncapped_ratio", curves[UNCAPPED][AT].good_per_s / peak)
    keep(curves, peak)
    return rounds


def _overloaded(port: int, request: bytes, peak: float, rounds: Rounds) -> Point:
    """The rounds of the point at which the promise is; gives the middle one."""
    points = [run_loop(point(port, request, OVERLOADED_AT * peak)) for _ in range(ROUNDS)]
    for one in points:
        rounds.add("overload_goodput_ratio", one.good_per_s / peak)
        rounds.add("overload_p99_ms", one.p99_ms)
    return sorted(points, key=lambda one: one.good_per_s)[ROUNDS // 2]


def keep(curves: Mapping[str, Sequence[Point]], peak: float) -> None:
    """The curve as figures, and as a picture of them."""
    kept = {
        "peak_calls_per_s": round(peak, 1),
        "curves": {name: [asdict(point) for point in points] for name, points in curves.items()},
    }
    CURVE.parent.mkdir(exist_ok=True)
    CURVE.write_text(json.dumps(kept, indent=1) + "\n")
    CURVE.with_suffix(".svg").write_text(picture.overload(kept))
