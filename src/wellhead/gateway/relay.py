"""Response bytes on their way: client first, meter second.

One `Relay` carries one response.  It holds nothing back, adds nothing, and lets
the slower side set the pace: it asks the upstream for more only when the client
had room for what came before.  What happened is left in its fields, whatever way
it ended; the exception tells which way that was::

    returns           the client has the whole response
    UpstreamError     the upstream gave no head, or broke off
    ClientLeft        the client went away (and the upstream call was given up or drained)
    CancelledError    somebody cut the call
"""

import asyncio
from collections.abc import Callable

from wellhead.directory import OnDisconnect, Provider
from wellhead.errors import UpstreamError, UpstreamTimeout, Wait
from wellhead.gateway.attempts import Attempts
from wellhead.gateway.client import Client
from wellhead.gateway.exchange import ClientLeft
from wellhead.gateway.headers import end_to_end
from wellhead.gateway.hiding import Hiding
from wellhead.gateway.means import Log
from wellhead.meter.dialect import Dialect
from wellhead.meter.meter import Meter
from wellhead.ports import Headers, UpstreamResponse

CALL_HEADER = b"x-wellhead-call"


class Relay:
    """One response, from the upstream to the client."""

    def __init__(self, client: Client, attempts: Attempts, call_id: int, log: Log) -> None:
        self.attempts = attempts
        self.provider = attempts.plan.provider
        """The one whose response it is."""
        self.meter: Meter | None = None
        self.headers: Headers = []
        """Those of the upstream's response head."""
        self.account: str | None = None
        """Of several at the provider: the one that served it, as far as the response says."""
        self.first_byte_us: int | None = None
        self.response_bytes = 0
        self.client_has_end = False
        """The client left when it had the response's end marker, as some do at once."""
        self._client = client
        self._call_header = (CALL_HEADER, b"%d" % call_id)
        self.now_us = attempts.now_us
        self._started_us = attempts.now_us()
        self._log = log
        self._call_id = call_id
        self._task = asyncio.current_task()
        self._gone = False
        self._late = False
        self._is_cut = False
        self._timers: list[asyncio.TimerHandle] = []

    async def run(self) -> None:
        """Have the request sent and carry the response; see the module for how it ends."""
        client, total_s = self._client, self.provider.timeouts.total_s
        client.watch(self._client_left, self.attempts.patience)
        if total_s:
            self._after(total_s, self._out_of_time)
        try:
            response = await self.attempts.response()
            try:
                head_us, plan = self.attempts.head_us, self.attempts.plan
                # An answer may take minutes, and a conversation that is sent again and again has megabytes.
                plan.let_go_of_body()
                client.let_go_of_body()
                assert head_us is not None
                self.provider, self.headers = plan.provider, response.headers
                self._note("passthrough.upstream_headers", head_us, status=response.status)
                await self._carry(response, plan.dialect, Hiding() if plan.hide_usage else None)
            finally:
                response.close()
        except asyncio.CancelledError:
            if (self._gone or self._late) and self._task is not None and self._task.uncancel() == 0:
                if self._gone:
                    raise ClientLeft from None
                raise UpstreamTimeout(Wait.TOTAL, f"it was not done within {total_s:g} s") from None
            raise
        except UpstreamError:
            if self._gone:  # What broke was only being drained: the call is the client's abort.
                raise ClientLeft from None
            raise
        finally:
            client.unwatch()
            for timer in self._timers:
                timer.cancel()
        if self._gone:
            raise ClientLeft

    async def _carry(
        self, response: UpstreamResponse, dialect: Dialect | None, hiding: Hiding | None
    ) -> None:
        client = self._client
        headers = end_to_end(response.headers)
        hiding = hiding if hiding is not None and _is_event_stream(headers) else None
        if dialect is not None:
            self.meter = _meter_for(dialect, response, self.provider)
        head = self._head(headers, hidden=hiding is not None)
        meter = self.meter
        chunk = response.ready()
        self._came(chunk)
        try:
            await client.head(response.status, head, chunk if hiding is None else hiding.feed(chunk))
            if meter is not None:
                meter.feed(chunk)
            while chunk := await response.read():
                self._came(chunk)
                passed = chunk if hiding is None else hiding.feed(chunk)
                if passed and not client.write(passed):
                    await client.send(passed)
                if meter is not None:
                    meter.feed(chunk)
            if self.first_byte_us is None:
                self.attempts.answered(b"")
            await client.end(b"" if hiding is None else hiding.finish())
        except ClientLeft:
            if not self._gone:
                self._client_left()
            if meter is not None:
                meter.feed(chunk)
            if self.provider.on_disconnect is OnDisconnect.CANCEL:
                raise
            await self._drain(response)

    async def _drain(self, response: UpstreamResponse) -> None:
        """Read to the end for the books alone."""
        while chunk := await response.read():
            self._came(chunk)
            if self.meter is not None:
                self.meter.feed(chunk)

    def _came(self, chunk: bytes) -> None:
        self.response_bytes += len(chunk)
        if self.first_byte_us is None and chunk:
            self.first_byte_us = self.now_us()
            self.attempts.answered(chunk)
            self._note("passthrough.stream_first_chunk", self.first_byte_us)

    def _note(self, event: str, at_us: int, **fields: object) -> None:
        latency_ms = (at_us - self._started_us) / 1000
        self._log.debug(
            event, request_id=self._call_id, provider=self.provider.id, latency_ms=latency_ms, **fields
        )

    def _head(self, headers: Headers, *, hidden: bool) -> Headers:
        if hidden:  # the body is shorter than the upstream announced
            headers = [line for line in headers if line[0] != b"content-length"]
        headers.append(self._call_header)
        return headers

    def _client_left(self) -> None:
        """The client is gone: give the upstream call up, or read it to its end, as the provider says."""
        self._gone = True
        self.client_has_end = self.meter is not None and self.meter.has_end
        if self._task is None:
            return
        # What is under way may be worth its end; another attempt is worth nothing to anybody.
        is_between, provider = self.attempts.stop(), self.attempts.plan.provider
        if is_between or provider.on_disconnect is OnDisconnect.CANCEL:
            self._cut()
        elif provider.drain_s is not None:
            self._after(provider.drain_s, self._out_of_time)

    def _out_of_time(self) -> None:
        self._late = True
        self._cut()

    def _cut(self) -> None:
        """Cancel what is under way, once; `run` says why."""
        if not self._is_cut and asyncio.current_task() is not self._task:
            assert self._task is not None
            self._is_cut = self._task.cancel()

    def _after(self, delay_s: float, then: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(delay_s, then))


def _meter_for(dialect: Dialect, response: UpstreamResponse, provider: Provider) -> Meter:
    fields = dict(response.headers)
    return Meter(
        dialect,
        status=response.status,
        content_type=fields.get(b"content-type", b"").decode("latin-1"),
        content_encoding=fields.get(b"content-encoding", b"").decode("latin-1"),
        variant=provider.variant,
        headers=response.headers,
    )


def _is_event_stream(headers: Headers) -> bool:
    fields = dict(headers)
    return (
        fields.get(b"content-type", b"").lower().startswith(b"text/event-stream")
        and fields.get(b"content-encoding", b"identity") == b"identity"
    )
