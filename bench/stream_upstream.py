"""An upstream that streams on demand: `python -m bench.stream_upstream PORT`.

The query of a request says what is wanted::

    (nothing)               the chat completion, whole
    chunks=100&gap_ms=20    so many chunks, so far apart, then the end
    chunks=1&hold=1         so many chunks, then silence until the client leaves
    endless=1               chunks as fast as the client takes them, for ever

Raw protocols on uvloop: as little as possible of the load core goes here.
"""

import asyncio
import re
import resource
import sys
from typing import cast
from urllib.parse import parse_qs, urlsplit

import uvloop

from bench import chat

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BURST = 64
"""Chunks per write of an endless stream."""
BACKLOG = 4096


def framed(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


class Streaming(asyncio.Protocol):
    """One connection, one request after the other."""

    def __init__(self) -> None:
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None
        self._endless = False
        self._paused = False
        self._next: asyncio.Handle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._endless = False
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        announced = LENGTH.search(self._received, 0, end + 2)
        size = end + 4 + (int(announced[1]) if announced else 0)
        if len(self._received) < size:
            return
        target = self._received.split(b" ", 2)[1].decode()
        self._received = self._received[size:]
        self._answer({name: int(values[0]) for name, values in parse_qs(urlsplit(target).query).items()})

    def _answer(self, wanted: dict[str, int]) -> None:
        if wanted.get("endless"):
            self._transport.write(HEAD)
            self._endless = True
            self._pour()
        elif chunks := wanted.get("chunks"):
            started_s = asyncio.get_running_loop().time()
            self._transport.write(HEAD + framed(chat.event(0)))
            self._plan(1, chunks, started_s, wanted)
        else:
            answer = chat.answer()
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            self._transport.write(head % len(answer) + answer)

    def _plan(self, number: int, chunks: int, started_s: float, wanted: dict[str, int]) -> None:
        due_s = started_s + number * wanted.get("gap_ms", 0) / 1000
        loop = asyncio.get_running_loop()
        if number < chunks:
            self._timer = loop.call_at(due_s, self._chunk, number, chunks, started_s, wanted)
        elif not wanted.get("hold"):
            self._timer = loop.call_at(due_s, self._finish)

    def _chunk(self, number: int, chunks: int, started_s: float, wanted: dict[str, int]) -> None:
        self._transport.write(framed(chat.event(number)))
        self._plan(number + 1, chunks, started_s, wanted)

    def _finish(self) -> None:
        self._transport.write(framed(chat.last_events()) + b"0\r\n\r\n")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pour()

    def _pour(self) -> None:
        if self._next is not None:
            self._next.cancel()
        if self._endless and not self._paused:
            self._transport.write(framed(chat.event(0)) * BURST)
            self._next = asyncio.get_running_loop().call_soon(self._pour)


def raise_files_limit() -> None:
    """As many open files as this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Streaming, "127.0.0.1", port, backlog=BACKLOG)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    raise_files_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
