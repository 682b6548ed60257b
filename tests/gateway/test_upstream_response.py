"""One response over the wire, byte for byte."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from fakes.upstream_calls import a_request, whole
from fakes.wire import Exchange, Script, WireServer, answer, raw, until
from wellhead.errors import (
    UpstreamBroke,
)
from wellhead.gateway.upstream import AiohttpUpstream


async def test_the_response_head_is_raw(upstream: AiohttpUpstream) -> None:
    lines = (b"X-Name: caf\xe9", b"Set-Cookie: a=1", b"set-cookie: b=2", b"Content-Encoding: gzip")
    async with WireServer(answer(b"not gzip", *lines, status=b"299 Odd")) as server:
        response = await upstream.send(a_request(server.url, b"{}"))
        assert response.status == 299
        assert response.headers == [
            (b"x-name", b"caf\xe9"),
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            (b"content-encoding", b"gzip"),
            (b"content-length", b"8"),
        ]
        assert await whole(response) == b"not gzip"


async def test_redirects_are_not_followed(upstream: AiohttpUpstream) -> None:
    async with WireServer(answer(b"", b"location: /elsewhere", status=b"307 Temporary Redirect")) as server:
        response = await upstream.send(a_request(server.url, b"{}"))
        assert (response.status, await whole(response)) == (307, b"")
        assert len(server.requests) == 1


async def test_interim_responses_are_absorbed(upstream: AiohttpUpstream) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    async with WireServer(raw(interim + final)) as server:
        response = await upstream.send(a_request(server.url, b"{}"))
        assert (response.status, response.headers) == (200, [(b"content-length", b"2")])
        assert await whole(response) == b"ok"


@pytest.mark.parametrize("status", [b"103 Early Hints", b"101 Switching Protocols"])
async def test_interim_responses_without_end_are_a_broken_upstream(
    upstream: AiohttpUpstream, status: bytes
) -> None:
    async with WireServer(raw(b"HTTP/1.1 %s\r\n\r\n" % status * 2000)) as server:
        with pytest.raises(UpstreamBroke):
            await upstream.send(a_request(server.url, b"{}"))


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_responses_without_a_body_are_complete_at_once(
    upstream: AiohttpUpstream, status: bytes
) -> None:
    async with WireServer(raw(b"HTTP/1.1 " + status + b"\r\netag: x\r\n\r\n")) as server:
        assert await whole(await upstream.send(a_request(server.url, b"{}"))) == b""


async def test_the_answer_to_head_has_a_length_and_no_body(upstream: AiohttpUpstream) -> None:
    async with WireServer(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n")) as server:
        response = await upstream.send(a_request(server.url, method="HEAD"))
        assert dict(response.headers)[b"content-length"] == b"99"
        assert await whole(response) == b""


async def test_an_upstream_may_answer_before_the_whole_body_was_sent(upstream: AiohttpUpstream) -> None:
    never = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"a" * 10
        await never.wait()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nno!")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        response = await upstream.send(a_request(url, endless(), body_size=100))
        assert response.status == 413
        assert await whole(response) == b"no!"


async def test_chunks_arrive_one_by_one(upstream: AiohttpUpstream) -> None:
    go_on = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        await go_on.wait()
        await exchange.send(b"3\r\ntwo\r\n0\r\n\r\n")

    async with WireServer(script) as server:
        response = await upstream.send(a_request(server.url, b"{}"))
        assert await response.read() == b"one"
        go_on.set()
        assert await response.read() == b"two"
        assert await response.read() == b""
        response.close()


@pytest.mark.parametrize(
    "script",
    [
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf", then_reset=False),
    ],
)
async def test_a_body_cut_short_is_delivered_and_then_said_to_be_broken(
    upstream: AiohttpUpstream, script: Script
) -> None:
    async with WireServer(script) as server:
        response = await upstream.send(a_request(server.url, b"{}"))
        got = b""
        with pytest.raises(UpstreamBroke):
            while part := await response.read():
                got += part
        assert got == b"half"
        response.close()


async def test_a_body_that_ends_with_its_connection_is_complete(upstream: AiohttpUpstream) -> None:
    async with WireServer(raw(b"HTTP/1.1 200 OK\r\n\r\nto the end")) as server:
        assert await whole(await upstream.send(a_request(server.url, b"{}"))) == b"to the end"


@pytest.mark.parametrize(
    "data", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\ncontent-le", b"\x00" * 100, b"HTTP/1.1 2"]
)
async def test_what_is_no_response_is_an_upstream_that_broke(upstream: AiohttpUpstream, data: bytes) -> None:
    async with WireServer(raw(data)) as server:
        with pytest.raises(UpstreamBroke):
            await upstream.send(a_request(server.url, b"{}"))
        await until(lambda: server.open_connections == 0)


async def test_a_reader_that_waits_slows_the_upstream(upstream: AiohttpUpstream) -> None:
    sent = 0

    async def flood(exchange: Exchange) -> bool:
        nonlocal sent
        await exchange.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while sent < 200 << 20:
            await exchange.send(b"x" * 65536)
            sent += 65536
        return True

    async with WireServer(flood) as server:
        response = await upstream.send(a_request(server.url, b"{}"))
        before = -1
        while sent != before:  # it stops growing once every buffer on the way is full
            before = sent
            await asyncio.sleep(0.2)
        assert sent < 32 << 20
        assert len(await response.read()) < 1 << 20
        response.close()
