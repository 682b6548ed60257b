"""How long an upstream is waited for."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fakes.upstream_calls import a_request, whole
from fakes.wire import Exchange, Script, WireServer, answer, until
from wellhead.directory import Timeouts
from wellhead.errors import (
    UpstreamTimeout,
    Wait,
)
from wellhead.gateway.upstream import AiohttpUpstream


def within(**limits: float) -> dict[str, Any]:
    return {"timeouts": Timeouts(**limits)}


def hanging_after(*said: bytes) -> Script:
    async def script(exchange: Exchange) -> bool:
        for part in said:
            await exchange.send(part)
        await exchange.gone()
        return True

    return script


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"


@pytest.mark.parametrize("said", [(), (b"HTTP/1.1 200 OK\r\nx: ",), (b"HTTP/1.1 103 Early Hints\r\n\r\n",)])
async def test_a_head_that_does_not_come_is_waited_for_so_long(
    upstream: AiohttpUpstream, said: tuple[bytes, ...]
) -> None:
    async with WireServer(hanging_after(*said)) as server:
        with pytest.raises(UpstreamTimeout, match=r"did not answer within 0\.1 s") as caught:
            await upstream.send(a_request(server.url, b"{}", **within(headers_s=0.1)))
        assert (caught.value.wait, caught.value.was_sent) == (Wait.HEADERS, True)
        await until(lambda: server.open_connections == 0)


@pytest.mark.parametrize(
    ("said", "limits", "fields", "got", "wait"),
    [
        (STREAM, {"first_chunk_s": 0.1}, {}, b"", Wait.FIRST_CHUNK),
        (STREAM + b"data: 1\n\n", {"first_chunk_s": 0.1, "idle_s": 0.2}, {}, b"data: 1\n\n", Wait.IDLE),
        (STREAM + b"data: 1\n\n", {"idle_s": 0.1}, {}, b"data: 1\n\n", Wait.IDLE),
        (PLAIN, {"idle_s": 0.1, "first_chunk_s": 9}, {}, b"", Wait.IDLE),
        (PLAIN + b"half", {"idle_s": 0.1}, {}, b"half", Wait.IDLE),
        (PLAIN, {"first_chunk_s": 0.1}, {"streamed": True}, b"", Wait.FIRST_CHUNK),
    ],
)
async def test_a_body_that_does_not_go_on_is_waited_for_so_long(
    upstream: AiohttpUpstream,
    said: bytes,
    limits: dict[str, float],
    fields: dict[str, Any],
    got: bytes,
    wait: Wait,
) -> None:
    async with WireServer(hanging_after(said)) as server:
        response = await upstream.send(a_request(server.url, b"{}", **within(**limits), **fields))
        came = b""
        with pytest.raises(UpstreamTimeout) as caught:
            while part := await asyncio.wait_for(response.read(), 5):
                came += part
        response.close()
        assert (came, caught.value.wait) == (got, wait)
        await until(lambda: server.open_connections == 0)


async def test_a_stream_without_a_limit_for_its_first_piece_may_think_as_long_as_it_wants(
    upstream: AiohttpUpstream,
) -> None:
    go_on = asyncio.Event()

    async def thinking(exchange: Exchange) -> bool:
        await exchange.send(STREAM)
        await go_on.wait()
        await exchange.send(b"data: 1\n\n")
        return True

    async with WireServer(thinking) as server:
        response = await upstream.send(a_request(server.url, b"{}", **within(idle_s=0.05)))
        reading = asyncio.ensure_future(response.read())
        await asyncio.sleep(0.2)
        assert not reading.done()
        go_on.set()
        assert await reading == b"data: 1\n\n"
        response.close()


async def test_an_upstream_that_sends_now_and_then_is_never_silent_for_too_long(
    upstream: AiohttpUpstream,
) -> None:
    async def ticking(exchange: Exchange) -> bool:
        await exchange.send(STREAM)
        for _ in range(8):
            await exchange.send(b".")
            await asyncio.sleep(0.05)
        return True

    async with WireServer(ticking) as server:
        response = await upstream.send(a_request(server.url, b"{}", **within(idle_s=0.2, first_chunk_s=0.2)))
        assert await whole(response) == b"." * 8


async def test_time_in_which_nobody_reads_does_not_count(upstream: AiohttpUpstream) -> None:
    """A client that reads slowly holds its upstream up, not the other way round."""
    go_on = asyncio.Event()

    async def pausing(exchange: Exchange) -> bool:
        await exchange.send(STREAM + b"one")
        await go_on.wait()
        await exchange.send(b"two")
        return True

    async with WireServer(pausing) as server:
        response = await upstream.send(a_request(server.url, b"{}", **within(idle_s=0.1, first_chunk_s=0.1)))
        await asyncio.sleep(0.3)
        assert await response.read() == b"one"
        await asyncio.sleep(0.3)
        go_on.set()
        assert await response.read() == b"two"
        assert await response.read() == b""
        response.close()


async def test_an_upload_that_comes_slowly_is_not_the_upstreams_fault(upstream: AiohttpUpstream) -> None:
    async def slow() -> AsyncIterator[bytes]:
        for _ in range(4):
            await asyncio.sleep(0.1)
            yield b"a"

    async with WireServer(answer(b"ok")) as server:
        request = a_request(server.url, slow(), body_size=4, **within(headers_s=0.2))
        assert await whole(await upstream.send(request)) == b"ok"


@pytest.mark.parametrize("size", [5, 50_000_000], ids=["takes it", "takes nothing"])
async def test_an_upstream_that_takes_or_answers_no_upload_is_late(
    upstream: AiohttpUpstream, size: int
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, size, 1_000_000):
            yield b"a" * min(1_000_000, size - start)

    async def stuck(_exchange: Exchange) -> bool:
        await asyncio.Event().wait()
        return True

    async with WireServer(stuck, reads_bodies=False) as server:
        request = a_request(server.url, parts(), body_size=size, **within(headers_s=0.2))
        with pytest.raises(UpstreamTimeout) as caught:
            await asyncio.wait_for(upstream.send(request), 5)
        assert caught.value.wait is Wait.HEADERS


async def test_connecting_takes_no_longer_than_the_provider_may(upstream: AiohttpUpstream) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(UpstreamTimeout) as caught:
            await asyncio.wait_for(upstream.send(a_request(url, b"{}", **within(connect_s=0.1))), 5)
        assert (caught.value.wait, caught.value.was_sent) == (Wait.CONNECT, False)
