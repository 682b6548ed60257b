"""A walk through every endpoint: what was sent in secret or shown once is in no answer after that."""

import re
from typing import Any

import httpx

from fakes.control import a_client, an_app, hashed
from fakes.registry import FakeRegistry
from wellhead.control.app import ControlOptions

PASSWORDS = {name: f"canary-{name}" for name in ("basic", "admin", "token", "management", "login")}
OPTIONS = ControlOptions(
    basic_user="vera",
    basic_password=PASSWORDS["basic"],
    admin_user="ada",
    admin_password=PASSWORDS["admin"],
    admin_token=PASSWORDS["token"],
    management_token=PASSWORDS["management"],
    admin_password_hash=hashed(PASSWORDS["login"]),
)
KEY = re.compile(r"wh_[0-9A-Za-z]{49}")


class Walk:
    """Asks as an admin, and remembers every answer and every secret that went in or came out."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.secrets: set[str] = set(PASSWORDS.values())
        self.asked: set[str] = set()

    async def __call__(self, method: str, path: str, body: Any = None, **sent: str) -> Any:
        """`sent` are the secrets in the body, by field."""
        self.secrets |= set(sent.values())
        json = {**(body or {}), **sent} if body is not None or sent else None
        headers = {"x-admin-token": PASSWORDS["token"], "x-csrf": "1"}
        answer = await self.client.request(method, path, headers=headers, json=json)
        of = path.partition("?")[0].replace("/breakers/openai", "/breakers/{providerId:path}")
        of = of.replace("/assets/none", "/assets/{name}")
        self.asked.add(f"{method} {re.sub(r'/([0-9]+|[0-9a-f-]{36}|nobody)(?=/|$)', '/{id}', of)}")
        everything = answer.text + repr(answer.headers.multi_items())
        assert [one for one in self.secrets if one in everything] == [], path
        shown = KEY.findall(answer.text)
        # A key as it is issued is in one field of one answer.
        assert len(shown) <= 1, path
        self.secrets |= set(shown)
        return answer.json() if answer.headers.get("content-type") == "application/json" else None


async def test_no_secret_is_shown_a_second_time_on_a_walk_through_every_endpoint() -> None:
    registry = FakeRegistry()
    app = an_app(registry=registry, options=OPTIONS)
    async with a_client(app) as client:
        ask = Walk(client)
        for form, field in (("admin", "openai_api_key"), ("manage", "api_key")):
            made = await ask("POST", f"/{form}/projects", {"name": form}, **{field: f"sk-{form}-1"})
            await ask("PATCH", f"/{form}/projects/{made['id']}", **{field: f"sk-{form}-2"})
            await ask("PATCH", f"/{form}/projects/nobody", **{field: f"sk-{form}-3"})
            await ask("POST", f"/{form}/projects", {"name": form}, **{field: f"sk-{form}-4"})
            await ask("POST", f"/{form}/projects", {"name": "x"}, **{field: f"sk-{form}-5\n"})
            await ask("POST", f"/{form}/projects", {"name": "x", "wrong": 1}, **{field: f"sk-{form}-6"})
            project = made["id"]
        await ask("POST", "/admin/credentials", {"provider": "openai", "name": "x"}, secret="sk-credential-1")
        await ask("PATCH", "/admin/credentials/1", secret="sk-credential-2")
        await ask("POST", "/admin/credentials", {"provider": "no provider", "name": "x"}, secret="sk-refused")
        keys = [
            await ask("POST", "/admin/keys", {"name": "one", "project_id": project}),
            await ask("POST", "/admin/api-keys", {"name": "two"}),
            await ask("POST", "/admin/keys/1/rotate"),
        ]
        assert all(KEY.fullmatch(one["key"]) for one in keys)
        token = await ask(
            "POST", "/manage/tokens", {"project_id": project, "duration_hours": 1, "max_requests": 5}
        )
        await ask(
            "POST",
            "/admin/limits",
            {"scope": {"kind": "key", "id": "1"}, "measure": "calls", "window": "hour", "amount": 1},
        )
        await ask("PATCH", "/admin/keys/2", {"name": "deux"})
        await ask("PATCH", "/admin/api-keys/2", {"allowed_providers": ["openai"]})
        await ask("PATCH", "/manage/tokens/2", {"max_requests": 9})
        await ask("PATCH", "/admin/limits/1", {"amount": 2})
        await ask("POST", "/admin/session/login", {}, password="canary-wrong")
        await ask("POST", "/admin/session/login", {}, password=PASSWORDS["login"])
        for path in PATHS:
            await ask("GET", path.format(project=project))
        await ask("POST", "/admin/breakers/openai/reset")
        await ask("POST", "/admin/session/logout")
        await ask("DELETE", "/manage/tokens", token=token["token"])
        await ask("DELETE", "/admin/tokens", token=keys[0]["key"])
        await ask("DELETE", "/manage/tokens", token="wh_" + "0" * 49)
        await ask("POST", f"/manage/projects/{project}/tokens/revoke")
        for path in ("keys/2", "api-keys/2", "limits/1", "credentials/1", f"projects/{project}"):
            await ask("DELETE", f"/admin/{path}")
        await ask("DELETE", "/manage/tokens/2")
        await ask("DELETE", "/admin/projects", {"id": project})
        for path in PATHS:
            await ask("GET", path.format(project=project))
        every = {f"{method} {route.path}" for route in app.routes for method in route.methods}  # type: ignore[attr-defined]
        assert every - ask.asked == set()
        assert len(ask.secrets) > 20
        dump = repr(registry.entries)
        assert [one for one in ask.secrets if one in dump] == []


PATHS = (
    "/",
    "/admin",
    "/admin/",
    "/_qs/metrics/ui",
    "/assets/none",
    "/admin/export",
    "/admin/live",
    "/admin/providers",
    "/admin/config",
    "/admin/system",
    "/admin/pricing",
    "/admin/breakers",
    "/admin/breakers/openai",
    "/health",
    "/ready",
    "/openapi.json",
    "/_qs/health",
    "/_qs/metrics",
    "/metrics",
    "/completion_requests",
    "/admin/usage/today",
    "/admin/usage/range",
    "/admin/usage/models",
    "/admin/usage/providers",
    "/admin/usage/accounts",
    "/admin/usage/accounts/range",
    "/admin/usage/accounts/summary",
    "/admin/usage/trend",
    "/admin/usage/unmetered",
    "/admin/usage/report",
    "/admin/usage/names?dimension=key",
    "/admin/stats",
    "/admin/quotas",
    "/admin/logs",
    "/admin/logs/1",
    "/admin/logs/1/cost-audit",
    "/admin/session",
    "/admin/projects",
    "/admin/projects/{project}",
    "/admin/keys",
    "/admin/keys/1",
    "/admin/api-keys",
    "/admin/api-keys/1/usage",
    "/admin/credentials",
    "/admin/credentials/1",
    "/admin/limits",
    "/admin/limits/1",
    "/admin/audit",
    "/admin/tokens",
    "/manage/tokens",
    "/manage/tokens/1",
    "/manage/projects",
    "/manage/projects/{project}",
)
