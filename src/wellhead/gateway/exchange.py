"""One request and its response on a connection, where the response is somebody else's.

uvicorn is made for applications that write their own responses.  A proxy passes
on responses that others wrote, so:

* `send` raises `ClientLeft` once the client is gone, instead of saying nothing
  while the upstream is pulled at full speed;
* the head waits for the first message of the body, which may be empty, and leaves
  with it in one write; `gateway/client.py` always sends one at once;
* header lines came through a parser already and are not searched again;
* a 304 (or an answer to HEAD) may announce a length and have no body;
* an HTTP/1.0 client gets a body that ends with the connection, not chunks.
"""

import sys

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from wellhead.gateway.terms import Terms, too_slow

_NO_BODY = (204, 304)


class ClientLeft(Exception):
    """The client closed its connection before the response was complete."""


class ResponseBroken(Exception):
    """Ends a response that has begun abnormally: the client must not take it for complete."""


class Exchange(RequestResponseCycle):
    """One request and its response on a connection."""

    terms: Terms
    has_timed_out = False
    """The client took too long for its body."""
    _head: bytes = b""
    """Written together with the first of the body."""

    async def receive(self) -> ASGIReceiveEvent:
        """Raises `CallerError` (408) when the rest of the body does not come."""
        message = await super().receive()
        if self.has_timed_out and message["type"] == "http.request" and message["more_body"]:
            raise too_slow("The rest of the request's body", self.terms.body_timeout_s)
        return message

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
        # A client that was not told to go on may leave its body out; what comes next could be either.
        if self.waiting_for_100_continue or self.terms.is_leaving():
            self.keep_alive = False
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
        self.on_response()
