"""The OpenAPI document says all that there is to say: parameters, examples, forms, errors."""

from collections.abc import Iterator
from typing import Any

import pytest

from fakes.control import the_document
from wellhead.control.times import moment_us

DOCUMENT = the_document()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def parameters() -> Iterator[tuple[str, dict[str, Any]]]:
    for label, operation in OPERATIONS.items():
        for parameter in operation.get("parameters", ()):
            yield label, parameter


@pytest.mark.parametrize(("label", "parameter"), list(parameters()))
def test_every_parameter_is_described_and_has_an_example_or_a_list(
    label: str, parameter: dict[str, Any]
) -> None:
    schema = parameter["schema"]
    assert parameter["description"], label
    assert "example" in parameter or schema.keys() & {"examples", "enum", "$ref", "default"}, label


def test_no_parameter_may_be_null() -> None:
    """There is no such thing in a URL."""
    assert [label for label, one in parameters() if {"type": "null"} in one["schema"].get("anyOf", ())] == []


def test_days_and_moments_say_so_and_their_examples_are_some() -> None:
    of_report = {one["name"]: one["schema"] for one in OPERATIONS["GET /admin/export"]["parameters"]}
    assert [one["format"] for one in of_report["from"]["anyOf"]] == ["date-time", "date"]
    assert moment_us(of_report["from"]["examples"][0], "from") is not None
    of_days = {one["name"]: one["schema"] for one in OPERATIONS["GET /admin/usage/range"]["parameters"]}
    assert (of_days["to"]["type"], of_days["to"]["format"]) == ("string", "date")


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_error_has_the_one_shape_as_json_and_an_example(label: str) -> None:
    errors = {s: one for s, one in OPERATIONS[label]["responses"].items() if s >= "4" and s != "default"}
    for status, one in errors.items():
        # Where the right answer is no JSON, errors are all the same.
        (media_type,) = one["content"]
        assert media_type == "application/json", status
        said = one["content"][media_type]
        if said["schema"]["$ref"].endswith("/Failure"):
            assert set(said["example"]) <= {"error", "code", "details"}
            assert said["example"]["error"]


def test_bodies_take_no_further_fields() -> None:
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for operation in OPERATIONS.values()
        if "requestBody" in operation
    ]
    assert len(bodies) > 15
    for body in bodies:
        for one in body.get("anyOf", [body]):
            if "$ref" in one:
                schema = DOCUMENT["components"]["schemas"][one["$ref"].rpartition("/")[2]]
                assert schema["additionalProperties"] is False, one


def test_every_answer_says_the_form_of_all_that_is_in_it() -> None:
    """Whoever makes types out of the document gets no field of which nothing is known."""

    def unsaid(schema: Any, at: str) -> Iterator[str]:
        if isinstance(schema, list):
            for one in schema:
                yield from unsaid(one, at)
        elif isinstance(schema, dict):
            is_object = schema.get("type") == "object"
            if schema.get("additionalProperties") is True or (
                is_object and not schema.keys() & {"properties", "additionalProperties"}
            ):
                yield at
            for name, one in schema.items():
                if name not in ("example", "examples", "default"):
                    yield from unsaid(one, f"{at}/{name}")

    assert list(unsaid(DOCUMENT["components"]["schemas"], "")) == []


def test_what_may_be_absent_has_no_default_of_null() -> None:
    """Programs would take it for always there."""
    line = DOCUMENT["components"]["schemas"]["ReportLine"]
    assert not {"start", "tool", "outcome", "p50_latency_ms"} & set(line["required"])
    assert [
        name
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for one in schema.get("properties", {}).values()
        if one.get("default", 1) is None
    ] == []


def test_the_data_of_events_has_a_form() -> None:
    said = OPERATIONS["GET /admin/live"]["responses"]["200"]["content"]["text/event-stream"]["x-events"]
    assert set(said) == {"open", "settle", "lagged"}
    for one in said.values():
        assert one["$ref"].rpartition("/")[2] in DOCUMENT["components"]["schemas"]


def test_files_and_events_say_their_forms() -> None:
    export = OPERATIONS["GET /admin/export"]["responses"]["200"]["content"]
    assert set(export) == {
        *("text/csv", "application/json", "application/x-ndjson", "application/vnd.apache.parquet"),
    }
    assert export["application/json"]["schema"]["items"]["$ref"].endswith("/ExportedCall")
    assert list(OPERATIONS["GET /admin/live"]["responses"]["200"]["content"]) == ["text/event-stream"]
