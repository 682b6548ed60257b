"""Bodies: every field known, every type exact, and nothing of what was sent in an error."""

from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI

from fakes.control import a_client, an_app, assert_one_shape

JSON = {"content-type": "application/json"}


@cache
def app() -> FastAPI:
    """One for all of them: it takes longer to make than to ask, and what is refused changes nothing."""
    return an_app()


async def refused(body: Any, path: str = "/admin/keys") -> str:
    async with a_client(app()) as client:
        answer = await client.post(path, json=body)
    assert_one_shape(answer, 400, "VALIDATION_FAILED")
    assert "canary" not in answer.text
    return str(answer.json()["error"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"name": "x", "duration_hour": 1},
            "there is no field `duration_hour`; perhaps `duration_hours` was meant",
        ),
        ({"name": "x", "Name": "y"}, "there is no field `Name`; perhaps `name` was meant"),
        ({"name": "x", "zzzzzzzzzz": 1}, "there is no field `zzzzzzzzzz`; known are `name`, `project_id`"),
        ({"name": "x", "canary-secret": 1}, "there is no field of that name"),
        ({"name": "x", "canary" + "y" * 30: 1}, "there is no field of that name"),
        (
            {"name": "x", "limits": [{"measure": "calls", "windov": "hour"}]},
            "body.limits.0: there is no field `windov`; perhaps `window`",
        ),
        ({"name": "x", "": 1}, "there is no field of that name"),
    ],
)
async def test_an_unknown_field_is_an_error_that_names_the_nearest(body: Any, said: str) -> None:
    assert said in await refused(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": None},
        {"name": ""},
        {"name": 5},
        {"name": "x" * 201},
        {"name": ["canary"]},
        {"name": "x", "duration_hours": "5"},
        {"name": "x", "duration_hours": 1.5},
        {"name": "x", "duration_hours": True},
        {"name": "x", "duration_hours": 0},
        {"name": "x", "duration_hours": -1},
        {"name": "x", "duration_hours": 10**30},
        {"name": "x", "duration_hours": 1, "expires_at": "2030-01-01"},
        {"name": "x", "expires_at": 1},
        {"name": "x", "expires_at": "2001-01-01"},
        {"name": "x", "allowed_models": "canary"},
        {"name": "x", "allowed_models": [1]},
        {"name": "x", "allowed_models": [""]},
        {"name": "x", "allowed_models": ["x"] * 101},
        {"name": "x", "tags": {"canary-secret": 1}},
        {"name": "x", "tags": [["a", "b"]]},
        {"name": "x", "tags": {"": "canary"}},
        {"name": "x", "limits": [{"measure": "canary", "window": "hour", "amount": 1}]},
        {"name": "x", "limits": [{"measure": "calls", "window": "hour", "amount": 1.5}]},
        {"name": "x", "limits": [{"measure": "calls", "window": "hour", "amount": True}]},
        {"name": "x", "limits": [{"measure": "calls", "window": "hour", "amount": -1}]},
        {"name": "x", "limits": [{"measure": "calls", "window": "hour", "amount": None}]},
        {
            "name": "x",
            "limits": [{"measure": "calls", "window": "hour", "amount": 1, "scope": {"kind": "global"}}],
        },
        {"name": "x", "limits": {}},
        {"name": "a\nb"},
        [],
        "canary",
        5,
        None,
    ],
)
async def test_a_value_of_another_type_is_an_error_that_does_not_repeat_it(body: Any) -> None:
    await refused(body)


@pytest.mark.parametrize(
    "content",
    [
        b"{canary",
        b'{"name": "canary", }',
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"name": ' + b"1" * 5_000 + b"}",
        b"",
    ],
)
async def test_what_is_no_json_is_a_400_that_does_not_repeat_it(content: bytes) -> None:
    async with a_client(app()) as client:
        answer = await client.post("/admin/keys", content=content, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["code"] in ("VALIDATION_FAILED", "BAD_REQUEST")
    assert answer.json()["error"].endswith(".")
    assert "canary" not in answer.text


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_that_does_not_say_it_is_json_is_none(kind: str | None) -> None:
    # A page from elsewhere could send those without being asked for permission.
    headers = {} if kind is None else {"content-type": kind}
    async with a_client(app()) as client:
        answer = await client.post("/admin/projects", content=b'{"name":"canary"}', headers=headers)
    assert_one_shape(answer, 400, "VALIDATION_FAILED")
    assert "Content-Type: application/json" in answer.json()["error"]
    assert "canary" not in answer.text


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "9" * 30, "%00", "wh_canary"])
@pytest.mark.parametrize(
    "path", ["/admin/keys/{}", "/admin/limits/{}", "/admin/api-keys/{}/usage", "/manage/tokens/{}"]
)
async def test_what_cannot_be_an_id_is_nobodys(path: str, number: str) -> None:
    async with a_client(app()) as client:
        answer = await client.get(path.format(number))
    assert_one_shape(answer, 404, "NOT_FOUND")
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "limit=0", "limit=1001", "limit=canary", "after=" + "9" * 30]
)
async def test_a_page_that_cannot_be_is_a_400(query: str) -> None:
    async with a_client(app()) as client:
        for path in (
            "/admin/keys",
            "/admin/api-keys",
            "/admin/limits",
            "/manage/tokens",
            "/admin/credentials",
        ):
            answer = await client.get(f"{path}?{query}")
            assert_one_shape(answer, 400, "VALIDATION_FAILED")
            assert "canary" not in answer.text
            assert_one_shape(await client.get(f"{path}?page=1"), 400, "UNKNOWN_PARAMETER")
