"""`wellhead breakers`."""

import sqlite3
from contextlib import closing

import pytest

from fakes.books import NOON_US
from fakes.commands import Commands

A_ROW = (
    "INSERT INTO breakers (subject,state,failures,version,opening,"
    "changed_us,active_us,opened_us,retry_us,opened_by) VALUES (?,?,?,?,?,?,?,?,?,?)"
)
NOON_MS = NOON_US // 1000


@pytest.fixture
def opened(commands: Commands) -> Commands:
    """Two that are open, of a provider and of a credential."""
    commands.well("breakers", "list")
    with closing(sqlite3.connect(commands.database)) as connection, connection:
        for version, subject in enumerate(("openai", "openai/credential/3"), 1):
            values = (subject, "open", 5, version, version, *([NOON_US] * 3), NOON_US * 2, "host:7")
            connection.execute(A_ROW, values)
    return commands


def test_without_calls_there_are_none(commands: Commands) -> None:
    assert "No calls came lately." in commands.well("breakers", "list")
    assert commands.json("breakers", "list") == []


def test_they_have_every_field_of_the_control_api(opened: Commands) -> None:
    first, second = opened.json("breakers", "list")
    assert opened.json("breakers", "show", "openai") == first
    assert opened.json("breakers", "show", "openai/credential/3") == second
    assert (second["providerId"], second["kind"]) == ("openai/credential/3", "credential")
    assert first.pop("retry_at").endswith("Z")
    assert first == {
        "providerId": "openai",
        "state": "open",
        "failures": 5,
        "openedAt": NOON_MS,
        "lastActivity": NOON_MS,
        "kind": "provider",
        "opened_by": "host:7",
    }


def test_the_table_says_what_is_open(opened: Commands) -> None:
    assert "openai/credential/3" in opened.well("breakers", "list")
    assert "host:7" in opened.well("breakers", "show", "openai")


def test_a_reset_closes_one_and_is_in_the_audit(opened: Commands) -> None:
    assert "Closed the breaker of openai." in opened.well("breakers", "reset", "openai")
    assert [one["state"] for one in opened.json("breakers", "list")] == ["closed", "open"]
    with closing(sqlite3.connect(opened.database)) as connection:
        audit = connection.execute("SELECT action, object_id, actor FROM admin_audit").fetchall()
    assert [entry[:2] for entry in audit] == [("breaker.reset", "openai")]
    assert audit[0][2].startswith("cli:")


@pytest.mark.parametrize("command", ["show", "reset"])
def test_one_that_is_not_there_is_said(commands: Commands, command: str) -> None:
    said = "there is no such breaker; `wellhead breakers list` shows what there is"
    assert commands.refused("breakers", command, "nobody") == (1, said)
