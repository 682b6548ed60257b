"""`/manage/tokens`: keys as the withering-token proxy's users know them."""

from typing import Any

import pytest

from fakes.books import NOON_US
from fakes.control import a_client, an_app, assert_one_shape
from fakes.registry import BY, FakeRegistry
from wellhead.control.app import ControlOptions
from wellhead.limit import Limit, Measure, Scope, ScopeKind, Window
from wellhead.moments import HOUR_US
from wellhead.policy.keys import is_well_formed, new_secret
from wellhead.registry import NewKey, NewLimit

MANAGEMENT = "77b0c0de-0000-4000-8000-00000000abcd"
OPTIONS = ControlOptions(management_token=MANAGEMENT)
BEARER = {"authorization": f"Bearer {MANAGEMENT}"}


def limits(registry: FakeRegistry) -> list[Limit]:
    return [use.limit for use in registry.limits().entries]


async def test_the_exchange_of_the_specification() -> None:
    registry = FakeRegistry(lambda: NOON_US + 999_999)
    uuid = registry.create_project(BY, "search").uuid
    app = an_app(registry=registry, options=OPTIONS, now_us=lambda: NOON_US + 999_999)
    async with a_client(app) as client:
        sent = {"project_id": uuid, "duration_hours": 24}
        made = await client.post("/manage/tokens", json=sent, headers=BEARER)
        token = made.json()["token"]
        use = registry.key_of(token)
        revoked = await client.request("DELETE", "/manage/tokens", json={"token": token}, headers=BEARER)
        again = await client.request("DELETE", "/manage/tokens", json={"token": token}, headers=BEARER)
    assert made.status_code == 200
    assert made.json() == {"id": "1", "token": token, "expires_at": "2025-03-02T12:00:00Z"}
    assert is_well_formed(token)
    assert use.key.expires_us == NOON_US + 24 * HOUR_US
    assert use.project is not None
    assert use.project.uuid == uuid
    for answer in (revoked, again):
        assert (answer.status_code, answer.content) == (204, b"")
    assert registry.key(1).key.revoked_us is not None
    (hourly,) = limits(registry)
    assert (hourly.measure, hourly.window, hourly.amount, hourly.sliding) == (
        Measure.CALLS,
        Window.HOUR,
        1000,
        False,
    )
    assert hourly.scope == Scope(ScopeKind.KEY, "1")


@pytest.mark.parametrize(
    ("per_hour", "sent", "made"),
    [
        (1000, {}, [(Window.HOUR, 1000)]),
        (5, {"max_requests": 7}, [(Window.HOUR, 5), (Window.TOTAL, 7)]),
        (0, {"max_requests": 7}, [(Window.TOTAL, 7)]),
        (0, {"max_requests": 0}, []),
    ],
)
async def test_a_key_gets_the_limits_that_it_should(
    per_hour: int, sent: dict[str, int], made: list[Any]
) -> None:
    registry = FakeRegistry()
    uuid = registry.create_project(BY, "search").uuid
    options = ControlOptions(manage_calls_per_hour=per_hour)
    async with a_client(an_app(registry=registry, options=options)) as client:
        answer = await client.post(
            "/manage/tokens", json={"project_id": uuid, "duration_minutes": 90, **sent}
        )
    assert answer.json()["expires_at"] == "2025-03-01T13:30:00Z"
    assert answer.json().get("max_requests", 0) == sent.get("max_requests", 0)
    assert ("max_requests" in answer.json()) is bool(sent.get("max_requests"))
    assert [(one.window, one.amount) for one in limits(registry)] == made


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"duration_hours": 1},
        {"project_id": "x"},
        {"project_id": "x", "duration_hours": 1, "duration_minutes": 1},
        {"project_id": "x", "duration_hours": 0},
        {"project_id": "x", "duration_hours": "24"},
        {"project_id": "x", "duration_hours": 1, "max_requests": -1},
        {"projectId": "x", "duration_hours": 1},
    ],
)
async def test_a_bad_body_is_a_400(sent: dict[str, Any]) -> None:
    async with a_client(an_app()) as client:
        assert_one_shape(await client.post("/manage/tokens", json=sent), 400, "VALIDATION_FAILED")


async def test_a_key_belongs_to_a_project_that_is_there_and_not_archived() -> None:
    registry = FakeRegistry()
    uuid = registry.create_project(BY, "search").uuid
    registry.change_project(BY, uuid, archived=True)
    async with a_client(an_app(registry=registry)) as client:
        unknown = await client.post("/manage/tokens", json={"project_id": "nobody", "duration_hours": 1})
        archived = await client.post("/manage/tokens", json={"project_id": uuid, "duration_hours": 1})
    assert_one_shape(unknown, 404, "NOT_FOUND")
    assert_one_shape(archived, 409, "CONFLICT")
    assert limits(registry) == []


@pytest.mark.parametrize(
    "token", [new_secret(b"\1" * 32), "5a1e0000-0000-4000-8000-00000000beef", "canary", "ü"]
)
@pytest.mark.parametrize("path", ["/manage/tokens", "/admin/tokens"])
async def test_a_key_that_never_was_is_a_404_that_does_not_repeat_it(path: str, token: str) -> None:
    async with a_client(an_app()) as client:
        answer = await client.request("DELETE", path, json={"token": token})
    assert_one_shape(answer, 404, "NOT_FOUND")
    assert token not in answer.text


async def test_keys_are_listed_masked_with_what_was_done_with_them() -> None:
    registry = FakeRegistry()
    uuid = registry.create_project(BY, "search").uuid
    first = registry.create_key(BY, NewKey("x", uuid, expires_us=NOON_US + HOUR_US))
    registry.create_key(BY, NewKey("y"))
    registry.create_limit(BY, NewLimit(Measure.CALLS, Window.TOTAL, 50, Scope(ScopeKind.KEY, "1")))
    registry.create_limit(BY, NewLimit(Measure.CALLS, Window.TOTAL, 9, Scope(ScopeKind.KEY)))
    registry.create_limit(BY, NewLimit(Measure.INPUT_TOKENS, Window.TOTAL, 8, Scope(ScopeKind.KEY, "1")))
    registry.uses[1] = (NOON_US, 12, 600, 0)
    registry.revoke_key(BY, 2)
    async with a_client(an_app(registry=registry)) as client:
        listed = (await client.get("/manage/tokens")).json()
        of_project = (await client.get(f"/manage/tokens?projectId={uuid}")).json()
        of_all = (await client.get("/manage/tokens?projectId=")).json()
        shown = (await client.get("/manage/tokens/1")).json()
        paged = (await client.get("/admin/tokens?limit=1")).json()
    assert shown == {
        "id": "1",
        "token": first.secret[:8] + "...",
        "project_id": uuid,
        "expires_at": "2025-03-01T13:00:00Z",
        "is_active": True,
        "request_count": 12,
        "max_requests": 50,
        "created_at": "2025-03-01T12:00:00Z",
        "last_used_at": "2025-03-01T12:00:00Z",
        "cache_hit_count": 0,
    }
    assert listed == of_all
    assert listed[0] == shown
    assert of_project == [shown]
    second = listed[1]
    assert (second["is_active"], second["max_requests"], second["expires_at"]) == (False, None, None)
    assert paged == {"tokens": [shown], "next": 1}


async def test_limits_on_many_pages_are_all_found(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = FakeRegistry()
    for number in range(1, 6):
        registry.create_key(BY, NewKey("x"))
        registry.create_limit(
            BY, NewLimit(Measure.CALLS, Window.TOTAL, number, Scope(ScopeKind.KEY, str(number)))
        )
    monkeypatch.setattr("wellhead.control.manage_tokens.PAGE_MAX", 2)
    async with a_client(an_app(registry=registry)) as client:
        listed = (await client.get("/admin/tokens")).json()["tokens"]
    assert [one["max_requests"] for one in listed] == [1, 2, 3, 4, 5]


async def test_a_key_is_revoked_by_its_number_and_stays_so() -> None:
    registry = FakeRegistry()
    for _ in range(3):
        registry.create_key(BY, NewKey("x"))
    async with a_client(an_app(registry=registry)) as client:
        assert (await client.delete("/manage/tokens/1")).status_code == 204
        assert (await client.delete("/manage/tokens/1")).status_code == 204
        changed = await client.patch("/manage/tokens/2", json={"is_active": False})
        assert (changed.status_code, changed.json()["is_active"]) == (200, False)
        back = await client.patch("/manage/tokens/2", json={"is_active": True, "max_requests": 5})
        assert_one_shape(back, 409, "CONFLICT")
        assert (await client.patch("/manage/tokens/3", json={"is_active": True})).json()["is_active"] is True
        assert (await client.request("DELETE", "/admin/tokens", json={"id": "3"})).status_code == 204
    assert limits(registry) == []
    assert all(use.key.revoked_us is not None for use in registry.keys().entries)


@pytest.mark.parametrize("body", [{}, {"id": "1", "token": "x"}, {"id": 1}])
async def test_a_key_is_named_in_one_way(body: dict[str, Any]) -> None:
    registry = FakeRegistry()
    registry.create_key(BY, NewKey("x"))
    async with a_client(an_app(registry=registry)) as client:
        assert_one_shape(await client.request("DELETE", "/admin/tokens", json=body), 400, "VALIDATION_FAILED")
        for id_ in ("9", "x", "9" * 30, "-1", "١"):
            answer = await client.request("DELETE", "/admin/tokens", json={"id": id_})
            assert_one_shape(answer, 404, "NOT_FOUND")
    assert registry.key(1).key.revoked_us is None


async def test_how_many_calls_a_key_is_good_for_is_made_changed_and_taken_away() -> None:
    registry = FakeRegistry()
    registry.create_key(BY, NewKey("x"))
    registry.create_limit(BY, NewLimit(Measure.CALLS, Window.HOUR, 9, Scope(ScopeKind.KEY, "1")))
    async with a_client(an_app(registry=registry)) as client:
        for asked, shown, kept in ((5, 5, [9, 5]), (7, 7, [9, 7]), (0, None, [9]), (0, None, [9])):
            answer = await client.patch("/manage/tokens/1", json={"max_requests": asked})
            assert answer.json()["max_requests"] == shown
            assert [one.amount for one in limits(registry)] == kept


async def test_a_successor_is_good_for_as_many_calls_as_the_keys_before_it_together() -> None:
    registry = FakeRegistry()
    registry.create_key(BY, NewKey("x"))
    registry.create_limit(BY, NewLimit(Measure.CALLS, Window.TOTAL, 5, Scope(ScopeKind.KEY, "1")))
    for key_id in (1, 2):
        registry.rotate_key(BY, key_id, 60)
    async with a_client(an_app(registry=registry)) as client:
        assert [one["max_requests"] for one in (await client.get("/manage/tokens")).json()] == [5, 5, 5]
        assert (await client.get("/manage/tokens/3")).json()["max_requests"] == 5
        await client.patch("/manage/tokens/3", json={"max_requests": 8})
        assert (await client.get("/manage/tokens/1")).json()["max_requests"] == 8
    assert len(limits(registry)) == 1
