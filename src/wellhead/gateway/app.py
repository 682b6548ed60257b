"""The gateway: the whole path of a call on one screen.

::

    head -> place -> body -> route -> open (booked) -> relay -> settle (booked)

A raw ASGI application; any ASGI server can host it, `server.GatewayProtocol` is
made for it.  A request that does not generate is relayed in the same way, but
leaves no row.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from wellhead.call import CallState, Opening
from wellhead.directory import Directory, Provider
from wellhead.errors import BooksUnavailable, CallerError, UpstreamError
from wellhead.gateway import booking, replies
from wellhead.gateway.booking import CLIENT_LEFT, COMPLETED, SHUTDOWN, End
from wellhead.gateway.client import Client, Receive, Scope, Send, Upload
from wellhead.gateway.headers import to_upstream
from wellhead.gateway.relay import CALL_HEADER, Log, Relay
from wellhead.gateway.server import ClientLeft, ResponseBroken
from wellhead.meter.catalogue import DIALECTS
from wellhead.meter.dialect import Dialect
from wellhead.meter.request import read_form, read_request
from wellhead.policy import rewrite, routing
from wellhead.ports import Books, Upstream, UpstreamRequest
from wellhead.usage import NOTHING_ASKED, Asked

HEALTHY = b'{"status":"ok"}'
HEALTH_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(HEALTHY))]
PLACES_MAX = 1024
"""What the last so many different paths say is remembered..."""
PLACE_CHARS_MAX = 200
"""...if they are no longer than this."""


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """What an operator may set for the gateway."""

    max_request_body: int = 25_000_000
    """Bytes."""
    books_retry_after_s: int = 2
    """What `Retry-After` says while the books cannot take a call."""


@dataclass(slots=True)
class _Plan:
    """What is to be done with a request."""

    provider: Provider
    request: UpstreamRequest
    dialect: Dialect | None
    """`None`: it does not generate, so it is neither metered nor booked."""
    asked: Asked
    hide_usage: bool


class Gateway:
    """The data plane as an ASGI application."""

    def __init__(
        self,
        *,
        directory: Directory,
        books: Books,
        upstream: Upstream,
        options: GatewayOptions,
        now_us: Callable[[], int],
        log: Log,
    ) -> None:
        self._directory = directory
        # Nearly all requests go to the same few paths.
        self._place_of = lru_cache(PLACES_MAX)(partial(routing.place, directory))
        self._books = books
        self._upstream = upstream
        self._options = options
        self._now_us = now_us
        self._log = log
        self._running: set[asyncio.Task[object]] = set()

    @property
    def open_calls(self) -> int:
        """Requests that are being served."""
        return len(self._running)

    async def drain(self, timeout_s: float) -> int:
        """Let running requests finish, cut what is left after the time; says how many were cut."""
        left: set[asyncio.Task[object]] = set(self._running)
        if left and timeout_s > 0:
            _, left = await asyncio.wait(left, timeout=timeout_s)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        return len(left)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        client = Client(scope, receive, send)
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            if client.path == "/health":
                await client.answer(200, HEALTH_HEADERS, HEALTHY)
            else:
                await self._serve(client, self._books.next_id())
        except ClientLeft:
            pass
        finally:
            self._running.discard(task)

    async def _serve(self, client: Client, call_id: int) -> None:
        place: routing.Place | None = None
        started_us = self._now_us()
        try:
            place = self._place(client)
            body = await client.body(self._options.max_request_body)
            plan = self._plan(client, place, body)
            relay = Relay(client, plan.provider, call_id, self._now_us, self._log)
            if plan.dialect is None:
                self._log.debug(
                    "gateway.forwarded", request_id=call_id, provider=plan.provider.id, path=client.path
                )
                await self._relay(relay, client, plan, None)
                return
            booked_as = plan.provider.id, plan.dialect.name
            opened = booking.opening(call_id, started_us, client, place, plan.asked, booked_as)
            await self._open(opened, relay, client)
            await self._relay(relay, client, plan, opened)
        except (CallerError, asyncio.CancelledError) as cause:
            # Only a shutdown cancels a call.
            error = cause if isinstance(cause, CallerError) else _shutting_down()
            family = routing.family(client.path) if place is None else place.family
            answer = replies.error_body(family, error)
            headers = replies.error_headers(error, answer)
            headers.append((CALL_HEADER, b"%d" % call_id))
            await client.answer(error.status, headers, answer)

    def _place(self, client: Client) -> routing.Place:
        read = self._place_of if len(client.path) <= PLACE_CHARS_MAX else self._place_of.__wrapped__
        place = read(client.method, client.path, client.text(b"x-provider"))
        prefix = client.path[: place.prefix_size] if place is not None else ""
        # A prefix that is encoded has other bytes than those that would be cut off.
        if place is None or (prefix and not client.raw_path.startswith(prefix.encode() + b"/")):
            raise CallerError("not_found", 404, f"Nothing is served at {client.path[:200]}")
        if client.fields.get(b"upgrade", b"").lower() == b"websocket":
            told = "WebSocket is not served here; send the request as POST over HTTP"
            raise CallerError("websocket_unsupported", 426, told)
        return place

    def _plan(self, client: Client, place: routing.Place, body: bytes | Upload | None) -> _Plan:
        dialect = DIALECTS[place.dialect] if place.dialect else None
        asked = NOTHING_ASKED
        if isinstance(body, Upload):
            asked = read_form(body.first)
        elif body and place.generates is not False:
            asked = read_request(body, dialect)
        model = place.model or asked.model
        provider = routing.choose(self._directory, place, model, asked.provider)
        if place.generates is None and client.method == "POST" and model is not None:
            dialect = DIALECTS[routing.DIALECT_OF_FAMILY[place.family]]
        headers = to_upstream(client.headers, provider)
        hide_usage = False
        if isinstance(body, bytes):
            if provider.strip_provider_field and asked.provider is not None:
                body = rewrite.without_member(body, "provider")
            asks = provider.ask_stream_usage and place.dialect == "openai_chat" and asked.streamed
            if asks and not asked.include_usage:
                asking = rewrite.with_stream_usage(body)
                hide_usage, body = asking is not body, asking
        if hide_usage:  # what is compressed cannot be hidden in
            headers = [line for line in headers if line[0] != b"accept-encoding"]
            headers.append((b"accept-encoding", b"identity"))
        target = routing.target(provider, client.raw_path[place.prefix_size :], client.query)
        sent = body.pieces if isinstance(body, Upload) else body
        request = UpstreamRequest(client.method, provider.base_url, target, headers, sent, client.size)
        return _Plan(provider, request, dialect, asked, hide_usage)

    async def _open(self, opened: Opening, relay: Relay, client: Client) -> None:
        try:
            await self._books.open(opened)
        except BooksUnavailable as error:
            told = "The call could not be booked, so it was not sent; try again shortly"
            wait_s = self._options.books_retry_after_s
            raise CallerError("books_unavailable", 503, told, retry_after_s=wait_s) from error
        except asyncio.CancelledError:
            self._settle(opened, relay, client, SHUTDOWN)
            raise
        self._log.debug(
            "lifecycle.pre_logged", request_id=opened.id, provider=opened.provider, model=opened.model
        )

    async def _relay(self, relay: Relay, client: Client, plan: _Plan, opened: Opening | None) -> None:
        """Relay, and book how it ended; what the client must still be told comes out as an exception."""
        end, told = COMPLETED, None
        try:
            await relay.run(self._upstream, plan.request, plan.dialect, hide_usage=plan.hide_usage)
        except ClientLeft:
            end = COMPLETED if relay.client_has_end else CLIENT_LEFT
            raise
        except asyncio.CancelledError:
            end = SHUTDOWN
            told = _shutting_down()
        except UpstreamError as error:
            told = replies.from_upstream(plan.provider.id, error)
            code = "stream_error" if client.told else told.code
            self._log.warning("upstream.error", provider=plan.provider.id, code=code, cause=error.message)
            end = End(CallState.FAILED, code, error.message, told.status)
        except CallerError as error:
            told = error
            end = End(CallState.FAILED, error.code, error.message, error.status)
        except Exception:
            self._log.exception("gateway.internal_error", path=client.path)
            told = CallerError("internal_error", 500, "The gateway failed; its log says more")
            end = End(CallState.FAILED, "internal_error", "the gateway failed", 500)
        finally:
            if opened is not None:
                self._settle(opened, relay, client, end)
        if told is not None:
            if client.told is not None:
                raise ResponseBroken(told.code)
            raise told

    def _settle(self, opened: Opening, relay: Relay, client: Client, end: End) -> None:
        settled = booking.settlement(opened, relay, client, end)
        self._books.settle(opened, settled)
        event = "lifecycle.aborted" if settled.state is CallState.ABORTED else "lifecycle.finalized"
        self._log.debug(event, request_id=opened.id, state=settled.state, status=settled.status_code)


def _shutting_down() -> CallerError:
    return CallerError("shutting_down", 503, "The gateway is shutting down", retry_after_s=1)
