"""`/admin/live` on a socket: its head, its heartbeat, its places, and how it ends."""

from typing import Any

import pytest

from fakes.control import a_client, an_app, assert_one_shape
from fakes.feeds import is_looking
from fakes.reports import FakeReports
from fakes.served import Served
from wellhead.control import live
from wellhead.control.streams import RETRY_AFTER_S


async def test_it_is_an_event_stream_that_says_where_to_go_on_from() -> None:
    async with a_client(an_app()) as client:
        answer = await client.get("/admin/live")
        head = await client.head("/admin/live")
    for one in (answer, head):
        assert one.headers["content-type"] == "text/event-stream"
        assert one.headers["cache-control"] == "no-store"
        assert one.headers["x-accel-buffering"] == "no"
    assert answer.text.startswith("retry: 1000\nid: ")
    assert answer.text.endswith("\n\n")


@pytest.mark.parametrize("wrong", ["x", "-1", "1.5", "9" * 19, "1" * 20])
async def test_a_place_that_is_none_is_a_400(wrong: str) -> None:
    async with a_client(an_app()) as client:
        answer = await client.get("/admin/live", headers={"last-event-id": wrong})
    assert_one_shape(answer, 400, "INVALID_CURSOR")


async def test_books_that_are_gone_are_a_503() -> None:
    reports = FakeReports()
    reports.available = False
    async with a_client(an_app(reports)) as client:
        assert_one_shape(await client.get("/admin/live"), 503, "BOOKS_UNAVAILABLE")


@pytest.mark.parametrize(("query", "code"), [("tool=", "INVALID_FILTER"), ("from=1", "UNKNOWN_PARAMETER")])
async def test_a_mistake_is_a_400(query: str, code: str) -> None:
    async with a_client(an_app()) as client:
        assert_one_shape(await client.get(f"/admin/live?{query}"), 400, code)


def test_a_heartbeat_comes_while_nothing_happens_and_brings_the_place_up_to_date(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    with Served(an_app(live_s=60)) as served:
        got = served.ask("GET /admin/live").read_until(b": still here\nid: ")
    assert b"event:" not in got


def test_it_ends_by_itself_in_good_order() -> None:
    with Served(an_app(live_s=0.2)) as served:
        got = served.ask("GET /admin/live", "connection: close").read_to_the_end()
    assert got.endswith(b"0\r\n\r\n")


def test_there_are_only_so_many_listeners_and_who_leaves_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LISTENERS_MAX", 2)
    app = an_app(live_s=60)
    with Served(app) as served:
        asked = [served.ask("GET /admin/live") for _ in range(2)]
        for one in asked:
            one.read_until(b"retry: ")
        refused = served.ask("GET /admin/live", "connection: close").read_to_the_end()
        assert refused.startswith(b"HTTP/1.1 503")
        assert f"retry-after: {RETRY_AFTER_S}".encode() in refused
        assert b"TOO_MANY_LISTENERS" in refused
        asked[0].leave()
        while served.ask("GET /admin/live").read().startswith(b"HTTP/1.1 503"):
            pass


def test_nobody_looks_at_the_books_once_the_last_listener_has_left() -> None:
    app = an_app(live_s=60)
    with Served(app) as served:
        asked = served.ask("GET /admin/live")
        asked.read_until(b"retry: ")
        assert is_looking(app.state.feed)
        asked.leave()
        while is_looking(app.state.feed):
            pass


def test_the_end_of_the_feed_ends_every_stream() -> None:
    app: Any = an_app(live_s=60)
    with Served(app) as served:
        asked = served.ask("GET /admin/live", "connection: close")
        asked.read_until(b"retry: ")
        served.loop.call_soon_threadsafe(app.state.feed.end)
        assert asked.read_to_the_end().endswith(b"0\r\n\r\n")
