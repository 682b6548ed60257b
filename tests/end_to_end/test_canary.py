"""Secrets are nowhere but where they belong: marked ones go every way in, then everything is searched.

::

    credentials in headers, query, configuration      logs of all processes (level debug)
    good calls, 4xx, 502, 413, 404, broken JSON   ->   database and its write-ahead log, byte by byte
    a wrong and a right password on control            our error bodies, the metrics

Prompts are marked as well, and answers are looked for: no text of a conversation is kept.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from fakes.canary import BASIC, PASSWORD, marked, secret
from fakes.program import Wellhead
from fakes.rows import Booked, Row
from fakes.simulated import Simulated, simulated_process
from fakes.wire import Exchange, WireServer
from fakes.wire import answer as answering

PROMPT = "canaryprompt how deep is the well"
ASKED = [{"role": "user", "content": PROMPT}]
CHAT = {"model": "gpt-4o", "messages": ASKED, "metadata": {"note": PROMPT}}
PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/api/chat")
CREDENTIALS: tuple[dict[str, str], ...] = (
    {"authorization": f"Bearer {secret('bearer')}"},
    {"authorization": f"Basic {secret('basic')}"},
    {"authorization": secret("bare")},
    {"x-api-key": secret("x-api-key")},
    {"x-goog-api-key": secret("x-goog-api-key")},
    {"api-key": secret("azure")},
    {"cookie": f"session={secret('cookie')}"},
    {"proxy-authorization": f"Bearer {secret('proxy')}"},
)
QUERIES = (f"key={secret('query')}", f"api_key={secret('api-key')}", f"alt=sse&key={secret('late')}")


@dataclass
class Seen:
    """Everything that came out of the program."""

    rows: list[Row]
    answers: set[str]
    """What the model said."""
    logs: str
    database: bytes
    metrics: bytes
    control: bytes
    """Its answers to wrong passwords and wrong questions."""
    own_errors: dict[str, httpx.Response] = field(default_factory=dict)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    directory = tmp_path_factory.mktemp("wanted")
    with simulated_process() as upstream, ExitStack() as stack:
        program = stack.enter_context(_program(upstream, directory))
        booked = Booked(program.database_path)
        with httpx.Client(base_url=program.gateway_url) as client:
            calls = list(_calls(client))
            errors = _own_errors(client)
        rows = booked.rows(len(calls) + sum(1 for answer in errors.values() if answer.status_code == 502))
        # A database that is in use keeps its newest pages in the write-ahead log.
        database = _bytes_of(directory)
        metrics, control = _control(program)
        program.stop()
        answers = {text for call in calls if call.status_code == 200 for text in _texts_in(call)}
        return Seen(rows, answers, program.output, database + _bytes_of(directory), metrics, control, errors)


def _program(upstream: Simulated, directory: Path) -> Wellhead:
    own = {"type": "openai-compatible", "base_url": upstream.url, "paths": ["/by/name/only"]}
    providers = [
        {"id": "openai", "type": "openai-compatible", "base_url": upstream.url},
        {"id": "anthropic", "type": "anthropic", "base_url": upstream.url},
        {"id": "gemini", "type": "gemini", "base_url": upstream.url},
        {"id": "ollama", "type": "ollama", "base_url": upstream.url},
        {**own, "id": "bearer", "auth": {"type": "bearer", "env": "UPSTREAM_KEY"}},
        {**own, "id": "plain", "auth": {"type": "x-api-key", "value": secret("value")}},
        {**own, "id": "headers", "headers": {"x-tenant-secret": secret("header")}},
        {
            **own,
            "id": "gone",
            "base_url": "http://127.0.0.1:1",
            "auth": {"type": "bearer", "env": "UPSTREAM_KEY"},
        },
    ]
    config = {
        "gateway": {"max_request_body": 50_000},
        "control": {"basic_user": "operator", "basic_password": PASSWORD},
        "providers": providers,
        "breaker": {"failures": 0},  # A provider that is gone is asked again and again.
    }
    environ = {"UPSTREAM_KEY": secret("upstream-key")}
    return Wellhead(config=config, environ=environ, directory=directory, arguments=["--log-level", "debug"])


def _calls(client: httpx.Client) -> Iterator[httpx.Response]:
    """Calls that are booked, with every credential, well and badly answered."""
    for credential in CREDENTIALS:
        for path in PATHS:
            body = {**CHAT, "input": PROMPT, "prompt": PROMPT, "max_tokens": 9, "stream": path == PATHS[0]}
            yield client.post(path, json=body, headers=credential)
        yield client.post(PATHS[0], json={**CHAT, "model": "fail-401"}, headers=credential)
        yield client.post("/gone/v1/chat/completions", json=CHAT, headers=credential)
        yield client.post("/v1/images/generations", content=PROMPT, headers=credential)
    for query in QUERIES:
        for model in ("gemini-2.5-flash", "fail-400"):
            yield client.post(f"/v1beta/models/{model}:generateContent?{query}", json={"contents": PROMPT})
    for provider in ("bearer", "plain", "headers"):
        yield client.post(f"/{provider}/v1/chat/completions", json=CHAT)
    for fault in ("garbage", "error-event"):
        yield client.post(PATHS[0], json={**CHAT, "model": fault, "stream": True}, headers=CREDENTIALS[0])


def _own_errors(client: httpx.Client) -> dict[str, httpx.Response]:
    """One of each of our own errors, all with secrets in the request."""
    headers = {**CREDENTIALS[0], **CREDENTIALS[3]}
    query = f"?key={secret('query')}"
    broken = (
        b'{"model": "gpt-4o", "api_key": "' + secret("json").encode() + b'", "messages": ["' + PROMPT.encode()
    )
    return {
        "too large": client.post(f"{PATHS[0]}{query}", content=PROMPT * 3000, headers=headers),
        "gone": client.post(f"/gone{PATHS[0]}{query}", json=CHAT, headers=headers),
        "broken json": client.post(f"/gone{PATHS[0]}{query}", content=broken, headers=headers),
        "nowhere": client.post(f"/nowhere/at/all{query}", json=CHAT, headers=headers),
        "unknown provider": client.post(
            PATHS[0], json=CHAT, headers={**headers, "x-provider": secret("name")}
        ),
        "upgrade": client.get(f"/v1/responses{query}", headers={**headers, "upgrade": "websocket"}),
    }


def _texts_in(answer: httpx.Response) -> list[str]:
    """Every text of several words in a JSON answer."""
    if answer.headers["content-type"] != "application/json":
        return []
    texts: list[str] = []
    json.loads(answer.content, object_hook=lambda fields: texts.extend(map(str, fields.values())))
    return [text for text in texts if text.count(" ") > 3 and not text.startswith(("{", "["))]


def _control(program: Wellhead) -> tuple[bytes, bytes]:
    """The metrics with the right password, and the answers to everything wrong."""
    with httpx.Client(base_url=program.control_url) as client:
        metrics = client.get("/_qs/metrics", auth=("operator", PASSWORD)).raise_for_status().content
        wrong = [
            client.get("/_qs/metrics"),
            client.get("/_qs/metrics", auth=("operator", secret("wrong"))),
            client.get(f"/_qs/metrics?key={secret('query')}", auth=("operator", PASSWORD)),
            client.get(f"/_qs/metrics?from={secret('query')}", auth=("operator", PASSWORD)),
            client.get(f"/nowhere?key={secret('query')}", auth=("operator", PASSWORD)),
        ]
    assert [answer.status_code for answer in wrong] == [401, 401, 400, 400, 404]
    return metrics, b"\n".join(answer.content for answer in wrong)


def _bytes_of(directory: Path) -> bytes:
    files = [path for path in directory.iterdir() if path.name.startswith("books.db")]
    assert files
    return b"".join(path.read_bytes() for path in files)


def test_the_search_finds_what_is_there() -> None:
    assert len(marked(b"x" * 99 + secret("bearer").encode() + b" " + BASIC)) == 2


def test_all_calls_are_booked_and_of_a_credential_only_its_hash(seen: Seen) -> None:
    assert len(seen.rows) > 60
    assert {row["state"] for row in seen.rows} == {"completed", "failed"}
    names = ("bearer", "basic", "bare", "x-api-key", "x-goog-api-key", "azure", "query", "late")
    hashes = {sha256(secret(name).encode()).digest() for name in names}
    assert {row["credential_hash"] for row in seen.rows} - {None} == hashes


def test_no_secret_and_no_text_is_logged_even_when_debugging(seen: Seen) -> None:
    assert '"level":"debug"' in seen.logs
    assert marked(seen.logs.encode()) == []


def test_no_secret_and_no_text_is_in_the_database(seen: Seen) -> None:
    assert b"/v1/chat/completions" in seen.database
    assert marked(seen.database) == []


def test_nothing_the_model_said_is_logged_or_kept(seen: Seen) -> None:
    assert len(seen.answers) > 3
    kept = seen.logs.encode() + seen.database
    assert [text for text in seen.answers if text.encode() in kept] == []


def test_no_secret_and_no_text_is_in_our_own_errors(seen: Seen) -> None:
    assert {name: answer.status_code for name, answer in seen.own_errors.items()} == {
        "too large": 413,
        "gone": 502,
        "broken json": 502,
        "nowhere": 404,
        "unknown provider": 400,
        "upgrade": 426,
    }
    for name, answer in seen.own_errors.items():
        head = b"\n".join(key + b": " + value for key, value in answer.headers.raw)
        assert marked(head + answer.content) == [], name


def test_no_secret_and_no_text_is_on_the_control_port(seen: Seen) -> None:
    assert b"gpt-4o" in seen.metrics
    assert marked(seen.metrics) == []
    assert marked(seen.control) == []


async def test_a_secret_that_an_upstream_repeats_in_its_error_is_not_kept(tmp_path: Path) -> None:
    async def repeating(exchange: Exchange) -> None:
        said = {name.decode(): value.decode() for name, value in exchange.request.lines}
        shown = [said.get(name, "") for name in ("authorization", "x-api-key", "x-tenant-secret")]
        shown.append(exchange.request.line.decode())
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {shown}"}}).encode()
        await answering(body, b"content-type: application/json", status=b"401 Unauthorized")(exchange)

    async with WireServer(repeating) as upstream:
        provider = {"id": "own", "type": "openai-compatible", "base_url": upstream.url}
        with_auth = {**provider, "auth": {"type": "x-api-key", "value": secret("value")}}
        with_header = {**provider, "id": "headed", "headers": {"x-tenant-secret": secret("header")}}
        config = {"providers": [with_auth, with_header]}
        program = Wellhead(config=config, command="gateway", directory=tmp_path)
        await asyncio.to_thread(program.start)
        try:
            booked = Booked(program.database_path)
            async with httpx.AsyncClient(base_url=program.gateway_url) as client:
                for prefix in ("own", "headed"):
                    path = f"/{prefix}/v1/chat/completions?key={secret('query')}"
                    told = await client.post(path, json=CHAT, headers=CREDENTIALS[0])
                    assert marked(told.content), "the client is told what the upstream said, byte for byte"
            rows = await asyncio.to_thread(booked.rows, 2)
        finally:
            await asyncio.to_thread(program.stop)
    assert all(row["error_message"].startswith("Incorrect API key provided") for row in rows)
    assert marked(_bytes_of(tmp_path) + program.output.encode()) == []
