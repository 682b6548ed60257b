"""Answers in pieces: with the client's speed, for as long as it stays, and never half of one for a whole."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fakes.control import a_client, an_app, assert_one_shape
from fakes.served import Served
from wellhead.control.roles import OPEN
from wellhead.control.streams import Pieces, Places, Streamed, in_thread
from wellhead.errors import BooksUnavailable, CallerError

TYPE = {"content-type": "text/plain"}


def of(*pieces: bytes | Exception, seen: list[str] | None = None) -> Callable[[], Pieces]:
    """Pieces, one of which may be a failure; notes when they are closed."""

    async def make() -> Pieces:
        try:
            for piece in pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            if seen is not None:
                seen.append("closed")

    return make


def serving(make: Callable[[], Pieces], places: Places | None = None, **how: Any) -> Any:
    """An app with one such answer at `/pieces`."""
    app = an_app()
    kept = places or Places(2, "TOO_MANY", "answers")

    @app.get("/pieces", dependencies=OPEN)
    async def pieces() -> Streamed:
        return Streamed(make, kept, TYPE, **how)

    return app


async def test_the_pieces_come_in_their_order_and_are_closed() -> None:
    seen: list[str] = []
    async with a_client(serving(of(b"a", b"", b"b", seen=seen))) as client:
        answer = await client.get("/pieces")
    assert (answer.status_code, answer.text, seen) == (200, "ab", ["closed"])
    assert "content-length" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


async def test_no_pieces_are_an_empty_answer() -> None:
    async with a_client(serving(of())) as client:
        answer = await client.get("/pieces")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BooksUnavailable("gone"), 503, "BOOKS_UNAVAILABLE"),
        (CallerError("ODD", 400, "Odd."), 400, "ODD"),
        (ValueError("a mistake"), 500, "INTERNAL"),
    ],
)
async def test_what_fails_before_the_first_piece_is_an_error_like_any_other(
    error: Exception, status: int, code: str
) -> None:
    async with a_client(serving(of(error))) as client:
        assert_one_shape(await client.get("/pieces"), status, code)


@pytest.mark.parametrize("error", [BooksUnavailable("gone"), ValueError("a mistake")])
def test_what_fails_later_breaks_the_connection_off(error: Exception) -> None:
    with Served(serving(of(b"first", error))) as served:
        got = served.ask("GET /pieces").read_to_the_end()
    assert got.startswith(b"HTTP/1.1 200")
    assert b"\r\nfirst\r\n" in got
    assert not got.endswith(b"0\r\n\r\n"), "it looks like a whole answer"
    assert b"gone" not in got


def test_a_whole_answer_ends_as_one_and_the_connection_goes_on() -> None:
    with Served(serving(of(b"first", b"second"))) as served:
        asked = served.ask("GET /pieces")
        got = asked.read_until(b"0\r\n\r\n")
        assert got.split(b"\r\n\r\n", 1)[1] == b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"
        asked.connection.sendall(f"GET /health HTTP/1.1\r\nhost: 127.0.0.1:{served.port}\r\n\r\n".encode())
        asked.read_until(b'{"status":"ok"}')


def test_head_makes_no_piece() -> None:
    seen: list[str] = []
    with Served(serving(of(b"first", seen=seen))) as served:
        asked = served.ask("HEAD /pieces", "connection: close")
        got = asked.read_to_the_end()
    assert got.startswith(b"HTTP/1.1 200")
    assert b"text/plain" in got
    assert got.endswith(b"\r\n\r\n")
    assert seen == []


class Endless:
    """Pieces without an end; counts them, and says when they are closed."""

    def __init__(self, size: int = 65_536) -> None:
        self.size = size
        self.made = 0
        self.closed = asyncio.Event()

    async def pieces(self) -> Pieces:
        try:
            while True:
                self.made += 1
                yield b"x" * self.size
                await asyncio.sleep(0)
        finally:
            self.closed.set()


async def until(reached: Callable[[], bool], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not reached():
            await asyncio.sleep(0.005)


async def test_a_client_that_leaves_ends_the_pieces_at_once() -> None:
    endless = Endless()
    with Served(serving(endless.pieces)) as served:
        asked = served.ask("GET /pieces")
        await asyncio.to_thread(asked.read)
        asked.leave()
        await until(endless.closed.is_set)


async def test_a_client_that_takes_nothing_holds_the_pieces_up_and_is_cut_off_at_last() -> None:
    endless = Endless()
    with Served(serving(endless.pieces, stalled_s=0.5)) as served:
        asked = served.ask("GET /pieces", buffer=65_536)
        await until(endless.closed.is_set)
        made = endless.made
        assert made * endless.size < 16_000_000, "it was not held up"
        assert not (await asyncio.to_thread(asked.read_to_the_end)).endswith(b"0\r\n\r\n")


async def test_there_are_only_so_many_at_once() -> None:
    places, go_on = Places(1, "TOO_MANY", "answers"), asyncio.Event()

    async def waiting() -> Pieces:
        yield b"first"
        await go_on.wait()

    async with a_client(serving(waiting, places)) as client:
        first = asyncio.create_task(client.get("/pieces"))
        await until(lambda: places._free == 0)
        refused = await client.get("/pieces")
        assert_one_shape(refused, 503, "TOO_MANY")
        assert refused.headers["retry-after"] == "5"
        go_on.set()
        assert (await first).text == "first"
        assert (await client.get("/pieces")).status_code == 200


async def test_who_is_cancelled_waits_for_the_thread() -> None:
    begun, go_on, through = threading.Event(), threading.Event(), threading.Event()

    def step() -> None:
        begun.set()
        go_on.wait(10)
        through.set()

    running = asyncio.create_task(in_thread(step))
    await asyncio.to_thread(begun.wait)
    running.cancel()
    await asyncio.sleep(0)
    assert not running.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert through.is_set()
