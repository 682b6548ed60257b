"""What the server library must do differently for a proxy.

uvicorn is made for applications that write their own responses.  A proxy passes
on responses that others wrote, so three things differ, all of them in one
exchange on one connection:

* `send` raises `ClientLeft` once the client is gone, instead of saying nothing
  while the upstream is pulled at full speed;
* a 304 (or an answer to HEAD) may announce a length and have no body;
* an HTTP/1.0 client gets a body that ends with the connection, not chunks.

Any other ASGI server works too: then a client that left is noticed by the watch
on `receive` alone.
"""

import logging
import sys
from typing import Any, cast

from uvicorn._types import ASGI3Application, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


class ClientLeft(Exception):
    """The client closed its connection before the response was complete."""


class ResponseBroken(Exception):
    """Ends a response that has begun abnormally: the client must not take it for complete."""


class _Exchange(RequestResponseCycle):
    """One request and its response on a connection."""

    async def send(self, message: ASGISendEvent) -> None:
        if self.disconnected:
            raise ClientLeft
        if message["type"] == "http.response.start":
            self._begin(message)
        await super().send(message)
        if self.disconnected:
            raise ClientLeft
        if message["type"] == "http.response.start" and message["status"] in (204, 304):
            self.expected_content_length = 0

    def _begin(self, message: Any) -> None:
        """HTTP/1.0 without a length: no chunks; the end of the connection is the end of the body."""
        sized = any(name == b"content-length" for name, _ in message["headers"])
        bodiless = self.scope["method"] == "HEAD" or message["status"] in (204, 304)
        if self.scope["http_version"] == "1.0" and not sized and not bodiless:
            self.chunked_encoding = False
            self.expected_content_length = sys.maxsize
            self.keep_alive = False


class GatewayProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, with exchanges that suit a proxy."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.__class__ = _Exchange
        super()._start_asgi_task(cycle, app)


class QuietEnds(logging.Filter):
    """Keeps ends that are no fault of the program out of the server's log.

    The library reports every exception that ends a response; ours are booked already.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, ResponseBroken | ClientLeft)


def quiet(logger_name: str = "uvicorn.error") -> None:
    """Install `QuietEnds` once on the server's logger."""
    logger = logging.getLogger(logger_name)
    if not any(isinstance(f, QuietEnds) for f in logger.filters):
        logger.addFilter(cast("logging.Filter", QuietEnds()))
