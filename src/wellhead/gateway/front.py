"""What stands before the path of a call: who is alive, who is ready, and whether there is room.

::

    /health   always answered, and asks nobody
    /ready    yes or no
    a call    goes in, or is refused at once: nothing of it is read, nothing is booked

A call that waits in a full house costs memory and comes too late; one that is
refused can go elsewhere.  So the answer to too many calls is a quick no, and those
that are in keep their pace.  The server refuses most of them by itself, before there is
a task or a scope (`server.GatewayProtocol`); what comes here are the odd ones, and
whatever another server lets through.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

from wellhead.gateway import replies
from wellhead.gateway.client import Client, Receive, Scope, Send
from wellhead.gateway.exchange import ClientLeft
from wellhead.gateway.readiness import Readiness
from wellhead.gateway.terms import Terms, overloaded
from wellhead.policy import routing

HEALTHY = b'{"status":"ok"}'
READY = b'{"status":"pass"}'
NOT_READY = b'{"status":"fail"}'
JSON = (b"content-type", b"application/json")
NOT_KEPT = (b"cache-control", b"no-store")
TELL_S = 10.0
"""How often the log says how many calls were refused; a line for each would be one more load."""

App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]


class Log(Protocol):
    """A structured logger: an event's name and its fields."""

    def warning(self, event: str, **fields: object) -> object: ...


class Front:
    """An ASGI application around the gateway's."""

    def __init__(self, app: App, terms: Terms, readiness: Readiness, log: Log) -> None:
        self._app = app
        self._terms = terms
        self._readiness = readiness
        self._log = log

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Hand the call on; no coroutine of its own stands around one that goes in."""
        if scope["type"] == "http":
            path = scope["path"]
            if path == "/health":
                return _answered(Client(scope, receive, send), 200, HEALTHY)
            if path == "/ready":
                return self._say_whether_ready(Client(scope, receive, send))
            if self._terms.is_full:
                self._terms.refusals.count += 1
                return _refused(Client(scope, receive, send))
        return self._app(scope, receive, send)

    async def tell_refusals(self, every_s: float = TELL_S) -> None:
        """Say in the log, now and then, how many calls there was no room for; until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            if refused := self._terms.refusals.take():
                self._log.warning(
                    "gateway.overloaded", calls_refused=refused, calls_max=self._terms.calls_max
                )

    async def _say_whether_ready(self, client: Client) -> None:
        if await self._readiness.is_ready():
            await _answered(client, 200, READY)
        else:
            await _answered(client, 503, NOT_READY)


async def _answered(client: Client, status: int, body: bytes) -> None:
    headers = [JSON, NOT_KEPT, (b"content-length", b"%d" % len(body))]
    with suppress(ClientLeft):
        await client.answer(status, headers, body)


async def _refused(client: Client) -> None:
    error = overloaded()
    body = replies.error_body(routing.family(client.path), error)
    with suppress(ClientLeft):
        await client.answer(error.status, replies.error_headers(error, body), body)
