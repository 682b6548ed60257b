"""One connection to an upstream: what it makes of the bytes that come."""

import asyncio
from typing import Any, cast

import pytest

from fakes.upstream_calls import a_request, whole
from fakes.wire import Exchange, WireServer, answer, until
from wellhead.errors import UpstreamBroke
from wellhead.gateway import upstream_wire as module
from wellhead.gateway.upstream import AiohttpUpstream, UpstreamOptions
from wellhead.gateway.upstream_wire import UpstreamWire

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n"


class FakeTransport:
    """Takes note of what the wire wants."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def pause_reading(self) -> None:
        self.said.append("pause")

    def resume_reading(self) -> None:
        self.said.append("resume")

    def is_closing(self) -> bool:
        return "close" in self.said

    def close(self) -> None:
        self.said.append("close")


def a_wire(*, bodiless: bool = False) -> tuple[UpstreamWire, FakeTransport]:
    """A wire over which a request has just left."""
    wire, transport = UpstreamWire(asyncio.get_running_loop()), FakeTransport()
    wire.connection_made(cast("asyncio.Transport", transport))
    wire.expect(bodiless=bodiless)
    return wire, transport


@pytest.mark.parametrize("body", [b"6\r\nabcdef\r\n0\r\n\r\n", b"6;x=y\r\nabcdef\r\n0\r\nt: 1\r\n\r\n"])
async def test_a_response_is_the_same_wherever_it_is_cut(body: bytes) -> None:
    data = b"HTTP/1.1 200 OK\r\nX-A: b \r\ntransfer-encoding: chunked\r\n\r\n" + body
    for cut in range(1, len(data)):
        wire, _ = a_wire()
        wire.data_received(data[:cut])
        wire.data_received(data[cut:])
        assert (wire.status, wire.is_whole, wire.should_close) == (200, True, False)
        assert wire.headers == [(b"x-a", b"b"), (b"transfer-encoding", b"chunked")]
        assert wire.taken() == b"abcdef"


async def test_what_comes_is_given_to_whoever_takes_it_until_that_stops() -> None:
    wire, _ = a_wire()
    wire.data_received(HEAD)
    got: list[bytes] = []

    def two(piece: bytes) -> bool:
        got.append(piece)
        return len(got) < 2

    wire.sink = two
    news = wire.news()
    wire.data_received(b"a")
    assert (got, news.done()) == ([b"a"], False)
    wire.data_received(b"b")
    assert (got, news.done()) == ([b"a", b"b"], True)
    wire.data_received(b"c")
    assert (got, wire.taken()) == ([b"a", b"b"], b"c")


async def test_the_error_of_whoever_takes_it_is_for_whoever_waits() -> None:
    wire, _ = a_wire()
    wire.data_received(HEAD)

    def broken(piece: bytes) -> bool:
        raise ValueError(piece)

    wire.sink = broken
    news = wire.news()
    wire.data_received(b"a")
    assert news.done()
    assert isinstance(wire.error, ValueError)
    assert wire.should_close


async def test_what_nobody_reads_slows_the_upstream() -> None:
    wire, transport = a_wire()
    wire.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
    wire.data_received(b"x" * (module.HELD_MAX - 1))
    assert not transport.said
    wire.data_received(b"x")
    assert transport.said == ["pause"]
    assert len(wire.taken()) == module.HELD_MAX
    assert transport.said == ["pause", "resume"]


@pytest.mark.parametrize("bodiless", [False, True])
async def test_a_second_response_that_nobody_asked_for_spoils_the_connection_alone(bodiless: bool) -> None:
    wire, _ = a_wire(bodiless=bodiless)
    wire.data_received(HEAD + (b"" if bodiless else b"abcdef") + HEAD + b"oh no!")
    assert (wire.is_whole, wire.error) == (True, None)
    assert wire.taken() == (b"" if bodiless else b"abcdef")
    assert wire.should_close


async def test_what_comes_on_an_idle_connection_ends_it() -> None:
    wire, transport = a_wire()
    wire.data_received(HEAD + b"abcdef")
    assert not wire.should_close
    wire.data_received(b"H")
    assert transport.said == ["close"]
    assert wire.should_close


@pytest.mark.parametrize(
    "head",
    [
        b"x: " + b"a" * module.HEAD_LINE_MAX + b"\r\n",
        b"x: a\r\n" * (module.HEAD_LINES_MAX + 1),
        b"x: a\0b\r\n",
    ],
)
async def test_a_head_without_measure_is_none(head: bytes) -> None:
    wire, _ = a_wire()
    wire.data_received(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
    assert isinstance(wire.error, UpstreamBroke)


async def test_a_head_without_end_is_not_held_for_ever() -> None:
    wire, _ = a_wire()
    wire.data_received(b"HTTP/1.1 200 OK\r\nx: ")
    fed = 0
    while wire.error is None:
        wire.data_received(b"a" * 65536)
        fed += 65536
    assert fed <= module.HEAD_MAX + 65536


@pytest.mark.parametrize(
    ("lines", "is_whole"),
    [(b"", True), (b"content-length: 9\r\n", False), (b"transfer-encoding: chunked\r\n", False)],
)
async def test_only_a_body_of_no_length_ends_with_its_connection(lines: bytes, is_whole: bool) -> None:
    wire, _ = a_wire()
    wire.data_received(b"HTTP/1.1 200 OK\r\nconnection: close\r\n" + lines + b"\r\n")
    wire.connection_lost(None)
    assert wire.is_whole is is_whole
    assert (wire.error is None) is is_whole


async def test_a_reset_is_no_end_of_a_body() -> None:
    wire, _ = a_wire()
    wire.data_received(b"HTTP/1.1 200 OK\r\n\r\nabc")
    wire.connection_lost(ConnectionResetError())
    assert wire.taken() == b"abc"
    assert isinstance(wire.error, UpstreamBroke)


async def test_a_request_waits_for_room_and_no_longer_than_the_connection_lasts() -> None:
    wire, _ = a_wire()
    await wire.drain()
    wire.pause_writing()
    waiting = asyncio.ensure_future(wire.drain())
    await asyncio.sleep(0)
    assert not waiting.done()
    wire.resume_writing()
    await waiting
    wire.pause_writing()
    waiting = asyncio.ensure_future(wire.drain())
    await asyncio.sleep(0)
    wire.connection_lost(None)
    with pytest.raises(OSError):
        await waiting


async def test_a_connection_that_lay_idle_for_too_long_is_closed() -> None:
    upstream = AiohttpUpstream(UpstreamOptions(keepalive_s=0.05))
    async with WireServer(answer(b"ok")) as server:
        await whole(await upstream.send(a_request(server.url, b"{}")))
        assert server.open_connections == 1
        await until(lambda: server.open_connections == 0)
        await whole(await upstream.send(a_request(server.url, b"{}")))
        assert server.connections == 2
    await upstream.close()


async def test_whoever_waits_for_a_place_gets_that_of_the_next_call_that_is_over() -> None:
    upstream = AiohttpUpstream(UpstreamOptions(connections_per_host=1))
    go_on = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await go_on.wait()
        await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    async def call(url: str) -> Any:
        return await whole(await upstream.send(a_request(url, b"{}")))

    async with WireServer(script) as server:
        calls = [asyncio.ensure_future(call(server.url)) for _ in range(5)]
        await until(lambda: server.requests)
        go_on.set()
        assert await asyncio.gather(*calls) == [b"ok"] * 5
        assert server.connections == 1
    await upstream.close()
