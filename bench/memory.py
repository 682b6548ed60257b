"""What a gateway worker holds: after its start, per idle stream, and while a reader stalls.

A heap that has grown once hides what comes later, so every figure is taken on a
fresh gateway.
"""

import asyncio
import socket
import time

import psutil

from bench import chat, servers, wire
from bench.rig import Failed, Rig
from bench.rounds import Rounds
from bench.stream_upstream import raise_files_limit
from bench.streaming import Stream, connect, run_loop

ROUNDS = 3
STREAMS = 1000
BATCH = 50
"""Streams that are opened at the same time."""
BATCH_MAX_S = 20.0
WARM = 200
"""Calls before memory is compared, so that only what lasts is seen."""
STALL_S = 4.0
SAMPLE_S = 0.05
RECEIVE_BUFFER = 16 * 1024
"""Bytes the stalled reader's kernel takes, so that the stall reaches the gateway soon."""


def measure(rig: Rig) -> Rounds:
    """Megabytes after start, kilobytes per idle stream, megabytes grown under a stalled reader."""
    raise_files_limit()
    rounds = Rounds()
    with servers.stream_upstream(rig) as upstream:
        for _ in range(ROUNDS):
            with servers.wellhead(rig, upstream) as gateway:
                rounds.add("memory_start_mb", _rss(gateway.worker) / 1e6)
                _warm(gateway.port)
                rounds.add("memory_stall_mb", _stalled(gateway) / 1e6)
            with servers.wellhead(rig, upstream) as gateway:
                _warm(gateway.port)
                rounds.add("memory_idle_stream_kb", run_loop(_idle(gateway)) / STREAMS / 1e3)
    return rounds


def _rss(process: psutil.Process) -> int:
    return int(process.memory_info().rss)


def _warm(port: int) -> None:
    with wire.Connection(port) as connection:
        for _ in range(WARM):
            connection.exchange(chat.request())


def _stalled(gateway: servers.Wellhead) -> int:
    """Bytes grown at most while one client does not read an endless stream."""
    before = most = _rss(gateway.worker)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        reader.settimeout(wire.TIMEOUT_S)
        reader.connect(("127.0.0.1", gateway.port))
        reader.sendall(chat.request(f"{chat.PATH}?endless=1", stream=True))
        if not reader.recv(1024).startswith(b"HTTP/1.1 200"):
            raise Failed("the endless stream was not answered with 200")
        deadline = time.monotonic() + STALL_S
        while time.monotonic() < deadline:
            time.sleep(SAMPLE_S)
            most = max(most, _rss(gateway.worker))
    return most - before


async def _idle(gateway: servers.Wellhead) -> int:
    """Bytes grown with all streams open and silent."""
    before = _rss(gateway.worker)
    request = chat.request(f"{chat.PATH}?chunks=1&hold=1", stream=True)
    streams: list[Stream] = []
    try:
        while len(streams) < STREAMS:
            batch = [await connect(gateway.port) for _ in range(BATCH)]
            streams += batch
            for stream in batch:
                stream.ask(request)
            await _begun(batch)
        return _rss(gateway.worker) - before
    finally:
        for stream in streams:
            stream.done.cancel()
            stream.transport.close()


async def _begun(batch: list[Stream]) -> None:
    deadline = time.monotonic() + BATCH_MAX_S
    while any(stream.first_event_ms is None for stream in batch):
        if time.monotonic() > deadline:
            raise Failed(f"a stream had not begun after {BATCH_MAX_S:.0f} s")
        await asyncio.sleep(SAMPLE_S / 10)
