"""No secret that goes in, by any way, comes out where it does not belong: logs, books, error bodies."""

import json
from collections.abc import Iterator
from contextlib import closing
from socket import socket
from typing import Any

import httpx
import pytest

from fakes.program import Wellhead
from fakes.simulated import simulated_process

CANARY = "canary"
"""Every secret in here contains it."""
HEADERS = {
    "authorization": "Bearer sk-canary-authorization",
    "x-api-key": "sk-ant-canary-x-api-key",
    "x-goog-api-key": "canary-goog",
    "cookie": "session=canary-cookie",
}
CHAT: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}
REQUESTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions?key=canary-query", {**CHAT, "stream": True}),
    ("/v1/messages", {**CHAT, "max_tokens": 5}),
    ("/v1beta/models/gemini-2.5-flash:generateContent?key=canary-query", {"contents": []}),
    ("/api/chat", {**CHAT, "stream": False}),
    ("/v1/chat/completions", {**CHAT, "model": "fail-401"}),
    ("/v1/chat/completions", {**CHAT, "model": "fail-500"}),
    ("/down/v1/chat/completions?key=canary-query", CHAT),
    ("/keyed/v1/chat/completions", CHAT),
    ("/nowhere?key=canary-query", CHAT),
)


@pytest.fixture
def wellhead() -> Iterator[Wellhead]:
    with closing(socket()) as nobody, simulated_process() as upstream:
        nobody.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        config = {
            "log": {"level": "debug"},
            "control": {"basic_user": "ada", "basic_password": "canary-password"},
            "providers": [
                {"id": "down", "type": "openai-compatible", "base_url": down, "models": ["none"]},
                {
                    "id": "keyed",
                    "type": "openai-compatible",
                    "base_url": upstream.url,
                    "models": ["none"],
                    "auth": {"type": "bearer", "env": "KEYED"},
                    "headers": {"x-team": "canary-header"},
                },
            ],
        }
        environ = {"KEYED": "sk-canary-from-environment"}
        with Wellhead(upstream=upstream.url, config=config, environ=environ) as wellhead:
            yield wellhead


def test_no_secret_is_in_a_log_the_books_or_an_error(wellhead: Wellhead) -> None:
    with httpx.Client(timeout=20) as client:
        bodies = []
        for path, body in REQUESTS:
            answer = client.post(wellhead.gateway_url + path, json=body, headers=HEADERS)
            bodies.append((path, answer.status_code, answer.text, str(answer.headers)))
        refused = client.get(
            wellhead.control_url + "/_qs/metrics?key=canary-query", auth=("ada", "canary-wrong")
        )
        assert refused.status_code == 401
        allowed = client.get(wellhead.control_url + "/_qs/metrics", auth=("ada", "canary-password"))
        assert allowed.status_code == 200
    statuses = [status for _, status, *_ in bodies]
    assert {200, 401, 404, 500, 502} <= set(statuses), bodies
    assert wellhead.stop() == 143
    assert len(wellhead.calls()) >= len(REQUESTS) - 1
    assert CANARY not in wellhead.output
    assert CANARY not in json.dumps([*bodies, refused.text, allowed.text]).replace("?key=canary-query", "")
    for file in wellhead.directory.glob("books.db*"):
        assert CANARY.encode() not in file.read_bytes(), file.name
