"""A test stand: the real program in processes of its own, before an upstream that is the test's own socket.

::

    async with a_stand() as stand:
        stand.upstream.script = chunked(b"a", b"b")
        client = await stand.client()
        await client.send(post(CHAT, ASK))
        assert (await client.answer()).complete

The program's gateway can be looked at from outside: its memory, its open files, its books.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psutil

from fakes.program import Wellhead
from fakes.wire import WireClient, WireServer, answer
from wellhead.database.request_forms import JOINED

MB = 1 << 20
GRACE_S = 1.0
"""What a test leaves open does not hold up the end."""


@dataclass
class Stand:
    """The upstream, the program, and where its gateway listens."""

    upstream: WireServer
    wellhead: Wellhead
    port: int
    seen: int = 0
    """The last call that a test has taken note of."""

    clients: list[WireClient] = field(default_factory=list)

    async def client(self) -> WireClient:
        """A new connection; what a test leaves open is closed with the stand."""
        self.clients.append(await WireClient.connect(self.port))
        return self.clients[-1]

    async def start_again(self) -> None:
        """Start the program again on the same books; it listens somewhere else then."""
        await asyncio.to_thread(self.wellhead.start)
        self.port = _port(self.wellhead)

    @property
    def worker(self) -> psutil.Process:
        """The gateway process (the first, if there are several)."""
        return psutil.Process(self.wellhead.pids[0])

    def rss(self) -> int:
        """Bytes of memory that the gateway process holds."""
        return int(self.worker.memory_info().rss)

    def files(self) -> int:
        """How many files and sockets the gateway process has open."""
        return len(os.listdir(f"/proc/{self.worker.pid}/fd"))

    def new_calls(self) -> list[dict[str, Any]]:
        """The rows since the last look of `ended`, as they are now."""
        place = f"file:{self.wellhead.database_path}?mode=ro"
        with closing(sqlite3.connect(place, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute(f"SELECT * FROM {JOINED} WHERE id > ? ORDER BY id", (self.seen,))
            return [dict(row) for row in found]

    async def ended(self, count: int = 1, timeout_s: float = 30.0) -> list[dict[str, Any]]:
        """The calls since the last look, once there are so many and all have ended."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            rows = await asyncio.to_thread(self.new_calls)
            if len(rows) >= count and all(row["state"] != "pending" for row in rows):
                break
            states = [row["state"] for row in rows]
            assert asyncio.get_running_loop().time() < deadline, f"{count} ended calls expected: {states}"
            await asyncio.sleep(0.02)
        assert len(rows) == count, rows
        self.seen = rows[-1]["id"]
        return rows

    async def the_call(self) -> dict[str, Any]:
        return (await self.ended())[0]


@asynccontextmanager
async def a_stand(
    config: Mapping[str, Any] | None = None,
    *,
    command: str = "gateway",
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Stand]:
    """It begins with an upstream that answers everything with an empty body."""
    async with WireServer(answer(b"")) as upstream:
        settings = {**(config or {})}
        settings["gateway"] = {"shutdown_grace_s": GRACE_S, **settings.get("gateway", {})}
        wellhead = Wellhead(command=command, upstream=upstream.url, config=settings, environ=environ)
        await asyncio.to_thread(wellhead.__enter__)
        try:
            stand = Stand(upstream, wellhead, _port(wellhead))
            yield stand
            for client in stand.clients:
                client.reset()
        finally:
            await asyncio.to_thread(wellhead.__exit__, None, None, None)


def _port(wellhead: Wellhead) -> int:
    port = urlsplit(wellhead.gateway_url).port
    assert port is not None
    return port


async def steadily(condition: Callable[[], bool], for_s: float, timeout_s: float = 10.0) -> None:
    """Wait until a condition has held for some time without a break."""
    loop = asyncio.get_running_loop()
    deadline, since = loop.time() + timeout_s, loop.time()
    while loop.time() - since < for_s:
        if not condition():
            since = loop.time()
        assert loop.time() < deadline, "the condition never came to hold for long enough"
        await asyncio.sleep(0.01)
