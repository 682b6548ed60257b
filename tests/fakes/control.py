"""The control plane in memory: no server, no socket, any client address."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import httpx
import pytest
import structlog
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.dependencies import models
from starlette.routing import compile_path

from fakes.background import a_background
from fakes.books import NOON_US
from fakes.registry import FakeRegistry
from fakes.reports import FakeReports
from wellhead.control.app import ControlOptions, build
from wellhead.control.background import Background
from wellhead.control.facts import NO_FACTS, Facts
from wellhead.control.health import NOTHING_BESIDE, Beside
from wellhead.control.roles import Door
from wellhead.logs import Log
from wellhead.ports import Reports
from wellhead.registry import Registry

NO_OPTIONS = ControlOptions()


def silent_log() -> Log:
    log: Log = structlog.wrap_logger(structlog.PrintLogger(io.StringIO()))
    return log


class LateDoor(Door):
    """A route that knows at once what it is for, and is made when it is first used.

    An app has eighty of them.  To make them all takes a tenth of a second, and most tests use two.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **how: Any) -> None:
        self.path, self.endpoint, self._how = path, endpoint, how
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self.methods = {method.upper() for method in how["methods"] or ("GET",)}

    def __getattr__(self, name: str) -> Any:
        # What is there already does not come here.
        if name == "_how":
            raise AttributeError(name)
        how = self._how
        del self._how
        super().__init__(self.path, self.endpoint, **how)
        return getattr(self, name)


def an_app(
    reports: Reports | None = None,
    options: ControlOptions = NO_OPTIONS,
    *,
    registry: Registry | None = None,
    now_us: Callable[[], int] = lambda: NOON_US,
    background: Background | None = None,
    facts: Facts = NO_FACTS,
    beside: Beside = NOTHING_BESIDE,
    live_s: float = 0.0,
) -> FastAPI:
    """Live views end at once, so that every answer can be read whole, unless told."""
    _forget_apps()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wellhead.control.app.Door", LateDoor)
        return build(
            reports=reports or FakeReports(),
            registry=registry or FakeRegistry(now_us),
            options=replace(options, live_s=live_s),
            version="1.2.3",
            log=silent_log(),
            now_us=now_us,
            background=background or a_background(),
            facts=facts,
            beside=beside,
        )


@cache
def the_document() -> dict[str, Any]:
    """The OpenAPI document, which nobody may change: to make it takes half a second."""
    return an_app().openapi()


def _forget_apps() -> None:
    """FastAPI remembers the last 4,096 functions it was given, and they hold dozens of apps.

    That is a million objects, which the garbage collector looks through again and again.
    """
    for remembered in vars(models).values():
        if hasattr(remembered, "cache_clear"):
            remembered.cache_clear()


def hashed(password: str) -> str:
    """An argon2id hash that costs next to nothing."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


@asynccontextmanager
async def a_client(app: FastAPI, address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, client=(address, 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081") as client:
        yield client


def assert_one_shape(answer: httpx.Response, status: int, code: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert set(body) <= {"error", "code", "details"}
    assert body["error"].endswith(".")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
