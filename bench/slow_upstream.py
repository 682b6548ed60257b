"""An upstream that can do so much and no more: `python -m bench.slow_upstream PORT SLOTS ANSWER_MS`.

Each call takes one of its slots for so long; the others wait in line, and a call
whose client leaves gives its place up.  As a model server is, and as an account
with a limit seems.
"""

import asyncio
import sys
from collections import deque
from typing import cast

import uvloop

from bench import chat
from bench.stream_upstream import BACKLOG, LENGTH, raise_files_limit

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Line:
    """The slots, and who waits for one."""

    def __init__(self, slots: int, answer_s: float) -> None:
        self._free = slots
        self._answer_s = answer_s
        self._waiting: deque[Calling] = deque()
        body = chat.answer()
        self._answer = HEAD % len(body) + body

    def enter(self, call: "Calling") -> None:
        self._waiting.append(call)
        self._next()

    def _next(self) -> None:
        while self._free and self._waiting:
            call = self._waiting.popleft()
            if not call.is_gone:
                self._free -= 1
                asyncio.get_running_loop().call_later(self._answer_s, self._done, call)

    def _done(self, call: "Calling") -> None:
        self._free += 1
        if not call.is_gone:
            call.transport.write(self._answer)
        self._next()


class Calling(asyncio.Protocol):
    """One connection, one call after the other."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._received = b""
        self.is_gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _: Exception | None) -> None:
        self.is_gone = True

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        announced = LENGTH.search(self._received, 0, end + 2)
        size = end + 4 + (int(announced[1]) if announced else 0)
        if len(self._received) >= size:
            self._received = self._received[size:]
            self._line.enter(self)


async def serve(port: int, slots: int, answer_s: float) -> None:
    line, loop = Line(slots, answer_s), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Calling(line), "127.0.0.1", port, backlog=BACKLOG)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    raise_files_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) / 1000))
