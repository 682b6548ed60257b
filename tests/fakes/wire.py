"""A server that is nothing but a socket: it records what came, byte for byte, and answers as told.

::

    async with WireServer(answer(b"hello")) as server:
        ...                       # talk to server.url
        server.requests[0].head   # what really came over the wire
"""

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType

HEAD_MAX = 1 << 20
"""Bytes of a head, on either side."""


@dataclass
class WireRequest:
    """One request as it came."""

    head: bytes
    body: bytes = b""
    """Without chunk framing."""

    @property
    def line(self) -> bytes:
        return self.head.split(b"\r\n", 1)[0]

    @property
    def lines(self) -> list[tuple[bytes, bytes]]:
        pairs = (line.split(b": ", 1) for line in self.head.split(b"\r\n")[1:] if line)
        return [(name, value) for name, value in pairs]

    def header(self, name: bytes) -> bytes | None:
        return dict(self.lines).get(name)


@dataclass
class Exchange:
    """One request and the way to answer it."""

    request: WireRequest
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection with a reset instead of an orderly close."""
        _reset(self.writer)

    async def gone(self) -> None:
        """Returns once the other side has closed."""
        try:
            while await self.reader.read(1 << 16):
                pass
        except ConnectionError:
            pass


Script = Callable[[Exchange], Awaitable[bool | None]]
"""Answers one request; returning True ends the connection."""


def answer(body: bytes, *lines: bytes, status: bytes = b"200 OK") -> Script:
    """A whole response with its length."""

    async def script(exchange: Exchange) -> None:
        head = [b"HTTP/1.1 " + status, *lines, b"content-length: %d" % len(body), b"", b""]
        await exchange.send(b"\r\n".join(head) + body)

    return script


def chunked(*chunks: bytes, lines: tuple[bytes, ...] = (b"content-type: text/event-stream",)) -> Script:
    """A chunked response, one write a chunk."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(
            b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"transfer-encoding: chunked", b"", b""])
        )
        for chunk in chunks:
            await exchange.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        await exchange.send(b"0\r\n\r\n")

    return script


def raw(data: bytes, *, then_reset: bool = False) -> Script:
    """These bytes, then the end of the connection."""

    async def script(exchange: Exchange) -> bool:
        await exchange.send(data)
        if then_reset:
            exchange.reset()
        return True

    return script


@dataclass
class WireServer:
    """Listens on a free port of loopback."""

    script: Script
    reads_bodies: bool = True
    """Before the script runs; else a body is the script's to read."""
    requests: list[WireRequest] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> "WireServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_MAX)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        try:
            while True:
                request = await _read_head(reader)
                self.requests.append(request)
                if self.reads_bodies:
                    await _read_body(reader, request)
                if await self.script(Exchange(request, reader, writer)):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open_connections -= 1
            self._tasks.discard(task)
            writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    if writer.transport.is_closing():
        return
    # Without this an aborted transport says goodbye as politely as a closed one.
    linger_0s = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_0s)
    writer.transport.abort()


async def _read_head(reader: asyncio.StreamReader) -> WireRequest:
    return WireRequest((await reader.readuntil(b"\r\n\r\n"))[:-4])


async def _read_body(reader: asyncio.StreamReader, request: WireRequest) -> None:
    length = re.search(rb"\r\ncontent-length: (\d+)", request.head, re.IGNORECASE)
    if length:
        request.body = await reader.readexactly(int(length[1]))
        return
    if not re.search(rb"\r\ntransfer-encoding: chunked", request.head, re.IGNORECASE):
        return
    while size := int((await reader.readuntil(b"\r\n"))[:-2], 16):
        request.body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)


async def until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait until a condition holds; fails after the time."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "the condition never came to hold"
        await asyncio.sleep(0.005)


@dataclass
class WireAnswer:
    """A response as it came over the wire."""

    head: bytes
    body: bytes
    """Without chunk framing."""
    complete: bool
    """It ended as its framing says; False: the connection ended before that."""

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    @property
    def lines(self) -> list[tuple[bytes, bytes]]:
        return WireRequest(self.head).lines

    def header(self, name: bytes) -> bytes | None:
        return dict(self.lines).get(name)


class WireClient:
    """One client connection, raw."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int) -> "WireClient":
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=HEAD_MAX))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        return (await self.reader.readuntil(b"\r\n\r\n"))[:-4]

    async def answer(self, method: str = "POST") -> WireAnswer:
        """The next response, whole or as far as it came."""
        answer = WireAnswer(await self.head(), b"", complete=False)
        try:
            if method == "HEAD" or answer.status in (204, 304):
                pass
            elif answer.header(b"transfer-encoding") == b"chunked":
                while size := int((await self.reader.readuntil(b"\r\n"))[:-2], 16):
                    answer.body += await self.reader.readexactly(size)
                    await self.reader.readexactly(2)
                await self.reader.readexactly(2)
            elif (length := answer.header(b"content-length")) is not None:
                answer.body = await self.reader.readexactly(int(length))
            else:
                answer.body = await self.reader.read()
            answer.complete = True
        except asyncio.IncompleteReadError as error:
            answer.body += error.partial
        except ConnectionError:
            pass
        return answer

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        _reset(self.writer)


async def talk(port: int, data: bytes) -> WireAnswer:
    """Send one raw request on a connection of its own and read the response."""
    client = await WireClient.connect(port)
    try:
        await client.send(data)
        return await client.answer(data.split(b" ", 1)[0].decode("latin-1"))
    finally:
        client.close()


def post(path: bytes, body: bytes, *lines: bytes) -> bytes:
    """A raw POST with its length."""
    head = [b"POST " + path + b" HTTP/1.1", b"host: h", *lines, b"content-length: %d" % len(body), b"", b""]
    return b"\r\n".join(head) + body
