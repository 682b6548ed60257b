"""The real gateway, in the test's own event loop, on a free port of loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import time_ns
from typing import Any
from urllib.parse import unquote

import uvicorn

from fakes.books import FakeBooks
from wellhead.call import Opening, Settlement
from wellhead.directory import Directory, Provider, ProviderType
from wellhead.gateway.app import Gateway, GatewayOptions
from wellhead.gateway.client import Client, Message
from wellhead.gateway.front import Front
from wellhead.gateway.readiness import Readiness, books_check
from wellhead.gateway.server import held_to, quiet
from wellhead.gateway.terms import Terms
from wellhead.gateway.upstream import AiohttpUpstream
from wellhead.ports import NO_BREAKERS, Breakers


@dataclass
class SilentLog:
    """Keeps what was logged."""

    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def debug(self, event: str, **fields: object) -> None:
        self.events.append((event, fields))

    warning = exception = debug


@dataclass
class RunningGateway:
    port: int
    app: Gateway
    books: FakeBooks
    log: SilentLog

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def settled(self, calls: int = 1, timeout_s: float = 10.0) -> list[tuple[Opening, Settlement]]:
        """The calls that were settled, once there are as many."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while len(self.books.settlements) < calls:
            assert asyncio.get_running_loop().time() < deadline, "the calls were never settled"
            await asyncio.sleep(0.005)
        return [(self.books.openings[id_], end) for id_, end in self.books.settlements.items()]

    async def the_call(self) -> tuple[Opening, Settlement]:
        return (await self.settled())[0]


def a_request(
    *headers: tuple[bytes, bytes],
    method: str = "POST",
    path: str = "/v1/chat/completions",
    query: bytes = b"",
    address: str | None = "10.0.0.1",
    body: bytes = b"",
) -> Client:
    """A request as a part of the gateway sees it, with no server around it and nobody to answer to."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_message: Message) -> None: ...

    lines = list(headers)
    if body:
        lines.append((b"content-length", b"%d" % len(body)))
    scope = {
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query,
        "headers": lines,
        "client": None if address is None else (address, 50000),
    }
    return Client(scope, receive, send)


def sole(url: str, **fields: Any) -> Directory:
    """Everything goes to one upstream."""
    return Directory(sole=Provider("upstream", ProviderType.OPENAI, url, **fields))


@asynccontextmanager
async def running_gateway(
    directory: Directory,
    *,
    books: FakeBooks | None = None,
    options: GatewayOptions = GatewayOptions(),
    breakers: Breakers = NO_BREAKERS,
    terms: Terms = Terms(),
) -> AsyncIterator[RunningGateway]:
    books, log = books or FakeBooks(), SilentLog()
    upstream = AiohttpUpstream()
    app = Gateway(
        directory=directory,
        books=books,
        upstream=upstream,
        options=options,
        now_us=lambda: time_ns() // 1000,
        log=log,
        breakers=breakers,
    )
    quiet()
    readiness = Readiness([books_check(books, lambda: None)])
    config = uvicorn.Config(
        Front(app, terms, readiness, log),
        host="127.0.0.1",
        port=0,
        http=held_to(terms),
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    server.config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield RunningGateway(port, app, books, log)
    finally:
        server.should_exit = server.force_exit = True
        await app.drain(0)
        await server.shutdown()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        while server.server_state.connections:
            await asyncio.sleep(0)
        await upstream.close()
