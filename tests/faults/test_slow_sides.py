"""The slower side sets the pace: what one side does not take the other may not send, and nothing piles up."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
import pytest_asyncio

from fakes.stand import MB, Stand, a_stand, steadily
from fakes.wire import Exchange, WireClient, answer, post, talk, until
from fault_table import Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","stream":true,"messages":[]}'
JSON = b"content-type: application/json"
TOLD = b'{"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % (b"a" * 4000)
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
GROWTH_MAX = 10 * MB
IN_SOCKETS_MAX = 64 * MB
"""What the kernel may hold between the three processes; a gateway that pulls on would pass it in a second."""
STANDSTILL_S = 0.5
OTHERS = 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stand]:
    async with a_stand({"gateway": {"max_request_body": "1GB"}}) as made:
        await warm(made)
        yield made


async def warm(stand: Stand) -> None:
    """The first calls load and allocate what later ones use again."""
    stand.upstream.script = answer(TOLD, JSON)
    for _ in range(50):
        await talk(stand.port, post(CHAT, ASK, JSON))
    await stand.ended(50)


class Endless:
    """A stream without end, as fast as it is taken."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.request.header(b"x-other") is not None:
            await answer(TOLD, JSON)(exchange)
            return
        await exchange.send(STREAM)
        while True:
            await exchange.send(CHUNK)
            self.sent += len(CHUNK)


async def stands_still(sent: "list[int] | Endless") -> None:
    last = -1

    def unchanged() -> bool:
        nonlocal last
        now = sent.sent if isinstance(sent, Endless) else sent[0]
        same, last = now == last, now
        return same and now > 0

    await steadily(unchanged, STANDSTILL_S, 30)


@pytest.mark.fault("Clients", "one stops to read an endless stream")
async def test_a_reader_that_stalls_stops_its_own_upstream_and_nobody_else(
    stand: Stand, fault: Fault
) -> None:
    before, endless = stand.rss(), Endless()
    stand.upstream.script = endless
    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON))
    await client.head()
    await stands_still(endless)
    assert endless.sent < IN_SOCKETS_MAX
    for _ in range(OTHERS):
        said = await talk(stand.port, post(CHAT, ASK, JSON, b"x-other: 1"))
        assert said.body == TOLD
        fault.client(said, whose="others")
    assert stand.rss() - before <= GROWTH_MAX
    # It goes on where it stopped as soon as the client reads again.
    stopped, got = endless.sent, bytearray()
    while len(got) <= stopped:
        got += await one_chunk(client)
    assert bytes(got) == (EVENT * (len(got) // len(EVENT) + 1))[: len(got)]
    assert endless.sent > stopped
    client.reset()
    await until(lambda: stand.upstream.open_connections <= 1)
    assert stand.rss() - before <= GROWTH_MAX
    rows = await stand.ended(OTHERS + 1)
    assert [row["state"] for row in rows] == ["aborted"] + ["completed"] * OTHERS
    fault.client_sees("its stream goes on where it stopped as soon as it reads again")
    fault.books(rows[:1], stand.wellhead.database_path, "when it leaves in the end")
    fault.over_when("its upstream is slowed down, nobody else, and nothing piles up")


async def one_chunk(client: WireClient) -> bytes:
    size = int((await client.reader.readuntil(b"\r\n"))[:-2], 16)
    return (await client.reader.readexactly(size + 2))[:-2]


@pytest.mark.fault("Upstreams", "it stops to read an upload of 128 MB")
async def test_an_upstream_that_does_not_read_stops_the_upload(stand: Stand, fault: Fault) -> None:
    size, sent, reads = 128 * MB, [0], asyncio.Event()
    before, seen = stand.rss(), sha256()

    async def script(exchange: Exchange) -> None:
        await reads.wait()
        left = size
        while left:
            piece = await exchange.reader.read(min(left, MB))
            assert piece
            seen.update(piece)
            left -= len(piece)
        await answer(TOLD, JSON)(exchange)

    stand.upstream.reads_bodies, stand.upstream.script = False, script
    client = await stand.client()
    piece = bytes(range(256)) * 256
    writing = asyncio.create_task(_upload(client, piece, size, sent))
    await stands_still(sent)
    assert sent[0] < IN_SOCKETS_MAX
    assert stand.rss() - before <= GROWTH_MAX
    reads.set()
    said = await client.answer()
    assert said.body == TOLD
    await writing
    assert stand.rss() - before <= GROWTH_MAX
    assert seen.digest() == sha256(piece * (size // len(piece))).digest()
    row = await stand.the_call()
    assert (row["state"], row["request_bytes"]) == ("completed", size)
    fault.client(said)
    fault.books([row], stand.wellhead.database_path)
    fault.over_when("the upload waits, and goes on when it reads; nothing piles up")
    client.close()


async def _upload(client: WireClient, piece: bytes, size: int, sent: list[int]) -> None:
    head = b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: h\r\ncontent-type: application/octet-stream\r\n"
    await client.send(head + b"content-length: %d\r\n\r\n" % size)
    while sent[0] < size:
        await client.send(piece)
        sent[0] += len(piece)


async def test_a_client_that_takes_byte_by_byte_from_an_upstream_that_drips(stand: Stand) -> None:
    body = EVENT[:300]

    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body))
        for byte in body:
            await exchange.send(bytes([byte]))
            await asyncio.sleep(0)

    stand.upstream.script = script
    client = await stand.client()
    for byte in post(CHAT, ASK, JSON):
        await client.send(bytes([byte]))
        await asyncio.sleep(0)
    await client.head()
    got = b""
    while len(got) < len(body):
        got += await client.reader.readexactly(1)
        await asyncio.sleep(0)
    assert got == body
    client.close()
    assert (await stand.the_call())["response_bytes"] == len(body)
