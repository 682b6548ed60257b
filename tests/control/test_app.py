"""Every error of the control plane has one shape, and the OpenAPI document says what there is."""

import pytest

from fakes.control import a_client, an_app, assert_one_shape
from fakes.reports import FakeReports
from wellhead.control.roles import OPEN


@pytest.mark.parametrize("path", ["/", "/nothing", "/_qs", "/_qs/metrics/", "/_qs/metrics/ui", "/docs"])
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


async def test_the_document_describes_every_endpoint_with_an_example_and_its_errors() -> None:
    async with a_client(an_app()) as client:
        document = (await client.get("/openapi.json")).json()
    assert document["info"]["version"] == "1.2.3"
    assert set(document["paths"]) == {"/_qs/health", "/_qs/metrics", "/health", "/ready"}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            assert operation["description"], path
            assert "422" not in operation["responses"], path
            assert "default" in operation["responses"], path
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert "$ref" in schema, path
    metrics = document["paths"]["/_qs/metrics"]["get"]
    assert set(metrics["responses"]) == {"200", "400", "401", "403", "429", "503", "default"}
    assert metrics["responses"]["200"]["content"]["application/json"]["example"]["totals"]
    assert [one["name"] for one in metrics["parameters"]] == ["from", "to", "model"]
    assert metrics["security"] == [{"basic": []}, {"bearer": []}, {"token": []}, {"session": []}]
    assert "security" not in document["paths"]["/health"]["get"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
