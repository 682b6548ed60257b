"""Sending an answer, at its pace and with its faults.

Chunks go out one by one, each as soon as the connection takes it.
"""

import asyncio
import socket
import struct
from typing import Any

from wellhead.demo.answer import Answer
from wellhead.demo.faults import CHUNKS_BEFORE_FAULT, Fault

NOT_HTTP_BYTES = b"\x16\x03\x01 this is not HTTP\r\n\r\n"


class Severed(Exception):
    """The connection was broken on purpose."""


async def transmit(answer: Answer, send: Any, interval_s: float = 0.0, fault: Fault | None = None) -> None:
    """Send it whole, or until the fault ends it with `Severed`."""
    if fault is Fault.NOT_HTTP:
        _sever(send, NOT_HTTP_BYTES)
    chunks, length = answer.chunks, None
    if not answer.streamed:
        whole = b"".join(chunks)
        chunks, length = _split(whole) if fault else [whole], len(whole)
    headers = {"content-type": answer.content_type} | answer.headers
    if length is not None:
        headers["content-length"] = str(length)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    for number, chunk in enumerate(chunks):
        if number:
            await asyncio.sleep(interval_s)
        await _misbehave(fault, number, send)
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _misbehave(fault: Fault | None, number: int, send: Any) -> None:
    """What goes wrong before the chunk of that number."""
    if fault is Fault.HEAD_ONLY and number == 0:
        # An empty part makes the server send the head.
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await asyncio.Event().wait()
    if number != CHUNKS_BEFORE_FAULT:
        return
    if fault is Fault.STALL:
        await asyncio.Event().wait()
    if fault is Fault.CUT:
        _sever(send)
    if fault is Fault.RESET:
        _sever(send, reset=True)


def _split(whole: bytes) -> list[bytes]:
    """One document in pieces, so that a fault can strike in the middle of it."""
    step = max(1, len(whole) // (2 * CHUNKS_BEFORE_FAULT))
    return [whole[start : start + step] for start in range(0, len(whole), step)]


def _sever(send: Any, last_words: bytes = b"", *, reset: bool = False) -> None:
    """Break the connection below HTTP, which ASGI has no word for: uvicorn's transport is taken for it."""
    transport: asyncio.Transport = send.__self__.transport
    if last_words:
        transport.write(last_words)
    if reset:
        linger_0s = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_0s)
        transport.abort()
    else:
        transport.close()
    raise Severed


async def body_of(receive: Any) -> bytes | None:
    """The whole request body; `None` if the client left before it was in."""
    parts: list[bytes] = []
    while True:
        message: dict[str, Any] = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
