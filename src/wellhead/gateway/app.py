"""The gateway: the whole path of a call on one screen.

::

    head -> place -> key -> body -> route -> breaker -> open (admitted, booked) -> relay -> settle (booked)

A raw ASGI application; any ASGI server can host it, `server.GatewayProtocol` is
made for it.  A request that does not generate is relayed in the same way, but
leaves no row.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wellhead.call import CallState, Opening
from wellhead.clock import from_here
from wellhead.directory import Directory
from wellhead.errors import BooksUnavailable, BreakerOpen, CallerError, UpstreamError, UpstreamTimeout
from wellhead.gateway import booking, replies, vocabulary
from wellhead.gateway.attempts import Attempts
from wellhead.gateway.booking import CLIENT_LEFT, COMPLETED, SHUTDOWN, End
from wellhead.gateway.client import BodyRoom, Client, Patience, Receive, Scope, Send
from wellhead.gateway.credentials import Credentials
from wellhead.gateway.door import Door
from wellhead.gateway.exchange import ClientLeft, ResponseBroken
from wellhead.gateway.means import Log, Means
from wellhead.gateway.plan import Places, plan_of
from wellhead.gateway.relay import CALL_HEADER, Relay
from wellhead.gateway.terms import Refusals
from wellhead.policy import forwarded, quota_headers, routing
from wellhead.policy.attribution import Attribution, Rule
from wellhead.policy.retry import Retries
from wellhead.policy.routing import Place
from wellhead.ports import NO_BREAKERS, Books, Breakers, Upstream


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """What an operator may set for the gateway."""

    max_request_body: int = 25_000_000
    """Bytes."""
    max_held_bodies: int = 0
    """Bytes of the bodies of all requests that are held at the same time; 0: any number."""
    books_retry_after_s: int = 2
    """What `Retry-After` says while the books cannot take a call."""
    require_key: bool = False
    """Nothing is served without a key."""
    client_names: Mapping[bytes, str] = field(default_factory=dict, repr=False)
    """What to call the clients that bring certain credentials, by the SHA-256 of those."""
    allowed_origins: tuple[str, ...] = ()
    """Web origins whose pages may call without a key where the gateway adds a credential of its own."""
    count_tokens: vocabulary.Count | None = None
    """Counts the tokens of a body, for limits; without it four bytes are taken for one."""
    output_tokens_ceiling: int = 4096
    """What a call that names no ceiling of its own is taken to write at most, for limits."""
    rules: tuple[Rule, ...] = ()
    """An operator's own, by which tools are known before all others."""
    trust_proxy_headers: bool = False
    """A client's address is what a proxy before the gateway says."""
    retries: Retries = Retries()  # noqa: RUF009  # it is frozen


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
        breakers: Breakers = NO_BREAKERS,
    ) -> None:
        self._directory = directory
        self._places = Places(directory)
        self._books = books
        self._options = options
        self._now_us = now_us
        self._log = log
        self.refusals = Refusals()
        """Of calls that there was no room for."""
        self._room = BodyRoom(options.max_held_bodies, self.refusals)
        self._running: set[asyncio.Task[object]] = set()
        self._door = Door(
            books,
            now_us,
            require_key=options.require_key,
            names=options.client_names,
            allowed_origins=options.allowed_origins,
        )
        self._means = Means(
            directory,
            books,
            upstream,
            breakers,
            self._door,
            Credentials(now_us),
            options.retries,
            now_us,
            log,
            Patience(),
        )
        self._attribution = Attribution(options.rules)

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
        client = Client(scope, receive, send, self._room)
        if self._options.trust_proxy_headers:
            client.address = forwarded.address(client.headers) or client.address
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await self._serve(client, self._books.next_id())
        except ClientLeft:
            pass
        finally:
            client.let_go_of_body()
            self._running.discard(task)

    async def _serve(self, client: Client, call_id: int) -> None:
        place: Place | None = None
        now_us = from_here(self._now_us)
        started_us = now_us()
        try:
            place = self._places.of(client)
            caller = await self._door.identify(client)
            size_max = self._options.max_request_body
            # The plan alone holds the body, so that it can let go of it.
            plan = plan_of(self._directory, client, place, caller, await client.body(size_max))
            self._door.guard_credential(client, caller, plan.provider)
            attempts = Attempts(self._means, client, plan, call_id, now_us)
            try:
                await self._send(client, attempts, call_id, started_us)
            finally:
                attempts.close()
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

    async def _send(self, client: Client, attempts: Attempts, call_id: int, started_us: int) -> None:
        """Book the call, if it is one that is booked, and relay it."""
        refused: BreakerOpen | None = None
        try:
            await attempts.begin()
        except BreakerOpen as error:
            refused = error
        plan = attempts.plan
        if plan.dialect is None:
            if refused is not None:
                raise refused
            await self._door.let_through(plan.caller, plan.place.path, plan.provider.id)
            self._log.debug(
                "gateway.forwarded", request_id=call_id, provider=plan.provider.id, path=client.path
            )
            await self._relay(Relay(client, attempts, call_id, self._log), client)
            return
        who = self._attribution.who(client.fields, plan.asked, plan.caller.name)
        if refused is not None:
            opened = booking.opening(call_id, started_us, client, plan, (0, 0), who)
            self._books.settle(opened, booking.refusal(opened, attempts.now_us(), refused))
            raise refused
        ceiling = self._options.output_tokens_ceiling
        expected = booking.expected_tokens(client, plan, ceiling, self._options.max_request_body)
        if self._options.count_tokens is not None and self._books.directory.limits:
            expected = await self._counted(plan.original, expected)
        opened = booking.opening(call_id, started_us, client, plan, expected, who)
        attempts.opened = opened
        attempts.reopened = lambda was, by: booking.reopened(was, client, by, ceiling)
        relay = Relay(client, attempts, call_id, self._log)
        await self._open(opened, relay, client)
        await self._relay(relay, client)

    async def _counted(self, body: object, expected: tuple[int, int]) -> tuple[int, int]:
        """What is expected, with the body counted where it is worth while, not reckoned by its size."""
        count = self._options.count_tokens
        if count is None or not isinstance(body, bytes) or len(body) > vocabulary.BODY_MAX:
            return expected
        return await asyncio.to_thread(count, body), expected[1]

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

    async def _relay(self, relay: Relay, client: Client) -> None:
        """Relay, and book how it ended; what the client must still be told comes out as an exception."""
        end, told = COMPLETED, None
        attempts = relay.attempts
        try:
            await relay.run()
        except ClientLeft:
            end = COMPLETED if relay.client_has_end else CLIENT_LEFT
            raise
        except asyncio.CancelledError:
            end = SHUTDOWN
            told = _shutting_down()
        except UpstreamError as error:
            attempts.failed()
            provider_id = attempts.plan.provider.id
            told = replies.from_upstream(provider_id, error)
            broke_off = client.told is not None and not isinstance(error, UpstreamTimeout)
            code = "stream_error" if broke_off else told.code
            self._log.warning("upstream.error", provider=provider_id, code=code, cause=error.message)
            end = End(CallState.FAILED, code, error.message, told.status)
        except CallerError as error:
            told = error
            end = End(CallState.FAILED, error.code, error.message, error.status)
        except Exception:
            self._log.exception("gateway.internal_error", path=client.path)
            told = CallerError("internal_error", 500, "The gateway failed; its log says more")
            end = End(CallState.FAILED, "internal_error", "the gateway failed", 500)
        finally:
            self._note_quotas(relay, client)
            if attempts.opened is not None:
                self._settle(attempts.opened, relay, client, end)
        if told is not None:
            if client.told is not None:
                raise ResponseBroken(told.code)
            raise told

    def _note_quotas(self, relay: Relay, client: Client) -> None:
        """What the response told in passing: whose quotas they are, and how they stand.  Never raises."""
        head_us = relay.attempts.head_us
        if head_us is None or not relay.headers:
            return
        secrets = relay.attempts.secret, relay.provider.auth.value
        relay.account = quota_headers.account_of(relay.headers, client.fields, secrets)
        gauges = quota_headers.read(relay.headers, head_us, relay.account)
        if relay.meter is not None and (told := relay.meter.finish().quotas):
            gauges += quota_headers.read_events(told, self._now_us(), relay.account)
        if gauges:
            self._books.note_quotas(relay.provider.id, gauges)

    def _settle(self, opened: Opening, relay: Relay, client: Client, end: End) -> None:
        settled = booking.settlement(opened, relay, client, end, self._now_us())
        self._books.settle(opened, settled)
        event = "lifecycle.aborted" if settled.state is CallState.ABORTED else "lifecycle.finalized"
        self._log.debug(event, request_id=opened.id, state=settled.state, status=settled.status_code)


def _shutting_down() -> CallerError:
    return CallerError("shutting_down", 503, "The gateway is shutting down", retry_after_s=1)
