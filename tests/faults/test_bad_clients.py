"""Clients that are no better than bad upstreams: nothing of theirs passes for what it is not, or piles up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from fakes.stand import MB, Stand, a_stand
from fakes.wire import Exchange, WireRequest, answer, post, talk, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","stream":true,"messages":[]}'
JSON = b"content-type: application/json"
TOLD = b'{"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
POST = b"POST " + CHAT + b" HTTP/1.1\r\nhost: h\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(ASK), ASK)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FLOOD = 16 * MB
GROWTH_MAX = 5 * MB


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stand]:
    async with a_stand() as made:
        made.upstream.script = answer(TOLD, JSON)
        for _ in range(20):
            await talk(made.port, post(CHAT, ASK, JSON))
        yield made


@pytest.fixture
def stand(stand: Stand) -> Stand:
    stand.upstream.script = answer(TOLD, JSON)
    return stand


NOT_HTTP = {
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n",
    "a length and chunks": POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\n123456",
    "a length with a sign": POST + b"content-length: +2\r\n\r\n{}",
    "chunks inside something else": POST + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "nearly chunks": POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a chunk size that is no number": POST + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    "a space before the colon": POST + b"content-length : 0\r\n\r\n",
    "a folded line": POST + b"x-a: b\r\n c\r\n\r\n",
    "line feeds only": b"POST " + CHAT + b" HTTP/1.1\nhost: h\n\n",
    "a line without a name": POST + b": x\r\n\r\n",
}


@pytest.mark.parametrize("said", NOT_HTTP.values(), ids=NOT_HTTP)
async def test_what_is_no_request_or_may_be_read_in_two_ways_goes_nowhere(stand: Stand, said: bytes) -> None:
    got = await talk(stand.port, said)
    assert (got.status, got.header(b"connection")) == (400, b"close")
    assert stand.upstream.requests == []


async def test_lines_after_a_body_never_become_lines_of_the_head(stand: Stand) -> None:
    trailers = b"0\r\nx-late: 1\r\nauthorization: Bearer other\r\n\r\n"
    assert (await talk(stand.port, CHUNKED + trailers)).body == TOLD
    (request,) = stand.upstream.requests
    assert [name for name, _ in request.lines] == [b"host", b"content-length"]


FLOODS = {
    # How it begins, and what then comes for ever.
    "a target": (b"POST /v1/", b"a" * 1000),
    "a line": (POST + b"x-a: ", b"a" * 1000),
    "lines": (POST, b"x-a: b\r\n" * 100),
    "a chunk's extension": (POST + b"transfer-encoding: chunked\r\n\r\n5;", b"a" * 1000),
    "lines after the body": (CHUNKED + b"0\r\n", b"x-a: b\r\n" * 100),
}


@pytest.mark.parametrize(("start", "more"), FLOODS.values(), ids=FLOODS)
async def test_a_head_that_never_ends_is_cut_off_and_holds_no_memory(
    stand: Stand, start: bytes, more: bytes
) -> None:
    before = stand.rss()
    client = await stand.client()
    await client.send(start)
    with pytest.raises(ConnectionError):
        for _ in range(FLOOD // len(more)):
            await asyncio.wait_for(client.send(more), 10)
    assert stand.rss() - before <= GROWTH_MAX
    assert stand.upstream.requests == []
    assert (await talk(stand.port, post(CHAT, ASK, JSON))).body == TOLD


async def test_noise_after_a_request_does_not_get_into_the_answer_under_way(stand: Stand) -> None:
    async def script(exchange: Exchange) -> bool:
        await exchange.send(STREAM + b"2\r\nok\r\n")
        await exchange.gone()
        return True

    stand.upstream.script = script
    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON))
    await client.reader.readuntil(b"ok\r\n")
    await client.send(b"\x00 this is no request\r\n\r\n")
    with suppress(ConnectionError):
        assert await client.reader.read() == b""
    await until(lambda: stand.upstream.open_connections == 0)
    assert (await stand.the_call())["state"] == "aborted"


@pytest.mark.parametrize("size", [0, 17, 300_000])
async def test_an_offer_of_http_2_is_passed_over_and_the_connection_goes_on(stand: Stand, size: int) -> None:
    """As Java's own client offers it with every first request."""
    offer = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAAB\r\n"
    body = b" " * size
    client = await stand.client()
    for lines in (offer, b"", offer):
        await client.send(POST + lines + b"x-a: b\r\ncontent-length: %d\r\n\r\n" % size + body)
        assert (await client.answer()).body == TOLD
    await client.send((POST + offer + b"content-length: %d\r\n\r\n" % size + body) * 2)
    for _ in range(2):
        assert (await client.answer()).body == TOLD
    client.close()
    assert [request.body for request in stand.upstream.requests] == [body] * 5
    assert not any(offered(request) for request in stand.upstream.requests)


def offered(request: WireRequest) -> set[bytes]:
    return {name for name, _ in request.lines} & {b"upgrade", b"http2-settings", b"connection"}
