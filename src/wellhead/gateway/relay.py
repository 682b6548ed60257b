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
UNREAD_PIECES_MAX = 16
"""Pieces of a response that may wait for the meter to read them..."""
UNREAD_BYTES_MAX = 8 * 1024
"""...and how many bytes of it."""


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
        self._hiding: Hiding | None = None
        self._chunk = b""
        """The piece that was taken last..."""
        self._passed = b""
        """...and what of it is the client's."""
        self._unread: list[bytes] = []
        """Pieces that the client has and the meter does not: several at once cost it little more than one."""
        self._unread_bytes = 0

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
            self._catch_up()
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
        self._hiding = hiding
        try:
            self._take(response.ready())
            await client.head(response.status, head, self._passed)
            self._read()
            # The first piece is taken in this task, which entered the breakers that are left with it.
            if self.first_byte_us is None and not self._pass_on(await response.read()):
                await self._send_rest()
            while not await response.pass_on(self._pass_on):
                await self._send_rest()
            if self.first_byte_us is None:
                self.attempts.answered(b"")
            await client.end(b"" if hiding is None else hiding.finish())
        except ClientLeft:
            if not self._gone:
                self._client_left()
            self._read()
            if self.provider.on_disconnect is OnDisconnect.CANCEL:
                raise
            await self._drain(response)

    def _take(self, chunk: bytes) -> None:
        """Take a piece from the upstream; some of it, or nothing, may be for the client."""
        self.response_bytes += len(chunk)
        if self.first_byte_us is None and chunk:
            self._first_came(chunk)
        self._chunk = chunk
        self._passed = chunk if self._hiding is None else self._hiding.feed(chunk)

    def _pass_on(self, chunk: bytes) -> bool:
        """Take a piece and pass it on; false: the client has to be waited for, and then comes the rest."""
        self._take(chunk)
        if self._passed and not self._client.write(self._passed):
            return False
        self._read()
        return True

    async def _send_rest(self) -> None:
        await self._client.send(self._passed)
        self._read()

    def _read(self) -> None:
        """The piece that was taken last is the meter's: once, and when the client has it."""
        chunk, self._chunk = self._chunk, b""
        self._unread.append(chunk)
        self._unread_bytes += len(chunk)
        if len(self._unread) >= UNREAD_PIECES_MAX or self._unread_bytes >= UNREAD_BYTES_MAX:
            self._catch_up()

    def _catch_up(self) -> None:
        """Have the meter read all that is its."""
        if self.meter is not None:
            self.meter.feed(b"".join(self._unread))
        self._unread.clear()
        self._unread_bytes = 0

    async def _drain(self, response: UpstreamResponse) -> None:
        """Read to the end for the books alone."""
        while chunk := await response.read():
            self._take(chunk)
            self._read()

    def _first_came(self, chunk: bytes) -> None:
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
        self._catch_up()
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
