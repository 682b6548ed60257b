"""What the server library must do differently for a proxy.

An exchange of a proxy differs from an application's (`exchange.py`), and so does a connection:

* a client that pipelined requests and left is noticed by the one under way, not only by the last;
* an offer of another protocol is passed over: the request is read to its end all the same;
* lines after a body are dropped, not added to its head, and no head may grow without end;
* a query that is empty is not the same as none: its question mark stays in `raw_path`;
* a client has so long for a head, for the next piece of a body and between two requests (`terms.py`);
* what may be read in two ways is refused (`heads.py`), and a refusal is read before the connection ends;
* a call that there is no room for is refused here, at a tenth of what a call costs, and where even that is
  too much, its connection rests for as long as the client was told to wait.

Any other ASGI server works too: then a client that left is noticed by the watch
on `receive` alone, and how long it may take is the server's to say.
`docs/decisions/0003-server.md` has the reasons.
"""

import asyncio
import logging
from enum import Enum, auto
from functools import cache
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from wellhead.directory import ProviderType
from wellhead.errors import CallerError
from wellhead.gateway import heads, replies
from wellhead.gateway.exchange import ClientLeft, Exchange, ResponseBroken
from wellhead.gateway.terms import BODY_STEP, RETRY_AFTER_S, Terms, overloaded, too_slow
from wellhead.policy import routing

OVERHEAD_MAX = 128 * 1024
"""Bytes of a request that are neither body nor a head that came to its end (and one read, 256 KiB)."""
PIPELINED_MAX = 100
"""Requests that may wait on one connection for the answer to an earlier one."""
LINGER_S = 2.0
"""How long a client may go on sending after it was refused in the middle of a request..."""
LINGER_BYTES = 4 * 1024 * 1024
"""...and how much: a connection that is closed with bytes unread takes the refusal with it."""

NOT_HTTP = "This is not HTTP/1.1, or may be read in two ways"


class _Answered:
    """Stands for an exchange that was answered before there was one."""

    response_started = response_complete = keep_alive = True
    more_body = False

    def __init__(self) -> None:
        self.message_event = asyncio.Event()


@cache
def _refusal(family: ProviderType) -> bytes:
    """The whole response to a call that there is no room for."""
    error = overloaded()
    body = replies.error_body(family, error)
    lines = b"".join(b"%s: %s\r\n" % line for line in replies.error_headers(error, body))
    return STATUS_LINE[error.status] + lines + b"\r\n" + body


class Phase(Enum):
    """How far the latest request of a connection has come in."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    WHOLE = auto()
    """And its answer is under way."""
    REFUSED = auto()
    """The last word was said; what still comes in is dropped."""


class GatewayProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, with exchanges that suit a proxy."""

    terms = Terms()
    url = b""
    _phase = Phase.IDLE
    _since_s = 0.0
    """When the phase began, or last came on."""
    _running: RequestResponseCycle | None = None
    """The exchange that is being answered; with pipelining the library knows only the last to come."""
    _unproductive_bytes = 0
    """What has come in since the last head or piece of a body was whole."""
    _step_bytes = 0
    """What has come in of the body since its time began anew."""
    _dropped_bytes = 0
    """What has come in of a body whose request was answered before it was read."""
    _objection: CallerError | None = None
    _answered: Any = _Answered()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since_s = self.loop.time()

    def data_received(self, data: bytes) -> None:
        self._unproductive_bytes += len(data)
        if self._phase is Phase.REFUSED:
            if self._unproductive_bytes > LINGER_BYTES:
                self.transport.abort()
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._offers_another_protocol():
                self._read_again(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(self._objection or heads.bad_request(NOT_HTTP))
        else:
            if self._unproductive_bytes > OVERHEAD_MAX:
                told = f"The head of the request is larger than {OVERHEAD_MAX} bytes"
                self._refuse(CallerError("head_too_large", 431, told))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase, self._since_s = Phase.HEAD, self.loop.time()

    def on_headers_complete(self) -> None:
        self._unproductive_bytes = self._step_bytes = self._dropped_bytes = 0
        if self._offers_another_protocol():
            return
        parser = self.parser
        self._objection = heads.objection(
            parser.get_method(), parser.get_http_version(), self.url, self.headers
        )
        if self._objection is None and len(self.pipeline) >= PIPELINED_MAX:
            self._objection = heads.bad_request("Too many requests were sent before the answer to the first")
        if self._objection is not None:
            raise self._objection  # To the parser, which stops there.
        if self.terms.is_full and self._may_be_refused_here():
            self._refuse_for_want_of_room()
        else:
            super().on_headers_complete()
        self._phase, self._since_s = Phase.BODY, self.loop.time()
        # Lines that come after the body are no part of the head.
        self.headers = []
        if self.cycle is self._answered:
            return
        # ASGI has no word for a question mark with nothing behind it, but the upstream is to see it.
        if self.url[-1:] == b"?" and not self.scope["query_string"]:
            self.scope["raw_path"] += b"?"

    def _refuse_for_want_of_room(self) -> None:
        self.terms.refusals.count += 1
        self.transport.write(_refusal(routing.family(self.url.decode("latin-1"))))
        self.cycle = self._running = self._answered
        if self.terms.pace.is_late:
            # Thousands that come again at once would have all of a core for their refusals.
            self.flow.pause_reading()
            self.loop.call_later(RETRY_AFTER_S, self._read_on)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _may_be_refused_here(self) -> bool:
        """A plain call on a connection that goes on, and nothing before it is still to be answered."""
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and not self.expect_100_continue
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and not self.terms.is_leaving()
            and not self.flow.write_paused
            and (self.cycle is None or self.cycle.response_complete)
        )

    def on_body(self, body: bytes) -> None:
        self._unproductive_bytes = 0
        self._step_bytes += len(body)
        if self._step_bytes >= BODY_STEP:
            self._step_bytes, self._since_s = 0, self.loop.time()
        if self.cycle.response_complete:
            self._dropped_bytes += len(body)
            if self._dropped_bytes > LINGER_BYTES:
                self.transport.abort()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offers_another_protocol():
            return
        super().on_message_complete()
        is_answered = self.cycle.response_complete
        self._phase, self._since_s = Phase.IDLE if is_answered else Phase.WHOLE, self.loop.time()

    def on_response_complete(self) -> None:
        """Go on with the next request, or end the connection; replaces the library's, which sets a timer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing() or self._phase is Phase.REFUSED:
            return
        running = self._running
        if running is not None and not running.keep_alive:
            if self._phase is Phase.BODY:
                self._leave_gently()
            else:
                self.transport.close()
            return
        self.flow.resume_reading()
        self._since_s = self.loop.time()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._phase is Phase.WHOLE:
            self._phase = Phase.IDLE

    def connection_lost(self, exc: Exception | None) -> None:
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Begin to end, asked by the server; where another process takes over, a client need not notice."""
        if not self.terms.is_leaving():
            super().shutdown()

    def look(self, now_s: float) -> None:
        """See `terms.Watched`."""
        waited_s = now_s - self._since_s
        match self._phase:
            case Phase.IDLE if waited_s > self.terms.idle_s:
                self.transport.close()
            case Phase.HEAD | Phase.BODY if self._waits_for_us:
                self._since_s = now_s
            case Phase.HEAD if waited_s > self.terms.header_timeout_s:
                self._refuse(too_slow("The head of the request", self.terms.header_timeout_s))
            case Phase.BODY if waited_s > self.terms.body_timeout_s:
                self._give_the_body_up()

    @property
    def _waits_for_us(self) -> bool:
        """The client cannot go on, or what it sends is not looked at yet."""
        return self.flow.read_paused or self._answers_an_earlier_one

    @property
    def _answers_an_earlier_one(self) -> bool:
        """The answer under way is not to the request that is coming in."""
        running = self._running
        if running is None or running.response_complete:
            return False
        return running is not self.cycle or self._phase is not Phase.BODY

    def _give_the_body_up(self) -> None:
        cycle = self.cycle
        if cycle.response_complete:  # Nobody waits for the rest.
            self.transport.close()
        elif not cycle.response_started and isinstance(cycle, Exchange):
            cycle.has_timed_out = True
            cycle.message_event.set()

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
            self._refuse(CallerError("method_unsupported", 501, "CONNECT is not served here"))
            return
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        lines = [b"%s: %s\r\n" % line for line in self.scope["headers"] if line[0] != b"upgrade"]
        self.data_received(b"%s %s HTTP/%s\r\n%s\r\n%s" % (method, self.url, version, b"".join(lines), rest))

    def _refuse(self, error: CallerError) -> None:
        """Say what is wrong with the request that is coming in, and end the connection."""
        self.logger.debug(error.message)
        cycle = self.cycle
        if self._answers_an_earlier_one or (cycle and cycle.response_started and not cycle.response_complete):
            # The client would take anything of ours for the answer that is under way, or for a part of it.
            self.transport.abort()
            return
        if cycle is not None and not cycle.response_complete:  # Its application is to know, and be silent.
            cycle.disconnected = True
            cycle.message_event.set()
        body = replies.error_body(routing.family(self.url.decode("latin-1")), error)
        lines = [line for line in replies.error_headers(error, body) if line[0] != b"connection"]
        lines.append((b"connection", b"close"))
        head = b"".join(b"%s: %s\r\n" % line for line in lines)
        self.transport.write(STATUS_LINE[error.status] + head + b"\r\n" + body)
        self._leave_gently()

    def _leave_gently(self) -> None:
        """End the connection when the client has read our last word, or after some time."""
        self._phase, self._unproductive_bytes = Phase.REFUSED, 0
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.abort)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.__class__ = Exchange
        cycle.terms = self.terms  # type: ignore[attr-defined]  # it is an Exchange now
        self._running = cycle
        super()._start_asgi_task(cycle, app)


def held_to(terms: Terms) -> type[GatewayProtocol]:
    """The protocol for a process whose connections are held to these terms."""
    return type("GatewayProtocol", (GatewayProtocol,), {"terms": terms})


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
