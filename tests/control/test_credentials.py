"""Credentials over HTTP: secrets go in and never come out."""

from fakes.control import a_client, an_app, assert_one_shape
from fakes.registry import BY, FakeRegistry

SECRET = "sk-canary-0123456789"


async def test_a_credential_is_kept_changed_and_deleted_and_its_secret_never_shown() -> None:
    registry = FakeRegistry()
    uuid = registry.create_project(BY, "search").uuid
    async with a_client(an_app(registry=registry)) as client:
        sent = {"provider": "openai", "name": "second", "secret": SECRET, "project_id": uuid}
        made = await client.post("/admin/credentials", json=sent)
        assert registry.secrets == {1: SECRET}
        resting = await client.patch("/admin/credentials/1", json={"disabled": True, "name": "third"})
        replaced = await client.patch(
            "/admin/credentials/1", json={"secret": SECRET + "2", "disabled": False}
        )
        assert registry.secrets == {1: SECRET + "2"}
        shown = await client.get("/admin/credentials/1")
        listed = await client.get("/admin/credentials")
        gone = await client.delete("/admin/credentials/1")
        missing = await client.get("/admin/credentials/1")
        audit = await client.get("/admin/audit")
    assert made.status_code == 201
    assert made.json() == {
        "id": 1,
        "provider": "openai",
        "name": "second",
        "project_id": uuid,
        "created_at": "2025-03-01T12:00:00.000Z",
        "disabled_at": None,
    }
    assert (resting.json()["name"], resting.json()["disabled_at"]) == ("third", "2025-03-01T12:00:00.000Z")
    assert replaced.json() == shown.json() == listed.json()["credentials"][0]
    assert (gone.status_code, gone.content) == (204, b"")
    assert_one_shape(missing, 404, "NOT_FOUND")
    assert registry.secrets == {}
    everything = [made, resting, replaced, shown, listed, missing, audit]
    assert "canary" not in "".join(one.text for one in everything)


async def test_a_credential_without_a_project_is_everybodys() -> None:
    registry = FakeRegistry()
    async with a_client(an_app(registry=registry)) as client:
        made = await client.post(
            "/admin/credentials", json={"provider": "gemini", "name": "x", "secret": "s"}
        )
    assert made.json()["project_id"] is None


async def test_credentials_are_listed_by_project_and_provider_and_page_by_page() -> None:
    registry = FakeRegistry()
    uuid = registry.create_project(BY, "search").uuid
    for provider, project in (("openai", uuid), ("openai", None), ("gemini", uuid)):
        registry.create_credential(BY, provider, "x", "s", project)
    async with a_client(an_app(registry=registry)) as client:
        for query, ids, following in (
            ("", [1, 2, 3], None),
            ("limit=2", [1, 2], 2),
            ("limit=2&after=2", [3], None),
            (f"project_id={uuid}", [1, 3], None),
            ("provider=openai", [1, 2], None),
            (f"provider=openai&project_id={uuid}", [1], None),
            ("provider=nobody", [], None),
        ):
            page = (await client.get(f"/admin/credentials?{query}")).json()
            assert ([one["id"] for one in page["credentials"]], page["next"]) == (ids, following)


async def test_a_secret_that_does_not_fit_into_a_header_is_refused_without_being_repeated() -> None:
    async with a_client(an_app()) as client:
        for secret in ("canary\nline", "canary ", "", "x" * 5000, 5):
            sent = {"provider": "openai", "name": "x", "secret": secret}
            answer = await client.post("/admin/credentials", json=sent)
            assert_one_shape(answer, 400, "VALIDATION_FAILED")
            assert "canary" not in answer.text
        sent = {"provider": "not a provider", "name": "x", "secret": "canary"}
        assert_one_shape(await client.post("/admin/credentials", json=sent), 400, "VALIDATION_FAILED")
        sent = {"provider": "openai", "name": "x", "secret": "canary", "project_id": "nobody"}
        answer = await client.post("/admin/credentials", json=sent)
        assert_one_shape(answer, 404, "NOT_FOUND")
        assert "canary" not in answer.text
