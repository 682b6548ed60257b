"""The gateway: the whole path of a call on one screen.

::

    head -> place -> key -> body -> route -> open (admitted, booked) -> relay -> settle (booked)

A raw ASGI application; any ASGI server can host it, `server.GatewayProtocol` is
made for it.  A request that does not generate is relayed in the same way, but
leaves no row.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial

from wellhead.access import Credential
from wellhead.call import CallState, Opening
from wellhead.directory import AuthType, Directory, Provider
from wellhead.errors import BooksUnavailable, CallerError, UpstreamError
from wellhead.gateway import booking, replies
from wellhead.gateway.booking import CLIENT_LEFT, COMPLETED, SHUTDOWN, End
from wellhead.gateway.client import Client, Receive, Scope, Send, Upload
from wellhead.gateway.credentials import Credentials
from wellhead.gateway.door import Caller, Door
from wellhead.gateway.headers import to_upstream
from wellhead.gateway.relay import CALL_HEADER, Log, Relay
from wellhead.gateway.server import ClientLeft, ResponseBroken
from wellhead.meter.catalogue import DIALECTS
from wellhead.meter.dialect import Dialect
from wellhead.meter.request import read_form, read_request
from wellhead.policy import rewrite, routing
from wellhead.policy.identify import query_without
from wellhead.ports import Books, Headers, Upstream, UpstreamRequest
from wellhead.usage import NOTHING_ASKED, Asked

HEALTHY = b'{"status":"ok"}'
READY = b'{"status":"pass"}'
NOT_READY = b'{"status":"fail"}'
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
    require_key: bool = False
    """Nothing is served without a key."""
    client_names: Mapping[bytes, str] = field(default_factory=dict, repr=False)
    """What to call the clients that bring certain credentials, by the SHA-256 of those."""
    allowed_origins: tuple[str, ...] = ()
    """Web origins whose pages may call without a key where the gateway adds a credential of its own."""
    output_tokens_ceiling: int = 4096
    """What a call that names no ceiling of its own is taken to write at most, for limits."""


@dataclass(slots=True)
class _Plan:
    """What is to be done with a request."""

    provider: Provider
    body: bytes | AsyncIterator[bytes] | None
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
        self._door = Door(
            books,
            now_us,
            require_key=options.require_key,
            names=options.client_names,
            allowed_origins=options.allowed_origins,
        )
        self._credentials = Credentials(now_us)

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
                await client.answer(200, *_status(HEALTHY))
            elif client.path == "/ready":
                await self._say_whether_ready(client)
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
            caller = await self._door.identify(client)
            body = await client.body(self._options.max_request_body)
            plan = self._plan(client, place, body, caller)
            self._door.guard_credential(client, caller, plan.provider)
            relay = Relay(client, plan.provider, call_id, self._now_us, self._log)
            if plan.dialect is None:
                await self._door.let_through(caller, place.path)
                self._log.debug(
                    "gateway.forwarded", request_id=call_id, provider=plan.provider.id, path=client.path
                )
                await self._relay(relay, client, place, plan, caller, None)
                return
            expected = booking.expected_tokens(
                client,
                place,
                plan.dialect.name,
                plan.asked,
                self._ceiling(plan.provider),
                self._options.max_request_body,
            )
            booked_as = plan.provider.id, plan.dialect.name
            opened = booking.opening(
                call_id, started_us, client, place, plan.asked, booked_as, caller, expected
            )
            await self._open(opened, relay, client)
            await self._relay(relay, client, place, plan, caller, opened)
        except (CallerError, asyncio.CancelledError) as cause:
            # Only a shutdown cancels a call.
            error = cause if isinstance(cause, CallerError) else _shutting_down()
            if error.status in (401, 402, 403, 429):
                self._log.debug("gateway.refused", request_id=call_id, code=error.code, ip=client.address)
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

    async def _say_whether_ready(self, client: Client) -> None:
        try:
            await self._books.current()
        except BooksUnavailable:
            await client.answer(503, *_status(NOT_READY))
        else:
            await client.answer(200, *_status(READY))

    def _ceiling(self, provider: Provider) -> int:
        own = provider.output_tokens_ceiling
        return self._options.output_tokens_ceiling if own is None else own

    def _plan(
        self, client: Client, place: routing.Place, body: bytes | Upload | None, caller: Caller
    ) -> _Plan:
        dialect = DIALECTS[place.dialect] if place.dialect else None
        asked = NOTHING_ASKED
        if isinstance(body, Upload):
            asked = read_form(body.first)
        elif body and place.generates is not False:
            asked = read_request(body, dialect)
        model = place.model or asked.model
        provider = routing.choose(self._directory, place, model, asked.provider)
        # Whoever has a key passes the gate with everything that may cost something.
        by_key = caller.key is not None
        if place.generates is None and client.method == "POST" and (model is not None or by_key):
            dialect = DIALECTS[routing.DIALECT_OF_FAMILY[place.family]]
        hide_usage = False
        if isinstance(body, bytes):
            if provider.strip_provider_field and asked.provider is not None:
                body = rewrite.without_member(body, "provider")
            asks = provider.ask_stream_usage and place.dialect == "openai_chat" and asked.streamed
            if asks and not asked.include_usage:
                asking = rewrite.with_stream_usage(body)
                hide_usage, body = asking is not body, asking
        sent = body.pieces if isinstance(body, Upload) else body
        return _Plan(provider, sent, dialect, asked, hide_usage)

    def _credential(self, plan: _Plan, caller: Caller) -> Credential | None:
        """The credential of the caller's project for the provider, or the one for everybody with a key."""
        if caller.key is None or caller.own is not None:
            return None
        known = self._books.directory.credentials
        own = known.get((caller.key.project_id, plan.provider.id), ())
        candidates = own or known.get((None, plan.provider.id), ())
        chosen = self._credentials.choose(candidates)
        if chosen is None and candidates:
            told = (
                f"The credential for {plan.provider.id} cannot be opened; the gateway's master key is another"
            )
            raise CallerError("credential_unreadable", 503, told)
        return chosen

    def _request(
        self,
        client: Client,
        place: routing.Place,
        plan: _Plan,
        caller: Caller,
        credential: Credential | None,
    ) -> UpstreamRequest:
        provider = plan.provider
        headers = to_upstream(
            client.headers,
            provider,
            key=caller.presented,
            credential=None if credential is None else credential.secret,
            family=place.family,
        )
        if plan.hide_usage:  # what is compressed cannot be hidden in
            headers = [line for line in headers if line[0] != b"accept-encoding"]
            headers.append((b"accept-encoding", b"identity"))
        query = client.query
        if query:
            secret = caller.presented.secret.encode("utf-8", "surrogateescape") if caller.presented else None
            # The client's own credential goes nowhere but where the client meant it to go.
            replaced = credential is not None or provider.auth.type is not AuthType.PRESERVE
            query = query_without(query, secret, all_keys=replaced)
        target = routing.target(provider, client.raw_path[place.prefix_size :], query)
        return UpstreamRequest(client.method, provider.base_url, target, headers, plan.body, client.size)

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

    async def _relay(
        self,
        relay: Relay,
        client: Client,
        place: routing.Place,
        plan: _Plan,
        caller: Caller,
        opened: Opening | None,
    ) -> None:
        """Relay, and book how it ended; what the client must still be told comes out as an exception."""
        end, told = COMPLETED, None
        credential: Credential | None = None
        try:
            credential = self._credential(plan, caller)
            relay.secret = None if credential is None else credential.secret
            request = self._request(client, place, plan, caller, credential)
            await relay.run(self._upstream, request, plan.dialect, hide_usage=plan.hide_usage)
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
            if credential is not None and self._credentials.learn(
                credential, relay.status, relay.retry_after
            ):
                self._log.warning("credential.cooling", credential_id=credential.id, status=relay.status)
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


def _status(body: bytes) -> tuple[Headers, bytes]:
    return [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))], body


def _shutting_down() -> CallerError:
    return CallerError("shutting_down", 503, "The gateway is shutting down", retry_after_s=1)
