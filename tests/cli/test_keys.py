"""`wellhead keys`, which is `wellhead tokens`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes.commands import Commands
from wellhead.policy.keys import is_well_formed


def key(commands: Commands, *options: str) -> dict[str, Any]:
    made: dict[str, Any] = commands.json("keys", "create", "laptop", *options)
    return made


def in_hours(moment: str) -> float:
    return (datetime.fromisoformat(moment) - datetime.now(UTC)) / timedelta(hours=1)


def test_a_key_is_shown_once_and_only_its_hash_is_kept(commands: Commands) -> None:
    out = commands.well("keys", "create", "laptop")
    secret = out.splitlines()[-1]
    assert is_well_formed(secret)
    for arguments in (("list",), ("list", "--json"), ("show", "1"), ("show", "1", "--json")):
        assert secret not in commands.well("keys", *arguments)
    for file in commands.database.parent.iterdir():
        assert secret.encode() not in file.read_bytes()


@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quietly_it_is_alone_on_stdout(commands: Commands, option: str) -> None:
    ended = commands.run("keys", "create", "ci", option)
    assert is_well_formed(ended.out.removesuffix("\n"))
    assert (ended.code, ended.err) == (0, "")


def test_in_json_it_is_a_field_beside_all_others(commands: Commands) -> None:
    made = key(commands)
    assert is_well_formed(made.pop("key"))
    assert commands.json("keys", "show", str(made["id"])) == made
    assert commands.json("keys", "list") == [made]


def test_it_may_be_restricted_in_every_way(commands: Commands) -> None:
    project = commands.json("projects", "create", "blue")
    made = key(
        commands,
        *("--project", "blue", "--expires-in", "24h"),
        *("--allow-model", "gpt-*", "--allow-model", "o3", "--allow-provider", "openai"),
        *("--allow-endpoint", "/v1/chat/*", "--allow-account", "a@example.org"),
        *("--tag", "team=blue", "--tag", "cost centre=7=8"),
    )
    assert made["project_id"] == project["id"]
    assert 23.9 < in_hours(made["expires_at"]) <= 24
    assert made["allowed_models"] == ["gpt-*", "o3"]
    assert made["allowed_providers"] == ["openai"]
    assert made["allowed_endpoints"] == ["/v1/chat/*"]
    assert made["allowed_accounts"] == ["a@example.org"]
    assert made["tags"] == {"team": "blue", "cost centre": "7=8"}


def test_without_a_list_people_read_that_anything_is_allowed(commands: Commands) -> None:
    key(commands, "--allow-model", "gpt-*")
    told = commands.well("keys", "show", "1")
    assert "allowed models     gpt-*\n" in told
    assert "allowed providers  any\n" in told


def test_an_expiry_may_be_a_moment(commands: Commands) -> None:
    assert key(commands, "--expires-at", "2999-01-01")["expires_at"] == "2999-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--expires-in", "soon"), "--expires-in must be a duration such as 90m, 24h or 30d"),
        (("--expires-at", "soon"), "--expires-at must be a time such as 2026-03-01T00:00:00Z"),
        (("--expires-at", "2020-01-01"), "the expiry must lie in the future"),
        (("--expires-in", "1h", "--expires-at", "2999-01-01"), "exclude each other"),
        (("--tag", "blue"), "--tag must be name=value, such as team=blue"),
        (("--allow-model", "x" * 201), "has between 1 and 200 printable characters"),
    ],
)
def test_what_cannot_be_used_is_wrong_use(commands: Commands, options: tuple[str, ...], said: str) -> None:
    code, line = commands.refused("keys", "create", "laptop", *options)
    assert code == 2
    assert said in line
    assert commands.json("keys", "list") == []


def test_a_project_that_is_not_there_makes_no_key(commands: Commands) -> None:
    code, line = commands.refused("keys", "create", "laptop", "--project", "blue")
    assert (code, line.partition(";")[0]) == (1, "there is no project 'blue'")
    assert commands.json("keys", "list") == []


def test_it_is_changed_in_what_is_given_and_nothing_else(commands: Commands) -> None:
    made = key(commands, "--allow-model", "gpt-*", "--expires-in", "1h", "--tag", "team=blue", "--tag", "a=b")
    del made["key"]
    changed = commands.json("keys", "change", "1", "--name", "desktop", "--tag", "a=c", "--untag", "team")
    assert changed == {**made, "name": "desktop", "tags": {"a": "c"}}
    changed = commands.json(
        "keys", "change", "1", "--any-model", "--allow-provider", "openai", "--never-expires"
    )
    assert changed == {
        **made,
        "name": "desktop",
        "tags": {"a": "c"},
        "allowed_models": None,
        "allowed_providers": ["openai"],
        "expires_at": None,
    }
    for kind in ("provider", "endpoint", "account"):
        commands.well("keys", "change", "1", f"--allow-{kind}", "x")
        assert commands.json("keys", "change", "1", f"--any-{kind}")[f"allowed_{kind}s"] is None
    assert 1.9 < in_hours(commands.json("keys", "change", "1", "--expires-in", "2h")["expires_at"]) <= 2


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--any-model", "--allow-model", "gpt-*"),
        ("--never-expires", "--expires-in", "1h"),
    ],
)
def test_a_change_that_is_none_or_two_is_wrong_use(commands: Commands, options: tuple[str, ...]) -> None:
    key(commands)
    assert commands.refused("keys", "change", "1", *options)[0] == 2


def test_it_is_revoked_for_good(commands: Commands) -> None:
    key(commands)
    for _ in range(2):
        assert commands.json("keys", "revoke", "1")["state"] == "revoked"
    assert commands.refused("keys", "change", "1", "--name", "x") == (1, "the key is revoked")


def test_all_keys_of_a_project_are_revoked_at_once(commands: Commands) -> None:
    commands.well("projects", "create", "blue")
    for name in ("a", "b", "c"):
        commands.well("keys", "create", name, "--project", "blue")
    commands.well("keys", "create", "other")
    commands.well("keys", "revoke", "1")
    assert commands.json("keys", "revoke", "--all-of", "blue") == {"revoked": 2, "already_revoked": 1}
    assert [k["name"] for k in commands.json("keys", "list", "--state", "active")] == ["other"]
    assert [k["name"] for k in commands.json("keys", "list", "--project", "blue")] == ["a", "b", "c"]


@pytest.mark.parametrize("arguments", [(), ("1", "--all-of", "blue")])
def test_what_is_to_be_revoked_is_said_once(commands: Commands, arguments: tuple[str, ...]) -> None:
    code, line = commands.refused("keys", "revoke", *arguments)
    assert code == 2
    assert "give either the number of a key or --all-of PROJECT" in line


def test_a_successor_has_the_same_rights_and_both_work_for_a_while(commands: Commands) -> None:
    made = key(commands, "--allow-model", "gpt-*")
    successor = commands.json("keys", "rotate", "1", "--overlap", "2h")
    assert successor["key"] != made["key"]
    assert (successor["predecessor_id"], successor["allowed_models"]) == (1, ["gpt-*"])
    assert 1.9 < in_hours(commands.json("keys", "show", "1")["expires_at"]) <= 2
    assert is_well_formed(commands.well("keys", "rotate", "2", "-q", "--overlap", "0").strip())
    assert commands.json("keys", "show", "2")["state"] == "withered"


def test_tokens_are_keys(commands: Commands) -> None:
    secret = commands.well("tokens", "create", "laptop", "-q").strip()
    assert commands.json("tokens", "list") == commands.json("keys", "list")
    assert commands.json("tokens", "show", "1")["prefix"] == secret[:8]
    ended = commands.run("tokens")
    assert ended.code == 2
    assert "create" in ended.err


@pytest.mark.parametrize("command", ["show", "change", "revoke", "rotate"])
def test_one_that_is_not_there_is_said_with_what_to_do(commands: Commands, command: str) -> None:
    options = ("--name", "x") if command == "change" else ()
    code, line = commands.refused("keys", command, "99", *options)
    assert (code, line) == (1, "there is no such key; `wellhead keys list` shows what there is")


def test_a_project_that_is_not_there_is_to_be_looked_for_among_projects(commands: Commands) -> None:
    told = (1, "there is no project 'blue'; `wellhead projects list` shows what there is")
    assert commands.refused("keys", "create", "laptop", "--project", "blue") == told
    limit = ("--measure", "calls", "--window", "day", "--amount", "1")
    assert commands.refused("limits", "create", "--project", "blue", *limit) == told


@pytest.mark.parametrize("arguments", [("show",), ("revoke",), ("show", "1")])
def test_a_key_that_was_pasted_for_its_number_is_not_repeated(
    commands: Commands, arguments: tuple[str, ...]
) -> None:
    secret = commands.well("keys", "create", "laptop", "-q").strip()
    code, line = commands.refused("keys", *arguments, secret)
    assert code == 2
    assert secret not in line


def test_the_books_may_be_anywhere(commands: Commands, tmp_path: Path) -> None:
    commands.well("keys", "create", "laptop", "--database", "a.db")
    (tmp_path / "b.yaml").write_text("database: a.db\n")
    assert len(commands.json("keys", "list", "--config", "b.yaml")) == 1
    assert not commands.database.exists()
