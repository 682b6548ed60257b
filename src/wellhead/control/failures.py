"""Every error of the control plane in one shape: `{"error": "...", "code": "..."}`.

`error` is for people and says what to do, `code` is for programs and never changes
its meaning.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from wellhead.errors import BooksUnavailable, CallerError, Conflict, Invalid, NotFound

RETRY_AFTER_S = 1
"""When to ask again after the books were not available."""
STEP = re.compile(r"[a-z][a-zA-Z_]{0,23}")
NO_OBJECT = ("model_attributes_type", "dict_type", "missing")

Responses = dict[int | str, dict[str, Any]]
"""Answers by status, as FastAPI wants them described."""


class Failure(BaseModel):
    """What went wrong."""

    error: str = Field(description="What is wrong and what to do about it, for people.")
    code: str = Field(description="Stable, for programs.")
    details: Any = Field(default=None, description="Particulars, where they help.")


NAMED = {"$ref": f"#/components/schemas/{Failure.__name__}"}
"""How the OpenAPI document refers to it; `document` puts it there."""


def failure(status: int, code: str, error: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error response."""
    return JSONResponse({"error": error, "code": code}, status, headers)


def described(description: str, code: str | None = None, error: str | None = None) -> dict[str, Any]:
    """How an error stands in the OpenAPI document, with an example if there is one.

    By name and not as a `model`: FastAPI prepares that anew for every error of every route, which took
    half of the control plane's start.
    """
    said: dict[str, Any] = {"schema": NAMED}
    if code is not None:
        said["example"] = {"error": error, "code": code}
    return {"description": description, "content": {"application/json": said}}


def install(app: FastAPI) -> None:
    """Give every error that can come up in `app` the one shape."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(CallerError, _caller)
    app.add_exception_handler(BooksUnavailable, _books)
    app.add_exception_handler(NotFound, _registry(404, "NOT_FOUND"))
    app.add_exception_handler(Conflict, _registry(409, "CONFLICT"))
    app.add_exception_handler(Invalid, _registry(400, "VALIDATION_FAILED"))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    match error.status_code:
        case 401:
            return failure(401, "UNAUTHORIZED", str(error.detail), headers)
        case 404:
            path = request.url.path
            return failure(404, "NOT_FOUND", f"There is nothing at {path}; {_elsewhere(path)}.", headers)
        case 405:
            allowed = ", ".join(_methods(request))
            said = f"{request.method} is not possible here; {allowed} is."
            return failure(405, "METHOD_NOT_ALLOWED", said, {"allow": allowed})
        case 413:
            return failure(413, "BODY_TOO_LARGE", str(error.detail))
        case status:
            code = "BAD_REQUEST" if status < 500 else "INTERNAL"
            return failure(status, code, _sentence(str(error.detail)), headers)


def _elsewhere(path: str) -> str:
    """Where to look instead; clients of providers are now and then pointed at this address."""
    if path.startswith(("/v1/", "/v1beta/", "/api/")):
        return "the LLM API is at the address of gateway.bind"
    return "/openapi.json lists what there is"


def _methods(request: Request) -> list[str]:
    """What is possible at this path; each of its routes knows only its own methods."""
    routes = [one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for one in routes for method in one.methods if method != "HEAD"})


async def _validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    if all(one["loc"][0] == "path" for one in error.errors()):
        # What cannot be an id is nobody's.
        return failure(404, "NOT_FOUND", "There is nothing with this id.")
    # What was sent is not repeated: it may hold a secret.
    details = [{"at": _place(one["loc"]), "problem": _problem(one)} for one in error.errors()]
    said = "; ".join(f"{one['at']}: {one['problem']}" for one in details)
    body = {"error": f"The request is not valid: {said}.", "code": "VALIDATION_FAILED", "details": details}
    return JSONResponse(body, 400)


def _place(steps: Sequence[str | int]) -> str:
    """Where something is, without names that an operator chose."""
    return ".".join(str(one) if isinstance(one, int) or STEP.fullmatch(one) else "…" for one in steps)


def _problem(one: dict[str, Any]) -> str:
    if one["loc"] == ("body",) and one["type"] in NO_OBJECT:
        return "it must be a JSON object, sent with `Content-Type: application/json`"
    said: str = one["msg"]
    return said.removeprefix("Value error, ").rstrip(".")


async def _caller(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CallerError)
    wait = {} if error.retry_after_s is None else {"retry-after": str(error.retry_after_s)}
    return failure(error.status, error.code, error.message, wait)


def _registry(status: int, code: str) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def answer(_request: Request, error: Exception) -> JSONResponse:
        return failure(status, code, _sentence(str(error)))

    return answer


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:].removesuffix('.')}."


async def _books(_request: Request, _error: Exception) -> JSONResponse:
    said = "The books cannot be read at the moment; ask again shortly and see /ready."
    return failure(503, "BOOKS_UNAVAILABLE", said, {"retry-after": str(RETRY_AFTER_S)})
