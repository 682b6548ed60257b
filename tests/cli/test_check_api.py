"""`wellhead db check --api`: how the API is asked; what it finds is in end_to_end/test_adds_up.py."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from fakes import web
from fakes.commands import Commands
from wellhead.cli import api_views
from wellhead.cli.api_views import View
from wellhead.cli.control_api import Api, ApiTrouble

TOO_LARGE = {"error": "The answer would have more than 5 lines.", "code": "REPORT_TOO_LARGE"}


class Told:
    """A control API of a test's own: what it answers by path, and what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.url = ""

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path == "/days":
            length = date.fromisoformat(query["to"]) - date.fromisoformat(query["from"])
            return (400, TOO_LARGE) if length.days > 4 else (200, [{"n": length.days + 1, "usd": 0.1}])
        return self.answers.get(path, (404, {"error": "There is no such path.", "code": "NOT_FOUND"}))


@contextmanager
def told(told_by: Told | None = None) -> Iterator[Told]:
    api = told_by or Told()

    class Control(web.Handler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            api.asked.append(
                (parts.path, query, {name.lower(): value for name, value in self.headers.items()})
            )
            status, body = api.answer(parts.path, query)
            sent = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.answer(status, sent, {"location": "http://127.0.0.1:9/elsewhere"} if status == 307 else None)

    with web.serving(Control) as api.url:
        yield api


def test_a_range_that_is_too_long_is_asked_for_in_parts() -> None:
    with told() as api:
        ranges = [(date(2026, 1, 1), date(2026, 1, 31)), (date(2026, 2, 1), date(2026, 2, 1))]
        names = {"calls": "n", "cost_nanousd": "usd"}
        found = api_views._over(Api(api.url, {}), "/days", ranges, names, None, {})
        good = [query for _, query, _ in api.asked if api.answer("/days", query)[0] == 200]
    assert found == {"calls": 32, "cost_nanousd": 100_000_000 * len(good)}


def test_what_has_more_lines_in_a_day_than_an_answer_is_left_out_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from wellhead.database.sums import Sums

    ranges = [(date(2026, 3, 1), date(2026, 3, 1))]
    with told() as api:
        api.answer = lambda path, query: (400, TOO_LARGE)  # type: ignore[method-assign]
        of = Api(api.url, {})
        shown = [
            *api_views._of_ranges(of, ranges),
            *api_views._of_days(of, ranges),
            *api_views._of_today(of),
        ]
    assert {(one.is_too_long, len(one.figures)) for one in shown} == {(True, 0)}
    assert {"GET /admin/usage/models", "GET /admin/usage/today"} < {one.name for one in shown}

    shown = [View("GET /a", {}, is_too_long=True), View("GET /b", {"calls": 2})]
    monkeypatch.setattr(api_views, "views", lambda *_: iter(shown))
    left_out: list[str] = []
    found = api_views.disagreements(of, lambda: Sums({"calls": 1}, 1, 2), left_out.append)
    assert (left_out, [one.table for one in found]) == (["GET /a"], ["GET /b"])


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"error": "Who are you?", "code": "UNAUTHORIZED"}, "answered 401: Who are you?; it takes the"),
        (
            503,
            {"error": "The books are gone.", "code": "BOOKS_UNAVAILABLE"},
            "answered 503: The books are gone",
        ),
        (500, b"<html>", "answered 500: it gave no reason"),
        (307, b"", "answered 307"),
        (200, b"<html>", "is this a control API?"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(status: int, body: Any, said: str) -> None:
    with told() as api:
        api.answers["/admin/stats"] = (status, body)
        with pytest.raises(ApiTrouble, match="GET /admin/stats") as trouble:
            list(api_views.views(Api(api.url, {}), None, None))
    assert said in str(trouble.value)
    assert "\n" not in str(trouble.value)


def test_the_credentials_are_those_of_the_configuration(commands: Commands) -> None:
    commands.well("db", "init")
    with told() as api:
        for environ in (
            {"ADMIN_API_KEY": "token-of-the-admin"},
            {"METRICS_BASIC_AUTH_USER": "ann", "METRICS_BASIC_AUTH_PASS": "secret-of-ann"},
            {},
        ):
            code, line = commands.refused("db", "check", "--api", api.url, **environ)
            assert (code, "answered 404" in line) == (1, True)
            assert "secret-of-ann" not in line
        headers = [sent for _, _, sent in api.asked]
    assert headers[0]["x-admin-token"] == "token-of-the-admin"
    assert headers[1]["authorization"] == "Basic YW5uOnNlY3JldC1vZi1hbm4="
    assert {"x-admin-token", "authorization"} & set(headers[2]) == set()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("127.0.0.1:8081", "must be an address such as http://127.0.0.1:8081"),
        ("file:///etc/passwd", "must be an address"),
        ("http://127.0.0.1:8081/?x=1", "must be an address"),
        ("http://ann:canary@127.0.0.1:8081", "--api takes no password"),
    ],
)
def test_an_address_that_cannot_be_used_is_wrong_use(commands: Commands, url: str, said: str) -> None:
    code, line = commands.refused("db", "check", "--api", url)
    assert (code, said in line, "canary" in line) == (2, True, False)


def test_nobody_there_is_a_failure_that_says_what_to_do(commands: Commands) -> None:
    commands.well("db", "init")
    code, line = commands.refused("db", "check", "--api", "http://127.0.0.1:9")
    assert (code, "is `wellhead control` running there?" in line) == (1, True)


def test_a_view_is_held_against_the_rows_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    from wellhead.database.sums import Sums

    counted = iter([Sums({"calls": 5}, 1, 2), Sums({"calls": 7}, 1, 2)])
    shown = [View(f"GET /{n}", {"calls": n}) for n in (4, 5, 6, 7, 8)]
    monkeypatch.setattr(api_views, "views", lambda *_: iter(shown))
    found = api_views.disagreements(Api("http://127.0.0.1:9", {}), lambda: next(counted), print)
    assert [(one.table, one.kept, one.counted) for one in found] == [("GET /4", 4, 5), ("GET /8", 8, 7)]


def day_of(date_: str, requests: int) -> dict[str, Any]:
    row = {"request_count": requests, "total_tokens": 3, "cost_usd": 0.5}
    return {"date": date_, "requests": requests, "total_tokens": 3, "cost_usd": 0.5, "breakdown": [row]}


class Going(Told):
    """Calls end while it is asked: today's are one more each time, and so are those of its range."""

    def __init__(self, ahead: int = 0, dates: tuple[str, ...] = ("2026-03-01",)) -> None:
        super().__init__()
        self.calls = 10
        self.ahead = ahead
        """What today shows too much."""
        self.dates = list(dates)
        """What day it is, each time."""

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        self.calls += 1
        if path == "/admin/usage/today":
            return 200, day_of(
                self.dates.pop(0) if self.dates[1:] else self.dates[0], self.calls + self.ahead
            )
        assert (path, query["from"]) == ("/admin/usage/range", query["to"])
        return 200, [day_of(query["from"], self.calls)]


@pytest.mark.parametrize(("ahead", "found"), [(0, 0), (1, 0), (2, 2), (-1, 0), (-2, 2)])
def test_today_is_held_against_the_range_of_that_day_before_and_after(ahead: int, found: int) -> None:
    with told(Going(ahead)) as api:
        shown = list(api_views._of_today(Api(api.url, {})))
    assert [one.name for one in shown] == ["GET /admin/usage/today", "GET /admin/usage/today by model"]
    outside = [
        one.name
        for one in shown
        if one.least and one.most and not one.least["calls"] <= one.figures["calls"] <= one.most["calls"]
    ]
    assert len(outside) == found
    assert {one.figures["cost_nanousd"] for one in shown} == {500_000_000}


def test_today_is_passed_over_when_it_is_over() -> None:
    with told(Going(dates=("2026-03-01", "2026-03-02"))) as api:
        assert list(api_views._of_today(Api(api.url, {}))) == []


def test_days_are_asked_for_one_by_one_where_there_were_calls() -> None:
    with told() as api:
        api.answers = {
            "/admin/usage/range": (200, [day_of("2026-03-05", 2), day_of("2026-03-01", 1)]),
            "/admin/usage/models": (200, [{**dict.fromkeys(api_views.FULL.values(), 1), "cost_usd": 0.5}]),
            "/admin/usage/providers": (200, [{"request_count": 1, "total_tokens": 2, "cost_usd": None}]),
            "/admin/usage/accounts": (200, []),
        }
        shown = list(api_views._of_days(Api(api.url, {}), [(date(2026, 3, 1), date(2026, 3, 9))]))
    assert [(one.name, one.figures["calls"]) for one in shown] == [
        ("GET /admin/usage/models by day", 2),
        ("GET /admin/usage/providers by day", 2),
        ("GET /admin/usage/accounts by day", 0),
    ]
    assert {query["day"] for path, query, _ in api.asked if "day" in query} == {"2026-03-05", "2026-03-01"}


def test_a_view_may_be_held_against_something_else_than_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    from wellhead.database.sums import Sums

    shown = [View("GET /a", {"calls": n}, {"calls": 2}, {"calls": 3}) for n in (1, 2, 3, 4)]
    monkeypatch.setattr(api_views, "views", lambda *_: iter(shown))
    found = api_views.disagreements(Api("http://127.0.0.1:9", {}), lambda: Sums({"calls": 99}, 1, 2), print)
    assert [(one.kept, one.counted) for one in found] == [(1, 2), (4, 3)]
