"""Two interfaces that people come from, walked through with curl, request by request.

The program is the real one.  Every step stands in a transcript, which `pytest -s` shows;
secrets are shown as `wh_…`, `sk-…`, or the name of the variable that holds them.
"""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes.keyed import BY, keyed
from fakes.program import Wellhead
from fakes.rows import Booked
from fakes.simulated import Simulated, simulated_process
from fakes.system import needed
from wellhead.registry import NewKey

CURL_MAX_S = 20
SHOWN_CHARS_MAX = 400
KEY = re.compile(r"wh_[0-9A-Za-z]{8,}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MANAGEMENT_TOKEN = "0d1f2c3b-5a49-4c7e-9f10-2b3c4d5e6f70"
ADMIN_PASSWORD = "a-long-password-of-the-admin"
ADMIN_API_KEY = "the-admin-api-key-of-agent-cli-proxy"
CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "How deep is the well?"}]
ASK = json.dumps({"model": "gpt-4o", "messages": MESSAGES})
ASK_STREAMED = json.dumps({"model": "gpt-4o", "messages": MESSAGES, "stream": True})
ASK_ANTHROPIC = json.dumps({"model": "claude-sonnet-5", "max_tokens": 50, "messages": MESSAGES})
OF_THE_PROJECT = "sk-of-the-project"


@dataclass(frozen=True, slots=True)
class Said:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Transcript:
    """Runs curl and keeps what was asked and answered."""

    def __init__(self, wellhead: Wellhead, variables: Mapping[str, str]) -> None:
        self.urls = {"gateway": wellhead.gateway_url, "control": wellhead.control_url}
        self.variables = variables
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(f"# {text}")

    def curl(self, method: str, where: str, path: str, *arguments: str, json: object = None) -> Said:
        """`where` is `gateway` or `control`; `arguments` are curl's own."""
        command = ["curl", "-sS", "-X", method, self.urls[where] + path, *arguments]
        if json is not None:
            command += ["-H", "content-type: application/json", "-d", _text(json)]
        ended = subprocess.run(
            # One line more in front of everything, and no wait for `100 Continue`.
            [*command, "-i", "-H", "expect:", "--max-time", str(CURL_MAX_S)],
            capture_output=True,
            text=True,
            check=True,
        )
        head, _, body = ended.stdout.partition("\n\n")
        line, *lines = head.splitlines()
        pairs = (line.partition(":") for line in lines)
        said = Said(int(line.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}, body)
        self._keep(command, said)
        return said

    def _keep(self, command: list[str], said: Said) -> None:
        shown = "\n".join(said.body.splitlines()[:6])[:SHOWN_CHARS_MAX]
        told = [str(said.status), *(f"{n}: {said.headers[n]}" for n in SHOWN_HEADERS if n in said.headers)]
        line = " ".join(self._quoted(word) for word in command)
        self.lines += [f"$ {line}", "  ".join(told), *([shown] if shown else []), ""]

    def _quoted(self, word: str) -> str:
        """As a shell takes it, variables included."""
        holds_variable = any(secret in word for secret in self.variables.values())
        return f'"{word}"' if holds_variable and '"' not in word else shlex.quote(word)

    def show(self) -> None:
        sys.stdout.write(f"\n{self}\n")

    def __str__(self) -> str:
        text = KEY.sub("wh_…", "\n".join(self.lines)).replace(OF_THE_PROJECT, "sk-…")
        for name, secret in self.variables.items():
            text = text.replace(secret, f"${name}")
        for name, url in self.urls.items():
            text = text.replace(url, f"http://{name}")
        return text


SHOWN_HEADERS = ("retry-after", "ratelimit", "x-wellhead-error", "www-authenticate")


def _text(body: object) -> str:
    return body if isinstance(body, str) else json.dumps(body)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Simulated]:
    needed("curl")
    with simulated_process() as simulated:
        yield simulated


def program(upstream: Simulated, **environ: str) -> Wellhead:
    """Every call needs a key, as in the systems these people come from."""
    kinds = {"openai": "openai-compatible", "anthropic": "anthropic"}
    providers = [{"id": id_, "type": kind, "base_url": upstream.url} for id_, kind in kinds.items()]
    return Wellhead(config={"gateway": {"require_key": True}, "providers": providers}, environ=environ)


def last_seen(upstream: Simulated) -> dict[str, Any]:
    seen: dict[str, Any] = upstream.stats()["last"][-1]
    return seen | {"headers": dict(seen["headers"])}


def bearer(secret: str) -> tuple[str, str]:
    return "-H", f"authorization: Bearer {secret}"


def test_withering_tokens(upstream: Simulated) -> None:
    environ = {
        "MANAGEMENT_TOKEN": MANAGEMENT_TOKEN,
        "ADMIN_USER": "admin",
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
    }
    with program(upstream, **environ) as wellhead:
        said = Transcript(wellhead, {n: environ[n] for n in ("MANAGEMENT_TOKEN", "ADMIN_PASSWORD")})
        try:
            _withering_tokens(said, wellhead, upstream)
        finally:
            said.show()
        wellhead.stop()
        for secret in (MANAGEMENT_TOKEN, ADMIN_PASSWORD, OF_THE_PROJECT):
            assert secret not in wellhead.output + str(said)
        assert not KEY.search(wellhead.output + str(said))


def _withering_tokens(said: Transcript, wellhead: Wellhead, upstream: Simulated) -> None:
    basic, manage = ("-u", f"admin:{ADMIN_PASSWORD}"), bearer(MANAGEMENT_TOKEN)
    booked = Booked(wellhead.database_path)

    said.note("The admin endpoints ask for Basic authentication.")
    new = {"name": "search", "openai_api_key": OF_THE_PROJECT}
    for wrong in ((), ("-u", "admin:wrong")):
        got = said.curl("POST", "control", "/admin/projects", *wrong, json=new)
        assert (got.status, got.json["code"]) == (401, "UNAUTHORIZED")
        assert got.headers["www-authenticate"].startswith('Basic realm="Wellhead"')

    said.note("A project with the upstream key, which nobody is shown again.")
    got = said.curl("POST", "control", "/admin/projects", *basic, json=new)
    assert (got.status, got.json["name"]) == (201, "search")
    project = got.json["id"]
    assert UUID.fullmatch(project)
    got = said.curl("GET", "control", "/admin/projects", *basic)
    assert [one["id"] for one in got.json["projects"]] == [project]
    assert OF_THE_PROJECT not in got.body

    said.note("The management endpoints ask for the management token, and it opens nothing else.")
    wanted = {"project_id": project, "duration_hours": 24}
    for wrong in ((), bearer("wrong")):
        got = said.curl("POST", "control", "/manage/tokens", *wrong, json=wanted)
        assert (got.status, got.json["code"]) == (401, "UNAUTHORIZED")
    got = said.curl("GET", "control", "/admin/projects", *manage)
    assert (got.status, got.json["code"]) == (403, "FORBIDDEN")

    said.note("What cannot be made is told.")
    unknown = {**wanted, "project_id": "77b0c0de-0000-4000-8000-000000000001"}
    got = said.curl("POST", "control", "/manage/tokens", *manage, json=unknown)
    assert (got.status, got.json["code"]) == (404, "NOT_FOUND")
    for bad in ({"project_id": project}, {**wanted, "duration_hours": -1}, "{"):
        got = said.curl("POST", "control", "/manage/tokens", *manage, json=bad)
        assert (got.status, got.json["code"]) == (400, "VALIDATION_FAILED")

    said.note("A token for 24 hours.")
    got = said.curl("POST", "control", "/manage/tokens", *manage, json=wanted)
    assert got.status == 200
    token, expires = got.json["token"], datetime.fromisoformat(got.json["expires_at"])
    assert abs(expires - datetime.now(UTC) - timedelta(hours=24)) < timedelta(minutes=1)

    said.note("Calls with it reach the upstream with the project's key.")
    got = said.curl("POST", "gateway", CHAT, *bearer(token), json=ASK)
    assert (got.status, got.json["object"]) == (200, "chat.completion")
    assert last_seen(upstream)["headers"]["authorization"] == f"Bearer {OF_THE_PROJECT}"
    assert booked.row()["state"] == "completed"
    got = said.curl("POST", "gateway", CHAT, *bearer(token), "-N", json=ASK_STREAMED)
    assert (got.status, got.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
    assert got.body.rstrip().endswith("data: [DONE]")
    assert last_seen(upstream)["headers"]["authorization"] == f"Bearer {OF_THE_PROJECT}"
    booked.row()
    for nobody in ((), bearer("wh_no-such-token")):
        got = said.curl("POST", "gateway", CHAT, *nobody, json=ASK)
        assert (got.status, got.json["error"]["type"]) == (401, "authentication_error")

    said.note("It has 1,000 calls per hour; with fewer, it is told when to come back.")
    got = said.curl("GET", "control", "/admin/limits", *basic)
    (limit,) = got.json["limits"]
    assert (limit["measure"], limit["window"], limit["amount"]) == ("calls", "hour", 1000)
    got = said.curl("PATCH", "control", f"/admin/limits/{limit['id']}", *basic, json={"amount": 2})
    assert (got.status, got.json["amount"]) == (200, 2)
    for _ in range(3):  # The hour may turn, and then two more calls fit.
        got = said.curl("POST", "gateway", CHAT, *bearer(token), json=ASK)
        if got.status != 200:
            break
    assert (got.status, got.json["error"]["type"]) == (429, "rate_limit_error")
    assert got.headers["x-wellhead-error"] == "rate_limited"
    assert 0 < int(got.headers["retry-after"]) <= 3600
    said.curl("PATCH", "control", f"/admin/limits/{limit['id']}", *basic, json={"amount": 1000})
    assert said.curl("POST", "gateway", CHAT, *bearer(token), json=ASK).status == 200

    said.note("How often it was used.")
    wellhead.wait_until(lambda: all(row["state"] != "pending" for row in wellhead.calls()))
    got = said.curl("GET", "control", f"/manage/tokens?projectId={project}", *manage)
    (shown,) = got.json
    completed = [row for row in wellhead.calls() if row["state"] == "completed"]
    assert (shown["request_count"], shown["is_active"]) == (len(completed), True)
    assert shown["token"] == f"{token[:8]}..."

    said.note("Revoked by name in a JSON body: the next call is refused.  Again changes nothing.")
    for _ in range(2):
        got = said.curl("DELETE", "control", "/manage/tokens", *manage, json={"token": token})
        assert (got.status, got.body) == (204, "")
        got = said.curl("POST", "gateway", CHAT, *bearer(token), json=ASK)
        assert (got.status, got.json["error"]["code"]) == (401, "key_revoked")
    got = said.curl("DELETE", "control", "/manage/tokens", *manage, json={"token": "wh_no-such-token"})
    assert (got.status, got.json["code"]) == (404, "NOT_FOUND")

    said.note("A token that was made for 24 hours, 25 hours ago.")
    with keyed(wellhead) as books:
        expired_us = completed[0]["started_us"] - 3_600_000_000
        made = books.ago(25).create_key(BY, NewKey("yesterday's", project=project, expires_us=expired_us))
    got = said.curl("POST", "gateway", CHAT, *bearer(made.secret), json=ASK)
    assert (got.status, got.json["error"]["code"]) == (401, "key_withered")

    said.note("The admin revokes, too.")
    got = said.curl("POST", "control", "/manage/tokens", *manage, json=wanted)
    token = got.json["token"]
    assert said.curl("DELETE", "control", "/admin/tokens", *basic, json={"token": token}).status == 204
    assert said.curl("POST", "gateway", CHAT, *bearer(token), json=ASK).status == 401

    said.note("A project that was used is archived; an empty one is deleted.")
    got = said.curl("POST", "control", "/manage/tokens", *manage, json=wanted)
    token = got.json["token"]
    got = said.curl("DELETE", "control", "/admin/projects", *basic, json={"id": project})
    assert (got.status, got.json["code"]) == (409, "CONFLICT")
    assert "archive it instead" in got.json["error"]
    got = said.curl("PATCH", "control", f"/admin/projects/{project}", *basic, json={"archived": True})
    assert (got.status, got.json["is_active"]) == (200, False)
    got = said.curl("POST", "gateway", CHAT, *bearer(token), json=ASK)
    assert (got.status, got.json["error"]["code"]) == (403, "project_archived")
    got = said.curl("POST", "control", "/admin/projects", *basic, json={"name": "a mistake"})
    mistake = {"id": got.json["id"]}
    got = said.curl("DELETE", "control", "/admin/projects", *basic, json=mistake)
    assert (got.status, got.body) == (204, "")
    assert said.curl("DELETE", "control", "/admin/projects", *basic, json=mistake).status == 404


def test_managed_api_keys(upstream: Simulated) -> None:
    with program(upstream, ADMIN_API_KEY=ADMIN_API_KEY) as wellhead:
        said = Transcript(wellhead, {"ADMIN_API_KEY": ADMIN_API_KEY})
        try:
            _managed_api_keys(said, wellhead)
        finally:
            said.show()
        wellhead.stop()
        assert ADMIN_API_KEY not in wellhead.output + str(said)
        assert not KEY.search(wellhead.output + str(said))


def _managed_api_keys(said: Transcript, wellhead: Wellhead) -> None:
    admin = ("-H", f"x-admin-token: {ADMIN_API_KEY}")
    booked = Booked(wellhead.database_path)

    said.note("Without the admin key, or with another one, nothing is told.")
    for wrong in ((), ("-H", "x-admin-token: wrong")):
        got = said.curl("GET", "control", "/admin/api-keys", *wrong)
        assert (got.status, got.json["code"]) == (403, "UNAUTHORIZED")
    assert said.curl("GET", "control", "/admin/api-keys", *bearer(ADMIN_API_KEY)).json == {"apiKeys": []}

    said.note("A key for one provider.")
    new = {"name": "laptop", "allowed_providers": ["anthropic"]}
    got = said.curl("POST", "control", "/admin/api-keys", *admin, json=new)
    assert got.status == 201
    assert list(got.json) == [
        "id",
        "key",
        "keyPrefix",
        "name",
        "createdAt",
        "allowedAccounts",
        "allowedProviders",
    ]
    id_, key = got.json["id"], got.json["key"]
    assert got.json["keyPrefix"] == key[:8]
    got = said.curl("POST", "control", "/admin/api-keys", *admin, json={"allowed_providers": []})
    assert (got.status, got.json["code"]) == (400, "VALIDATION_FAILED")

    said.note("It is used as a bearer token or as x-api-key.")
    for presented in (bearer(key), ("-H", f"x-api-key: {key}")):
        got = said.curl("POST", "gateway", "/v1/messages", *presented, json=ASK_ANTHROPIC)
        assert (got.status, got.json["type"]) == (200, "message")
    rows = booked.rows(2)

    said.note("Another provider is refused; its list of models is not.")
    got = said.curl("POST", "gateway", CHAT, *bearer(key), json=ASK)
    assert (got.status, got.headers["x-wellhead-error"]) == (403, "provider_not_allowed")
    assert booked.row().only("state", "error_code") == {
        "state": "refused",
        "error_code": "provider_not_allowed",
    }
    assert said.curl("GET", "gateway", "/v1/models", *bearer(key)).status == 200

    said.note("What was done with it.")
    got = said.curl("GET", "control", f"/admin/api-keys/{id_}/usage", *admin)
    tokens = sum(row["total_tokens"] for row in rows)
    assert tokens > 0
    used = dict(got.json)
    assert 0 < used.pop("totalCostUsd") < 0.01
    assert used == {"id": id_, "requestCount": 2, "totalTokens": tokens}
    assert said.curl("GET", "control", "/admin/api-keys/999/usage", *admin).status == 404

    said.note("Now it may use every provider.")
    change = {"allowed_providers": None}
    got = said.curl("PATCH", "control", f"/admin/api-keys/{id_}", *admin, json=change)
    assert (got.status, got.json) == (200, {"ok": True})
    assert said.curl("POST", "gateway", CHAT, *bearer(key), json=ASK).status == 200

    said.note("Revoked, it stays in the list and opens nothing.")
    got = said.curl("DELETE", "control", f"/admin/api-keys/{id_}", *admin)
    assert got.status == 200
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", got.json["revokedAt"])
    (shown,) = said.curl("GET", "control", "/admin/api-keys", *admin).json["apiKeys"]
    assert (shown["id"], shown["revokedAt"]) == (id_, got.json["revokedAt"])
    assert "key" not in shown
    got = said.curl("POST", "gateway", CHAT, *bearer(key), json=ASK)
    assert (got.status, got.json["error"]["code"]) == (401, "key_revoked")
