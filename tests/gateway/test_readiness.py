"""Whether a gateway is ready: soon, seldom, and never by waiting for what hangs."""

import asyncio

import pytest

from fakes.books import FakeBooks
from fakes.wire import WireServer, answer
from wellhead.errors import UpstreamUnreachable
from wellhead.gateway.readiness import Readiness, books_check, upstream_check
from wellhead.gateway.upstream import AiohttpUpstream
from wellhead.ports import UpstreamRequest, UpstreamResponse


class Asked:
    """A check that counts how often it is asked."""

    def __init__(self, passes: bool = True) -> None:
        self.passes = passes
        self.times = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def __call__(self) -> bool:
        self.times += 1
        await self.goes_on.wait()
        return self.passes


async def test_all_checks_have_to_pass() -> None:
    assert await Readiness([]).is_ready()
    assert await Readiness([Asked(), Asked()]).is_ready()
    assert not await Readiness([Asked(), Asked(passes=False)]).is_ready()


async def test_many_who_ask_share_one_look_and_what_it_found_holds_for_a_while() -> None:
    asked = Asked()
    readiness = Readiness([asked])
    assert all(await asyncio.gather(*(readiness.is_ready() for _ in range(50))))
    asked.passes = False
    assert await readiness.is_ready()
    assert asked.times == 1


async def test_what_it_found_is_looked_at_again_when_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellhead.gateway.readiness.FRESH_S", 0.0)
    asked = Asked()
    readiness = Readiness([asked])
    assert await readiness.is_ready()
    asked.passes = False
    assert not await readiness.is_ready()
    asked.passes = True
    assert await readiness.is_ready()


async def test_nobody_waits_for_what_hangs_and_it_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellhead.gateway.readiness.FRESH_S", 0.0)
    asked = Asked()
    asked.goes_on.clear()
    readiness = Readiness([asked], wait_max_s=0.01)
    assert not any(await asyncio.gather(*(readiness.is_ready() for _ in range(5))))
    assert not await readiness.is_ready()
    assert asked.times == 1
    asked.goes_on.set()
    await asyncio.sleep(0)
    assert await Readiness([asked]).is_ready()


async def test_a_program_that_ends_is_not_ready_whatever_was_found() -> None:
    is_ending = asyncio.Event()
    readiness = Readiness([Asked()], is_ending.is_set)
    assert await readiness.is_ready()
    is_ending.set()
    assert not await readiness.is_ready()


async def test_books_that_cannot_be_read_or_written_are_not_ready() -> None:
    books = FakeBooks()
    assert await books_check(books, lambda: None)()
    assert not await books_check(books, lambda: "the disk is full")()
    books.unavailable = "locked"
    assert not await books_check(books, lambda: None)()


@pytest.mark.parametrize(("status", "passes"), [(b"200 OK", True), (b"404 No", True), (b"503 Busy", False)])
async def test_an_upstream_has_to_answer_below_500(status: bytes, passes: bool) -> None:
    async with WireServer(answer(b"", status=status)) as server:
        upstream = AiohttpUpstream()
        try:
            assert await upstream_check(upstream, server.url)() is passes
            assert server.requests[0].line == b"HEAD /health HTTP/1.1"
        finally:
            await upstream.close()


class Unreachable:
    """An upstream that is not there, or hangs."""

    def __init__(self, *, hangs: bool) -> None:
        self._hangs = hangs

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        if self._hangs:
            await asyncio.Event().wait()
        raise UpstreamUnreachable("the connection was refused")

    async def close(self) -> None: ...


@pytest.mark.parametrize("hangs", [False, True])
async def test_an_upstream_that_is_not_there_or_hangs_does_not_pass(
    monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setattr("wellhead.gateway.readiness.UPSTREAM_WAIT_MAX_S", 0.01)
    assert not await upstream_check(Unreachable(hangs=hangs), "http://127.0.0.1:1")()
