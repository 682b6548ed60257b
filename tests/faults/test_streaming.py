"""Response bytes leave as they come: nothing is held back, put together, compressed or waited for.

No test asserts a time.  Instead both sides go in step: the upstream writes its
next bytes only when the client has the last ones, so anything held back would
stop the conversation for good.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from fakes.stand import Stand, a_stand
from fakes.wire import Exchange, WireClient, post

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","stream":true,"messages":[]}'
JSON = b"content-type: application/json"
OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKS = 51
INTERVAL_S = 0.01
STUCK_S = 10.0
"""Nothing is that slow unless it waits for more."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stand]:
    async with a_stand() as made:
        yield made


class Steps:
    """Lets the upstream go on when the client has what came before."""

    def __init__(self) -> None:
        self._seen = asyncio.Semaphore(0)

    def seen(self) -> None:
        self._seen.release()

    async def wait(self) -> None:
        await asyncio.wait_for(self._seen.acquire(), STUCK_S)


def event(number: int) -> bytes:
    return b'data: {"choices":[{"delta":{"content":"%d"}}]}\n\n' % number


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def asking(stand: Stand) -> WireClient:
    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON, b"accept-encoding: gzip, br, zstd"))
    return client


async def test_each_chunk_is_with_the_client_before_the_next_is_written(stand: Stand) -> None:
    steps = Steps()

    async def script(exchange: Exchange) -> None:
        await exchange.send(OK + b"transfer-encoding: chunked\r\n\r\n")
        for number in range(CHUNKS):
            await asyncio.sleep(INTERVAL_S)
            await exchange.send(chunk(event(number)))
            await steps.wait()
        await exchange.send(b"0\r\n\r\n")

    stand.upstream.script = script
    client = await asking(stand)
    assert b"content-encoding" not in await asyncio.wait_for(client.head(), STUCK_S)
    for number in range(CHUNKS):
        expected = chunk(event(number))
        assert await asyncio.wait_for(client.reader.readexactly(len(expected)), STUCK_S) == expected
        steps.seen()
    assert await client.reader.readexactly(5) == b"0\r\n\r\n"
    client.close()
    row = await stand.the_call()
    assert (row["state"], row["response_bytes"]) == ("completed", sum(len(event(n)) for n in range(CHUNKS)))


@pytest.mark.parametrize("framing", [b"transfer-encoding: chunked\r\n", b"content-length: 2\r\n", b""])
async def test_the_client_has_the_head_before_there_is_a_body(stand: Stand, framing: bytes) -> None:
    steps = Steps()

    async def script(exchange: Exchange) -> bool:
        await exchange.send(OK + framing + b"\r\n")
        await steps.wait()
        await exchange.send(b"2\r\nok\r\n0\r\n\r\n" if b"chunked" in framing else b"ok")
        return True

    stand.upstream.script = script
    client = await asking(stand)
    assert (await asyncio.wait_for(client.head(), STUCK_S)).startswith(b"HTTP/1.1 200 ")
    steps.seen()
    assert b"ok" in await asyncio.wait_for(client.reader.readuntil(b"ok"), STUCK_S)
    client.close()
    await stand.the_call()


async def test_every_single_byte_goes_on_at_once(stand: Stand) -> None:
    steps, body = Steps(), event(1) + event(2)

    async def script(exchange: Exchange) -> None:
        await exchange.send(OK + b"content-length: %d\r\n\r\n" % len(body))
        for byte in body:
            await exchange.send(bytes([byte]))
            await steps.wait()

    stand.upstream.script = script
    client = await asking(stand)
    await client.head()
    for byte in body:
        assert await asyncio.wait_for(client.reader.readexactly(1), STUCK_S) == bytes([byte])
        steps.seen()
    client.close()
    assert (await stand.the_call())["state"] == "completed"


async def test_a_request_body_that_is_not_json_goes_on_as_it_comes(stand: Stand) -> None:
    steps = Steps()

    async def script(exchange: Exchange) -> None:
        for _ in range(CHUNKS):
            assert await exchange.reader.readexactly(4) == b"part"
            steps.seen()
        await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    stand.upstream.reads_bodies = False
    stand.upstream.script = script
    client = await stand.client()
    lines = b"content-type: audio/wav\r\ncontent-length: %d\r\n\r\n" % (4 * CHUNKS)
    await client.send(b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: h\r\n" + lines)
    for _ in range(CHUNKS):
        await client.send(b"part")
        await steps.wait()
    assert (await client.answer()).body == b"ok"
    client.close()
    assert (await stand.the_call())["request_bytes"] == 4 * CHUNKS
