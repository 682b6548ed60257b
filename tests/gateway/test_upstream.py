"""One request over the wire, and its response, byte for byte."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from fakes.wire import Exchange, Script, WireServer, answer, chunked, raw, until
from wellhead.directory import Timeouts
from wellhead.errors import (
    CallerError,
    NoRoomToConnect,
    UpstreamBroke,
    UpstreamTimeout,
    UpstreamUnreachable,
    Wait,
)
from wellhead.gateway.upstream import AiohttpUpstream, UpstreamOptions, WireResponse
from wellhead.ports import UpstreamRequest


@pytest.fixture
async def upstream() -> AsyncIterator[AiohttpUpstream]:
    made = AiohttpUpstream()
    yield made
    await made.close()


def a_request(
    url: str, body: bytes | AsyncIterator[bytes] | None = None, **fields: object
) -> UpstreamRequest:
    values: dict[str, object] = {"method": "POST", "target": b"/v1/x", "headers": [], **fields}
    return UpstreamRequest(base_url=url, body=body, **values)  # type: ignore[arg-type]


async def whole(response: WireResponse) -> bytes:
    parts = []
    while part := await response.read():
        parts.append(part)
    response.close()
    return b"".join(parts)


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


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


async def test_a_body_that_comes_in_pieces_goes_on_in_pieces(upstream: AiohttpUpstream) -> None:
    async with WireServer(answer(b"ok")) as server:
        await whole(await upstream.send(a_request(server.url, pieces(b"ab", b"c"))))
        await whole(await upstream.send(a_request(server.url, pieces(b"ab", b"c"), body_size=3)))
        chunked_request, sized = server.requests
        assert chunked_request.header(b"transfer-encoding") == b"chunked"
        assert sized.header(b"content-length") == b"3"
        assert chunked_request.body == sized.body == b"abc"


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


async def test_the_bodys_own_error_cuts_the_request(upstream: AiohttpUpstream) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise CallerError("request_too_large", 413, "too large")

    async with WireServer(answer(b"never")) as server:
        with pytest.raises(CallerError):
            await upstream.send(a_request(server.url, broken()))
        await until(lambda: server.connections == 1 and server.open_connections == 0)


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


async def test_a_connection_read_to_its_end_is_used_again(upstream: AiohttpUpstream) -> None:
    async with WireServer(chunked(b"a", b"b")) as server:
        for _ in range(3):
            assert await whole(await upstream.send(a_request(server.url, b"{}"))) == b"ab"
        assert server.connections == 1


async def test_a_response_given_up_half_way_cuts_its_connection(upstream: AiohttpUpstream) -> None:
    async def endless(exchange: Exchange) -> bool:
        await exchange.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await exchange.gone()
        return True

    async with WireServer(endless) as server:
        response = await upstream.send(a_request(server.url, b"{}"))
        assert await response.read() == b"a"
        response.close()
        await until(lambda: server.open_connections == 0)


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


async def test_a_refused_connection_is_said_without_its_address(upstream: AiohttpUpstream) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(UpstreamUnreachable, match="refused") as caught:
            await upstream.send(a_request(url, b"{}"))
    assert "127.0.0.1" not in caught.value.message


async def test_a_name_that_does_not_exist_is_said(upstream: AiohttpUpstream) -> None:
    with pytest.raises(UpstreamUnreachable, match="name could not be resolved"):
        await upstream.send(a_request("http://nowhere.invalid", b"{}"))


async def test_tls_that_cannot_be_set_up_is_said(upstream: AiohttpUpstream) -> None:
    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(UpstreamUnreachable, match="TLS"):
            await upstream.send(a_request(url, b"{}"))


async def test_a_request_that_finds_no_free_place_does_not_wait_for_ever() -> None:
    async def hang(exchange: Exchange) -> bool:
        await exchange.gone()
        return True

    crowded = AiohttpUpstream(UpstreamOptions(connections_per_host=1, wait_s=0.1))
    async with WireServer(hang) as server:
        first = asyncio.ensure_future(crowded.send(a_request(server.url, b"{}")))
        await until(lambda: server.requests)
        with pytest.raises(UpstreamTimeout, match="in time") as caught:
            await crowded.send(a_request(server.url, b"{}"))
        assert (caught.value.wait, caught.value.was_sent) == (Wait.CONNECT, False)
        first.cancel()
        await asyncio.wait([first])
    await crowded.close()


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


# Time.


def within(**limits: float) -> dict[str, Any]:
    return {"timeouts": Timeouts(**limits)}


async def hang(exchange: Exchange) -> bool:
    await exchange.gone()
    return True


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


# Connections that are kept, and names.


async def test_a_connection_that_was_closed_while_idle_is_not_used(upstream: AiohttpUpstream) -> None:
    """Also if the event loop has not noticed yet: a POST must not be lost in it."""
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        loop = asyncio.get_running_loop()

        async def serve_one(times: int) -> bytes:
            if not times:
                return b""
            connection, _ = await loop.sock_accept(listener)
            kept.append(connection)
            got = await loop.sock_recv(connection, 65536)
            await loop.sock_sendall(connection, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            return got

        serving = asyncio.ensure_future(serve_one(1))
        assert await whole(await upstream.send(a_request(url, b"{}"))) == b"ok"
        await serving
        # The end is in the socket; nobody has looked there, for nothing was awaited since.
        kept[0].close()
        serving = asyncio.ensure_future(serve_one(1))
        assert await whole(await upstream.send(a_request(url, b"{}"))) == b"ok"
        assert (await serving).startswith(b"POST")
        for connection in kept:
            connection.close()


class FakeResolver(AbstractResolver):
    """Names that are somewhere else every time."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = list(hosts)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        where = self.hosts[min(self.asked, len(self.hosts)) - 1]
        return [
            ResolveResult(
                hostname=host, host=where, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None: ...


async def test_a_name_is_looked_up_anew_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def where(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        host = writer.get_extra_info("sockname")[0].encode()
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(host) + host)
        writer.close()

    now_s = 1000.0
    monkeypatch.setattr("aiohttp.connector.monotonic", lambda: now_s)
    resolver = FakeResolver("127.0.0.1", "127.0.0.2")
    upstream = AiohttpUpstream(UpstreamOptions(dns_ttl_s=10), resolver)
    async with await asyncio.start_server(where, "0.0.0.0", 0) as server:
        url = f"http://llm.example:{server.sockets[0].getsockname()[1]}"
        told = []
        for at_s in (1000.0, 1009.0, 1011.0):
            now_s = at_s
            told.append(await whole(await upstream.send(a_request(url, method="GET"))))
    await upstream.close()
    assert told == [b"127.0.0.1", b"127.0.0.1", b"127.0.0.2"]
    assert resolver.asked == 2


async def test_a_lack_of_files_here_is_told_from_a_fault_there(
    upstream: AiohttpUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_file(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", no_file)
    with pytest.raises(NoRoomToConnect):
        await upstream.send(a_request("http://127.0.0.1:1", b"{}"))


# Neighbours.


@pytest.mark.parametrize("connections", [100, 2000], ids=["all places taken", "all connected"])
async def test_a_provider_that_is_stuck_with_a_thousand_calls_holds_nobody_else_up(connections: int) -> None:
    upstream = AiohttpUpstream(UpstreamOptions(connections_per_host=connections))
    async with WireServer(hang) as stuck, WireServer(answer(b"ok")) as well:

        async def p99_ms() -> float:
            took = []
            for _ in range(300):
                began = perf_counter()
                assert await whole(await upstream.send(a_request(well.url, b"{}"))) == b"ok"
                took.append((perf_counter() - began) * 1000)
            return sorted(took)[296]

        alone_ms = await p99_ms()
        waiting = [asyncio.ensure_future(upstream.send(a_request(stuck.url, b"{}"))) for _ in range(1000)]
        await until(lambda: stuck.open_connections == min(connections, 1000))
        beside_ms = await p99_ms()
        print(f"p99 alone {alone_ms:.2f} ms, beside 1,000 stuck calls {beside_ms:.2f} ms")  # noqa: T201
        # Promised are 10 ms more; machines that are shared may take as long for nothing.
        assert beside_ms - alone_ms < 50
        assert not any(call.done() for call in waiting)
        for call in waiting:
            call.cancel()
        await asyncio.wait(waiting)
    await upstream.close()
