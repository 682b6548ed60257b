"""The upstream side of a call: one request over the wire, on a pool of connections.

::

    upstream               takes a connection, sends, hands back the response
    upstream_connection    where connections go, and why there is none
    upstream_wire          one connection, and what comes over it
    upstream_request       the bytes that leave
    upstream_response      the response, for whoever reads it
    upstream_clock         how long that may take

aiohttp brings what is hard to keep right: how a connection comes about (name lookup, one
address after the other, TLS), and how many there may be.  These are the only modules of the
gateway that know it; its errors are translated at this edge, and their messages never carry a URL.

A connection whose response was read to its end lies here until the next request (the one used last
goes first), for `keepalive_s`.  It is looked at before it is used: one that the upstream has closed
meanwhile is thrown away with nothing sent.

A connection that breaks while it is used may have delivered the request, and nobody can
tell; so that is an `UpstreamBroke` like any other.
"""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ConnectionKey
from aiohttp.connector import Connection

from wellhead.errors import UpstreamUnreachable, Wait
from wellhead.gateway.upstream_clock import WaitClock
from wellhead.gateway.upstream_connection import Destination, unreachable
from wellhead.gateway.upstream_request import request_head, upload
from wellhead.gateway.upstream_response import WireResponse
from wellhead.gateway.upstream_wire import UpstreamWire
from wellhead.ports import UpstreamRequest

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


Held = tuple[Connection, UpstreamWire]
"""A connection as the connector counts it, and as it is used."""


@dataclass(slots=True)
class _Pool:
    """Connections to one host."""

    idle: list[Held] = field(default_factory=list)
    """The one used last is last."""
    wanted: int = 0
    """Calls that have the connector make one, or wait for a place."""


class AiohttpUpstream:
    """`wellhead.ports.Upstream` on aiohttp's connector; make it inside the running loop."""

    def __init__(
        self,
        options: UpstreamOptions = UpstreamOptions(),  # it is frozen
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._options = options
        self._loop = loop = asyncio.get_running_loop()
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=options.connections_per_host,
            keepalive_timeout=options.keepalive_s,
            ttl_dns_cache=options.dns_ttl_s,
            resolver=resolver,
        )
        self._connector._factory = cast("partial[ResponseHandler]", partial(UpstreamWire, loop=loop))
        # Bounded by the number of configured providers.
        self._destinations: dict[str, tuple[Destination, _Pool]] = {}
        self._pools: dict[ConnectionKey, _Pool] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def send(self, request: UpstreamRequest) -> WireResponse:
        """See `wellhead.ports.Upstream.send`."""
        known = self._destinations.get(request.base_url)
        if known is None:
            destination = Destination(request.base_url)
            pool = self._pools.setdefault(destination.connection_key, _Pool())
            known = self._destinations[request.base_url] = destination, pool
        destination, pool = known
        held = self._idle(pool) or await self._connect(destination, pool, request.timeouts.connect_s)
        try:
            return await self._exchange(held, pool, request, request.host or destination.host_line)
        except BaseException:
            held[0].close()
            raise

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        await self._connector.close()  # All of them: it counts those that lie here, too.
        for pool in self._pools.values():
            while pool.idle:
                pool.idle.pop()[0].close()

    def _idle(self, pool: _Pool) -> Held | None:
        """A connection that lies ready, if there is one."""
        while pool.idle:
            held = pool.idle.pop()
            if not self._is_stale(held[1]):
                return held
            held[0].close()
        return None

    def _is_stale(self, wire: UpstreamWire) -> bool:
        return self._loop.time() - wire.idle_since_s > self._options.keepalive_s or wire.is_stale()

    def _let_go(self, held: Held, pool: _Pool, is_good: bool) -> None:
        """A call is done with its connection."""
        connection, wire = held
        if not is_good or wire.should_close:
            connection.close()
        elif pool.wanted:  # Perhaps somebody waits for this very place.
            connection.release()
        else:
            wire.idle_since_s = self._loop.time()
            pool.idle.append(held)
            if self._sweeping is None:
                self._sweep_later()

    def _sweep_later(self) -> None:
        self._sweeping = self._loop.call_later(self._options.keepalive_s, self._sweep)

    def _sweep(self) -> None:
        """Close what lay idle for too long."""
        self._sweeping = None
        for pool in self._pools.values():
            stale = [held for held in pool.idle if self._is_stale(held[1])]
            for held in stale:
                pool.idle.remove(held)
                held[0].close()
            if pool.idle and self._sweeping is None:
                self._sweep_later()

    async def _connect(self, destination: Destination, pool: _Pool, connect_s: float) -> Held:
        request = cast("ClientRequest", destination)
        timeout = self._timeouts.get(connect_s)
        if timeout is None:  # Bounded by the number of configured providers, too.
            timeout = self._timeouts[connect_s] = self._timeout(connect_s)
        while True:
            pool.wanted += 1
            try:
                connection = await self._connector.connect(request, [], timeout)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise unreachable(error) from error
            finally:
                pool.wanted -= 1
            wire = cast("UpstreamWire", connection.protocol)
            if not wire.is_stale():
                return connection, wire
            connection.close()

    def _timeout(self, connect_s: float) -> aiohttp.ClientTimeout:
        if not connect_s:
            return aiohttp.ClientTimeout(total=None)
        return aiohttp.ClientTimeout(
            total=None, connect=max(connect_s, self._options.wait_s), sock_connect=connect_s
        )

    async def _exchange(self, held: Held, pool: _Pool, request: UpstreamRequest, host: bytes) -> WireResponse:
        wire = held[1]
        transport = wire.transport
        if transport is None:
            raise UpstreamUnreachable("the connection was closed before the request was sent")
        wire.expect(bodiless=request.method == "HEAD")
        let_go = partial(self._let_go, held, pool)
        head = request_head(request, host)
        body = request.body
        headers_s = request.timeouts.headers_s
        clock = WaitClock(wire.fail, Wait.HEADERS, headers_s) if headers_s else None
        if body is None or isinstance(body, bytes):
            if not body:
                transport.write(head)
            elif len(body) <= WRITE_AT_ONCE:
                transport.write(head + body)
            else:
                transport.writelines((head, body))
            if clock is not None:
                clock.start()
            return await WireResponse.arrive(wire, let_go, request, clock)
        transport.write(head)
        uploading = asyncio.get_running_loop().create_task(
            upload(wire, transport, body, request.body_size, clock)
        )
        return await WireResponse.arrive(wire, let_go, request, clock, uploading)
