"""What the server library must do differently for a proxy.

uvicorn is made for applications that write their own responses.  A proxy passes
on responses that others wrote, so one exchange on one connection differs:

* `send` raises `ClientLeft` once the client is gone, instead of saying nothing
  while the upstream is pulled at full speed;
* the head waits for the first message of the body, which may be empty, and leaves
  with it in one write; `gateway/client.py` always sends one at once;
* header lines came through a parser already and are not searched again;
* a 304 (or an answer to HEAD) may announce a length and have no body;
* a client that pipelined requests and left is noticed by the one under way, not only by the last;
* an HTTP/1.0 client gets a body that ends with the connection, not chunks;
* an offer of another protocol is passed over: the request is read to its end all the same;
* lines after a body are dropped, not added to its head, and no head may grow without end;
* a query that is empty is not the same as none: its question mark stays in `raw_path`.

Any other ASGI server works too: then a client that left is noticed by the watch
on `receive` alone.  `docs/decisions/0003-server.md` has the reasons.
"""

import logging
import sys
from typing import Any

import httptools
from uvicorn._types import ASGI3Application, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

OVERHEAD_MAX = 128 * 1024
"""Bytes of a request that are neither body nor a head that came to its end (and one read, 256 KiB)."""

_NO_BODY = (204, 304)


class ClientLeft(Exception):
    """The client closed its connection before the response was complete."""


class ResponseBroken(Exception):
    """Ends a response that has begun abnormally: the client must not take it for complete."""


class Exchange(RequestResponseCycle):
    """One request and its response on a connection."""

    _head: bytes = b""
    """Written together with the first of the body."""

    async def send(self, message: ASGISendEvent) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            raise ClientLeft
        if message["type"] == "http.response.start":
            self._begin(message["status"], list(message["headers"]))
        elif message["type"] == "http.response.body":
            self._write(message["body"], more=message["more_body"])

    def write_now(self, body: bytes) -> bool:
        """Send some of the body, if that can be done without waiting.

        A stream has thousands of chunks; this spares each of them two coroutines and a message.
        """
        if self.flow.write_paused or self.disconnected:
            return False
        self._write(body, more=True)
        return True

    def _begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        bodiless = status in _NO_BODY or self.scope["method"] == "HEAD"
        closes = False
        self.chunked_encoding = not bodiless
        for name, value in headers:
            if name == b"content-length":
                self.chunked_encoding = False
                self.expected_content_length = 0 if bodiless else int(value)
            elif name == b"connection":
                closes = value == b"close"
        if self.chunked_encoding:
            if self.scope["http_version"] == "1.0":
                self.chunked_encoding, self.keep_alive = False, False
                self.expected_content_length = sys.maxsize
            else:
                headers.append((b"transfer-encoding", b"chunked"))
        if closes:
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append((b"connection", b"close"))
        lines = [b"%s: %s\r\n" % line for line in headers]
        status_line = STATUS_LINE.get(status) or b"HTTP/1.1 %d \r\n" % status
        self._head = b"%s%s\r\n" % (status_line, b"".join(lines))

    def _write(self, body: bytes, *, more: bool) -> None:
        head, self._head = self._head, b""
        if self.scope["method"] == "HEAD":
            body = b""
        elif self.chunked_encoding:
            if body:
                body = b"%x\r\n%s\r\n" % (len(body), body)
            if not more:
                body += b"0\r\n\r\n"
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise ResponseBroken("longer than its content-length")
        if head or body:
            self.transport.write(head + body)
        if not more:
            self._complete()

    def _complete(self) -> None:
        if not self.chunked_encoding and 0 < self.expected_content_length < sys.maxsize >> 1:
            raise ResponseBroken("shorter than its content-length")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


class GatewayProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, with exchanges that suit a proxy."""

    _running: RequestResponseCycle | None = None
    """The exchange that is being answered; with pipelining the library knows only the last to come."""
    _unproductive_bytes = 0
    """What has come in since the last head or piece of a body was whole."""

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._unproductive_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._offers_another_protocol():
                self._read_again(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse("Invalid HTTP request received.")
        else:
            if self._unproductive_bytes > OVERHEAD_MAX:
                self._refuse("The head of the request is too large.")

    def on_headers_complete(self) -> None:
        self._unproductive_bytes = 0
        if self._offers_another_protocol():
            return
        super().on_headers_complete()
        # Lines that come after the body are no part of the head.
        self.headers = []
        # ASGI has no word for a question mark with nothing behind it, but the upstream is to see it.
        if self.url[-1:] == b"?" and not self.scope["query_string"]:
            self.scope["raw_path"] += b"?"

    def on_body(self, body: bytes) -> None:
        self._unproductive_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._offers_another_protocol():
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        # The library does this only after an orderly end; else the timer keeps all of it as long as it runs.
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def _offers_another_protocol(self) -> bool:
        """Any but WebSocket: that request has no body and gets an error of ours."""
        if not self.parser.should_upgrade():
            return False
        return all(
            name != b"upgrade" or value.lower() != b"websocket" for name, value in self.scope["headers"]
        )

    def _read_again(self, rest: bytes) -> None:
        """Read a request that offers another protocol (Java's client: h2c) as the plain one it also is.

        The parser stopped at its head, before the body; a new one reads it without the offer.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self._refuse("Invalid HTTP request received.")
            return
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        lines = [b"%s: %s\r\n" % line for line in self.scope["headers"] if line[0] != b"upgrade"]
        self.data_received(b"%s %s HTTP/%s\r\n%s\r\n%s" % (method, self.url, version, b"".join(lines), rest))

    def _refuse(self, why: str) -> None:
        self.logger.warning(why)
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            # An answer is under way; nothing of ours may get into it.
            self.transport.abort()
        else:
            self.send_400_response(why)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.__class__ = Exchange
        self._running = cycle
        super()._start_asgi_task(cycle, app)


class QuietEnds(logging.Filter):
    """Keeps ends that are no fault of the program out of the server's log.

    The library reports every exception that ends a response; ours are booked already.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error: Any = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, ResponseBroken | ClientLeft)


def quiet(logger_name: str = "uvicorn.error") -> None:
    """Install `QuietEnds` once on the server's logger."""
    logger = logging.getLogger(logger_name)
    if not any(isinstance(f, QuietEnds) for f in logger.filters):
        logger.addFilter(QuietEnds())
