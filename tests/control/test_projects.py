"""Projects over HTTP, in full and in the withering-token proxy's form."""

import pytest

from fakes.control import a_client, an_app, assert_one_shape
from fakes.registry import BY, FakeRegistry
from wellhead.registry import NewKey

SECRET = "sk-canary-0123456789"
FORMS = [("/admin/projects", "openai_api_key"), ("/manage/projects", "api_key")]


@pytest.mark.parametrize(("path", "field"), FORMS)
async def test_a_project_is_made_with_its_upstream_secret_which_is_never_shown(path: str, field: str) -> None:
    registry = FakeRegistry()
    async with a_client(an_app(registry=registry)) as client:
        answer = await client.post(path, json={"name": "search", field: SECRET})
        shown = await client.get(f"{path}/{answer.json()['id']}")
        listed = await client.get(path)
    assert answer.status_code == 201
    assert answer.json() == shown.json()
    assert (shown.json()["name"], shown.json()["is_active"]) == ("search", True)
    assert "canary" not in answer.text + shown.text + listed.text
    (credential,) = registry.credentials(project=shown.json()["id"]).entries
    assert (credential.provider, credential.name, registry.secrets[credential.id]) == (
        "openai",
        "api_key",
        SECRET,
    )


async def test_both_forms_show_the_same_projects() -> None:
    registry = FakeRegistry()
    project = registry.create_project(BY, "search")
    registry.change_project(BY, project.uuid, archived=True)
    async with a_client(an_app(registry=registry)) as client:
        full = (await client.get("/admin/projects")).json()
        managed = (await client.get("/manage/projects")).json()
    assert full == {
        "projects": [
            {
                "id": project.uuid,
                "name": "search",
                "is_active": False,
                "created_at": "2025-03-01T12:00:00.000Z",
                "archived_at": "2025-03-01T12:00:00.000Z",
            }
        ],
        "next": None,
    }
    assert managed == [
        {
            "id": project.uuid,
            "name": "search",
            "is_active": False,
            "created_at": "2025-03-01T12:00:00Z",
            "deactivated_at": "2025-03-01T12:00:00Z",
        }
    ]


@pytest.mark.parametrize(("path", "field"), FORMS)
@pytest.mark.parametrize("secret", ["with\nline", " ", "ünicode"])
async def test_a_project_whose_secret_is_refused_is_not_made(path: str, field: str, secret: str) -> None:
    registry = FakeRegistry()
    async with a_client(an_app(registry=registry)) as client:
        answer = await client.post(path, json={"name": "search", field: secret})
    assert_one_shape(answer, 400, "VALIDATION_FAILED")
    assert registry.projects().entries == ()


async def test_a_name_is_one_projects_alone() -> None:
    async with a_client(an_app()) as client:
        assert (await client.post("/admin/projects", json={"name": "search"})).status_code == 201
        assert_one_shape(await client.post("/manage/projects", json={"name": "search"}), 409, "CONFLICT")


@pytest.mark.parametrize(("path", "field"), FORMS)
async def test_another_secret_takes_the_place_of_the_old_one(path: str, field: str) -> None:
    registry = FakeRegistry()
    uuid = registry.create_project(BY, "search").uuid
    async with a_client(an_app(registry=registry)) as client:
        for number in range(3):
            assert (await client.patch(f"{path}/{uuid}", json={field: f"sk-{number}"})).status_code == 200
            assert list(registry.secrets.values()) == [f"sk-{number}"]
            registry.change_credential(BY, 1, disabled=True)
        await client.patch(f"{path}/{uuid}", json={field: "sk-9"})
    assert registry.credential(1).disabled_us is None


async def test_among_several_secrets_it_is_the_one_of_that_name_and_else_nobody_guesses() -> None:
    registry = FakeRegistry()
    uuid = registry.create_project(BY, "search").uuid
    registry.create_credential(BY, "openai", "first", "sk-1", uuid)
    registry.create_credential(BY, "openai", "second", "sk-2", uuid)
    registry.create_credential(BY, "anthropic", "api_key", "sk-3", uuid)
    async with a_client(an_app(registry=registry)) as client:
        answer = await client.patch(
            f"/manage/projects/{uuid}", json={"api_key": "sk-new", "is_active": False}
        )
        assert_one_shape(answer, 409, "CONFLICT")
        assert "/admin/credentials" in answer.json()["error"]
        assert registry.project(uuid).archived_us is None
        registry.create_credential(BY, "openai", "api_key", "sk-4", uuid)
        assert (await client.patch(f"/manage/projects/{uuid}", json={"api_key": "sk-new"})).status_code == 200
    assert list(registry.secrets.values()) == ["sk-1", "sk-2", "sk-3", "sk-new"]


async def test_a_project_is_renamed_archived_and_taken_back() -> None:
    registry = FakeRegistry()
    uuid = registry.create_project(BY, "search").uuid
    async with a_client(an_app(registry=registry)) as client:
        one = (await client.patch(f"/admin/projects/{uuid}", json={"name": "find", "archived": True})).json()
        two = (await client.patch(f"/admin/projects/{uuid}", json={"archived": False})).json()
        three = (await client.patch(f"/manage/projects/{uuid}", json={"is_active": False})).json()
        four = (await client.patch(f"/manage/projects/{uuid}", json={"is_active": True})).json()
        five = (await client.get("/admin/projects?archived=true")).json()
    assert (one["name"], one["is_active"]) == ("find", False)
    assert (two["name"], two["is_active"], two["archived_at"]) == ("find", True, None)
    assert three["is_active"] is False
    assert four["is_active"] is True
    assert five["projects"] == []


async def test_only_an_empty_project_is_deleted_and_the_answer_says_what_else_to_do() -> None:
    registry = FakeRegistry()
    empty, used, other = (registry.create_project(BY, name).uuid for name in ("empty", "used", "other"))
    registry.create_key(BY, NewKey("x", used))
    async with a_client(an_app(registry=registry)) as client:
        answer = await client.delete(f"/admin/projects/{empty}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert (await client.request("DELETE", "/admin/projects", json={"id": other})).status_code == 204
        for refused in (
            await client.delete(f"/admin/projects/{used}"),
            await client.request("DELETE", "/admin/projects", json={"id": used}),
        ):
            assert_one_shape(refused, 409, "CONFLICT")
            assert '{"archived": true}' in refused.json()["error"]
        assert_one_shape(await client.delete(f"/admin/projects/{empty}"), 404, "NOT_FOUND")
        assert_one_shape(await client.request("DELETE", "/admin/projects", json={}), 400, "VALIDATION_FAILED")
        assert_one_shape(await client.delete(f"/manage/projects/{used}"), 405, "METHOD_NOT_ALLOWED")
    assert [one.uuid for one in registry.projects().entries] == [used]


async def test_all_keys_of_a_project_are_revoked_at_once() -> None:
    registry = FakeRegistry()
    uuid, other = (registry.create_project(BY, name).uuid for name in ("search", "other"))
    for project in (uuid, uuid, uuid, other):
        registry.create_key(BY, NewKey("x", project))
    registry.revoke_key(BY, 1)
    async with a_client(an_app(registry=registry)) as client:
        answer = await client.post(f"/manage/projects/{uuid}/tokens/revoke")
        again = await client.post(f"/manage/projects/{uuid}/tokens/revoke")
        nobody = await client.post("/manage/projects/nobody/tokens/revoke")
    assert answer.json() == {
        "revoked_count": 2,
        "already_revoked_count": 1,
        "total_tokens": 3,
        "failed_count": 0,
    }
    assert again.json() == {
        "revoked_count": 0,
        "already_revoked_count": 3,
        "total_tokens": 3,
        "failed_count": 0,
    }
    assert_one_shape(nobody, 404, "NOT_FOUND")
    assert registry.key(4).key.revoked_us is None


async def test_a_project_that_is_deactivated_may_take_its_keys_along() -> None:
    registry = FakeRegistry()
    uuid = registry.create_project(BY, "search").uuid
    registry.create_key(BY, NewKey("x", uuid))
    async with a_client(an_app(registry=registry)) as client:
        kept = await client.patch(
            f"/manage/projects/{uuid}", json={"is_active": False, "revoke_tokens": False}
        )
        assert kept.status_code == 200
        assert registry.key(1).key.revoked_us is None
        await client.patch(f"/manage/projects/{uuid}", json={"revoke_tokens": True})
    assert registry.key(1).key.revoked_us is not None
    assert registry.project(uuid).archived_us is not None


async def test_an_unknown_project_is_a_404() -> None:
    async with a_client(an_app()) as client:
        for path, field in FORMS:
            assert_one_shape(await client.get(f"{path}/nobody"), 404, "NOT_FOUND")
            assert_one_shape(await client.patch(f"{path}/nobody", json={}), 404, "NOT_FOUND")
            assert_one_shape(await client.patch(f"{path}/nobody", json={field: "sk-1"}), 404, "NOT_FOUND")
