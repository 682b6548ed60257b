"""The downstream side of a call: read its body, answer it, notice that it left.

The server's `receive` has one reader at a time: first the body, then the watch
for the disconnect.  The watch begins only after a moment, because most calls
are over by then and need no second task.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from wellhead.errors import CallerError
from wellhead.gateway.exchange import ClientLeft, Exchange
from wellhead.gateway.terms import Refusals, overloaded
from wellhead.ports import Headers

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

WATCH_AFTER_S = 0.02
"""How long a call runs at least (and at most twice as long) before a task watches for its client leaving."""

# Bodies of these types are never JSON: they stream through without being held.
STREAMED_TYPES = (
    b"multipart/",
    b"audio/",
    b"image/",
    b"video/",
    b"application/octet-stream",
    b"application/x-tar",
)
FORM_HEAD_MAX = 16 * 1024
"""Bytes of a form that may wait for the rest of its fields, which come before its file."""


class BodyRoom:
    """How many bytes of request bodies a process holds at the moment, and how many it may."""

    def __init__(self, bytes_max: int = 0, refusals: Refusals | None = None) -> None:
        self._max = bytes_max
        """0: any number."""
        self._refusals = refusals if refusals is not None else Refusals()
        self.held = 0

    def take(self, size: int) -> None:
        """Hold so many bytes more.  Raises `CallerError` (503) where there is no room for them."""
        if self._max and self.held + size > self._max:
            self._refusals.count += 1
            raise overloaded()
        self.held += size

    def leave(self, size: int) -> None:
        """Hold so many bytes less."""
        self.held -= size


@dataclass(frozen=True, slots=True)
class Upload:
    """A body that streams through."""

    first: bytes
    """What came first (of a form: its fields), for the meter to look at; part of `pieces` as well."""
    pieces: AsyncIterator[bytes]


class Client:
    """One request of a client, and the way to answer it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, room: BodyRoom | None = None) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.raw_path: bytes = scope["raw_path"]
        self.query: bytes = scope["query_string"]
        self.headers: Headers = scope["headers"]
        self.fields: dict[bytes, bytes] = dict(self.headers)
        """For headers that occur once; the last one wins."""
        self.address: str | None = scope["client"][0] if scope.get("client") else None
        self.told: int | None = None
        """The status that the client was sent."""
        self.body_bytes = 0
        """How many bytes of the request's body have come in."""
        self.body_is_whole = True
        """All of the body was read before the request leaves (or it has none)."""
        self._receive = receive
        self._send = send
        self._room = room if room is not None else BodyRoom()
        self._held_bytes = 0
        """Of the body: those that are in `room`."""
        server = getattr(send, "__self__", None)
        self._exchange = server if isinstance(server, Exchange) else None
        self._watch: asyncio.Task[None] | None = None
        self._patience: Patience | None = None
        self._on_leaving: Callable[[], None] | None = None
        self._reading = False

    def text(self, name: bytes, size_max: int = 256) -> str | None:
        """A header for the books: printable, bounded."""
        value = self.fields.get(name)
        return value.decode("utf-8", "replace")[:size_max] if value else None

    # -- the body -----------------------------------------------------------

    async def body(self, size_max: int) -> "bytes | Upload | None":
        """The request's body: whole where it may be JSON, else as it comes; `None` where there is none.

        Raises `CallerError` when it is larger than `size_max` bytes (413), or when there is no room for
        what has come of it (503), and `ClientLeft` when it breaks off.
        """
        announced = self.size
        if announced is None and b"transfer-encoding" not in self.fields:
            return None
        if announced is not None and announced > size_max:
            raise too_large(size_max)
        if self.fields.get(b"content-type", b"").lower().startswith(STREAMED_TYPES):
            self.body_is_whole = False
            first, more = await self._next(size_max)
            while more and self._is_form and len(first) < FORM_HEAD_MAX and b"; filename" not in first:
                piece, more = await self._next(size_max)
                first += piece
            self._reading = more  # The watch must not take pieces that nobody has asked for yet.
            return Upload(first, self._pieces(first, more, size_max))
        first, more = await self._next(size_max)
        self._hold(first)
        if not more:
            return first
        pieces = [first]
        while more:
            piece, more = await self._next(size_max)
            self._hold(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def _hold(self, piece: bytes) -> None:
        self._room.take(len(piece))
        self._held_bytes += len(piece)

    def let_go_of_body(self) -> None:
        """Nobody needs it any more; a second time does nothing."""
        self._room.leave(self._held_bytes)
        self._held_bytes = 0

    @property
    def _is_form(self) -> bool:
        return self.fields.get(b"content-type", b"").lower().startswith(b"multipart/form-data")

    @property
    def size(self) -> int | None:
        """The announced length of the body."""
        value = self.fields.get(b"content-length")
        return int(value) if value is not None else None

    async def _pieces(self, piece: bytes, more: bool, size_max: int) -> AsyncIterator[bytes]:
        self._reading = True
        try:
            while True:
                if piece:
                    yield piece
                if not more:
                    break
                piece, more = await self._next(size_max)
        except ClientLeft:
            self._left()
            raise
        finally:
            self._reading = False
        if self._on_leaving is not None:
            self._start_watch()

    async def _next(self, size_max: int) -> tuple[bytes, bool]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        piece: bytes = message.get("body", b"")
        self.body_bytes += len(piece)
        if self.body_bytes > size_max:
            raise too_large(size_max)
        return piece, message.get("more_body", False)

    # -- leaving --------------------------------------------------------------

    def watch(self, on_leaving: Callable[[], None], patience: "Patience") -> None:
        """Call `on_leaving` once the client has left, from now until `unwatch`."""
        self._on_leaving, self._patience = on_leaving, patience
        patience.add(self)

    def unwatch(self) -> None:
        self._on_leaving = None
        if self._patience is not None:
            self._patience.discard(self)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None  # It knows us, so neither would go before a collection of garbage.

    def _start_watch(self) -> None:
        # While the body is still being read, its reader notices a disconnect by itself.
        if self._watch is None and not self._reading:
            self._watch = asyncio.get_running_loop().create_task(self._until_left())

    async def _until_left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left()

    def _left(self) -> None:
        if self._on_leaving is not None:
            on_leaving, self._on_leaving = self._on_leaving, None
            on_leaving()

    # -- the answer -------------------------------------------------------------

    async def head(self, status: int, headers: Headers, first: bytes = b"") -> None:
        """Send the response head and, in the same write, what there is of the body already."""
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send(first)
        self.told = status

    def write(self, chunk: bytes) -> bool:
        """Send some of the body without waiting; False (and nothing sent) where `send` has to."""
        return self._exchange is not None and self._exchange.write_now(chunk)

    async def send(self, chunk: bytes) -> None:
        """Send some of the body; returns when there is room for more."""
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self, chunk: bytes = b"") -> None:
        """Send the last of the body."""
        await self._send({"type": "http.response.body", "body": chunk, "more_body": False})

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole response."""
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self.end(body)
        self.told = status


class Patience:
    """Has clients watched that are still there after a moment.

    One timer for all of them: most are gone by then, and a timer of their own would cost each of them
    as much as reading its request.
    """

    def __init__(self) -> None:
        self._new: set[Client] = set()
        """Those that came since the timer was set..."""
        self._waiting: set[Client] = set()
        """...and those that were there already."""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, client: Client) -> None:
        self._new.add(client)
        if self._timer is None:
            self._set_timer()

    def discard(self, client: Client) -> None:
        self._new.discard(client)
        self._waiting.discard(client)

    def _set_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._turn)

    def _turn(self) -> None:
        for client in self._waiting:
            client._start_watch()
        self._waiting, self._new, self._timer = self._new, set(), None
        if self._waiting:
            self._set_timer()


def too_large(size_max: int) -> CallerError:
    """413: the request's body is larger than `gateway.max_request_body`."""
    return CallerError(
        "request_too_large", 413, f"The request body is larger than the limit of {size_max} bytes"
    )
