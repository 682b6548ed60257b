"""The upstream side of a call: one request over the wire, on a pool of connections.

aiohttp brings what is hard to keep right: the pool, name lookup, TLS and the
response parser.  The request head is written here, from raw bytes: the library's
own client would add header lines, re-encode non-ASCII ones and tidy paths (see
`docs/decisions/0002-upstream.md`).  This is the only module that knows aiohttp;
its errors are translated at this edge, and their messages never carry a URL.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader
from yarl import URL

from wellhead.errors import UpstreamBroke, UpstreamError, UpstreamTimeout, UpstreamUnreachable
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


@dataclass(frozen=True, slots=True)
class UpstreamOptions:
    """How connections are made and kept."""

    connect_timeout_s: float = 10.0
    """TCP and TLS, to one address."""
    wait_s: float = 30.0
    """For a connection altogether: a free place, name lookup, and as many addresses as there are."""
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


class AiohttpUpstream:
    """`wellhead.ports.Upstream` on aiohttp's connector; make it inside the running loop."""

    def __init__(self, options: UpstreamOptions = UpstreamOptions()) -> None:  # it is frozen
        self._options = options
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=options.wait_s, sock_connect=options.connect_timeout_s
        )
        self._connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=options.connections_per_host,
            keepalive_timeout=options.keepalive_s,
            ttl_dns_cache=options.dns_ttl_s,
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
        connection = await self._connect(destination)
        try:
            return await self._exchange(connection, destination, request)
        except BaseException:
            connection.close()
            raise

    async def close(self) -> None:
        await self._connector.close()

    async def _connect(self, destination: _Destination) -> Connection:
        request = cast("ClientRequest", destination)
        while True:
            try:
                connection = await self._connector.connect(request, [], self._timeout)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise _unreachable(error) from error
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            # Something came in while it lay idle, an answer that nobody asked for, say.
            connection.close()

    async def _exchange(
        self, connection: Connection, destination: _Destination, request: UpstreamRequest
    ) -> "WireResponse":
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None:
            raise UpstreamBroke("the connection was closed before the request was sent")
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
        if body is None or isinstance(body, bytes):
            if not body:
                transport.write(head)
            elif len(body) <= WRITE_AT_ONCE:
                transport.write(head + body)
            else:
                transport.writelines((head, body))
            return await WireResponse.arrive(connection, protocol)
        transport.write(head)
        upload = asyncio.get_running_loop().create_task(_upload(protocol, transport, body, request.body_size))
        return await WireResponse.arrive(connection, protocol, upload)


class WireResponse:
    """`wellhead.ports.UpstreamResponse` on one connection."""

    def __init__(
        self,
        connection: Connection,
        status: int,
        headers: Headers,
        payload: StreamReader,
        upload: "asyncio.Task[None] | None",
    ) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection
        self._payload = payload
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
        cls, connection: Connection, protocol: ResponseHandler, upload: "asyncio.Task[None] | None" = None
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
        headers = [(name.lower(), value) for name, value in message.raw_headers]
        return cls(connection, message.code, headers, payload, upload)

    def ready(self) -> bytes:
        """See `wellhead.ports.UpstreamResponse.ready`."""
        return b"" if self._payload.exception() is not None else self._payload.read_nowait()

    async def read(self) -> bytes:
        """See `wellhead.ports.UpstreamResponse.read`."""
        payload = self._payload
        try:
            return await payload.readany()
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            # What arrived before the end broke off is still the client's.
            if payload._buffer:
                return payload._read_nowait(-1)
            raise _broken(error) from error

    def close(self) -> None:
        """See `wellhead.ports.UpstreamResponse.close`."""
        uploaded = True
        if self._upload is not None:
            uploaded = self._upload.done()
            self._upload.cancel()
        if uploaded and self._payload.at_eof() and self._payload.exception() is None:
            self._connection.release()
        else:
            self._connection.close()


async def _read_beside(
    protocol: ResponseHandler, upload: "asyncio.Task[None]"
) -> tuple[aiohttp.http.RawResponseMessage, StreamReader]:
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
    protocol: ResponseHandler, transport: asyncio.Transport, body: AsyncIterator[bytes], size: int | None
) -> None:
    """Send a body as it comes in; a full socket slows its sender down."""
    async for piece in body:
        if transport.is_closing():
            return
        if size is None:
            transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
        else:
            transport.write(piece)
        await protocol._drain_helper()
    if size is None:
        transport.write(b"0\r\n\r\n")


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
        return UpstreamUnreachable("no connection came about in time")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return UpstreamUnreachable("its name could not be resolved")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError | aiohttp.ClientSSLError):
        return UpstreamUnreachable("TLS could not be set up (is its certificate valid?)")
    if isinstance(error, ConnectionRefusedError) or isinstance(
        getattr(error, "os_error", None), ConnectionRefusedError
    ):
        return UpstreamUnreachable("the connection was refused (is it running?)")
    return UpstreamUnreachable("no connection came about")


def _broken(error: BaseException) -> UpstreamError:
    if isinstance(error, TimeoutError):
        return UpstreamTimeout("it sent nothing for too long")
    if isinstance(error, HttpProcessingError):
        return UpstreamBroke("what it sent is not HTTP")
    return UpstreamBroke("it closed the connection before its answer was complete")
