"""Upstreams that take too long: each wait has its limit and its code, and a slow client is no slow upstream.

The real program in a process of its own; its upstream is a raw socket of the test.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from time import monotonic

import pytest
import pytest_asyncio

from fakes.stand import Stand, a_stand
from fakes.wire import Exchange, Script, WireAnswer, answer, post, talk, until
from fault_table import Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT, MESSAGES, OLLAMA = b"/v1/chat/completions", b"/v1/messages", b"/api/chat"
GEMINI = b"/v1beta/models/g:generateContent"
ASK = b'{"model":"gpt-5","stream":true,"messages":[]}'
JSON = b"content-type: application/json"
TOLD = b'{"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
DELTA = b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
CHUNK = b"%x\r\n%s\r\n" % (len(DELTA), DELTA)
END = b"0\r\n\r\n"
TIMEOUTS = {"headers_s": 0.4, "first_chunk_s": 0.6, "idle_s": 0.3, "total_s": 2}
LATE_S_MAX = 1.0
"""How much later than its limit a wait may end on a busy machine."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stand]:
    async with a_stand({"timeouts": TIMEOUTS}) as made:
        yield made


def saying(*parts: bytes, every_s: float = 0.0, then_hang: bool = True) -> Script:
    async def script(exchange: Exchange) -> bool:
        for part in parts:
            await exchange.send(part)
            await asyncio.sleep(every_s)
        if then_hang:
            await exchange.gone()
        return then_hang

    return script


async def next_call_is_served(stand: Stand) -> WireAnswer:
    stand.upstream.script = answer(TOLD, JSON)
    said = await talk(stand.port, post(CHAT, ASK, JSON))
    assert said.body == TOLD
    assert (await stand.the_call())["total_tokens"] == 10
    return said


@pytest.mark.fault("Upstreams", "it does not answer within `timeouts.headers_s`")
@pytest.mark.parametrize("path", [CHAT, MESSAGES, GEMINI, OLLAMA])
async def test_an_upstream_that_does_not_answer_is_a_504_in_every_dialect(
    stand: Stand, fault: Fault, path: bytes
) -> None:
    stand.upstream.script = saying()
    began = monotonic()
    got = await talk(stand.port, post(path, ASK, JSON))
    assert 0.4 <= monotonic() - began < 0.4 + LATE_S_MAX
    assert (got.status, got.header(b"x-wellhead-error")) == (504, b"upstream_timeout_headers")
    told = json.loads(got.body)["error"]
    match path:
        case _ if path == CHAT:
            assert told["code"] == "upstream_timeout"
        case _ if path == MESSAGES:
            assert told["type"] == "timeout_error"
        case _ if path == GEMINI:
            assert told["status"] == "DEADLINE_EXCEEDED"
        case _:
            assert "did not answer within 0.4 s" in told
    row = await stand.the_call()
    assert (row["state"], row["status_code"], row["error_code"]) == (
        *("failed", 504, "upstream_timeout_headers"),
    )
    assert (row["attempts"], row["total_tokens"]) == (1, None)
    fault.client(got, path=path)
    fault.books([row], stand.wellhead.database_path)
    await until(lambda: stand.upstream.open_connections == 0)
    fault.next_call(await next_call_is_served(stand))


NOTHING_COMES = pytest.mark.fault(
    "Upstreams", "nothing comes after the head of its stream for `timeouts.first_chunk_s`"
)
IT_STOPS = pytest.mark.fault("Upstreams", "its stream stops for `timeouts.idle_s`")


@pytest.mark.parametrize(
    ("said", "code", "after_s"),
    [
        pytest.param((STREAM,), "first_chunk", 0.6, marks=NOTHING_COMES),
        pytest.param((STREAM, CHUNK), "idle", 0.3, marks=IT_STOPS),
        pytest.param((STREAM, CHUNK, CHUNK), "idle", 0.3, marks=IT_STOPS),
    ],
)
async def test_a_stream_that_stops_ends_abnormally_and_is_booked_with_its_code(
    stand: Stand, fault: Fault, said: tuple[bytes, ...], code: str, after_s: float
) -> None:
    stand.upstream.script = saying(*said)
    began = monotonic()
    got = await talk(stand.port, post(CHAT, ASK, JSON))
    assert after_s <= monotonic() - began < after_s + LATE_S_MAX
    assert (got.status, got.complete, got.body) == (200, False, DELTA * (len(said) - 1))
    row = await stand.the_call()
    assert (row["state"], row["status_code"], row["error_code"]) == (
        *("failed", 200, f"upstream_timeout_{code}"),
    )
    assert row["incomplete"]
    fault.client(got)
    fault.books([row], stand.wellhead.database_path)
    await until(lambda: stand.upstream.open_connections == 0)
    fault.next_call(await next_call_is_served(stand))


@pytest.mark.fault("Upstreams", "its stream goes on for longer than `timeouts.total_s`")
async def test_the_total_ends_a_stream_that_always_goes_on(stand: Stand, fault: Fault) -> None:
    stand.upstream.script = saying(STREAM, *[CHUNK] * 100, every_s=0.1)
    began = monotonic()
    got = await talk(stand.port, post(CHAT, ASK, JSON))
    assert 2.0 <= monotonic() - began < 2.0 + LATE_S_MAX
    assert (got.status, got.complete) == (200, False)
    row = await stand.the_call()
    assert row["error_code"] == "upstream_timeout_total"
    fault.client(got)
    fault.books([row], stand.wellhead.database_path)
    await until(lambda: stand.upstream.open_connections == 0)
    fault.next_call(await next_call_is_served(stand))


async def test_the_total_ends_a_call_whose_client_reads_nothing(stand: Stand) -> None:
    async def flood(exchange: Exchange) -> bool:
        await exchange.send(STREAM)
        while True:
            await exchange.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    stand.upstream.script = flood
    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON))
    row = await stand.the_call()
    assert (row["state"], row["error_code"]) == ("failed", "upstream_timeout_total")
    await until(lambda: stand.upstream.open_connections == 0)
    client.reset()


async def test_a_client_that_reads_slowly_is_not_taken_for_an_upstream_that_is_silent(stand: Stand) -> None:
    """It reads nothing for three times as long as an upstream may be silent, and has all of it then."""
    size, pieces = 1 << 16, 256

    async def flood(exchange: Exchange) -> None:
        await exchange.send(STREAM)
        for _ in range(pieces):
            await exchange.send(b"%x\r\n%s\r\n" % (size, b"x" * size))
        await exchange.send(END)

    stand.upstream.script = flood
    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON))
    await client.head()
    await asyncio.sleep(0.9)
    got = bytearray()
    while b"\r\n" + END not in got[-16:]:
        piece = await client.reader.read(1 << 20)
        assert piece, "it was cut"
        got += piece
    assert len(got) > size * pieces
    assert (await stand.the_call())["state"] == "completed"


async def test_a_limit_that_is_not_reached_changes_nothing(stand: Stand) -> None:
    stand.upstream.script = saying(STREAM, *[CHUNK] * 8, END, every_s=0.1, then_hang=False)
    got = await talk(stand.port, post(CHAT, ASK, JSON))
    assert (got.status, got.complete, got.body) == (200, True, DELTA * 8)
    assert (await stand.the_call())["state"] == "completed"
    # On the connection that it left behind, long after every timer.
    await asyncio.sleep(0.8)
    before = stand.upstream.connections
    await next_call_is_served(stand)
    assert stand.upstream.connections == before
