"""Every error of the control plane has one shape, and the OpenAPI document says what there is."""

from typing import Any, get_args

import pytest
from pydantic import BaseModel

from fakes.control import a_client, an_app, assert_one_shape
from fakes.reports import FakeReports
from wellhead.control.bodies import Body
from wellhead.control.roles import OPEN, Door


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1beta/models/g:generateContent", "/api/chat"])
async def test_a_client_that_was_meant_for_the_gateway_is_told_so(path: str) -> None:
    async with a_client(an_app()) as client:
        answer = await client.post(path, json={})
    assert_one_shape(answer, 404, "NOT_FOUND")
    assert answer.json()["error"].endswith("the LLM API is at the address of gateway.bind.")


@pytest.mark.parametrize("path", ["/nothing", "/_qs", "/_qs/metrics/", "/docs"])
async def test_an_unknown_path_is_a_json_404(path: str) -> None:
    async with a_client(an_app()) as client:
        assert_one_shape(await client.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
async def test_another_method_is_a_json_405_that_says_what_is_allowed(method: str) -> None:
    async with a_client(an_app()) as client:
        answer = await client.request(method, "/_qs/metrics")
    assert_one_shape(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET"


async def test_head_is_answered_like_get() -> None:
    async with a_client(an_app()) as client:
        assert (await client.head("/health")).status_code == 200


async def test_what_breaks_unexpectedly_is_a_500_that_tells_nothing() -> None:
    reports = FakeReports()
    reports.broken = True
    async with a_client(an_app(reports)) as client:
        answer = await client.get("/_qs/metrics")
    assert_one_shape(answer, 500, "INTERNAL")
    assert "canary" not in answer.text


async def test_books_that_cannot_be_read_are_a_503_that_says_when_to_ask_again() -> None:
    reports = FakeReports()
    reports.available = False
    async with a_client(an_app(reports)) as client:
        answer = await client.get("/_qs/metrics")
    assert_one_shape(answer, 503, "BOOKS_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
    assert "canary" not in answer.text


async def test_a_failed_validation_has_the_one_shape_and_does_not_repeat_what_was_sent() -> None:
    app = an_app()

    @app.get("/counted", dependencies=OPEN)
    def counted(n: int) -> int:
        return n

    async with a_client(app) as client:
        answer = await client.get("/counted", params={"n": "canary-secret"})
    assert_one_shape(answer, 400, "VALIDATION_FAILED")
    assert answer.json()["details"][0]["at"] == "query.n"
    assert "canary" not in answer.text


async def test_the_document_describes_every_endpoint_and_its_errors() -> None:
    async with a_client(an_app()) as client:
        document = (await client.get("/openapi.json")).json()
    assert document["info"]["version"] == "1.2.3"
    assert {"/_qs/health", "/_qs/metrics", "/health", "/ready", "/admin/keys"} < set(document["paths"])
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], path
            assert operation["description"], path
            assert "422" not in operation["responses"], path
            assert "default" in operation["responses"], path
            right = next(answer for status, answer in operation["responses"].items() if status < "3")
            if "application/json" in right.get("content", ()):
                assert "$ref" in str(right["content"]["application/json"]["schema"]), path
            is_open = path in ("/health", "/ready", "/_qs/health") or path.startswith("/admin/session")
            assert ("security" in operation) is not is_open, (method, path)
    metrics = document["paths"]["/_qs/metrics"]["get"]
    assert set(metrics["responses"]) == {"200", "400", "401", "403", "429", "503", "default"}
    assert metrics["responses"]["200"]["content"]["application/json"]["example"]["totals"]
    assert [one["name"] for one in metrics["parameters"]] == ["from", "to", "model"]
    assert metrics["security"] == [{"basic": []}, {"bearer": []}, {"token": []}, {"session": []}]
    assert set(document["components"]["securitySchemes"]) == {"basic", "bearer", "token", "session"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_body_and_answer_has_an_example_that_is_one() -> None:
    shown = 0
    for route in an_app().routes:
        assert isinstance(route, Door)
        for field in (route.body_field, route.response_field):
            model = field.field_info.annotation if field is not None else None
            for one in (model, *get_args(model)):
                if not (isinstance(one, type) and issubclass(one, BaseModel)):
                    continue
                if one.__module__ in ("wellhead.control.health", "wellhead.control.qs"):
                    continue  # theirs stand in the routes, and are tested there
                extra: Any = one.model_config["json_schema_extra"]
                (example,) = extra["examples"]
                read = one.model_validate(example)
                assert issubclass(one, Body) or read.model_dump(mode="json", exclude_unset=True) == example
                shown += 1
    assert shown > 40
