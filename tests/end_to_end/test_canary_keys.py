"""No secret of keys, credentials and operators is anywhere but where it belongs.

::

    keys, wrong keys, credentials, own credentials    logs of all processes (level debug)
    operators' passwords, tokens, session cookies     the database and its write-ahead log, byte by byte
    master keys                                   ->  every answer of the gateway and of the control port
    every refusal, every endpoint, the commands       what commands print, and the processes' own records

A new key is in the one answer that hands it over, once, and nowhere else.
"""

import asyncio
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import argon2
import httpx
import psutil
import pytest

from fakes.canary import Secrets, a_master_key, an_unknown_key, basic, marked, secret
from fakes.commands import Commands, Printed
from fakes.keyed import BY, REFUSALS, Keyed, keyed
from fakes.program import Wellhead
from fakes.rows import Booked
from fakes.simulated import Simulated, simulated_process
from fakes.wire import Exchange, WireServer
from fakes.wire import answer as answering

ADMIN, VIEWER = "admin", "viewer"
ADMIN_PASSWORD, VIEWER_PASSWORD = secret("admin-password"), secret("viewer-password")
MANAGEMENT_TOKEN, ADMIN_TOKEN = secret("management-token"), secret("admin-token")
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "gpt-4o", "messages": []},
    "/v1/messages": {"model": "claude-sonnet-5", "max_tokens": 9, "messages": []},
    "/v1beta/models/gemini-2.5-flash:generateContent": {"contents": []},
    "/api/chat": {"model": "llama3.2", "messages": [], "stream": False},
}
CHAT = "/v1/chat/completions"
LIVE = "/admin/live"
CARRIERS = ("authorization", "x-api-key", "x-goog-api-key", "api-key", "x-wellhead-key")
ADMINS: tuple[dict[str, Any], ...] = (
    {"auth": (ADMIN, ADMIN_PASSWORD)},
    {"headers": {"x-admin-token": ADMIN_TOKEN}},
    {"headers": {"authorization": f"Bearer {ADMIN_TOKEN}"}},
)
WRONG_OPERATORS: tuple[dict[str, Any], ...] = (
    {},
    {"auth": (ADMIN, secret("wrong-password"))},
    {"headers": {"authorization": f"Bearer {secret('wrong-token')}"}},
    {"headers": {"x-admin-token": secret("wrong-admin-token")}},
    {"headers": {"cookie": f"__dashboard_session={secret('wrong-cookie')}"}},
)
JUNK: tuple[Any, ...] = (
    {"token": [secret("listed")], "openai_api_key": [secret("listed")], "secret": [secret("listed")]},
    {"name": secret("name") * 400, "api_key": secret("long") * 400, "password": secret("long") * 400},
    {"name": 1, "measure": secret("measure"), "expires_at": secret("moment"), "scope": secret("scope")},
    [secret("list")],
    secret("text"),
    None,
)
"""Bodies that cannot be used, with secrets in them."""

_addresses = (f"127.2.{high}.{low}" for high in itertools.count() for low in range(1, 255))


@dataclass
class Seen:
    """Everything that came out of the program."""

    secrets: Secrets
    gateway: list[tuple[str, httpx.Response]] = field(default_factory=list)
    """Its own answers, each with what was asked."""
    control: list[tuple[str, httpx.Response]] = field(default_factory=list)
    handed_over: list[tuple[str, bytes]] = field(default_factory=list)
    """A new key, and the one answer or output that hands it over."""
    walked: set[tuple[str, str]] = field(default_factory=set)
    """Endpoints of the control port that were asked well."""
    endpoints: set[tuple[str, str]] = field(default_factory=set)
    commands: list[tuple[str, bytes]] = field(default_factory=list)
    """What commands printed, on both streams."""
    processes: list[tuple[str, bytes]] = field(default_factory=list)
    """Their command lines and environments."""
    logs: str = ""
    database: bytes = b""
    upstream: bytes = b""
    """All that reached it."""
    rows: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    directory = tmp_path_factory.mktemp("wanted")
    found = Seen(Secrets())
    for user, password in ((ADMIN, ADMIN_PASSWORD), (VIEWER, VIEWER_PASSWORD)):
        found.secrets.add(basic(user, password).decode())
    with simulated_process() as upstream, _program(upstream, directory) as program:
        _take_note(found.secrets, directory)
        with keyed(program) as books:
            _call(found, program, books)
            for credential in books.registry.credentials(count=1000).entries:
                if credential.name == "unreadable":  # no master key could be changed with these
                    books.registry.delete_credential(BY, credential.id)
        found.upstream = json.dumps(upstream.stats()["last"]).encode()
        _operate(found, program)
        _command(found, directory)
        found.processes = list(_processes(program))
        # A database that is in use keeps its newest pages in the write-ahead log.
        found.database = _database(directory)
        found.rows = program.calls()
        program.stop()
        found.logs = program.output
        found.database += _database(directory)
        _take_note(found.secrets, directory)
    return found


def _take_note(secrets: Secrets, directory: Path) -> None:
    """Of what the program made up for itself: the master key, which changes meanwhile, and another."""
    for made_up in ("books.db.master-key", ".wellhead-session-secret"):
        secrets.add((directory / made_up).read_text().strip())


def _program(upstream: Simulated, directory: Path) -> Wellhead:
    types = {"openai": "openai-compatible", "anthropic": "anthropic", "gemini": "gemini", "ollama": "ollama"}
    providers: list[dict[str, Any]] = [
        {"id": id_, "type": type_, "base_url": upstream.url} for id_, type_ in types.items()
    ]
    own = {"type": "openai-compatible", "paths": ["/by/name/only"]}
    auth = {"type": "bearer", "env": "GONE_KEY"}
    providers.append({**own, "id": "gone", "base_url": "http://127.0.0.1:1", "auth": auth})
    control = {
        "basic_user": VIEWER,
        "basic_password": VIEWER_PASSWORD,
        "admin_password_hash": argon2.PasswordHasher(time_cost=1, memory_cost=64).hash(ADMIN_PASSWORD),
        "login_max_attempts": 1000,
    }
    return Wellhead(
        config={"gateway": {"require_key": True}, "control": control, "providers": providers},
        environ={
            "MANAGEMENT_TOKEN": MANAGEMENT_TOKEN,
            "ADMIN_USER": ADMIN,
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            "ADMIN_API_KEY": ADMIN_TOKEN,
            "GONE_KEY": secret("gone"),
        },
        directory=directory,
        arguments=["--log-level", "debug"],
    )


# The gateway.


def _call(found: Seen, program: Wellhead, books: Keyed) -> None:
    """Good calls with credentials, and every refusal in every dialect."""
    project = books.project()
    for provider in ("openai", "anthropic", "gemini", "ollama"):
        books.credential(provider, secret(f"{provider}-credential"), project)
    good = found.secrets.add_key(books.key(project).secret)
    for path, body in BODIES.items():
        for headers in ({"authorization": f"Bearer {good}"}, {"x-api-key": good}):
            _ask(found, program, path, body, headers, own_error=False)
    own = {"x-wellhead-key": good, "authorization": f"Bearer {secret('own')}"}
    _ask(found, program, CHAT, BODIES[CHAT], own, own_error=False)
    refused = {**BODIES[CHAT], "model": "fail-401"}
    _ask(found, program, CHAT, refused, {"authorization": f"Bearer {good}"}, own_error=False)
    _ask(found, program, f"/gone{CHAT}", BODIES[CHAT], {"authorization": f"Bearer {good}"})
    _ask(found, program, "/nowhere", BODIES[CHAT], {"authorization": f"Bearer {good}"})
    for refusal in REFUSALS:
        for path, body in BODIES.items():
            key = refusal.key(books)
            headers = {} if key is None else {"authorization": f"Bearer {found.secrets.add_key(key)}"}
            for _ in range(refusal.calls_before):
                _ask(found, program, path, body, headers, own_error=False)
            _ask(found, program, path, body, headers, code=refusal.code)
    for carrier in CARRIERS:
        for wrong in (an_unknown_key(carrier), f"wh_{secret(carrier)}"):
            _ask(found, program, CHAT, BODIES[CHAT], {carrier: wrong})
    for wrong in (an_unknown_key("query"), f"wh_{secret('query')}"):
        _ask(found, program, f"{CHAT}?key={wrong}", BODIES[CHAT], {})


def _ask(
    found: Seen,
    program: Wellhead,
    path: str,
    body: dict[str, Any],
    headers: dict[str, str],
    *,
    own_error: bool = True,
    code: str | None = None,
) -> None:
    # From an address of its own each time, for wrong keys slow an address down.
    transport = httpx.HTTPTransport(local_address=next(_addresses))
    with httpx.Client(base_url=program.gateway_url, transport=transport) as client:
        got = client.post(path, json=body, headers=headers)
    assert ("x-wellhead-error" in got.headers) == own_error, got.text
    if code is not None:
        assert got.headers["x-wellhead-error"] == code
    found.gateway.append((f"{path} {sorted(headers)}", got))


# The control port.


def _operate(found: Seen, program: Wellhead) -> None:
    with httpx.Client(base_url=program.control_url) as client:
        walk = _Walk(found, client)
        paths = walk.ask("GET", "/openapi.json").json()["paths"]
        found.endpoints = {(method.upper(), path) for path, methods in paths.items() for method in methods}
        _manage(walk)
        for method, path in sorted(found.endpoints):
            for way in ADMINS if method == "GET" else ():
                walk.ask(method, path, **way)
            walk.ask(method, path, query=f"key={secret('query')}&token={secret('query')}", well=False)
            for wrong in WRONG_OPERATORS:
                walk.ask(method, path, json={"name": secret("body")}, well=False, **wrong)
            for junk in JUNK if method in ("POST", "PATCH", "DELETE") else ():
                walk.ask(method, path, json=junk, well=False)
        walk.ask("GET", f"/nowhere/{secret('path')[6:]}", query=f"key={secret('query')}", well=False)


RANGE = "from=2026-01-01&to=2026-01-31"


@dataclass
class _Walk:
    """Asks the control port, and keeps what it answers."""

    found: Seen
    client: httpx.Client
    ids: dict[str, Any] = field(default_factory=dict)
    """By the beginning of a path."""

    def ask(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        query: str = "",
        well: bool = True,
        hands_over: str | None = None,
        **way: Any,
    ) -> httpx.Response:
        """`hands_over` is the field with a new key in it."""
        place = path.replace("{id}", str(self._id(path))).replace("{providerId}", "gone")
        how = way or (ADMINS[0] if well else {})
        if path == LIVE:
            got = self._listened(query, how)
        else:
            got = self.client.request(method, f"{place}?{query}" if query else place, json=json, **how)
        self.client.cookies.clear()
        told = b"\n".join([*(name + b": " + value for name, value in got.headers.raw), got.content])
        if hands_over is not None:
            self.found.handed_over.append((self.found.secrets.add_key(got.json()[hands_over]), told))
        else:
            self.found.control.append((f"{method} {path}", got))
        if well and got.is_success:
            self.found.walked.add((method, path))
        return got

    def _listened(self, query: str, how: dict[str, Any]) -> httpx.Response:
        """An answer without an end, up to a call that was told again."""
        headers = {**how.get("headers", {}), "last-event-id": "1"}
        content = b""
        with self.client.stream("GET", f"{LIVE}?{query}", **{**how, "headers": headers}) as got:
            for piece in got.iter_raw():
                content += piece
                if b"event: settle" in content:
                    break
        return httpx.Response(got.status_code, headers=got.headers.raw, content=content)

    def _id(self, path: str) -> Any:
        return next((id_ for begins, id_ in self.ids.items() if path.startswith(begins)), 1)


def _manage(walk: _Walk) -> None:
    """Every endpoint once as it is meant, with secrets wherever it takes some."""
    ask = walk.ask
    made = ask("POST", "/admin/projects", json={"name": "one", "openai_api_key": secret("project")})
    one = walk.ids["/admin/projects/"] = walk.ids["/manage/projects/"] = made.json()["id"]
    ask("PATCH", "/admin/projects/{id}", json={"openai_api_key": secret("project-again")})
    made = ask("POST", "/manage/projects", json={"name": "two", "api_key": secret("managed")})
    ask("PATCH", "/manage/projects/{id}", json={"api_key": secret("managed-again")})

    limits = [{"measure": "calls", "window": "hour", "amount": 3}]
    new = {"name": "laptop", "project_id": one, "duration_hours": 1, "limits": limits}
    walk.ids["/admin/keys/"] = ask("POST", "/admin/keys", json=new, hands_over="key").json()["id"]
    ask("PATCH", "/admin/keys/{id}", json={"name": "desktop"})
    ask("POST", "/admin/keys/{id}/rotate", json={"overlap_s": 60}, hands_over="key")
    ask("GET", "/admin/keys/{id}")
    ask("DELETE", "/admin/keys/{id}")
    ask("POST", "/admin/keys/{id}/rotate", well=False, **ADMINS[0])
    issued = ask("POST", "/admin/api-keys", json={"name": "b"}, hands_over="key")
    walk.ids["/admin/api-keys/"] = issued.json()["id"]
    ask("PATCH", "/admin/api-keys/{id}", json={"allowed_providers": ["openai"]})
    ask("GET", "/admin/api-keys/{id}/usage")
    ask("DELETE", "/admin/api-keys/{id}")

    manage: dict[str, Any] = {"headers": {"authorization": f"Bearer {MANAGEMENT_TOKEN}"}}
    asked = {"project_id": one, "duration_minutes": 5, "max_requests": 7}
    issued = ask("POST", "/manage/tokens", json=asked, hands_over="token", **manage)
    walk.ids["/manage/tokens/"] = issued.json()["id"]
    ask("PATCH", "/manage/tokens/{id}", json={"max_requests": 9}, **manage)
    ask("DELETE", "/manage/tokens/{id}", **manage)
    ask("DELETE", "/manage/tokens", json={"token": issued.json()["token"]}, **manage)
    ask("DELETE", "/manage/tokens", json={"token": an_unknown_key("named")}, well=False, **manage)
    ask("DELETE", "/admin/tokens", json={"token": issued.json()["token"]})
    ask("POST", "/manage/projects/{id}/tokens/revoke", **manage)

    kept = {"provider": "openai", "name": "main", "secret": secret("credential"), "project_id": one}
    walk.ids["/admin/credentials/"] = ask("POST", "/admin/credentials", json=kept).json()["id"]
    ask("PATCH", "/admin/credentials/{id}", json={"secret": secret("credential-again")})
    ask("GET", "/admin/credentials/{id}")
    ask("DELETE", "/admin/credentials/{id}")
    limit = {"scope": {"kind": "global"}, "measure": "calls", "window": "hour", "amount": 10**6}
    walk.ids["/admin/limits/"] = ask("POST", "/admin/limits", json=limit).json()["id"]
    ask("PATCH", "/admin/limits/{id}", json={"amount": 10**7})
    ask("GET", "/admin/limits/{id}")
    ask("DELETE", "/admin/limits/{id}")

    ask("GET", "/admin/breakers/{providerId}")
    ask("POST", "/admin/breakers/{providerId}/reset")

    ask("GET", "/admin/usage/range", query=RANGE)
    ask("GET", "/admin/usage/accounts/range", query=RANGE)
    ask("GET", "/admin/usage/names", query="dimension=key")
    ask("GET", "/metrics", query="format=json")
    ask("GET", "/metrics")
    walk.ids["/admin/logs/"] = ask("GET", "/admin/logs", query="limit=1").json()[0]["id"]
    ask("GET", "/admin/logs/{id}")
    ask("GET", "/admin/logs/{id}/cost-audit")

    for user, password in ((ADMIN, ADMIN_PASSWORD), (VIEWER, VIEWER_PASSWORD)):
        _log_in_and_out(walk, {"user": user, "password": password})
    _log_in_and_out(walk, {"password": ADMIN_PASSWORD})
    ask("POST", "/admin/session/login", json={"password": secret("wrong-login")}, well=False)

    empty = ask("POST", "/admin/projects", json={"name": "empty"}).json()["id"]
    ask("DELETE", "/admin/projects", json={"id": empty})
    walk.ids["/admin/projects/"] = ask("POST", "/admin/projects", json={"name": "empty"}).json()["id"]
    ask("DELETE", "/admin/projects/{id}")
    walk.ids["/admin/projects/"] = one


def _log_in_and_out(walk: _Walk, login: dict[str, str]) -> None:
    found = walk.found
    got = walk.client.post("/admin/session/login", json=login).raise_for_status()
    found.walked.add(("POST", "/admin/session/login"))
    cookie = got.cookies["__dashboard_session"]
    walk.client.cookies.clear()
    found.secrets.add(cookie)
    assert found.secrets.found(got.content) == []
    headers = {"cookie": f"__dashboard_session={cookie}", "x-csrf": "1"}
    walk.ask("GET", "/admin/session", headers=headers)
    walk.ask("POST", "/admin/projects", json={"name": "x"}, well=False, headers={"cookie": headers["cookie"]})
    walk.ask("POST", "/admin/session/logout", headers=headers)


# Commands.


def _command(found: Seen, directory: Path) -> None:
    """Commands beside the running program, every one that sees a secret or that could be given one."""
    (directory / "cli.yaml").write_text("{}")
    common = ("--database", str(directory / "books.db"), "--config", str(directory / "cli.yaml"))
    secrets = found.secrets

    def run(*arguments: str, stdin: str = "", hands_over: bool = False, **environ: str) -> bytes:
        with pytest.MonkeyPatch.context() as patch:
            commands = Commands(directory, patch, Printed(patch))
            ended = commands.run(*arguments, *common, stdin=stdin, **environ)
        told = (ended.out + ended.err).encode()
        if hands_over:
            assert ended.code == 0, told
            key = next(word for word in told.decode().replace('"', " ").split() if len(word) == 52)
            found.handed_over.append((secrets.add_key(key), told))
        else:
            found.commands.append((" ".join(arguments), told))
        return told

    run("keys", "create", "one", "--json", hands_over=True)
    run("keys", "create", "two", hands_over=True)
    run("keys", "create", "three", "--quiet", hands_over=True)
    run("keys", "rotate", "1", "--json", hands_over=True)
    run("tokens", "list")
    for noun in ("projects", "keys", "limits", "breakers", "credentials"):
        run(noun, "list", "--json")
    run("keys", "show", "1", "--json")
    run("export", "--format", "jsonl")
    run("keys", "show", an_unknown_key("pasted"))
    run("keys", "revoke", an_unknown_key("pasted"))
    from_env = ("--from-env", "SECRET", "--json")
    create = ("credentials", "create", "openai", "--name", "cli")
    made = json.loads(run(*create, *from_env, SECRET=secret("cli")))
    id_ = str(made["id"])
    run("credentials", "change", id_, "--stdin", stdin=secret("stdin"))
    run("credentials", "show", id_, "--json")
    run(*create, "--from-env", secret("name-of-a-variable"))
    run(*create, secret("argument"))
    run(*create, "--stdin", stdin=secret("line") + "\n" + secret("next-line"))
    run("credentials", "rotate-master", "--stdin", stdin=secret("no-master-key"))
    run("credentials", "rotate-master", "--stdin", "--json", stdin=a_master_key("master-key"))
    assert (directory / "books.db.master-key").read_text().strip() == a_master_key("master-key")
    run("credentials", "rotate-master", "--generate")
    run("db", "check", "--json")
    run("report", "--by", "key,project,session,client", "--since", "all", "--json")
    run("report", "--by", "key", "--csv")
    run("report", "--key", an_unknown_key("pasted"))
    run("tail", "--no-follow", "--json")
    run("tail", "--no-follow", "--key", an_unknown_key("pasted"))
    run("statusline", "--verbose", stdin=json.dumps({"session_id": an_unknown_key("pasted")}))
    run("db", "check", "--api", f"http://operator:{secret('in-a-url')}@127.0.0.1:9")
    run("paths", "--json")


# What is looked at.


def _processes(program: Wellhead) -> Iterator[tuple[str, bytes]]:
    """Command lines of all processes, and the environments of those that the program started."""
    supervisor = Path(f"/proc/{program.pid}")
    yield "supervisor cmdline", (supervisor / "cmdline").read_bytes()
    children = psutil.Process(program.pid).children(recursive=True)
    assert len(children) >= 2
    for child in children:
        for record in ("cmdline", "environ"):
            yield f"{child.pid} {record}", Path(f"/proc/{child.pid}/{record}").read_bytes()


def _database(directory: Path) -> bytes:
    files = [path for path in directory.glob("books.db*") if "master-key" not in path.name]
    assert files
    return b"".join(path.read_bytes() for path in files)


def _whole(got: httpx.Response) -> bytes:
    return b"\n".join([*(name + b": " + value for name, value in got.headers.raw), got.content])


# What there is to see.


def test_the_search_finds_any_piece_of_a_secret() -> None:
    secrets = Secrets()
    key = secrets.add_key(an_unknown_key("x").replace("Canary", "Cassowa"))
    assert secrets.found(f"...{key[:8]}...".encode()) == []
    assert secrets.found(f"...{key[25:40]}...".encode())
    assert marked(an_unknown_key("x").encode())
    assert marked(a_master_key("x").encode())


def test_keys_were_used_refused_and_booked(seen: Seen) -> None:
    assert {row["state"] for row in seen.rows} == {"completed", "failed", "refused"}
    assert {row["error_code"] for row in seen.rows} >= {one.code for one in REFUSALS if one.is_booked}
    codes = {got.headers.get("x-wellhead-error") for _, got in seen.gateway}
    assert codes >= {one.code for one in REFUSALS} | {None, "not_found", "bad_gateway"}


def test_the_gateway_tells_no_secret(seen: Seen) -> None:
    for asked, got in seen.gateway:
        assert seen.secrets.found(_whole(got)) == [], asked


def test_of_a_key_nothing_reaches_an_upstream(seen: Seen) -> None:
    assert secret("own").encode() in seen.upstream
    assert secret("openai-credential").encode() in seen.upstream
    assert b"wh_" not in seen.upstream


def test_every_endpoint_of_the_control_port_was_asked_well(seen: Seen) -> None:
    assert seen.endpoints - seen.walked == set()


def test_the_control_port_tells_no_secret(seen: Seen) -> None:
    assert {got.status_code for _, got in seen.control} >= {200, 201, 204, 400, 401, 403, 404, 409}
    for asked, got in seen.control:
        assert seen.secrets.found(_whole(got)) == [], asked


def test_a_new_key_is_handed_over_once_and_in_one_place(seen: Seen) -> None:
    assert len(seen.handed_over) == 8
    for key, told in seen.handed_over:
        assert told.count(key.encode()) == 1
        assert seen.secrets.found(told.replace(key.encode(), b"")) == []


def test_no_command_prints_a_secret(seen: Seen) -> None:
    assert len(seen.commands) > 15
    for command, told in seen.commands:
        assert told, command
        assert seen.secrets.found(told) == [], command


def test_no_secret_is_logged_even_when_debugging(seen: Seen) -> None:
    assert '"level":"debug"' in seen.logs
    assert "gateway.refused" in seen.logs
    assert "operator.refused" in seen.logs
    assert seen.secrets.found(seen.logs.encode()) == []


def test_no_secret_is_in_the_database(seen: Seen) -> None:
    assert b"credential.create" in seen.database
    assert seen.secrets.found(seen.database) == []


def test_no_secret_is_in_the_records_of_a_process(seen: Seen) -> None:
    assert len(seen.processes) >= 5
    for record, content in seen.processes:
        assert content, record
        assert seen.secrets.found(content) == [], record


async def test_a_credential_that_an_upstream_repeats_in_its_error_is_not_kept(tmp_path: Path) -> None:
    async def repeating(exchange: Exchange) -> None:
        said = {name.decode(): value.decode() for name, value in exchange.request.lines}
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {said['authorization']}"}})
        error = answering(body.encode(), b"content-type: application/json", status=b"401 Unauthorized")
        await error(exchange)

    async with WireServer(repeating) as upstream:
        provider = {"id": "openai", "type": "openai-compatible", "base_url": upstream.url}
        program = Wellhead(
            config={"providers": [provider]},
            command="gateway",
            directory=tmp_path,
            arguments=["--log-level", "debug"],
        )
        await asyncio.to_thread(program.start)
        try:
            with keyed(program) as books:
                project = books.project()
                books.credential("openai", secret("repeated"), project)
                key = books.key(project).secret
                own_key = books.key(project).secret
            booked = Booked(program.database_path)
            async with httpx.AsyncClient(base_url=program.gateway_url) as client:
                got = await client.post(CHAT, json=BODIES[CHAT], headers={"authorization": f"Bearer {key}"})
                assert marked(got.content), "the client is told what the upstream said, byte for byte"
                own = {"x-wellhead-key": own_key, "authorization": f"Bearer {secret('own')}"}
                await client.post(CHAT, json=BODIES[CHAT], headers=own)
            rows = await asyncio.to_thread(booked.rows, 2)
        finally:
            await asyncio.to_thread(program.stop)
    assert all(row["error_message"].startswith("Incorrect API key provided") for row in rows)
    secrets = Secrets()
    for issued in (key, own_key):
        secrets.add_key(issued)
    assert secrets.found(_database(tmp_path) + program.output.encode()) == []
