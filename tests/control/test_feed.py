"""The feed: each event once, in order, from any place on; slow listeners are told what they missed."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fakes.books import NOON_US
from fakes.control import silent_log
from fakes.feeds import is_looking
from wellhead.control import feed as feeds
from wellhead.control.feed import Feed, Listener
from wellhead.errors import BooksUnavailable
from wellhead.moments import SECOND_US
from wellhead.report import CallFilter, CallRow, Movement, Seen
from wellhead.usage import Usage

EVERYTHING = CallFilter()
ROW: dict[str, Any] = {
    **dict.fromkeys(Usage.__struct_fields__),
    **dict.fromkeys(("model", "model_served", "key_id", "tool", "client", "agent", "message_id", "session")),
    **dict.fromkeys(
        ("status_code", "cost_nanousd", "cost_state", "incomplete", "error_code", "error_message")
    ),
    **dict.fromkeys(
        ("latency_us", "ttft_us", "finished_us", "user_agent", "client_address", "account", "project")
    ),
    "provider": "openai",
    "path": "/",
    "streamed": False,
    "method": "POST",
    "state": "pending",
}


class Books:
    """Calls in memory, found as the database finds them."""

    def __init__(self) -> None:
        self.now_us = NOON_US
        self.calls: dict[int, CallRow] = {}
        self.looks = 0
        self.failure: Exception | None = None

    def open(self, id_: int, **said: Any) -> None:
        self.calls[id_] = {**ROW, "id": id_, "started_us": self.now_us, **said}

    def end(self, id_: int, **said: Any) -> None:
        ended = {"state": "completed", "finished_us": self.now_us, "total_tokens": 7, **said}
        self.calls[id_] = {**self.calls[id_], **ended}

    def look(self, seen: Seen, count: int) -> Movement:
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        pending = frozenset(id_ for id_, call in self.calls.items() if call["finished_us"] is None)
        ended = {
            id_: call["finished_us"]
            for id_, call in self.calls.items()
            if call["finished_us"] is not None and call["finished_us"] >= seen.since_us
        }
        new = sorted((pending - seen.open) | (ended.keys() - seen.ended) | (seen.open - pending))
        rows = [self.calls[id_] for id_ in new[-count:]]
        return Movement(pending, ended, seen.since_us, rows, len(new) - len(rows))


@pytest.fixture
def books() -> Books:
    return Books()


def a_feed(books: Books, **how: Any) -> Feed:
    return Feed(books.look, lambda: books.now_us, silent_log(), **{"look_s": 0.001, **how})


def events(frames: bytes | None) -> list[tuple[str, Any]]:
    """The events in what was taken: their kinds, and of each the call's id or the data."""
    found = []
    for frame in (frames or b"").decode().split("\n\n"):
        if match := re.fullmatch(r"id: \d+\nevent: (\w+)\ndata: (.*)", frame):
            data = json.loads(match[2])
            found.append((match[1], int(data["id"]) if "id" in data else data["skipped"]))
    return found


def ids(frames: bytes | None) -> list[int]:
    return [int(id_) for id_ in re.findall(rb"id: (\d+)\nevent", frames or b"")]


async def take(listener: Listener, count: int = 1) -> bytes:
    """What comes, until there are so many events."""
    got = b""
    async with asyncio.timeout(30):
        while len(events(got)) < count:
            got += await listener.take(5) or b""
    return got


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not reached():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def listening(
    feed: Feed, wanted: CallFilter = EVERYTHING, after: int | None = None
) -> AsyncIterator[Listener]:
    async with feed.listening(wanted, after) as listener:
        yield listener


async def test_calls_are_told_when_they_open_and_when_they_settle(books: Books) -> None:
    feed = a_feed(books)
    async with listening(feed) as listener:
        books.open(1)
        assert events(await take(listener)) == [("open", 1)]
        books.end(1)
        got = await take(listener)
        assert events(got) == [("settle", 1)]
        assert b'"total_tokens":7' in got
        books.open(2)
        books.end(2)
        assert events(await take(listener)) == [("settle", 2)]


async def test_who_comes_new_hears_only_what_is_new(books: Books) -> None:
    books.open(1)
    books.open(2)
    books.end(2)
    async with listening(a_feed(books)) as listener:
        books.open(3)
        assert events(await take(listener)) == [("open", 3)]
        books.end(1)
        assert events(await take(listener)) == [("settle", 1)]


async def test_all_listeners_share_one_look_and_nobody_looks_when_nobody_listens(books: Books) -> None:
    feed = a_feed(books, look_s=0.01)
    async with listening(feed) as one, listening(feed) as other:
        before = books.looks
        books.open(1)
        assert await take(one) == await take(other)
        assert books.looks - before <= 2
    assert not is_looking(feed)
    looks = books.looks
    await asyncio.sleep(0.05)
    assert books.looks == looks


async def test_each_listener_has_its_own_filter(books: Books) -> None:
    feed = a_feed(books)
    async with (
        listening(feed, CallFilter(tool="codex")) as one,
        listening(feed, CallFilter(states=("completed",))) as other,
    ):
        books.open(1, tool="codex")
        books.open(2, tool="curl")
        assert events(await take(one)) == [("open", 1)]
        books.end(2)
        assert events(await take(other)) == [("settle", 2)]
        books.end(1)
        assert events(await take(one)) == [("settle", 1)]
        assert events(await take(other)) == [("settle", 1)]


async def test_numbers_rise_over_looks_and_absences(books: Books) -> None:
    feed, seen = a_feed(books), []
    for n in range(1, 4):
        async with listening(feed) as listener:
            for k in range(5):
                books.open(10 * n + k)
            seen += ids(await take(listener, 5))
            assert feed.place >= seen[-1]
        books.now_us += n * SECOND_US
    assert seen == sorted(set(seen))
    assert len(seen) == 15


async def test_who_comes_back_goes_on_after_its_last_event(books: Books) -> None:
    feed = a_feed(books)
    async with listening(feed) as listener:
        for n in range(1, 6):
            books.open(n)
            books.now_us += 1000
            await take(listener)
        books.open(6)
        (last,) = ids(await take(listener))
    books.now_us += SECOND_US
    books.end(1)
    books.open(7)
    async with listening(feed, after=last) as listener:
        assert sorted(events(await take(listener, 2))) == [("open", 7), ("settle", 1)]
        books.open(8)
        assert events(await take(listener)) == [("open", 8)]
    async with listening(feed, after=last - 1) as listener:
        assert events(await take(listener, 4))[0] == ("open", 6)


async def test_also_after_a_restart(books: Books) -> None:
    feed = a_feed(books)
    async with listening(feed) as listener:
        books.open(1)
        await take(listener)
        place = feed.place
    books.now_us += 5 * SECOND_US
    books.open(2)
    books.end(1)
    books.now_us += 5 * SECOND_US
    async with listening(a_feed(books), after=place) as listener:
        assert sorted(events(await take(listener, 2))) == [("open", 2), ("settle", 1)]
        books.open(3)
        assert events(await take(listener)) == [("open", 3)]


async def test_after_too_long_a_time_it_is_told_that_something_is_missing(books: Books) -> None:
    feed = a_feed(books)
    async with listening(feed):
        place = feed.place
    books.now_us += 3600 * SECOND_US
    books.open(1)
    async with listening(feed, after=place) as listener:
        assert events(await take(listener, 2)) == [("lagged", None), ("open", 1)]
    async with listening(feed, after=2**62) as listener:
        books.open(2)
        assert events(await take(listener)) == [("open", 2)]


async def test_a_slow_listener_loses_the_oldest_and_is_told_how_many(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "KEPT_MAX", 10)
    feed = a_feed(books)
    async with listening(feed) as slow, listening(feed) as quick:
        got: list[tuple[str, Any]] = []
        for n in range(1, 26):
            books.open(n)
            got += events(await take(quick))
        assert got == [("open", n) for n in range(1, 26)]
        found = await take(slow, 11)
        assert events(found) == [("lagged", 15), *(("open", n) for n in range(16, 26))]
        assert ids(found) == sorted(ids(found))
        books.open(26)
        assert events(await take(slow)) == [("open", 26)]


async def test_memory_is_bounded_however_much_a_listener_does_not_take(books: Books) -> None:
    feed = a_feed(books)
    async with listening(feed) as slow:
        for n in range(1, 3 * feeds.KEPT_MAX):
            books.open(n)
            books.end(n)
        await until(lambda: len(feed._kept) == feeds.KEPT_MAX)
        assert len(slow._waiting) == feeds.KEPT_MAX
        got = b""
        while piece := await slow.take(0.05):
            assert len(events(piece)) <= feeds.AT_ONCE_MAX
            got += piece
        (first, missed), *others = events(got)
        assert first == "lagged"
        assert missed + len(others) >= 3 * feeds.KEPT_MAX - 1


async def test_when_more_happens_than_is_looked_at_everybody_is_told(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "FOUND_MAX", 3)
    feed = a_feed(books, look_s=0.05)
    async with listening(feed, CallFilter(tool="nobody")) as listener:
        for n in range(1, 9):
            books.open(n)
        assert events(await take(listener)) == [("lagged", 5)]


async def test_nothing_within_the_time_is_nothing(books: Books) -> None:
    async with listening(a_feed(books)) as listener:
        assert await listener.take(0.01) == b""


async def test_books_that_are_gone_for_a_while_are_looked_at_again(books: Books) -> None:
    feed = a_feed(books)
    for failure in (BooksUnavailable("locked"), RuntimeError("a mistake")):
        async with listening(feed) as listener:
            books.failure = failure
            looks = books.looks
            await until(lambda looks=looks: books.looks > looks + 2)  # type: ignore[misc]
            books.open(len(books.calls) + 1)
            books.failure = None
            assert events(await take(listener)) == [("open", len(books.calls))]


async def test_books_that_are_gone_from_the_start_are_an_error(books: Books) -> None:
    feed = a_feed(books)
    books.failure = BooksUnavailable("gone")
    with pytest.raises(BooksUnavailable):
        async with listening(feed):
            pass
    assert not is_looking(feed)
    books.failure = None
    async with listening(feed) as listener:
        books.open(1)
        assert events(await take(listener)) == [("open", 1)]


async def test_at_the_end_everybody_is_let_go(books: Books) -> None:
    feed = a_feed(books)
    async with listening(feed) as listener:
        taking = asyncio.create_task(listener.take(60))
        await asyncio.sleep(0)
        feed.end()
        assert await taking is None
    async with listening(feed) as listener:
        assert await listener.take(60) is None
    assert not is_looking(feed)


async def test_a_call_that_ended_late_by_its_own_clock_is_not_told_twice(books: Books) -> None:
    feed = a_feed(books)
    async with listening(feed) as listener:
        books.open(1)
        books.end(1, finished_us=books.now_us - 2 * SECOND_US)
        assert events(await take(listener)) == [("settle", 1)]
        for _ in range(8):
            looks = books.looks
            books.now_us += SECOND_US
            await until(lambda looks=looks: books.looks > looks + 1)  # type: ignore[misc]
        assert await listener.take(0.01) == b""
