"""The upstream side of a call: one request over the wire, on a pool of connections.

aiohttp brings what is hard to keep right: the pool, name lookup, TLS and the
response parser.  The request head is written here, from raw bytes: the library's
own client would add header lines, re-encode non-ASCII ones and tidy paths (see
`docs/decisions/0002-upstream.md`).  This is the only module that knows aiohttp;
its errors are translated at this edge, and their messages never carry a URL.

A connection that lay idle is looked at before it is used: one that the upstream has
closed meanwhile is thrown away with nothing sent.  One that breaks after that may have
delivered the request, and nobody can tell; so that is an `UpstreamBroke` like any other.
"""

import asyncio
import errno
import select
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader
from yarl import URL

from wellhead.errors import (
    NoRoomToConnect,
    UpstreamBroke,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
    Wait,
)
from wellhead.ports import Headers, UpstreamRequest

READ_BUFFER = 64 * 1024
"""Bytes of a response that wait for their reader before the upstream is slowed (held: up to twice this)."""
HEAD_LINE_MAX = 64 * 1024
"""Bytes of one line of a response head."""
HEAD_LINES_MAX = 512
"""Lines of a response head."""
INTERIM_MAX = 100
"""Interim responses (1xx) before the real one."""
WRITE_AT_ONCE = 64 * 1024
"""A body up to this size leaves in one write with its head."""
OUR_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
STREAM_TYPES = (b"text/event-stream", b"application/x-ndjson")
"""What a response is whose first piece may be long in coming."""


@dataclass(frozen=True, slots=True)
class UpstreamOptions:
    """How connections are made and kept."""

    wait_s: float = 30.0
    """For a connection altogether: a free place, name lookup, and as many addresses as there are.  A longer
    timeout of a provider for connecting wins."""
    keepalive_s: float = 30.0
    """How long an idle connection is kept."""
    connections_per_host: int = 1000
    """Beyond it requests to that host wait; no other host is delayed."""
    dns_ttl_s: int = 10


class _Destination:
    """What the connector needs to know of a request: where it goes.

    Stands in for the library's own request class, of which the connector reads only these.
    """

    proxy = None
    proxy_headers = None
    ssl = True
    server_hostname = None

    def __init__(self, base_url: str) -> None:
        self.url = URL(base_url)
        self.host = self.url.raw_host or ""
        self.port = self.url.port
        self.connection_key = ConnectionKey(self.host, self.port, self.is_ssl(), True, None, None, None)
        netloc = base_url.split("://", 1)[1].split("/", 1)[0].rpartition("@")[2]
        self.host_line = netloc.encode("idna" if not netloc.isascii() else "ascii")

    def is_ssl(self) -> bool:
        return self.url.scheme == "https"


class _Handler(ResponseHandler):
    """The library's protocol; a body whose connection broke, or is no HTTP any more, breaks with it.

    By itself the library leaves the reader of a body waiting when its chunks cannot be parsed, and
    takes a body without a length for complete when its connection was reset.
    """

    was_used = False
    """It has carried a request already."""
    _incoming: "select.poll | None" = None
    """Tells whether something waits in the socket."""

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        super().set_exception(exc, exc if exc_cause is None else exc_cause)
        self._break_body(exc)

    def connection_lost(self, exc: BaseException | None) -> None:
        if exc is not None:
            self._break_body(aiohttp.ClientPayloadError(type(exc).__name__))
        super().connection_lost(exc)

    def _break_body(self, exc: BaseException) -> None:
        payload = self._payload
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(exc)

    def is_stale(self) -> bool:
        """Whether it lay idle and is worth nothing any more: ended, or something came that nobody asked for.

        The event loop may not have come to that yet, so the socket itself is asked.
        """
        if self.should_close:
            return True
        transport = self.transport
        if not self.was_used or transport is None:
            return False
        if self._incoming is None:
            self._incoming = select.poll()
            self._incoming.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(self._incoming.poll(0))


class _Clock:
    """Notices that an upstream keeps us waiting for too long.

    It runs between `start` and `stop` only, so whatever else takes its time meanwhile (a client that
    reads slowly) does not count.  That is done for every piece of a body, so both only take note of the
    time; one timer looks at it, and is set anew only when it went off too early.
    """

    __slots__ = ("_expire", "_limit_s", "_loop", "_since", "_timer", "_wait")

    def __init__(self, expire: Callable[[UpstreamTimeout], None], wait: Wait, limit_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._expire = expire
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.set(wait, limit_s)

    def set(self, wait: Wait, limit_s: float) -> None:
        """Wait for something else from here on; 0: for as long as it takes."""
        self.close()
        self._wait, self._limit_s = wait, limit_s

    def start(self) -> None:
        if self._limit_s:
            self._since = self._loop.time()
            if self._timer is None:
                self._timer = self._loop.call_later(self._limit_s, self._look)

    def stop(self) -> None:
        self._since = None

    def close(self) -> None:
        self._since = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._since is None:
            return  # The next start sets it.
        left_s = self._since + self._limit_s - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look)
        else:
            self._expire(UpstreamTimeout(self._wait, f"{_LATE[self._wait]} within {self._limit_s:g} s"))


_LATE = {
    Wait.HEADERS: "it did not answer",
    Wait.FIRST_CHUNK: "nothing of its stream came",
    Wait.IDLE: "it fell silent: nothing more came",
}


class AiohttpUpstream:
    """`wellhead.ports.Upstream` on aiohttp's connector; make it inside the running loop."""

    def __init__(
        self,
        options: UpstreamOptions = UpstreamOptions(),  # it is frozen
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._options = options
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=options.connections_per_host,
            keepalive_timeout=options.keepalive_s,
            ttl_dns_cache=options.dns_ttl_s,
            resolver=resolver,
        )
        self._connector._factory = cast(
            "partial[ResponseHandler]", partial(_Handler, loop=asyncio.get_running_loop())
        )
        self._destinations: dict[str, _Destination] = {}

    async def send(self, request: UpstreamRequest) -> "WireResponse":
        """See `wellhead.ports.Upstream.send`."""
        destination = self._destinations.get(request.base_url)
        if destination is None:
            # Bounded by the number of configured providers.
            destination = self._destinations[request.base_url] = _Destination(request.base_url)
        connection = await self._connect(destination, request.timeouts.connect_s)
        try:
            return await self._exchange(connection, destination, request)
        except BaseException:
            connection.close()
            raise

    async def close(self) -> None:
        await self._connector.close()

    async def _connect(self, destination: _Destination, connect_s: float) -> Connection:
        request = cast("ClientRequest", destination)
        timeout = self._timeouts.get(connect_s)
        if timeout is None:  # Bounded by the number of configured providers, too.
            timeout = self._timeouts[connect_s] = self._timeout(connect_s)
        while True:
            try:
                connection = await self._connector.connect(request, [], timeout)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise _unreachable(error) from error
            if not cast("_Handler", connection.protocol).is_stale():
                return connection
            connection.close()

    def _timeout(self, connect_s: float) -> aiohttp.ClientTimeout:
        if not connect_s:
            return aiohttp.ClientTimeout(total=None)
        return aiohttp.ClientTimeout(
            total=None, connect=max(connect_s, self._options.wait_s), sock_connect=connect_s
        )

    async def _exchange(
        self, connection: Connection, destination: _Destination, request: UpstreamRequest
    ) -> "WireResponse":
        protocol, transport = cast("_Handler | None", connection.protocol), connection.transport
        if protocol is None or transport is None:
            raise UpstreamUnreachable("the connection was closed before the request was sent")
        protocol.was_used = True
        protocol.set_response_params(
            skip_payload=request.method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=READ_BUFFER,
            max_line_size=HEAD_LINE_MAX,
            max_field_size=HEAD_LINE_MAX,
            max_headers=HEAD_LINES_MAX,
        )
        head = _request_head(request, request.host or destination.host_line)
        body = request.body
        headers_s = request.timeouts.headers_s
        clock = _Clock(protocol.set_exception, Wait.HEADERS, headers_s) if headers_s else None
        if body is None or isinstance(body, bytes):
            if not body:
                transport.write(head)
            elif len(body) <= WRITE_AT_ONCE:
                transport.write(head + body)
            else:
                transport.writelines((head, body))
            if clock is not None:
                clock.start()
            return await WireResponse.arrive(connection, protocol, request, clock)
        transport.write(head)
        upload = asyncio.get_running_loop().create_task(
            _upload(protocol, transport, body, request.body_size, clock)
        )
        return await WireResponse.arrive(connection, protocol, request, clock, upload)


class WireResponse:
    """`wellhead.ports.UpstreamResponse` on one connection."""

    def __init__(
        self,
        connection: Connection,
        message: RawResponseMessage,
        payload: StreamReader,
        upload: "asyncio.Task[None] | None",
    ) -> None:
        self.status: int = message.code
        self.headers: Headers = [(name.lower(), value) for name, value in message.raw_headers]
        self._connection = connection
        self._payload = payload
        self._clock: _Clock | None = None
        self._idle_s: float | None = None
        """The clock's next limit, while it waits for the first of a stream."""
        self._upload = upload
        if upload is not None:
            upload.add_done_callback(self._uploaded)

    def _uploaded(self, upload: "asyncio.Task[None]") -> None:
        error = None if upload.cancelled() else upload.exception()
        # An upstream that answers without reading on may still finish.  A body that fails by
        # itself (it grows too large, say) ends the answer, for the upstream will wait for the rest.
        if error is not None and not isinstance(error, aiohttp.ClientError | OSError):
            self._payload.set_exception(error)

    @classmethod
    async def arrive(
        cls,
        connection: Connection,
        protocol: ResponseHandler,
        request: UpstreamRequest,
        clock: _Clock | None,
        upload: "asyncio.Task[None] | None" = None,
    ) -> "WireResponse":
        """Wait for the response head; interim 1xx are absorbed."""
        try:
            for _ in range(INTERIM_MAX):
                if upload is None:
                    message, payload = await protocol.read()
                else:
                    message, payload = await _read_beside(protocol, upload)
                if message.code >= 200:
                    break
                if message.code == 101:
                    raise UpstreamBroke("it switched protocols, which nobody asked for")
            else:
                raise UpstreamBroke("it sent interim responses without end")
        except BaseException as error:
            if upload is not None:
                upload.cancel()
            if isinstance(error, aiohttp.ClientError | HttpProcessingError | OSError):
                raise _broken(error) from error
            raise
        finally:
            if clock is not None:
                clock.set(Wait.HEADERS, 0)  # The upload may go on and start it again.
        response = cls(connection, message, payload, upload)
        if request.timeouts.idle_s or request.timeouts.first_chunk_s:
            response._watch(protocol, request)
        return response

    def _watch(self, protocol: ResponseHandler, request: UpstreamRequest) -> None:
        """Notice from here on when the body does not go on."""
        timeouts = request.timeouts
        if request.streamed or _is_stream(self.headers):
            self._idle_s = timeouts.idle_s
            self._clock = _Clock(protocol.set_exception, Wait.FIRST_CHUNK, timeouts.first_chunk_s)
        else:
            self._clock = _Clock(protocol.set_exception, Wait.IDLE, timeouts.idle_s)

    def _first_came(self, clock: _Clock, idle_s: float) -> None:
        self._idle_s = None
        clock.set(Wait.IDLE, idle_s)

    def ready(self) -> bytes:
        """See `wellhead.ports.UpstreamResponse.ready`."""
        if self._payload.exception() is not None:
            return b""
        chunk = self._payload.read_nowait()
        if chunk and self._clock is not None and self._idle_s is not None:
            self._first_came(self._clock, self._idle_s)
        return chunk

    async def read(self) -> bytes:
        """See `wellhead.ports.UpstreamResponse.read`."""
        payload, clock = self._payload, self._clock
        try:
            if clock is None:
                return await payload.readany()
            clock.start()
            chunk = await payload.readany()
            clock.stop()
        except (aiohttp.ClientError, HttpProcessingError, OSError, UpstreamTimeout) as error:
            # What arrived before the end broke off is still the client's.
            if payload._buffer:
                return payload._read_nowait(-1)
            if isinstance(error, UpstreamTimeout):
                raise
            raise _broken(error) from error
        if self._idle_s is not None:
            self._first_came(clock, self._idle_s)
        return chunk

    def close(self) -> None:
        """See `wellhead.ports.UpstreamResponse.close`."""
        if self._clock is not None:
            self._clock.close()
        uploaded = True
        if self._upload is not None:
            uploaded = self._upload.done()
            self._upload.cancel()
        if uploaded and self._payload.at_eof() and self._payload.exception() is None:
            self._connection.release()
        else:
            self._connection.close()


def _is_stream(headers: Headers) -> bool:
    kind = dict(headers).get(b"content-type", b"").lower()
    return kind.startswith(STREAM_TYPES)


async def _read_beside(
    protocol: ResponseHandler, upload: "asyncio.Task[None]"
) -> tuple[RawResponseMessage, StreamReader]:
    """The response head, or the upload's own error if that comes first.

    An upstream may answer before it has read the whole request; then the answer counts.
    """
    read = asyncio.ensure_future(protocol.read())
    try:
        await asyncio.wait((read, upload), return_when=asyncio.FIRST_COMPLETED)
        if not read.done() and (error := upload.exception()) is not None:
            raise error
        return await read
    finally:
        read.cancel()


async def _upload(
    protocol: ResponseHandler,
    transport: asyncio.Transport,
    body: AsyncIterator[bytes],
    size: int | None,
    clock: _Clock | None,
) -> None:
    """Send a body as it comes in; a full socket slows its sender down.

    The clock runs while the upstream takes nothing, and when it has everything; not while the client is
    waited for.
    """
    async for piece in body:
        if transport.is_closing():
            return
        if size is None:
            transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
        else:
            transport.write(piece)
        if clock is not None:
            clock.start()
        await protocol._drain_helper()
        if clock is not None:
            clock.stop()
    if size is None:
        transport.write(b"0\r\n\r\n")
    if clock is not None:
        clock.start()


def _request_head(request: UpstreamRequest, host: bytes) -> bytes:
    lines = [b"%s %s HTTP/1.1\r\nhost: %s" % (request.method.encode(), request.target or b"/", host)]
    lines += [b"%s: %s" % line for line in request.headers]
    if isinstance(request.body, bytes):
        lines.append(b"content-length: %d" % len(request.body))
    elif request.body is not None:
        size = request.body_size
        lines.append(b"transfer-encoding: chunked" if size is None else b"content-length: %d" % size)
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def _unreachable(error: BaseException) -> UpstreamError:
    if isinstance(error, TimeoutError):
        return UpstreamTimeout(Wait.CONNECT, "no connection came about in time")
    if _number(error) in OUR_SHORTAGES:
        return NoRoomToConnect("this machine has no file or port left for a connection")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return UpstreamUnreachable("its name could not be resolved")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError | aiohttp.ClientSSLError):
        return UpstreamUnreachable("TLS could not be set up (is its certificate valid?)")
    if isinstance(error, ConnectionRefusedError) or isinstance(
        getattr(error, "os_error", None), ConnectionRefusedError
    ):
        return UpstreamUnreachable("the connection was refused (is it running?)")
    return UpstreamUnreachable("no connection came about")


def _number(error: BaseException) -> int | None:
    """The operating system's, where it is its error."""
    cause = getattr(error, "os_error", error)
    return cause.errno if isinstance(cause, OSError) else None


def _broken(error: BaseException) -> UpstreamError:
    if isinstance(error, HttpProcessingError):
        return UpstreamBroke("what it sent is not HTTP")
    return UpstreamBroke("it closed the connection before its answer was complete")
