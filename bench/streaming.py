"""A hundred streams at once: what a chunk costs the gateway, and how late the first one is.

All streams are asked for at the same moment on connections that stand already,
and then tick together: the hardest case for the first byte.  Rounds go direct and
through in turn.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import psutil
import uvloop

from bench import chat, servers
from bench.rig import Failed, Rig
from bench.rounds import Rounds, percentile

ROUNDS = 4
STREAMS = 100
CHUNKS = 100
GAP_MS = 20
ROUND_MAX_S = 30.0
TARGET = f"{chat.PATH}?chunks={CHUNKS}&gap_ms={GAP_MS}"
LAST = b"0\r\n\r\n"

T = TypeVar("T")


class Stream(asyncio.Protocol):
    """One streamed call: when its first event came, and all that came."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.first_event_ms: float | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes) -> None:
        self._asked = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.first_event_ms is None and b"data: " in self.received:
            self.first_event_ms = (time.perf_counter() - self._asked) * 1000
        if self.received.endswith(LAST) and not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(Failed("a stream was cut"))


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop to the end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def connect(port: int) -> Stream:
    _, stream = await asyncio.get_running_loop().create_connection(Stream, "127.0.0.1", port)
    return stream


def measure(rig: Rig) -> Rounds:
    """CPU time per chunk in microseconds, added time to first byte at p99 in milliseconds."""
    rounds = Rounds()
    with servers.stream_upstream(rig) as upstream, servers.wellhead(rig, upstream) as gateway:
        run_loop(_round(gateway.port))  # warm: the gateway's connections to its upstream stand
        for _ in range(ROUNDS):
            direct = run_loop(_round(upstream))
            before_s = cpu_s(gateway.worker)
            through = run_loop(_round(gateway.port))
            spent_s = cpu_s(gateway.worker) - before_s
            rounds.add("stream_cpu_us_per_chunk", spent_s * 1e6 / (STREAMS * CHUNKS))
            rounds.add("stream_added_ttfb_p99_ms", percentile(through, 99) - percentile(direct, 99))
    return rounds


async def _round(port: int) -> list[float]:
    """Milliseconds to the first event of each stream.  Raises `Failed` unless all came whole."""
    streams = [await connect(port) for _ in range(STREAMS)]
    try:
        request = chat.request(TARGET, stream=True)
        for stream in streams:
            stream.ask(request)
        async with asyncio.timeout(ROUND_MAX_S):
            await asyncio.gather(*(stream.done for stream in streams))
    except TimeoutError:
        raise Failed(f"{STREAMS} streams were not over after {ROUND_MAX_S:.0f} s") from None
    finally:
        for stream in streams:
            stream.transport.close()
    whole = [s.first_event_ms for s in streams if s.received.count(b"chat.completion.chunk") == CHUNKS + 1]
    firsts = [first for first in whole if first is not None]
    if len(firsts) != STREAMS:
        raise Failed(f"{STREAMS - len(firsts)} of {STREAMS} streams were not whole")
    return firsts


def cpu_s(process: psutil.Process) -> float:
    """Seconds that a process has had on a core."""
    times = process.cpu_times()
    return float(times.user + times.system)
