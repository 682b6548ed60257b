"""The audit over HTTP: newest first, filtered, page by page, without secrets."""

from typing import Any

import pytest

from fakes.books import NOON_US
from fakes.control import a_client, an_app, assert_one_shape
from fakes.registry import FakeRegistry
from wellhead.limit import Measure, Scope, ScopeKind, Window
from wellhead.registry import Actor, NewKey, NewLimit

ANN, BEN = Actor("ann", "127.0.0.1"), Actor("ben")
S = 1_000_000


@pytest.fixture
def registry() -> FakeRegistry:
    now = [NOON_US - S]

    def now_us() -> int:
        now[0] += S
        return now[0]

    registry = FakeRegistry(lambda: now[0])
    for by, do in (
        (ANN, lambda: registry.create_key(ANN, NewKey("x"))),
        (BEN, lambda: registry.create_key(BEN, NewKey("y"))),
        (ANN, lambda: registry.revoke_key(ANN, 1)),
        (BEN, lambda: registry.note(BEN, "session.login", "session", "admin")),
    ):
        now_us()
        do()
        assert registry.entries[-1].actor == by
    return registry


@pytest.mark.parametrize(
    ("query", "ids", "following"),
    [
        ({}, [4, 3, 2, 1], None),
        ({"limit": 3}, [4, 3, 2], 2),
        ({"limit": 3, "before": 2}, [1], None),
        ({"actor": "ann"}, [3, 1], None),
        ({"action": "key.create"}, [2, 1], None),
        ({"object_kind": "session"}, [4], None),
        ({"object_kind": "key", "object_id": "1"}, [3, 1], None),
        ({"from": "2025-03-01T12:00:01Z", "to": "2025-03-01T12:00:03Z"}, [3, 2], None),
        ({"actor": "nobody"}, [], None),
    ],
)
async def test_entries_are_filtered_and_paged_newest_first(
    registry: FakeRegistry, query: dict[str, Any], ids: list[int], following: int | None
) -> None:
    async with a_client(an_app(registry=registry)) as client:
        page = (await client.get("/admin/audit", params=query)).json()
    assert ([one["id"] for one in page["audit"]], page["next"]) == (ids, following)


async def test_an_entry_says_who_did_what_when_and_from_where(registry: FakeRegistry) -> None:
    async with a_client(an_app(registry=registry)) as client:
        login, revoked, *_ = (await client.get("/admin/audit")).json()["audit"]
    assert login == {
        "id": 4,
        "at": "2025-03-01T12:00:03.000Z",
        "actor": "ben",
        "address": None,
        "action": "session.login",
        "object_kind": "session",
        "object_id": "admin",
        "before": None,
        "after": None,
    }
    assert (revoked["actor"], revoked["address"], revoked["object_id"]) == ("ann", "127.0.0.1", "1")
    assert revoked["before"] != revoked["after"]


@pytest.mark.parametrize(
    ("measure", "amounts"), [(Measure.COST, ["12.50", "20.00", "20.00"]), (Measure.CALLS, [12, 20, 20])]
)
async def test_money_is_told_in_dollars_even_if_the_page_does_not_tell_what_a_limit_counts(
    registry: FakeRegistry, measure: Measure, amounts: list[str | int]
) -> None:
    unit = 10**9 if measure is Measure.COST else 1
    scope = Scope(ScopeKind.GLOBAL)
    limit = registry.create_limit(ANN, NewLimit(measure, Window.DAY, int(12.5 * unit), scope))
    registry.change_limit(ANN, limit.id, amount=20 * unit)
    registry.delete_limit(ANN, limit.id)
    async with a_client(an_app(registry=registry)) as client:
        told = []
        for action in ("limit.create", "limit.change", "limit.delete"):
            (entry,) = (await client.get("/admin/audit", params={"action": action})).json()["audit"]
            told.append(entry)
    made, changed, gone = told
    assert [made["after"]["amount"], changed["after"]["amount"], gone["before"]["amount"]] == amounts
    assert changed["before"]["amount"] == amounts[0]


async def test_ids_of_others_are_not_taken_for_those_of_limits(registry: FakeRegistry) -> None:
    registry.create_limit(ANN, NewLimit(Measure.COST, Window.DAY, 10**9, Scope(ScopeKind.GLOBAL)))
    async with a_client(an_app(registry=registry)) as client:
        entries = (await client.get("/admin/audit", params={"object_kind": "key"})).json()["audit"]
    assert [one["object_id"] for one in entries] == ["1", "2", "1"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("from=yesterday", "INVALID_TIME"),
        ("from=2026-01-02&to=2026-01-01", "INVALID_RANGE"),
        ("before=x", "VALIDATION_FAILED"),
        ("who=ann", "UNKNOWN_PARAMETER"),
    ],
)
async def test_a_filter_that_cannot_be_is_a_400(query: str, code: str) -> None:
    async with a_client(an_app()) as client:
        assert_one_shape(await client.get(f"/admin/audit?{query}"), 400, code)
