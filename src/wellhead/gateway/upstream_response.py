"""A response as it comes over the wire: its head once it is there, then its body for whoever reads it."""

import asyncio
from collections.abc import Callable

from wellhead.errors import UpstreamBroke, Wait
from wellhead.gateway.upstream_clock import WaitClock
from wellhead.gateway.upstream_wire import CUT, Sink, UpstreamWire
from wellhead.ports import Headers, UpstreamRequest

STREAM_TYPES = (b"text/event-stream", b"application/x-ndjson")
"""What a response is whose first piece may be long in coming."""


class WireResponse:
    """`wellhead.ports.UpstreamResponse` on one connection."""

    _clock: WaitClock | None = None
    _idle_s: float | None = None
    """The clock's next limit, while it waits for the first of a stream."""
    _sink: Sink | None = None
    _is_stopped = False
    """The sink takes no more just now."""

    def __init__(
        self,
        wire: UpstreamWire,
        let_go: Callable[[bool], None],
        upload: "asyncio.Task[None] | None",
    ) -> None:
        """`let_go` is told whether the connection is good for another request."""
        self.status = wire.status
        self.headers: Headers = wire.headers
        self._wire = wire
        self._let_go = let_go
        self._upload = upload
        if upload is not None:
            upload.add_done_callback(self._uploaded)

    def _uploaded(self, upload: "asyncio.Task[None]") -> None:
        error = None if upload.cancelled() else upload.exception()
        # An upstream that answers without reading on may still finish.  A body that fails by
        # itself (it grows too large, say) ends the answer, for the upstream will wait for the rest.
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self._wire.fail(error)

    @classmethod
    async def arrive(
        cls,
        wire: UpstreamWire,
        let_go: Callable[[bool], None],
        request: UpstreamRequest,
        clock: WaitClock | None,
        upload: "asyncio.Task[None] | None" = None,
    ) -> "WireResponse":
        """Wait for the response head; interim 1xx are absorbed."""
        try:
            while not wire.has_head and wire.error is None:
                if upload is None:
                    await wire.news()
                else:
                    await _news_beside(wire, upload)
            if wire.error is not None and not wire.has_head:
                raise wire.error
        except BaseException as error:
            if upload is not None:
                upload.cancel()
            if isinstance(error, OSError):
                raise UpstreamBroke(CUT) from error
            raise
        finally:
            if clock is not None:
                clock.set(Wait.HEADERS, 0)  # The upload may go on and start it again.
        response = cls(wire, let_go, upload)
        if request.timeouts.idle_s or request.timeouts.first_chunk_s:
            response._watch(request)
        return response

    def _watch(self, request: UpstreamRequest) -> None:
        """Notice from here on when the body does not go on."""
        timeouts, wire = request.timeouts, self._wire
        if request.streamed or _is_stream(self.headers):
            self._idle_s = timeouts.idle_s
            self._clock = WaitClock(wire.fail, Wait.FIRST_CHUNK, timeouts.first_chunk_s)
        else:
            self._clock = WaitClock(wire.fail, Wait.IDLE, timeouts.idle_s)

    def _first_came(self) -> None:
        if self._clock is not None and self._idle_s is not None:
            self._clock.set(Wait.IDLE, self._idle_s)
            self._idle_s = None

    def ready(self) -> bytes:
        """See `wellhead.ports.UpstreamResponse.ready`."""
        chunk = self._wire.taken()
        if chunk and self._idle_s is not None:
            self._first_came()
        return chunk

    async def read(self) -> bytes:
        """See `wellhead.ports.UpstreamResponse.read`."""
        wire, clock = self._wire, self._clock
        while not wire.has_pieces:
            if self._is_over():
                return b""
            if clock is not None:
                clock.start()
            await wire.news()
            if clock is not None:
                clock.stop()
        return self.ready()

    def _is_over(self) -> bool:
        """The body is complete; raises what broke it.  What came before is taken already."""
        if self._wire.error is not None:
            raise self._wire.error
        return self._wire.is_whole

    async def pass_on(self, sink: Sink) -> bool:
        """See `wellhead.ports.UpstreamResponse.pass_on`."""
        wire, clock = self._wire, self._clock
        self._sink, self._is_stopped = sink, False
        while not self._is_stopped:
            if wire.has_pieces:
                if not sink(self.ready()):
                    return False
                continue
            if self._is_over():
                return True
            if clock is not None:
                clock.start()
            wire.sink = self._pass
            try:
                await wire.news()
            finally:
                wire.sink = None
            if clock is not None:
                clock.stop()
        return False

    def _pass(self, chunk: bytes) -> bool:
        """In the call that brought a piece."""
        assert self._sink is not None
        clock = self._clock
        if clock is not None:
            if self._idle_s is not None:
                self._first_came()
            clock.start()
        self._is_stopped = not self._sink(chunk)
        return not self._is_stopped

    def close(self) -> None:
        """See `wellhead.ports.UpstreamResponse.close`."""
        if self._clock is not None:
            self._clock.close()
        uploaded = True
        if self._upload is not None:
            uploaded = self._upload.done()
            self._upload.cancel()
        wire = self._wire
        self._let_go(uploaded and wire.is_whole and not wire.has_pieces and wire.error is None)


def _is_stream(headers: Headers) -> bool:
    kind = dict(headers).get(b"content-type", b"").lower()
    return kind.startswith(STREAM_TYPES)


async def _news_beside(wire: UpstreamWire, upload: "asyncio.Task[None]") -> None:
    """Something of the response head, or the upload's own error if that comes first.

    An upstream may answer before it has read the whole request; then the answer counts.
    """
    news = wire.news()
    await asyncio.wait((news, upload), return_when=asyncio.FIRST_COMPLETED)
    if not news.done() and (error := upload.exception()) is not None:
        raise error
    await news
