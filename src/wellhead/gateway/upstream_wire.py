"""One connection to an upstream, and the response that comes over it.

::

    idle ── expect ──► head ──► body ──► whole, and idle again
              └─────────┴────────┴─────► failed: `error` says why, and it is not used again

What comes is handed on in the call that brought it, if somebody takes it (`sink`), so a piece of a
stream costs no task its turn.  Otherwise it waits here, `HELD_MAX` at most; then the upstream is
not read any more.  What came before an upstream broke off is there to be read all the same.
"""

import asyncio
import select
from collections.abc import Callable
from typing import cast

import httptools

from wellhead.errors import UpstreamBroke
from wellhead.ports import Headers

HELD_MAX = 128 * 1024
"""Bytes of a body that wait for their reader before the upstream is slowed (and one read, 256 KiB)."""
HEAD_MAX = 1024 * 1024
"""Bytes of a response head, interim ones before it included..."""
HEAD_LINE_MAX = 64 * 1024
"""...and of one of its lines..."""
HEAD_LINES_MAX = 512
"""...of which there are no more than these."""
INTERIM_MAX = 100
"""Interim responses (1xx) before the real one."""
NOT_HTTP = "what it sent is not HTTP"
CUT = "it closed the connection before its answer was complete"

Sink = Callable[[bytes], bool]
"""Takes a piece of a body; false: give no more just now."""


class UpstreamWire(asyncio.Protocol):
    """A connection; what it says of the response is that of the request that was `expect`ed last."""

    transport: asyncio.Transport | None = None
    was_used = False
    """It has carried a request already."""
    idle_since_s = 0.0
    status = 0
    has_head = False
    is_whole = True
    """The response is complete, or none is expected."""
    error: Exception | None = None
    """Why the response does not go on."""
    sink: Sink | None = None
    _parser: httptools.HttpResponseParser | None = None
    _keeps_alive = True
    _is_bodiless = False
    _ends_with_connection = False
    _head_bytes = 0
    _interims = 0
    _held = 0
    _is_paused = False
    _is_full = False
    _room: "asyncio.Future[None] | None" = None
    _news: "asyncio.Future[None] | None" = None
    _closed: "asyncio.Future[None] | None" = None
    _is_lost = False
    _incoming: "select.poll | None" = None
    """Tells whether something waits in the socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.headers: Headers = []
        self._pieces: list[bytes] = []

    # What is done with it.

    def expect(self, *, bodiless: bool) -> None:
        """A request leaves: what comes from here on is its response; `bodiless`: an answer to HEAD."""
        self.was_used = True
        self.headers = []
        self.has_head = self.is_whole = self._ends_with_connection = False
        self._is_bodiless = bodiless
        self._head_bytes = self._interims = 0
        if self._parser is None:
            self._parser = parser = httptools.HttpResponseParser(self)
            # As the library that was used before had it: upstreams are forgiven what they get away with.
            parser.set_dangerous_leniencies(
                lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
            )

    @property
    def has_pieces(self) -> bool:
        return self._held > 0

    def taken(self) -> bytes:
        """What has come of the body."""
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces, self._held = [], 0
        if self._is_paused:
            self._is_paused = False
            if self.transport is not None:
                self.transport.resume_reading()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def news(self) -> "asyncio.Future[None]":
        """Done when the head is there, or (then) something more of the body, or when it is over."""
        self._news = news = self._loop.create_future()
        return news

    async def drain(self) -> None:
        """Returns when there is room for more of the request; raises what broke the connection."""
        if self._is_full and not self._is_lost:
            if self._room is None:
                self._room = self._loop.create_future()
            await asyncio.shield(self._room)
        if self._is_lost:
            raise ConnectionResetError(CUT)

    def fail(self, error: Exception) -> None:
        """The response goes on no more; what came of it can still be read."""
        self._keeps_alive = False
        if not self.is_whole and self.error is None:
            self.error = error
            self._wake()

    def is_stale(self) -> bool:
        """Whether it lay idle and is worth nothing any more: ended, or something came that nobody asked for.

        The event loop may not have come to that yet, so the socket itself is asked.
        """
        transport = self.transport
        if transport is None or self.should_close or transport.is_closing():
            return True
        if not self.was_used:
            return False
        if self._incoming is None:
            self._incoming = select.poll()
            self._incoming.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(self._incoming.poll(0))

    # What the connector asks.

    @property
    def should_close(self) -> bool:
        """It is no good for another request."""
        return not (self._keeps_alive and self.is_whole)

    @property
    def closed(self) -> "asyncio.Future[None] | None":
        if self._closed is None and not self._is_lost:
            self._closed = self._loop.create_future()
        return self._closed

    def is_connected(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.is_whole or self._parser is None:  # Nobody asked for it.
            self._keeps_alive = False
            self.close()
            return
        if self.error is not None:
            return
        if not self.has_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_MAX:
                self.fail(UpstreamBroke("the head of its answer has no end"))
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.fail(UpstreamBroke("it switched protocols, which nobody asked for"))
        except httptools.HttpParserError as error:
            # Behind a response that is whole it harms nobody: the connection is not used again.
            said = error.__context__
            self.fail(said if isinstance(said, UpstreamBroke) else UpstreamBroke(NOT_HTTP))
        if self.sink is not None and not self.is_whole and self.error is None:
            if self._pieces and not self._is_taken_by(self.sink):
                self._wake()
            return
        if self._held >= HELD_MAX and not self._is_paused and self.transport is not None:
            self._is_paused = True
            self.transport.pause_reading()
        if self.has_head:
            self._wake()

    def _is_taken_by(self, sink: Sink) -> bool:
        try:
            return sink(self.taken())
        except Exception as error:  # It is for whoever waits.
            self.fail(error)
            return False

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._keeps_alive = False
        self.transport = self._parser = self._incoming = None
        if exc is None and self._ends_with_connection and self.error is None:
            self.is_whole = True
        else:
            self.fail(UpstreamBroke(CUT))
        self._wake()
        self._make_room()
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def _make_room(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def _wake(self) -> None:
        self.sink = None
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)

    # What the parser finds.

    def on_message_begin(self) -> None:
        if self.has_head:
            self._keeps_alive = False
            raise UpstreamBroke(NOT_HTTP)
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:  # What comes behind the body is not passed on.
            self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        parser, headers = self._parser, self.headers
        assert parser is not None
        self.status = status = parser.get_status_code()
        if len(headers) > HEAD_LINES_MAX or any(_is_odd(name, value) for name, value in headers):
            raise UpstreamBroke(NOT_HTTP)
        if status < 200:
            self._interims += 1
            if status == 101:
                raise UpstreamBroke("it switched protocols, which nobody asked for")
            if self._interims >= INTERIM_MAX:
                raise UpstreamBroke("it sent interim responses without end")
            return
        self.has_head = True
        # After an answer to HEAD the parser waits for the body that was announced, and there may be one.
        self._keeps_alive = parser.should_keep_alive() and not self._is_bodiless
        if self._is_bodiless:
            self.is_whole = True
        elif not self._keeps_alive:
            self._ends_with_connection = not _has_length(headers)

    def on_body(self, body: bytes) -> None:
        if not self._is_bodiless:
            self._pieces.append(body)
            self._held += len(body)

    def on_message_complete(self) -> None:
        if self.has_head:
            self.is_whole = True


def _is_odd(name: bytes, value: bytes) -> bool:
    return len(value) + len(name) > HEAD_LINE_MAX or b"\0" in value


def _has_length(headers: Headers) -> bool:
    """Where a body ends is told by its head, not by the end of its connection."""
    for name, value in headers:
        if name == b"content-length" or (name == b"transfer-encoding" and value.lower().endswith(b"chunked")):
            return True
    return False
