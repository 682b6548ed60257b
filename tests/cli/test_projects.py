"""`wellhead projects`."""

import os
import pwd
import sqlite3
from contextlib import closing

import pytest

from fakes.commands import Commands


def names(commands: Commands, *options: str) -> list[str]:
    return [project["name"] for project in commands.json("projects", "list", *options)]


def test_a_project_is_made_in_a_database_that_is_not_there_yet(commands: Commands) -> None:
    made = commands.json("projects", "create", "blue")
    assert made == {
        "id": made["id"],
        "name": "blue",
        "created_at": made["created_at"],
        "archived_at": None,
    }
    assert len(made["id"]) == 36
    assert commands.json("projects", "list") == [made]
    assert commands.database.stat().st_mode & 0o777 == 0o600


def test_it_is_named_by_its_name_or_its_id(commands: Commands) -> None:
    made = commands.json("projects", "create", "blue")
    assert commands.json("projects", "show", "blue") == made
    assert commands.json("projects", "show", made["id"]) == made
    assert "name         blue\n" in commands.well("projects", "show", "blue")


def test_a_name_may_look_like_an_id(commands: Commands) -> None:
    name = "0" * 36
    assert commands.json("projects", "create", name)["name"] == name
    assert commands.json("projects", "show", name)["name"] == name


def test_a_name_is_used_once(commands: Commands) -> None:
    commands.well("projects", "create", "blue")
    assert commands.refused("projects", "create", "blue") == (1, "there is a project of this name already")


@pytest.mark.parametrize("named", ["green", "0" * 36])
def test_one_that_is_not_there_is_said_with_what_to_do(commands: Commands, named: str) -> None:
    code, line = commands.refused("projects", "show", named)
    assert (code, line) == (
        1,
        f"there is no project {named!r}; `wellhead projects list` shows what there is",
    )


def test_it_is_renamed_archived_and_taken_back(commands: Commands) -> None:
    commands.well("projects", "create", "blue")
    assert commands.json("projects", "change", "blue", "--name", "navy")["name"] == "navy"
    assert commands.json("projects", "archive", "navy")["archived_at"] is not None
    assert (names(commands), names(commands, "--archived")) == ([], ["navy"])
    assert commands.json("projects", "unarchive", "navy")["archived_at"] is None
    assert names(commands) == ["navy"]


def test_of_the_same_name_the_one_that_is_not_archived_is_meant(commands: Commands) -> None:
    for _ in range(2):
        commands.well("projects", "create", "blue")
        commands.well("projects", "archive", "blue")
    code, line = commands.refused("projects", "show", "blue")
    assert code == 1
    assert line.startswith(
        "several archived projects are called 'blue': name the one that is meant by its id"
    )
    made = commands.json("projects", "create", "blue")
    assert commands.json("projects", "show", "blue") == made


def test_only_an_empty_one_is_deleted(commands: Commands) -> None:
    commands.well("projects", "create", "blue")
    commands.well("keys", "create", "laptop", "--project", "blue")
    code, line = commands.refused("projects", "delete", "blue")
    assert (code, line) == (1, "the project is not empty: archive it instead")
    commands.well("projects", "create", "green")
    assert commands.well("projects", "delete", "green") == "Deleted the project green.\n"
    assert names(commands) == ["blue"]


def test_a_value_that_cannot_be_used_is_wrong_use(commands: Commands) -> None:
    code, line = commands.refused("projects", "create", "x" * 201)
    assert code == 2
    assert "a name has between 1 and 200 printable characters" in line


def test_people_get_a_table_and_a_word_where_there_is_nothing(commands: Commands) -> None:
    assert commands.well("projects", "list") == "There are no projects.\n"
    commands.well("projects", "create", "[red]blue[/red] :smile:")
    heading, row = commands.well("projects", "list").splitlines()
    assert heading.split() == ["id", "name", "created", "archived"]
    assert "[red]blue[/red] :smile:" in row


def test_the_audit_knows_which_user_of_this_machine_it_was(commands: Commands) -> None:
    commands.well("projects", "create", "blue")
    with closing(sqlite3.connect(commands.database)) as connection:
        found = connection.execute("SELECT actor, action FROM admin_audit").fetchall()
    assert found == [(f"cli:{pwd.getpwuid(os.getuid()).pw_name}", "project.create")]
