"""Every route of the control plane says who may use it, and nobody else does."""

import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fakes.control import a_client, an_app, hashed
from fakes.registry import FakeRegistry
from wellhead.control.app import ControlOptions
from wellhead.control.roles import OPEN, Door, Role
from wellhead.control.sessions import COOKIE

ROLES: dict[str, Role | None] = {
    "GET /": None,
    "GET /assets/{name}": None,
    "GET /_qs/metrics/ui": None,
    "GET /admin/": None,
    "GET /admin": None,
    "GET /health": None,
    "GET /ready": None,
    "GET /_qs/health": None,
    "GET /_qs/metrics": Role.VIEWER,
    "GET /metrics": Role.VIEWER,
    "GET /completion_requests": Role.VIEWER,
    "GET /admin/usage/today": Role.VIEWER,
    "GET /admin/usage/range": Role.VIEWER,
    "GET /admin/usage/models": Role.VIEWER,
    "GET /admin/usage/providers": Role.VIEWER,
    "GET /admin/usage/accounts": Role.VIEWER,
    "GET /admin/usage/accounts/range": Role.VIEWER,
    "GET /admin/usage/accounts/summary": Role.VIEWER,
    "GET /admin/usage/trend": Role.VIEWER,
    "GET /admin/usage/unmetered": Role.VIEWER,
    "GET /admin/usage/report": Role.VIEWER,
    "GET /admin/usage/names": Role.VIEWER,
    "GET /admin/pricing": Role.VIEWER,
    "GET /admin/stats": Role.VIEWER,
    "GET /admin/quotas": Role.VIEWER,
    "GET /admin/logs": Role.VIEWER,
    "GET /admin/logs/{id}": Role.VIEWER,
    "GET /admin/logs/{id}/cost-audit": Role.VIEWER,
    "GET /admin/export": Role.VIEWER,
    "GET /admin/live": Role.VIEWER,
    "GET /admin/providers": Role.VIEWER,
    "GET /admin/config": Role.ADMIN,
    "GET /admin/system": Role.ADMIN,
    "GET /openapi.json": Role.VIEWER,
    "GET /admin/session": None,
    "POST /admin/session/login": None,
    "POST /admin/session/logout": None,
    "GET /admin/projects": Role.VIEWER,
    "POST /admin/projects": Role.ADMIN,
    "DELETE /admin/projects": Role.ADMIN,
    "GET /admin/projects/{id}": Role.VIEWER,
    "PATCH /admin/projects/{id}": Role.ADMIN,
    "DELETE /admin/projects/{id}": Role.ADMIN,
    "GET /admin/keys": Role.VIEWER,
    "POST /admin/keys": Role.ADMIN,
    "GET /admin/keys/{id}": Role.VIEWER,
    "PATCH /admin/keys/{id}": Role.ADMIN,
    "DELETE /admin/keys/{id}": Role.ADMIN,
    "POST /admin/keys/{id}/rotate": Role.ADMIN,
    "GET /admin/api-keys": Role.VIEWER,
    "POST /admin/api-keys": Role.ADMIN,
    "GET /admin/api-keys/{id}/usage": Role.VIEWER,
    "PATCH /admin/api-keys/{id}": Role.ADMIN,
    "DELETE /admin/api-keys/{id}": Role.ADMIN,
    "GET /admin/credentials": Role.ADMIN,
    "POST /admin/credentials": Role.ADMIN,
    "GET /admin/credentials/{id}": Role.ADMIN,
    "PATCH /admin/credentials/{id}": Role.ADMIN,
    "DELETE /admin/credentials/{id}": Role.ADMIN,
    "GET /admin/limits": Role.VIEWER,
    "POST /admin/limits": Role.ADMIN,
    "GET /admin/limits/{id}": Role.VIEWER,
    "PATCH /admin/limits/{id}": Role.ADMIN,
    "DELETE /admin/limits/{id}": Role.ADMIN,
    "GET /admin/breakers": Role.VIEWER,
    "GET /admin/breakers/{providerId:path}": Role.VIEWER,
    "POST /admin/breakers/{providerId:path}/reset": Role.ADMIN,
    "GET /admin/audit": Role.ADMIN,
    "GET /admin/tokens": Role.ADMIN,
    "DELETE /admin/tokens": Role.ADMIN,
    "GET /manage/tokens": Role.ADMIN,
    "POST /manage/tokens": Role.ADMIN,
    "DELETE /manage/tokens": Role.ADMIN,
    "GET /manage/tokens/{id}": Role.ADMIN,
    "PATCH /manage/tokens/{id}": Role.ADMIN,
    "DELETE /manage/tokens/{id}": Role.ADMIN,
    "GET /manage/projects": Role.ADMIN,
    "POST /manage/projects": Role.ADMIN,
    "GET /manage/projects/{id}": Role.ADMIN,
    "PATCH /manage/projects/{id}": Role.ADMIN,
    "POST /manage/projects/{id}/tokens/revoke": Role.ADMIN,
}
TOKEN, MANAGEMENT = "token-of-admin", "token-of-management"
EVERY_WAY = ControlOptions(
    basic_user="vera",
    basic_password="viewer's",
    admin_user="ada",
    admin_password="admin's",
    admin_token=TOKEN,
    management_token=MANAGEMENT,
    admin_password_hash=hashed("admin's login"),
    viewer_password_hash=hashed("viewer's login"),
    login_max_attempts=1000,
)
REFUSED = {"UNAUTHORIZED", "FORBIDDEN", "CSRF_REQUIRED", "ADMIN_NOT_CONFIGURED"}


def table(app: FastAPI) -> list[tuple[str, Role | None]]:
    found = []
    for route in app.routes:
        assert isinstance(route, Door), route
        found += [(f"{method} {route.path}", route.needs.role) for method in route.methods or ()]
    return found


def test_every_route_says_who_may_use_it() -> None:
    found = table(an_app())
    assert dict(found) == ROLES
    assert len(found) == len(ROLES)


def test_a_route_that_does_not_say_it_cannot_be_made() -> None:
    app = an_app()
    app.router.route_class = Door  # A late one would be made when it is used.
    with pytest.raises(ValueError):
        app.get("/forgotten")(lambda: None)
    with pytest.raises(ValueError):
        app.get("/twice", dependencies=[*OPEN, *OPEN])(lambda: None)


async def test_a_route_that_is_not_behind_the_door_answers_nobody() -> None:
    app = an_app()
    app.router.route_class = Door.__bases__[0]

    @app.get("/beside", dependencies=OPEN)
    def beside() -> str:
        return "secret"

    async with a_client(app) as client:
        answer = await client.get("/beside")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")


async def ask(client: httpx.AsyncClient, route: str, **how: Any) -> str | None:
    """The code with which somebody is refused at a route; `None`: they are let in."""
    method, path = route.split(" ")
    path = re.sub(r"\{id\}", "1", path)
    answer = await client.request(method, path, **how)
    code = answer.json().get("code") if answer.content and answer.is_error else None
    return code if code in REFUSED else None


def expected(route: str, role: Role | None, who: str) -> str | None:
    if role is None:
        return "CSRF_REQUIRED" if route.endswith("/logout") and who.endswith("cookie") else None
    if who == "nobody":
        return "UNAUTHORIZED"
    if who.startswith("management"):
        return None if " /manage/" in route else "FORBIDDEN"
    if role is Role.ADMIN and who.startswith("viewer"):
        return "FORBIDDEN"
    if who.endswith("cookie") and not route.startswith("GET "):
        return "CSRF_REQUIRED"
    return None


async def ways(app: FastAPI) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {
        "nobody": {},
        "viewer by Basic": {"auth": ("vera", "viewer's")},
        "admin by Basic": {"auth": ("ada", "admin's")},
        "admin by token": {"headers": {"x-admin-token": TOKEN}},
        "admin by bearer": {"headers": {"authorization": f"Bearer {TOKEN}"}},
        "management token": {"headers": {"authorization": f"Bearer {MANAGEMENT}"}},
    }
    for role in Role:
        cookie = app.state.operators.begin_session(role)
        found[f"{role} by cookie"] = {"headers": {"cookie": f"{COOKIE}={cookie}"}}
        found[f"{role} by cookie with csrf"] = {"headers": {"cookie": f"{COOKIE}={cookie}", "x-csrf": "1"}}
    return found


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """One for all routes: it takes longer to make than to ask."""
    return an_app(options=EVERY_WAY)


@pytest.mark.parametrize("route", ROLES)
async def test_who_may_use_a_route_does_and_nobody_else(app: FastAPI, route: str) -> None:
    async with a_client(app) as client:
        for who, how in (await ways(app)).items():
            assert await ask(client, route, **how) == expected(route, ROLES[route], who), who


async def test_with_nobody_configured_whoever_is_here_is_admin() -> None:
    async with a_client(an_app()) as client:
        for route in ROLES:
            assert await ask(client, route) is None


async def test_with_viewers_alone_nobody_is_admin() -> None:
    options = ControlOptions(basic_user="vera", basic_password="viewer's")
    async with a_client(an_app(options=options)) as client:
        for route in ROLES:
            for auth in (None, ("vera", "viewer's")):
                code = await ask(client, route, auth=auth)
                if ROLES[route] is Role.ADMIN:
                    assert code == "ADMIN_NOT_CONFIGURED"
                elif ROLES[route] is Role.VIEWER:
                    assert code == (None if auth else "UNAUTHORIZED")
                else:
                    assert code is None


async def test_with_the_management_token_alone_manage_opens_and_nothing_else() -> None:
    options = ControlOptions(management_token=MANAGEMENT)
    async with a_client(an_app(options=options)) as client:
        for route in ROLES:
            for headers in ({}, {"authorization": f"Bearer {MANAGEMENT}"}):
                code = await ask(client, route, headers=headers)
                if ROLES[route] is None:
                    assert code is None
                elif " /manage/" in route:
                    assert code == (None if headers else "UNAUTHORIZED")
                else:
                    assert code == "ADMIN_NOT_CONFIGURED"


async def test_under_manage_a_bearer_is_asked_for_and_elsewhere_a_password() -> None:
    async with a_client(an_app(options=EVERY_WAY)) as client:
        for path, challenges in (("/manage/tokens", ["Bearer", "Basic"]), ("/admin/keys", ["Basic"])):
            answer = await client.get(path)
            assert answer.status_code == 401
            assert re.findall(r"\b(Bearer|Basic)\b", answer.headers["www-authenticate"]) == challenges
    async with a_client(an_app(options=ControlOptions(management_token=MANAGEMENT))) as client:
        answer = await client.get("/manage/tokens", headers={"authorization": "Bearer wrong"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="Wellhead"')


async def test_who_may_not_come_in_learns_nothing_about_bodies() -> None:
    options = ControlOptions(admin_token=TOKEN)
    async with a_client(an_app(options=options)) as client:
        for content in (b"{not json", b'{"nmae":1}', b"[" * 10_000):
            answer = await client.post(
                "/admin/keys", content=content, headers={"content-type": "application/json"}
            )
            assert (answer.status_code, answer.json()["code"]) == (403, "UNAUTHORIZED")


async def test_a_viewers_credentials_do_not_hide_an_admins_session() -> None:
    app = an_app(options=EVERY_WAY)
    cookie = app.state.operators.begin_session(Role.ADMIN)
    headers = {"cookie": f"{COOKIE}={cookie}"}
    async with a_client(app) as client:
        answer = await client.get("/admin/audit", headers=headers, auth=("vera", "viewer's"))
        assert answer.status_code == 200
        answer = await client.post(
            "/admin/projects", json={"name": "x"}, headers=headers, auth=("vera", "viewer's")
        )
        assert answer.json()["code"] == "CSRF_REQUIRED"
        answer = await client.post(
            "/admin/projects", json={"name": "x"}, headers=headers, auth=("ada", "admin's")
        )
        assert answer.status_code == 201


@pytest.mark.parametrize(
    ("options", "how", "actor"),
    [
        (ControlOptions(), {}, "local"),
        (EVERY_WAY, {"auth": ("ada", "admin's")}, "ada"),
        (EVERY_WAY, {"headers": {"x-admin-token": TOKEN}}, "admin-token"),
        (EVERY_WAY, {"headers": {"authorization": f"Bearer {MANAGEMENT}"}}, "management-token"),
    ],
)
async def test_the_audit_says_who_it_was_and_from_where(
    options: ControlOptions, how: dict[str, Any], actor: str
) -> None:
    registry = FakeRegistry()
    async with a_client(an_app(options=options, registry=registry), "127.0.0.9") as client:
        answer = await client.post("/manage/projects", json={"name": "search"}, **how)
    assert answer.status_code == 201
    by = registry.entries[-1].actor
    assert (by.name, by.address) == (actor, "127.0.0.9")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/manage/projects/1", "GET, PATCH"),
        ("/admin/keys/1", "DELETE, GET, PATCH"),
        ("/admin/session/login", "POST"),
    ],
)
async def test_another_method_is_a_405_that_names_all_that_are_possible(path: str, allowed: str) -> None:
    async with a_client(an_app()) as client:
        for method in ("PUT", "DELETE", "OPTIONS"):
            if method not in allowed:
                answer = await client.request(method, path)
                assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
