"""A request as it goes over the wire: its head as raw bytes, and a body that comes piece by piece.

A library's client would add header lines, re-encode non-ASCII ones and tidy
paths (see `docs/decisions/0002-upstream.md`).
"""

import asyncio
from collections.abc import AsyncIterator

from wellhead.gateway.upstream_clock import WaitClock
from wellhead.gateway.upstream_wire import UpstreamWire
from wellhead.ports import UpstreamRequest


def request_head(request: UpstreamRequest, host: bytes) -> bytes:
    lines = [b"%s %s HTTP/1.1\r\nhost: %s" % (request.method.encode(), request.target or b"/", host)]
    lines += [b"%s: %s" % line for line in request.headers]
    if isinstance(request.body, bytes):
        lines.append(b"content-length: %d" % len(request.body))
    elif request.body is not None:
        size = request.body_size
        lines.append(b"transfer-encoding: chunked" if size is None else b"content-length: %d" % size)
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


async def upload(
    wire: UpstreamWire,
    transport: asyncio.Transport,
    body: AsyncIterator[bytes],
    size: int | None,
    clock: WaitClock | None,
) -> None:
    """Send a body as it comes in; a full socket slows its sender down.

    The clock runs while the upstream takes nothing, and when it has everything; not while the client is
    waited for.
    """
    async for piece in body:
        if transport.is_closing():
            return
        if size is None:
            transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
        else:
            transport.write(piece)
        if clock is not None:
            clock.start()
        await wire.drain()
        if clock is not None:
            clock.stop()
    if size is None:
        transport.write(b"0\r\n\r\n")
    if clock is not None:
        clock.start()
