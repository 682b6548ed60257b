"""What operators change from the command line holds for the next call, without a restart."""

import json
from pathlib import Path

import httpx

from fakes.commands import Commands
from fakes.program import Wellhead, command
from fakes.simulated import simulated_process

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "How deep is the well?"}]}


def test_a_running_gateway_notices_keys_limits_and_revocations(tmp_path: Path, commands: Commands) -> None:
    def run(*arguments: str) -> str:
        return commands.well(*arguments, "--database", str(tmp_path / "books.db"))

    with simulated_process() as upstream:
        config = {"gateway": {"require_key": True}}
        with (
            Wellhead(upstream=upstream.url, command="gateway", config=config, directory=tmp_path) as program,
            httpx.Client(base_url=program.gateway_url) as client,
        ):

            def ask(key: str) -> tuple[int, str | None]:
                told = client.post(
                    "/v1/chat/completions", json=CHAT, headers={"authorization": f"Bearer {key}"}
                )
                return told.status_code, told.headers.get("x-wellhead-error")

            assert ask("sk-of-the-client") == (401, "key_unknown")
            run("projects", "create", "blue")
            key = run("keys", "create", "laptop", "--project", "blue", "--quiet").strip()
            assert ask(key) == (200, None)
            limit = ("--project", "blue", "--measure", "calls", "--window", "day", "--amount", "2")
            run("limits", "create", *limit)
            assert [ask(key), ask(key)] == [(200, None), (429, "rate_limited")]
            (standing,) = json.loads(run("limits", "show", "1", "--json"))["standings"]
            assert (standing["used"], standing["left"], standing["exceeded"]) == (2, 0, 1)
            run("limits", "change", "1", "--amount", "3")
            assert ask(key) == (200, None)
            run("limits", "delete", "1")
            successor = run("keys", "rotate", "1", "--quiet").strip()
            assert [ask(key), ask(successor)] == [(200, None), (200, None)]
            run("keys", "revoke", "1")
            assert [ask(key), ask(successor)] == [(401, "key_revoked"), (200, None)]
            run("projects", "archive", "blue")
            assert ask(successor) == (403, "project_archived")
            shown = json.loads(run("keys", "show", "1", "--json"))
            assert (shown["state"], shown["calls"]) == ("revoked", 4)
        assert run("db", "check").startswith("All figures")
        assert key not in program.output


def test_a_running_gateway_goes_on_with_the_next_master_key(tmp_path: Path, commands: Commands) -> None:
    def run(*arguments: str, **environ: str) -> str:
        return commands.well(*arguments, "--database", str(tmp_path / "books.db"), **environ)

    with simulated_process() as upstream:
        with (
            Wellhead(upstream=upstream.url, command="gateway", directory=tmp_path) as program,
            httpx.Client(base_url=program.gateway_url) as client,
        ):
            key = run("keys", "create", "laptop", "--quiet").strip()
            run(
                "credentials",
                "create",
                "upstream",
                "--name=main",
                "--from-env=SECRET",
                SECRET="sk-upstream-1",
            )

            def ask() -> tuple[int, str]:
                status = client.post(
                    "/v1/chat/completions", json=CHAT, headers={"authorization": f"Bearer {key}"}
                ).status_code
                return status, dict(upstream.stats()["last"][-1]["headers"])["authorization"]

            assert ask() == (200, "Bearer sk-upstream-1")
            before = (tmp_path / "books.db.master-key").read_text()
            run("credentials", "rotate-master", "--generate")
            assert (tmp_path / "books.db.master-key").read_text() != before
            assert ask() == (200, "Bearer sk-upstream-1")


def test_the_configurations_own_limit_is_per_client_and_in_the_list(tmp_path: Path) -> None:
    """As agent-cli-proxy has it: one call per minute, the second is told to come back in 60 s."""
    with simulated_process() as upstream:
        environ = {"RATE_LIMIT_PER_CLIENT_PER_MIN": "1", "CLIENT_NAME_MAPPING": "sk-one=alice,sk-two=bob"}
        with (
            Wellhead(
                upstream=upstream.url, command="gateway", environ=environ, directory=tmp_path
            ) as program,
            httpx.Client(base_url=program.gateway_url) as client,
        ):
            told = [
                client.post("/v1/chat/completions", json=CHAT, headers={"authorization": f"Bearer {key}"})
                for key in ("sk-one", "sk-one", "sk-two")
            ]
            assert [answer.status_code for answer in told] == [200, 429, 200]
            assert told[1].headers["retry-after"] == "60"
            ended = command(tmp_path, "limits", "list", "--json", "--database", str(program.database_path))
            (limit,) = json.loads(ended.stdout)
    assert (limit["name"], limit["source"]) == ("limits.calls_per_client_per_minute", "configuration")
    assert (limit["scope"]["kind"], limit["scope"]["tool"], limit["sliding"]) == ("tool_client", None, True)
