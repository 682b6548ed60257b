"""The upstream side of a call: one request over the wire, on a pool of connections.

::

    upstream               takes a connection, sends, hands back the response
    upstream_connection    what a connection is; why there is none
    upstream_request       the bytes that leave
    upstream_response      the bytes that come
    upstream_clock         how long that may take

aiohttp brings what is hard to keep right: the pool, name lookup, TLS and the
response parser.  These are the only modules of the gateway that know it; its errors are
translated at this edge, and their messages never carry a URL.

A connection that breaks while it is used may have delivered the request, and nobody can
tell; so that is an `UpstreamBroke` like any other.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import cast

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection

from wellhead.errors import UpstreamUnreachable, Wait
from wellhead.gateway.upstream_clock import WaitClock
from wellhead.gateway.upstream_connection import Connected, Destination, unreachable
from wellhead.gateway.upstream_request import request_head, upload
from wellhead.gateway.upstream_response import WireResponse
from wellhead.ports import UpstreamRequest

READ_BUFFER = 64 * 1024
"""Bytes of a response that wait for their reader before the upstream is slowed (held: up to twice this)."""
HEAD_LINE_MAX = 64 * 1024
"""Bytes of one line of a response head."""
HEAD_LINES_MAX = 512
"""Lines of a response head."""
WRITE_AT_ONCE = 64 * 1024
"""A body up to this size leaves in one write with its head."""


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
            "partial[ResponseHandler]", partial(Connected, loop=asyncio.get_running_loop())
        )
        self._destinations: dict[str, Destination] = {}

    async def send(self, request: UpstreamRequest) -> WireResponse:
        """See `wellhead.ports.Upstream.send`."""
        destination = self._destinations.get(request.base_url)
        if destination is None:
            # Bounded by the number of configured providers.
            destination = self._destinations[request.base_url] = Destination(request.base_url)
        connection = await self._connect(destination, request.timeouts.connect_s)
        try:
            return await self._exchange(connection, destination, request)
        except BaseException:
            connection.close()
            raise

    async def close(self) -> None:
        await self._connector.close()

    async def _connect(self, destination: Destination, connect_s: float) -> Connection:
        request = cast("ClientRequest", destination)
        timeout = self._timeouts.get(connect_s)
        if timeout is None:  # Bounded by the number of configured providers, too.
            timeout = self._timeouts[connect_s] = self._timeout(connect_s)
        while True:
            try:
                connection = await self._connector.connect(request, [], timeout)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise unreachable(error) from error
            if not cast("Connected", connection.protocol).is_stale():
                return connection
            connection.close()

    def _timeout(self, connect_s: float) -> aiohttp.ClientTimeout:
        if not connect_s:
            return aiohttp.ClientTimeout(total=None)
        return aiohttp.ClientTimeout(
            total=None, connect=max(connect_s, self._options.wait_s), sock_connect=connect_s
        )

    async def _exchange(
        self, connection: Connection, destination: Destination, request: UpstreamRequest
    ) -> WireResponse:
        protocol, transport = cast("Connected | None", connection.protocol), connection.transport
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
        head = request_head(request, request.host or destination.host_line)
        body = request.body
        headers_s = request.timeouts.headers_s
        clock = WaitClock(protocol.set_exception, Wait.HEADERS, headers_s) if headers_s else None
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
        uploading = asyncio.get_running_loop().create_task(
            upload(protocol, transport, body, request.body_size, clock)
        )
        return await WireResponse.arrive(connection, protocol, request, clock, uploading)
