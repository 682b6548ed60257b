"""Keys over HTTP, in full and in agent-cli-proxy's form: the same keys, each shown once."""

import httpx
import pytest

from fakes.books import NOON_US
from fakes.control import a_client, an_app, assert_one_shape
from fakes.registry import BY, FakeRegistry
from wellhead.limit import Measure, ScopeKind, Window
from wellhead.moments import HOUR_US
from wellhead.policy.keys import digest, is_well_formed
from wellhead.registry import NewKey

NOON = "2025-03-01T12:00:00.000Z"


async def test_a_key_is_made_with_all_that_was_said_of_it_and_shown_once() -> None:
    registry = FakeRegistry()
    project = registry.create_project(BY, "search")
    sent = {
        "name": "laptop of Ann",
        "project_id": project.uuid,
        "duration_hours": 24,
        "allowed_models": ["gpt-*"],
        "allowed_providers": [],
        "allowed_endpoints": ["/v1/chat/*"],
        "allowed_accounts": None,
        "tags": {"team": "search", "floor": "2"},
        "limits": [
            {"measure": "calls", "window": "hour", "amount": 200},
            {
                "measure": "cost",
                "window": "month",
                "amount": "12.50",
                "action": "warn",
                "zone": "Europe/Berlin",
            },
        ],
    }
    async with a_client(an_app(registry=registry)) as client:
        answer = await client.post("/admin/keys", json=sent)
        made = answer.json()
        secret = made.pop("key")
        again = (await client.get("/admin/keys/1")).json()
        listed = (await client.get("/admin/keys")).json()
    assert answer.status_code == 201
    assert is_well_formed(secret)
    assert registry.key_of(secret).key.hash == digest(secret)
    assert made == again == listed["keys"][0]
    assert listed["next"] is None
    assert made == {
        "id": 1,
        "prefix": secret[:8],
        "name": "laptop of Ann",
        "project_id": project.uuid,
        "state": "active",
        "created_at": NOON,
        "expires_at": "2025-03-02T12:00:00.000Z",
        "revoked_at": None,
        "last_used_at": None,
        "allowed_models": ["gpt-*"],
        "allowed_providers": [],
        "allowed_endpoints": ["/v1/chat/*"],
        "allowed_accounts": None,
        "tags": {"team": "search", "floor": "2"},
        "predecessor_id": None,
        "calls": 0,
        "total_tokens": 0,
        "cost_usd": 0.0,
    }
    calls, cost = (use.limit for use in registry.limits().entries)
    assert (calls.measure, calls.window, calls.amount) == (Measure.CALLS, Window.HOUR, 200)
    assert (cost.amount, cost.zone, cost.action.value) == (12_500_000_000, "Europe/Berlin", "warn")
    assert calls.scope.kind is cost.scope.kind is ScopeKind.KEY
    assert calls.scope.id == cost.scope.id == "1"


async def test_a_key_withers_at_the_moment_that_the_answer_names() -> None:
    registry = FakeRegistry(lambda: NOON_US + 123_456)
    async with a_client(an_app(registry=registry, now_us=lambda: NOON_US + 123_999)) as client:
        made = (await client.post("/admin/keys", json={"name": "x", "duration_hours": 1})).json()
    assert made["expires_at"] == "2025-03-01T13:00:00.123Z"
    assert registry.key(1).key.expires_us == NOON_US + HOUR_US + 123_000


async def test_an_expiry_may_be_a_moment_of_any_zone() -> None:
    registry = FakeRegistry()
    async with a_client(an_app(registry=registry)) as client:
        await client.post("/admin/keys", json={"name": "x", "expires_at": "2025-03-01T15:00:00+02:00"})
        answer = await client.post("/admin/keys", json={"name": "x", "expires_at": "tomorrow"})
    assert registry.key(1).key.expires_us == NOON_US + HOUR_US
    assert_one_shape(answer, 400, "INVALID_TIME")


async def test_a_cost_that_nobody_knows_is_null_and_where_a_number_is_promised_nothing() -> None:
    registry = FakeRegistry()
    registry.create_key(BY, NewKey("x"))
    registry.uses[1] = (NOON_US, 2, 30, None)
    async with a_client(an_app(registry=registry)) as client:
        full = (await client.get("/admin/keys/1")).json()
        usage = (await client.get("/admin/api-keys/1/usage")).json()
    assert (full["calls"], full["cost_usd"]) == (2, None)
    assert usage == {"id": 1, "requestCount": 2, "totalTokens": 30, "totalCostUsd": 0.0}


async def test_what_was_done_with_a_key_is_shown_in_both_forms() -> None:
    registry = FakeRegistry()
    registry.create_key(BY, NewKey("x", allowed_providers=("anthropic",)))
    registry.uses[1] = (NOON_US + 1_000_000, 24, 3120, 3_360_000)
    async with a_client(an_app(registry=registry)) as client:
        full = (await client.get("/admin/keys/1")).json()
        listed = (await client.get("/admin/api-keys")).json()
        usage = (await client.get("/admin/api-keys/1/usage")).json()
    assert (full["last_used_at"], full["calls"], full["total_tokens"]) == (
        "2025-03-01T12:00:01.000Z",
        24,
        3120,
    )
    assert full["cost_usd"] == 0.00336
    assert usage == {"id": 1, "requestCount": 24, "totalTokens": 3120, "totalCostUsd": 0.00336}
    assert listed == {
        "apiKeys": [
            {
                "id": 1,
                "keyPrefix": full["prefix"],
                "name": "x",
                "createdAt": NOON,
                "revokedAt": None,
                "lastUsedAt": "2025-03-01T12:00:01.000Z",
                "requestCount": 24,
                "allowedAccounts": None,
                "allowedProviders": ["anthropic"],
            }
        ]
    }


async def test_a_change_leaves_what_was_not_sent_and_null_takes_a_restriction_away() -> None:
    registry = FakeRegistry()
    registry.create_key(
        BY,
        NewKey(
            "x", expires_us=NOON_US + 1, allowed_models=("a",), allowed_providers=("b",), tags=(("t", "v"),)
        ),
    )
    async with a_client(an_app(registry=registry)) as client:
        one = (await client.patch("/admin/keys/1", json={"allowed_models": None, "name": "y"})).json()
        two = (
            await client.patch(
                "/admin/keys/1", json={"expires_at": None, "tags": {}, "allowed_accounts": ["c"]}
            )
        ).json()
        same = (await client.patch("/admin/keys/1", json={})).json()
        nameless = await client.patch("/admin/keys/1", json={"name": None})
    assert (one["name"], one["allowed_models"], one["allowed_providers"], one["tags"]) == (
        "y",
        None,
        ["b"],
        {"t": "v"},
    )
    assert one["expires_at"] is not None
    assert (two["name"], two["expires_at"], two["tags"], two["allowed_accounts"]) == ("y", None, {}, ["c"])
    assert same == two
    assert_one_shape(nameless, 400, "VALIDATION_FAILED")


async def test_a_revoked_key_stays_in_the_list_and_is_changed_no_more() -> None:
    registry = FakeRegistry()
    registry.create_key(BY, NewKey("x"))
    async with a_client(an_app(registry=registry)) as client:
        first = (await client.delete("/admin/keys/1")).json()
        again = (await client.delete("/admin/keys/1")).json()
        changed = await client.patch("/admin/keys/1", json={"name": "y"})
        rotated = await client.post("/admin/keys/1/rotate")
    assert first == again
    assert (first["state"], first["revoked_at"]) == ("revoked", NOON)
    assert_one_shape(changed, 409, "CONFLICT")
    assert_one_shape(rotated, 409, "CONFLICT")


@pytest.mark.parametrize(
    ("content", "overlap_s"), [("", 3600), ("{}", 3600), ('{"overlap_s":0}', 0), ('{"overlap_s":60}', 60)]
)
async def test_a_successor_takes_over_what_the_key_had(content: str, overlap_s: int) -> None:
    registry = FakeRegistry()
    project = registry.create_project(BY, "search")
    old = registry.create_key(BY, NewKey("x", project.uuid, allowed_models=("a",)))
    json = {"content-type": "application/json"}
    async with a_client(an_app(registry=registry)) as client:
        answer = await client.post("/admin/keys/1/rotate", content=content, headers=json)
    made = answer.json()
    assert answer.status_code == 201
    assert is_well_formed(made["key"])
    assert made["key"] != old.secret
    assert (made["id"], made["predecessor_id"], made["project_id"], made["allowed_models"]) == (
        2,
        1,
        project.uuid,
        ["a"],
    )
    assert registry.key(1).key.expires_us == NOON_US + overlap_s * 1_000_000


async def test_the_secret_of_a_successor_arrives_or_there_is_none() -> None:
    registry = FakeRegistry()
    async with a_client(an_app(registry=registry)) as client:
        assert_one_shape(await client.post("/admin/keys/9/rotate"), 404, "NOT_FOUND")
        registry.create_key(BY, NewKey("x"))
        registry.unavailable = "locked"
        assert_one_shape(await client.post("/admin/keys/1/rotate"), 503, "BOOKS_UNAVAILABLE")


async def test_keys_are_listed_by_project_and_state_and_page_by_page() -> None:
    registry = FakeRegistry()
    project = registry.create_project(BY, "search")
    for number in range(5):
        registry.create_key(BY, NewKey(f"key {number}", project.uuid if number % 2 else None))
    registry.revoke_key(BY, 2)

    async def ids(client: httpx.AsyncClient, query: str) -> tuple[list[int], int | None]:
        page = (await client.get(f"/admin/keys?{query}")).json()
        return [one["id"] for one in page["keys"]], page["next"]

    async with a_client(an_app(registry=registry)) as client:
        assert await ids(client, "limit=2") == ([1, 2], 2)
        assert await ids(client, "limit=2&after=2") == ([3, 4], 4)
        assert await ids(client, "limit=2&after=4") == ([5], None)
        assert await ids(client, f"project_id={project.uuid}") == ([2, 4], None)
        assert await ids(client, "state=revoked") == ([2], None)
        assert await ids(client, f"state=active&project_id={project.uuid}") == ([4], None)
        assert_one_shape(await client.get("/admin/keys?state=old"), 400, "VALIDATION_FAILED")
        assert_one_shape(await client.get("/admin/keys?project_id=nobody"), 404, "NOT_FOUND")


# agent-cli-proxy's form.


async def test_a_managed_key_is_made_as_its_users_know_it() -> None:
    async with a_client(an_app()) as client:
        sent = {"name": "laptop", "allowed_accounts": ["a@example.org"], "allowed_providers": ["anthropic"]}
        answer = await client.post("/admin/api-keys", json=sent)
    made = answer.json()
    assert answer.status_code == 201
    assert is_well_formed(made["key"])
    assert made == {
        "id": 1,
        "key": made["key"],
        "keyPrefix": made["key"][:8],
        "name": "laptop",
        "createdAt": NOON,
        "allowedAccounts": ["a@example.org"],
        "allowedProviders": ["anthropic"],
    }


async def test_a_managed_key_is_changed_and_revoked_as_its_users_know_it() -> None:
    registry = FakeRegistry()
    async with a_client(an_app(registry=registry)) as client:
        await client.post("/admin/api-keys", json={"name": "laptop", "allowed_accounts": ["a"]})
        changed = await client.patch("/admin/api-keys/1", json={"allowed_providers": ["b"]})
        revoked = await client.delete("/admin/api-keys/1")
        listed = (await client.get("/admin/api-keys")).json()["apiKeys"][0]
    assert (changed.status_code, changed.json()) == (200, {"ok": True})
    assert (revoked.status_code, revoked.json()) == (200, {"revokedAt": NOON})
    assert (listed["allowedAccounts"], listed["allowedProviders"], listed["revokedAt"]) == (
        ["a"],
        ["b"],
        NOON,
    )


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": 1}, {"name": "x", "allowed_providers": "y"}, []])
async def test_a_bad_body_or_a_missing_name_is_a_400(body: object) -> None:
    async with a_client(an_app()) as client:
        assert_one_shape(await client.post("/admin/api-keys", json=body), 400, "VALIDATION_FAILED")


async def test_an_unknown_key_is_a_404() -> None:
    async with a_client(an_app()) as client:
        for prefix in ("/admin/api-keys", "/admin/keys", "/manage/tokens"):
            assert_one_shape(await client.delete(f"{prefix}/7"), 404, "NOT_FOUND")
            assert_one_shape(await client.patch(f"{prefix}/7", json={}), 404, "NOT_FOUND")
        assert_one_shape(await client.get("/admin/api-keys/7/usage"), 404, "NOT_FOUND")


async def test_more_keys_than_fit_are_found_by_a_link() -> None:
    registry = FakeRegistry()
    for number in range(3):
        registry.create_key(BY, NewKey(f"key {number}"))
    for path in ("/admin/api-keys", "/manage/tokens"):
        async with a_client(an_app(registry=registry)) as client:
            first = await client.get(path, params={"limit": 2})
            second = await client.get(first.links["next"]["url"])
        assert len(first.json().get("apiKeys") if "api" in path else first.json()) == 2
        assert "link" not in second.headers
        assert len(second.json().get("apiKeys") if "api" in path else second.json()) == 1
