"""Breakers over HTTP, in agent-cli-proxy's form."""

import io
import json
import logging
from typing import Any

import pytest
import structlog

from fakes.books import NOON_US
from fakes.control import a_client, an_app, assert_one_shape
from fakes.registry import FakeRegistry
from wellhead.breaker import Shared, State, of_credential

S = 1_000_000
NOON_MS = NOON_US // 1000
OPEN = Shared(
    "anthropic",
    State.OPEN,
    failures=5,
    version=7,
    opening=7,
    changed_us=NOON_US,
    opened_us=NOON_US,
    opened_by="host:7",
    retry_us=NOON_US + 30 * S,
    active_us=NOON_US + 999,
)
CLOSED = Shared("openai", failures=2, active_us=NOON_US - S)
OF_CREDENTIAL = Shared(of_credential("openai", 3), State.HALF_OPEN, probe_by="host:7", active_us=NOON_US)


@pytest.fixture
def registry() -> FakeRegistry:
    made = FakeRegistry()
    made.breaker_rows = {one.subject: one for one in (OPEN, CLOSED, OF_CREDENTIAL)}
    return made


def form(subject: str, **different: Any) -> dict[str, Any]:
    told = {"providerId": subject, "state": "closed", "failures": 0, "openedAt": 0, "lastActivity": NOON_MS}
    return {**told, "kind": "provider", "opened_by": None, "retry_at": None, **different}


async def test_the_list_has_all_in_the_form_of_agent_cli_proxy(registry: FakeRegistry) -> None:
    async with a_client(an_app(registry=registry)) as client:
        answer = await client.get("/admin/breakers")
    opened = {"state": "open", "failures": 5, "openedAt": NOON_MS, "opened_by": "host:7"}
    assert answer.json() == {
        "breakers": [
            form("anthropic", **opened, retry_at="2025-03-01T12:00:30.000Z"),
            form("openai", failures=2, lastActivity=NOON_MS - 1000),
            form("openai/credential/3", kind="credential", state="half-open"),
        ]
    }


async def test_without_calls_there_are_none() -> None:
    async with a_client(an_app()) as client:
        assert (await client.get("/admin/breakers")).json() == {"breakers": []}


@pytest.mark.parametrize("subject", ["anthropic", "openai", "openai/credential/3", "openai%2Fcredential%2F3"])
async def test_one_is_shown_as_it_is_listed(registry: FakeRegistry, subject: str) -> None:
    async with a_client(an_app(registry=registry)) as client:
        listed = (await client.get("/admin/breakers")).json()["breakers"]
        shown = (await client.get(f"/admin/breakers/{subject}")).json()
    assert shown in listed
    assert shown["providerId"] == subject.replace("%2F", "/")


@pytest.mark.parametrize(("later_us", "state"), [(30 * S - 1, "open"), (30 * S, "half-open")])
async def test_an_open_one_is_half_open_when_its_time_is_up(
    registry: FakeRegistry, later_us: int, state: str
) -> None:
    async with a_client(an_app(registry=registry, now_us=lambda: NOON_US + later_us)) as client:
        assert (await client.get("/admin/breakers/anthropic")).json()["state"] == state


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/admin/breakers/x"), ("POST", "/admin/breakers/x/reset")]
)
async def test_what_is_not_there_is_a_404_in_its_words(
    registry: FakeRegistry, method: str, path: str
) -> None:
    async with a_client(an_app(registry=registry)) as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.json()) == (404, {"error": "Breaker not found", "code": "NOT_FOUND"})


@pytest.mark.parametrize("name", ["x" * 501, "%00", "%ED%A0%80", "reset"])
async def test_what_can_be_no_subject_is_none(name: str) -> None:
    async with a_client(an_app()) as client:
        assert (await client.get(f"/admin/breakers/{name}")).status_code == 404


@pytest.mark.parametrize("subject", ["anthropic", "openai/credential/3"])
async def test_a_reset_closes_it_and_says_who_did_it(
    registry: FakeRegistry, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = io.StringIO()
    log = structlog.wrap_logger(
        structlog.PrintLogger(lines),
        processors=[structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    monkeypatch.setattr("fakes.control.silent_log", lambda: log)
    async with a_client(an_app(registry=registry)) as client:
        answer = await client.post(f"/admin/breakers/{subject}/reset")
        shown = (await client.get(f"/admin/breakers/{subject}")).json()
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "providerId": subject})
    assert (shown["state"], shown["failures"], shown["openedAt"], shown["retry_at"]) == ("closed", 0, 0, None)
    (entry,) = registry.entries
    assert (entry.action, entry.object_kind, entry.object_id) == ("breaker.reset", "breaker", subject)
    assert entry.after == {"state": "closed", "failures": 0}
    told = json.loads(lines.getvalue())
    assert told == {"event": "upstream.breaker_reset", "providerId": subject, "by": "local"}


async def test_without_books_it_says_so(registry: FakeRegistry) -> None:
    registry.unavailable = "locked"
    async with a_client(an_app(registry=registry)) as client:
        for method, path in (("GET", ""), ("GET", "/x"), ("POST", "/x/reset")):
            assert_one_shape(await client.request(method, f"/admin/breakers{path}"), 503, "BOOKS_UNAVAILABLE")
