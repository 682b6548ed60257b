"""A response as it comes over the wire: its head once it is there, then its body for whoever reads it.

Bytes that arrived before an upstream broke off are still handed out; only then is it
said that it broke.
"""

import asyncio

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

from wellhead.errors import UpstreamBroke, UpstreamError, UpstreamTimeout, Wait
from wellhead.gateway.upstream_clock import WaitClock
from wellhead.ports import Headers, UpstreamRequest

INTERIM_MAX = 100
"""Interim responses (1xx) before the real one."""
STREAM_TYPES = (b"text/event-stream", b"application/x-ndjson")
"""What a response is whose first piece may be long in coming."""


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
        self._clock: WaitClock | None = None
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
        clock: WaitClock | None,
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
            self._clock = WaitClock(protocol.set_exception, Wait.FIRST_CHUNK, timeouts.first_chunk_s)
        else:
            self._clock = WaitClock(protocol.set_exception, Wait.IDLE, timeouts.idle_s)

    def _first_came(self, clock: WaitClock, idle_s: float) -> None:
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


def _broken(error: BaseException) -> UpstreamError:
    if isinstance(error, HttpProcessingError):
        return UpstreamBroke("what it sent is not HTTP")
    return UpstreamBroke("it closed the connection before its answer was complete")
