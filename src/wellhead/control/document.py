"""The OpenAPI document, with what FastAPI leaves out of it.

How errors look, and the ways to say who one is, are the same everywhere; they are put in here, once,
so that no route has to carry them.

A parameter of a URL is there or not; it is never `null`.  A field that may be absent has no
default: absent is not the same as `null`.  One whose example is a day or a
moment takes days or moments, which programs can be told; and every one has an example.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from wellhead.control.days import DATE
from wellhead.control.failures import Failure
from wellhead.control.live import Lagged
from wellhead.control.roles import WAYS, Door
from wellhead.control.times import EXAMPLE

MOMENT: dict[str, Any] = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]
}
DAY: dict[str, Any] = {"type": "string", "format": "date"}
UUID = "77b0c0de-0000-4000-8000-000000000001"
EXAMPLES: dict[str, Any] = {
    "id": 7,
    "limit": 50,
    "offset": 0,
    "after": 100,
    "before": 815694120529133568,
    "hours": 24,
    "tool": "codex",
    "client": "laptop",
    "client_id": "laptop",
    "model": "gpt-4o",
    "provider": "openai",
    "providerId": "openai",
    "account": "dev@example.org",
    "session": "sess-42",
    "agent": "nora",
    "project": UUID,
    "project_id": UUID,
    "projectId": UUID,
    "archived": False,
    "key": "7",
    "outcome": "completed",
    "streamed": "1",
    "status_min": "400",
    "status_max": "499",
    "lifecycle_status": "error",
    "group_by": "tool,model",
    "tz": "Europe/Berlin",
    "cursor": "1772359499000000.815694120529133568",
    "action": "limit.change",
    "actor": "admin",
    "object_kind": "limit",
    "object_id": "3",
    "last-event-id": "1772356320150000",
}
"""Of parameters that say no example themselves and have no list of what there is."""
OF_PROJECTS = "/projects/"


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an app; made once."""
    if app.openapi_schema is None:
        made = FastAPI.openapi(app)
        _add_failure(made)
        _add_ways(made, app)
        for path, parameter in _parameters(made):
            schema = parameter["schema"] = _of_a_url(parameter["schema"])
            name = parameter["name"]
            if not ("examples" in schema or "enum" in schema or "$ref" in schema or "default" in schema):
                is_uuid = name == "id" and OF_PROJECTS in path
                parameter |= {"example": UUID} if is_uuid else _example(name)
        schemas = made["components"]["schemas"]
        schemas["Lagged"] = Lagged.model_json_schema()
        _forget_absent(schemas)
        app.openapi_schema = made
    return app.openapi_schema


def _forget_absent(schemas: dict[str, Any]) -> None:
    """A default of `null` says that a field may be left out, which its not being required says already.

    Programs that make types out of the document take a field with a default for one that is always there.
    """
    for schema in schemas.values():
        for one in schema.get("properties", {}).values():
            if "default" in one and one["default"] is None:
                del one["default"]


def _add_failure(made: dict[str, Any]) -> None:
    schemas = made["components"]["schemas"]
    schemas[Failure.__name__] = Failure.model_json_schema(mode="serialization")
    made["components"]["schemas"] = dict(sorted(schemas.items()))


def _add_ways(made: dict[str, Any], app: FastAPI) -> None:
    """Say at each operation that needs a role how one identifies."""
    made["components"]["securitySchemes"] = {name: dict(way) for name, way in WAYS.items()}
    for route in app.routes:
        if isinstance(route, Door) and route.include_in_schema and route.needs.role is not None:
            for method in route.methods or ():
                operation = made["paths"][route.path_format][method.lower()]
                operation["security"] = [{name: []} for name in WAYS]


def _example(name: str) -> dict[str, Any]:
    return {"example": EXAMPLES[name]} if name in EXAMPLES else {}


def _parameters(made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in made["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                yield path, parameter


def _of_a_url(schema: dict[str, Any]) -> dict[str, Any]:
    """What can be in a URL, or in a header."""
    others = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(others) == 1:
        schema = {**{name: value for name, value in schema.items() if name != "anyOf"}, **others[0]}
    examples = schema.get("examples", [])
    if examples == [EXAMPLE]:
        return {**{name: value for name, value in schema.items() if name != "type"}, **MOMENT}
    return {**schema, **DAY} if examples and DATE.fullmatch(str(examples[0])) else schema
