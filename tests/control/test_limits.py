"""Limits over HTTP: made as they are written in the manual, shown with how they stand."""

from typing import Any

import pytest

from fakes.books import NOON_US
from fakes.control import a_client, an_app, assert_one_shape
from fakes.registry import BY, FakeRegistry
from wellhead.limit import Measure, Scope, ScopeKind, Source, Window
from wellhead.registry import NewKey, NewLimit, Standing

USD = 1_000_000_000


def a_limit(**different: Any) -> dict[str, Any]:
    return {"scope": {"kind": "global"}, "measure": "calls", "window": "hour", "amount": 200, **different}


async def test_a_limit_is_made_by_the_body_that_the_manual_shows() -> None:
    registry = FakeRegistry()
    uuid = registry.create_project(BY, "search").uuid
    sent = a_limit(scope={"kind": "project", "id": uuid}, action="refuse")
    async with a_client(an_app(registry=registry)) as client:
        answer = await client.post("/admin/limits", json=sent)
        shown = (await client.get("/admin/limits/1")).json()
        listed = (await client.get("/admin/limits")).json()
    assert answer.status_code == 201
    assert answer.json() == shown == listed["limits"][0]
    assert shown == {
        "id": 1,
        "scope": {"kind": "project", "id": uuid, "tool": None, "client": None},
        "measure": "calls",
        "window": "hour",
        "amount": 200,
        "action": "refuse",
        "sliding": False,
        "zone": "UTC",
        "name": None,
        "source": "operator",
        "created_at": "2025-03-01T12:00:00.000Z",
        "standings": [],
    }


@pytest.mark.parametrize(
    ("scope", "meant"),
    [
        ({"kind": "global"}, Scope(ScopeKind.GLOBAL)),
        ({"kind": "key", "id": "1"}, Scope(ScopeKind.KEY, "1")),
        ({"kind": "key", "id": 1}, Scope(ScopeKind.KEY, "1")),
        ({"kind": "key"}, Scope(ScopeKind.KEY)),
        ({"kind": "project", "id": None}, Scope(ScopeKind.PROJECT)),
        ({"kind": "model", "id": "gpt-*"}, Scope(ScopeKind.MODEL, "gpt-*")),
        ({"kind": "provider", "id": "openai"}, Scope(ScopeKind.PROVIDER, "openai")),
        ({"kind": "tool_client"}, Scope(ScopeKind.CLIENT)),
        ({"kind": "tool_client", "tool": "codex"}, Scope(ScopeKind.CLIENT, None, "codex")),
        (
            {"kind": "tool_client", "tool": "codex", "client": "ann"},
            Scope(ScopeKind.CLIENT, None, "codex", "ann"),
        ),
    ],
)
async def test_every_scope_can_be_named(scope: dict[str, Any], meant: Scope) -> None:
    registry = FakeRegistry()
    registry.create_key(BY, NewKey("x"))
    async with a_client(an_app(registry=registry)) as client:
        assert (await client.post("/admin/limits", json=a_limit(scope=scope))).status_code == 201
    assert registry.limit(1).limit.scope == meant


async def test_all_that_a_limit_may_be_arrives_at_the_registry() -> None:
    registry = FakeRegistry()
    sent = a_limit(
        measure="cost", window="month", amount="12.50", action="shadow", zone="Europe/Berlin", name="budget"
    )
    async with a_client(an_app(registry=registry)) as client:
        shown = (await client.post("/admin/limits", json=sent)).json()
        await client.post("/admin/limits", json=a_limit(sliding=True, window="minute"))
    limit = registry.limit(1).limit
    assert (limit.measure, limit.window, limit.amount) == (Measure.COST, Window.MONTH, 12_500_000_000)
    assert (limit.action.value, limit.zone, limit.name, limit.sliding) == (
        "shadow",
        "Europe/Berlin",
        "budget",
        False,
    )
    assert (shown["amount"], shown["name"]) == ("12.50", "budget")
    assert registry.limit(2).limit.sliding is True


@pytest.mark.parametrize(
    ("different", "said"),
    [
        ({"measure": "cost", "amount": 12}, 'US dollars as text, such as "12.50"'),
        ({"measure": "cost", "amount": 12.5}, 'cost dollars as text such as "12.50"'),
        ({"measure": "cost", "amount": "12.5000000001"}, "at most 9 digits"),
        ({"measure": "cost", "amount": "1e3"}, "at most 9 digits"),
        ({"measure": "cost", "amount": "9999999999"}, "between 0 and 1000000000 US dollars"),
        ({"amount": "200"}, "without quotes"),
        ({"amount": 1.5}, "an amount is a whole number"),
        ({"amount": None}, "an amount is a whole number"),
        ({"amount": -1}, "between 0 and"),
        ({"amount": 2**63}, "between 0 and"),
        ({"window": "year"}, "body.window"),
        ({"zone": "Berlin"}, "IANA"),
        ({"sliding": True, "window": "total"}, "sliding"),
        ({"measure": "concurrent_calls"}, "total"),
        ({"scope": {"kind": "everybody"}}, "body.scope.kind"),
        ({"scope": {"kind": "global", "id": "x"}}, "global"),
        ({"scope": {"kind": "model", "tool": "x"}}, "only a limit for a tool"),
        ({"scope": {"kind": "key", "id": True}}, "body.scope.id"),
        ({"scope": None}, "body.scope"),
        ({"source": "configuration"}, "there is no field `source`"),
    ],
)
async def test_a_limit_that_cannot_be_is_a_400_that_says_why(different: dict[str, Any], said: str) -> None:
    async with a_client(an_app()) as client:
        answer = await client.post("/admin/limits", json=a_limit(**different))
    assert_one_shape(answer, 400, "VALIDATION_FAILED")
    assert said.lower() in answer.json()["error"].lower()


@pytest.mark.parametrize(
    "scope", [{"kind": "key", "id": "9"}, {"kind": "key", "id": "x"}, {"kind": "project", "id": "nobody"}]
)
async def test_a_limit_for_nobody_is_a_404(scope: dict[str, str]) -> None:
    async with a_client(an_app()) as client:
        assert_one_shape(await client.post("/admin/limits", json=a_limit(scope=scope)), 404, "NOT_FOUND")


async def test_standings_are_in_the_unit_of_the_amount() -> None:
    registry = FakeRegistry()
    uuid = registry.create_project(BY, "search").uuid
    registry.create_limit(BY, NewLimit(Measure.COST, Window.MONTH, 12 * USD, Scope(ScopeKind.PROJECT)))
    registry.create_limit(BY, NewLimit(Measure.CALLS, Window.TOTAL, 10, Scope(ScopeKind.GLOBAL)))
    registry.standings = {
        1: (Standing("1", 3 * USD + 1, USD // 2, 4, NOON_US), Standing("99", 20 * USD, 0, 0, NOON_US)),
        2: (Standing("", 7, 1, 0, None),),
    }
    async with a_client(an_app(registry=registry)) as client:
        cost, calls = (await client.get("/admin/limits")).json()["limits"]
    assert cost["standings"] == [
        {
            "subject": uuid,
            "used": "3.000000001",
            "held": "0.50",
            "left": "8.499999999",
            "exceeded": 4,
            "frees_at": "2025-03-01T12:00:00.000Z",
        },
        {
            "subject": None,
            "used": "20.00",
            "held": "0.00",
            "left": "0.00",
            "exceeded": 0,
            "frees_at": "2025-03-01T12:00:00.000Z",
        },
    ]
    assert calls["standings"] == [
        {"subject": None, "used": 7, "held": 1, "left": 2, "exceeded": 0, "frees_at": None}
    ]


async def test_amount_action_and_name_are_changed_and_nothing_else() -> None:
    registry = FakeRegistry()
    async with a_client(an_app(registry=registry)) as client:
        await client.post("/admin/limits", json=a_limit(name="x"))
        more = (await client.patch("/admin/limits/1", json={"amount": 500})).json()
        warned = (await client.patch("/admin/limits/1", json={"action": "warn", "name": None})).json()
        text = await client.patch("/admin/limits/1", json={"amount": "500"})
        other = await client.patch("/admin/limits/1", json={"window": "day"})
    assert (more["amount"], more["action"], more["name"]) == (500, "refuse", "x")
    assert (warned["amount"], warned["action"], warned["name"]) == (500, "warn", None)
    assert_one_shape(text, 400, "VALIDATION_FAILED")
    assert_one_shape(other, 400, "VALIDATION_FAILED")


async def test_what_the_configuration_made_only_the_configuration_changes() -> None:
    registry = FakeRegistry()
    registry.add_limit(
        BY, NewLimit(Measure.CALLS, Window.HOUR, 5, Scope(ScopeKind.GLOBAL)), Source.CONFIGURATION
    )
    async with a_client(an_app(registry=registry)) as client:
        assert (await client.get("/admin/limits/1")).json()["source"] == "configuration"
        assert_one_shape(await client.patch("/admin/limits/1", json={"amount": 6}), 409, "CONFLICT")
        assert_one_shape(await client.delete("/admin/limits/1"), 409, "CONFLICT")


async def test_a_deleted_limit_is_gone() -> None:
    async with a_client(an_app()) as client:
        await client.post("/admin/limits", json=a_limit())
        answer = await client.delete("/admin/limits/1")
        assert (answer.status_code, answer.content) == (204, b"")
        for again in (
            await client.delete("/admin/limits/1"),
            await client.get("/admin/limits/1"),
            await client.patch("/admin/limits/1", json={}),
        ):
            assert_one_shape(again, 404, "NOT_FOUND")


async def test_limits_are_listed_page_by_page() -> None:
    async with a_client(an_app()) as client:
        for _ in range(3):
            await client.post("/admin/limits", json=a_limit())
        first = (await client.get("/admin/limits?limit=2")).json()
        second = (await client.get(f"/admin/limits?limit=2&after={first['next']}")).json()
    assert [one["id"] for one in first["limits"] + second["limits"]] == [1, 2, 3]
    assert second["next"] is None
