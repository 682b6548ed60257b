"""Connections that do not come about, and one that was closed while it lay idle."""

import asyncio
import errno
import socket

import pytest

from fakes.upstream_calls import a_request, whole
from wellhead.errors import (
    NoRoomToConnect,
    UpstreamUnreachable,
)
from wellhead.gateway.upstream import AiohttpUpstream


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


async def test_a_lack_of_files_here_is_told_from_a_fault_there(
    upstream: AiohttpUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_file(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", no_file)
    with pytest.raises(NoRoomToConnect):
        await upstream.send(a_request("http://127.0.0.1:1", b"{}"))
