"""`wellhead limits`."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from fakes.commands import Commands

CALLS = ("--measure", "calls", "--window", "hour", "--amount", "200")


def limit(commands: Commands, *options: str) -> dict[str, Any]:
    made: dict[str, Any] = commands.json("limits", "create", *options)
    return made


@pytest.mark.parametrize(
    ("options", "scope"),
    [
        (("--global",), {"kind": "global"}),
        (("--key", "1"), {"kind": "key", "id": "1"}),
        (("--provider", "openai"), {"kind": "provider", "id": "openai"}),
        (("--model", "gpt-*"), {"kind": "model", "id": "gpt-*"}),
        (("--tool", "codex"), {"kind": "tool_client", "tool": "codex"}),
        (("--client", "ann"), {"kind": "tool_client", "client": "ann"}),
        (("--tool", "codex", "--client", "ann"), {"kind": "tool_client", "tool": "codex", "client": "ann"}),
        (("--each-project",), {"kind": "project"}),
        (("--each-key",), {"kind": "key"}),
        (("--each-client",), {"kind": "tool_client"}),
        (("--each-model",), {"kind": "model"}),
        (("--each-provider",), {"kind": "provider"}),
    ],
)
def test_it_is_for_whom_one_says(commands: Commands, options: tuple[str, ...], scope: dict[str, str]) -> None:
    commands.well("keys", "create", "laptop")
    made = limit(commands, *options, *CALLS)
    assert made["scope"] == {"kind": None, "id": None, "tool": None, "client": None, **scope}
    assert commands.json("limits", "show", "1") == made
    assert commands.json("limits", "list") == [made]


def test_a_project_is_named_by_its_name_and_shown_by_its_id(commands: Commands) -> None:
    project = commands.json("projects", "create", "blue")
    made = limit(commands, "--project", "blue", *CALLS)
    assert made["scope"] == {"kind": "project", "id": project["id"], "tool": None, "client": None}
    assert "project blue" in commands.well("limits", "list")


def test_it_has_every_field_of_the_control_api(commands: Commands) -> None:
    made = limit(commands, "--global", *CALLS, "--sliding", "--action", "warn", "--name", "all of us")
    assert made == {
        "id": 1,
        "scope": {"kind": "global", "id": None, "tool": None, "client": None},
        "measure": "calls",
        "window": "hour",
        "amount": 200,
        "action": "warn",
        "sliding": True,
        "zone": "UTC",
        "name": "all of us",
        "source": "operator",
        "created_at": made["created_at"],
        "standings": [],
    }


@pytest.mark.parametrize(
    ("given", "amount"), [("12.50", "12.50"), ("$3", "3.00"), ("0.000000001", "0.000000001")]
)
def test_a_cost_is_dollars(commands: Commands, given: str, amount: str) -> None:
    options = ("--measure", "cost", "--window", "month", "--zone", "Europe/Berlin", "--amount", given)
    made = limit(commands, "--global", *options)
    assert (made["amount"], made["zone"]) == (amount, "Europe/Berlin")


def test_calls_at_one_time_need_no_window(commands: Commands) -> None:
    assert limit(commands, "--global", "--measure", "concurrent_calls", "--amount", "8")["window"] == "total"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (CALLS, "say once for whom it is: --global, --project"),
        (("--global", "--each-key", *CALLS), "say once for whom it is"),
        (("--key", "1", "--tool", "codex", *CALLS), "say once for whom it is"),
        (("--global", "--measure", "calls", "--amount", "1"), "--window is needed: one of minute, hour"),
        (("--global", "--measure", "luck", "--amount", "1"), "'luck' is not one of 'calls'"),
        (("--global", *CALLS[:4], "--amount", "1.5"), "--amount must be a whole number"),
        (("--global", *CALLS[:4], "--amount", "-1"), "--amount must be a whole number"),
        (
            ("--global", "--measure", "cost", "--window", "day", "--amount", "1,50"),
            "US dollars such as 12.50",
        ),
        (("--global", *CALLS, "--zone", "Mars/Phobos"), "the zone is no IANA time zone"),
        (("--key", "seven", *CALLS), "a key is named by its number"),
    ],
)
def test_what_cannot_be_used_is_wrong_use(commands: Commands, options: tuple[str, ...], said: str) -> None:
    code, line = commands.refused("limits", "create", *options)
    assert code == 2
    assert said in line


@pytest.mark.parametrize("options", [("--key", "7"), ("--project", "blue")])
def test_whom_it_is_for_must_be_there(commands: Commands, options: tuple[str, ...]) -> None:
    code, line = commands.refused("limits", "create", *options, *CALLS)
    assert code == 1
    assert line.startswith("there is no ")


def test_it_is_changed_and_deleted(commands: Commands) -> None:
    made = limit(commands, "--global", *CALLS, "--name", "all")
    changed = commands.json("limits", "change", "1", "--amount", "500", "--action", "shadow", "--no-name")
    assert changed == {**made, "amount": 500, "action": "shadow", "name": None}
    assert commands.json("limits", "change", "1", "--name", "us")["name"] == "us"
    assert commands.refused("limits", "change", "1")[0] == 2
    assert commands.refused("limits", "change", "1", "--name", "x", "--no-name")[0] == 2
    assert commands.well("limits", "delete", "1") == "Deleted the limit 1.\n"
    assert commands.json("limits", "list") == []
    assert commands.refused("limits", "delete", "1") == (
        1,
        "there is no such limit; `wellhead limits list` shows what there is",
    )


def test_one_of_the_configuration_is_changed_there(commands: Commands) -> None:
    limit(commands, "--global", *CALLS)
    with closing(sqlite3.connect(commands.database)) as connection, connection:
        connection.execute("UPDATE limits SET source='configuration'")
    code, line = commands.refused("limits", "delete", "1")
    assert (code, line) == (1, "the configuration made this limit: change it there")


def test_people_read_how_it_stands(commands: Commands) -> None:
    assert commands.well("limits", "list") == "There are no limits.\n"
    limit(commands, "--each-client", "--measure", "cost", "--window", "total", "--amount", "10")
    assert "Nothing was counted yet." in commands.well("limits", "show", "1")
    rows = [(1, "codex/ann", 0, 2_500_000_000, 1_000_000_000, 3), (1, "codex/bob", 0, 1_000_000, 0, 0)]
    with closing(sqlite3.connect(commands.database)) as connection, connection:
        connection.executemany("INSERT INTO limit_windows VALUES (?,?,?,?,?,?)", rows)
    heading, row = commands.well("limits", "list").splitlines()
    told = dict(zip(heading.split(), row.replace("each client", "each-client").split(), strict=True))
    assert told["for"] == "each-client"
    assert [told[name] for name in ("amount", "used", "held", "left", "exceeded")] == [
        "10.00",
        "2.50",
        "1.00",
        "6.50",
        "3",
    ]
    ends = [line.split() for line in commands.well("limits", "show", "1").splitlines()[-2:]]
    assert ends == [
        ["codex/ann", "2.50", "1.00", "6.50", "3", "-"],
        ["codex/bob", "0.001", "0.00", "9.999", "0", "-"],
    ]
