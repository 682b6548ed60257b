"""One request over the wire, byte for byte."""

from collections.abc import AsyncIterator

import pytest

from fakes.upstream_calls import a_request, pieces, whole
from fakes.wire import WireServer, answer, until
from wellhead.errors import (
    CallerError,
)
from wellhead.gateway.upstream import AiohttpUpstream


async def test_nothing_but_host_and_length_is_added_to_the_request(upstream: AiohttpUpstream) -> None:
    async with WireServer(answer(b"ok")) as server:
        lines = [(b"x-a", b"1"), (b"x-name", b"caf\xe9"), (b"x-a", b"2"), (b"x-utf8", "é☃".encode())]
        request = a_request(server.url, b"{}", headers=lines, target=b"/v1//a/../%7e?q=%2F&q")
        assert await whole(await upstream.send(request)) == b"ok"
        sent = server.requests[0]
        assert sent.line == b"POST /v1//a/../%7e?q=%2F&q HTTP/1.1"
        assert sent.lines == [(b"host", server.url[7:].encode()), *lines, (b"content-length", b"2")]
        assert sent.body == b"{}"


async def test_a_request_without_a_body_announces_none(upstream: AiohttpUpstream) -> None:
    async with WireServer(answer(b"ok")) as server:
        await whole(await upstream.send(a_request(server.url, method="GET")))
        assert server.requests[0].lines == [(b"host", server.url[7:].encode())]


async def test_an_empty_body_announces_its_length(upstream: AiohttpUpstream) -> None:
    async with WireServer(answer(b"ok")) as server:
        await whole(await upstream.send(a_request(server.url, b"")))
        assert server.requests[0].header(b"content-length") == b"0"


async def test_a_body_that_comes_in_pieces_goes_on_in_pieces(upstream: AiohttpUpstream) -> None:
    async with WireServer(answer(b"ok")) as server:
        await whole(await upstream.send(a_request(server.url, pieces(b"ab", b"c"))))
        await whole(await upstream.send(a_request(server.url, pieces(b"ab", b"c"), body_size=3)))
        chunked_request, sized = server.requests
        assert chunked_request.header(b"transfer-encoding") == b"chunked"
        assert sized.header(b"content-length") == b"3"
        assert chunked_request.body == sized.body == b"abc"


async def test_the_bodys_own_error_cuts_the_request(upstream: AiohttpUpstream) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise CallerError("request_too_large", 413, "too large")

    async with WireServer(answer(b"never")) as server:
        with pytest.raises(CallerError):
            await upstream.send(a_request(server.url, broken()))
        await until(lambda: server.connections == 1 and server.open_connections == 0)
