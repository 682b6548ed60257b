"""The simulated upstream on a free port: in a process of its own, or in a thread beside the test."""

import asyncio
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from wellhead.demo.endpoints import Scope
from wellhead.demo.upstream import AT_ONCE, SimulatedUpstream, Timing, address, listener, server

LOOK_S = 0.01


@dataclass(frozen=True)
class Simulated:
    """Where it listens, and what it saw."""

    url: str
    pid: int | None = None

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/sim/stats", timeout=10) as response:
            seen: dict[str, Any] = json.load(response)
            return seen

    def wait_for(self, reached: Callable[[dict[str, Any]], bool], timeout_s: float = 5.0) -> dict[str, Any]:
        """The stats as soon as they satisfy the condition; fails at the deadline."""
        deadline = monotonic() + timeout_s
        while not reached(seen := self.stats()):
            counts = {name: count for name, count in seen.items() if name != "last"}
            assert monotonic() < deadline, f"not reached within {timeout_s} s: {counts}"
            sleep(0.01)
        return seen


@contextmanager
def simulated_process(*options: str) -> Iterator[Simulated]:
    """It runs in a real process; `options` are those of `python -m wellhead.demo.upstream`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wellhead.demo.upstream", *options], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, "the simulated upstream did not start"
        yield Simulated(url, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class Held(SimulatedUpstream):
    """While it is held, every answer stops before its last byte."""

    def __init__(self) -> None:
        super().__init__()
        self._is_free = threading.Event()
        self._is_free.set()

    def hold(self) -> None:
        self._is_free.clear()

    def let_go(self) -> None:
        self._is_free.set()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        async def held(message: dict[str, Any]) -> None:
            is_last = message["type"] == "http.response.body" and not message.get("more_body")
            # The other side of the event is a thread that knows nothing of this loop.
            while is_last and not self._is_free.is_set():
                await asyncio.sleep(LOOK_S)
            await send(message)

        await super().__call__(scope, receive, held)


@contextmanager
def simulated_thread(
    timing: Timing = AT_ONCE, upstream: SimulatedUpstream | None = None
) -> Iterator[Simulated]:
    """It runs in a thread with an event loop of its own."""
    listening = listener()
    running = server(upstream or SimulatedUpstream(timing))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield Simulated(address(listening))
    finally:
        running.should_exit = True
        thread.join(10)
        listening.close()
