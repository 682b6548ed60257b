"""Who is let in, and what a call reserves, by the settings of the real program."""

import base64
import json
from pathlib import Path

import httpx

from fakes.keyed import keyed
from fakes.program import Wellhead, command
from fakes.simulated import simulated_process

CHAT = {"model": "gpt-4o", "max_tokens": 1, "messages": [{"role": "user", "content": "a b c d " * 50}]}


def a_vocabulary_of_bytes(directory: Path) -> Path:
    path = directory / "bytes.tiktoken"
    path.write_text("\n".join(f"{base64.b64encode(bytes([byte])).decode()} {byte}" for byte in range(256)))
    return path


def test_off_loopback_nobody_is_served_without_a_key() -> None:
    with (
        simulated_process() as upstream,
        Wellhead(
            upstream=upstream.url, command="gateway", arguments=("--gateway-bind", "0.0.0.0:0")
        ) as program,
        keyed(program) as books,
    ):
        port = httpx.URL(program.gateway_url).port
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            refused = client.post("/v1/chat/completions", json=CHAT)
            key = {"authorization": f"Bearer {books.key().secret}"}
            let_in = client.post("/v1/chat/completions", json=CHAT, headers=key)

        assert (refused.status_code, refused.headers["x-wellhead-error"]) == (401, "key_missing")
        assert let_in.status_code == 200
        assert [call["key_id"] for call in program.calls()] == [1]


def test_a_vocabulary_says_what_a_call_reserves(tmp_path: Path) -> None:
    size = len(json.dumps(CHAT))
    of_all = ("limits", "create", "--global", "--measure", "input_tokens", "--window", "day")
    limit = (*of_all, "--amount", str(size // 2))
    answers = []
    for vocabulary in (None, a_vocabulary_of_bytes(tmp_path)):
        limits = {} if vocabulary is None else {"limits": {"vocabulary": str(vocabulary)}}
        with (
            simulated_process() as upstream,
            Wellhead(upstream=upstream.url, command="gateway", config=limits) as program,
        ):
            set_up = command(tmp_path, *limit, "--database", str(program.database_path))
            assert set_up.returncode == 0, set_up.stderr
            assert httpx.get(program.gateway_url + "/ready").status_code == 200  # It knows the limit now.
            answers.append(httpx.post(program.gateway_url + "/v1/chat/completions", json=CHAT))

    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].headers["x-wellhead-error"] == "rate_limited"


def test_a_vocabulary_that_is_none_is_told_at_the_start(tmp_path: Path) -> None:
    environ = {"WELLHEAD_LIMITS__VOCABULARY": str(tmp_path / "absent"), "WELLHEAD_LOG__FORMAT": "json"}
    binds = ("--gateway-bind", "127.0.0.1:0", "--control-bind", "127.0.0.1:0")
    ended = command(tmp_path, "serve", *binds, **environ)

    assert ended.returncode != 0
    assert "limits.vocabulary: must be a readable .tiktoken file" in ended.stdout + ended.stderr
