"""Answers that come in pieces: as fast as the client takes them, and no longer than it wants them.

::

    pieces  ->  flow control  ->  client       a client that is slow slows the pieces down
       ^                            |          one that takes nothing for `STALLED_S` is cut off
       `------ closed at once ------'          one that leaves ends the pieces

What fails before the first piece is an error like any other.  What fails later breaks
the connection off: a client must not take half of an answer for the whole.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from wellhead.control.guard import asked_for_head
from wellhead.errors import CallerError

T = TypeVar("T")

STALLED_S = 60.0
"""How long a piece may wait for its client to take it."""
RETRY_AFTER_S = 5

Pieces = AsyncGenerator[bytes, None]


class Places:
    """So many answers of a kind may be under way at once; one more is a 503."""

    def __init__(self, count: int, code: str, what: str) -> None:
        self._free = count
        self._code = code
        self._said = f"There are {count} {what} under way, which is all that there may be; try again later."

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a place; raises `CallerError` 503 if none is free."""
        if self._free <= 0:
            raise CallerError(self._code, 503, self._said, retry_after_s=RETRY_AFTER_S)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


class ClientStalled(ConnectionError):
    """The client took nothing for so long that it is not waited for any more."""


class Streamed(Response):
    """An answer whose body is made while it is sent."""

    def __init__(
        self,
        pieces: Callable[[], Pieces],
        places: Places,
        headers: Mapping[str, str],
        *,
        stalled_s: float = STALLED_S,
    ) -> None:
        """`pieces` is called once there is a place, and closed whatever happens."""
        # Without Response's own __init__, which would announce the length of a body.
        self.status_code = 200
        self.background = None
        self.raw_headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._pieces = pieces
        self._places = places
        self._stalled_s = stalled_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it, or as much as the client stays for."""
        with self._places.one():
            sending = asyncio.ensure_future(self._send(send, head=asked_for_head(scope)))
            leaving = asyncio.ensure_future(_left(receive))
            try:
                await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                if not sending.done():
                    sending.cancel()
                await asyncio.wait((sending, leaving))
            for one in (leaving, sending):
                if not one.cancelled():
                    one.result()

    async def _send(self, send: Send, *, head: bool) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        if head:
            await send(start)
            await send({"type": "http.response.body"})
            return
        pieces = self._pieces()
        try:
            started = False
            async for piece in pieces:
                if not started:
                    await send(start)
                    started = True
                if piece:
                    await self._send_piece(send, piece)
            if not started:
                await send(start)
            await send({"type": "http.response.body"})
        finally:
            await pieces.aclose()

    async def _send_piece(self, send: Send, piece: bytes) -> None:
        try:
            async with asyncio.timeout(self._stalled_s):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            raise ClientStalled(f"the client took nothing for {self._stalled_s:g} s") from None


async def in_thread(step: Callable[[], T]) -> T:
    """Run what blocks in a thread; whoever is cancelled waits for it, and closes nothing under it."""
    running = asyncio.ensure_future(run_in_threadpool(step))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait((running,))
        raise


async def _left(receive: Receive) -> None:
    """Return when the client has left; what it still sends is not looked at."""
    while (await receive())["type"] != "http.disconnect":
        pass
