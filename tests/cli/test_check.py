"""`wellhead db check`."""

import json
import sqlite3
from contextlib import closing

import pytest

from fakes.commands import Commands

INSERT = f"INSERT INTO models_hourly VALUES (1, 'nobody', ''{',0' * 16}, x'01070003', x'01070001')"


def edit(commands: Commands, statement: str) -> None:
    with closing(sqlite3.connect(commands.database)) as connection, connection:
        connection.execute(statement)


def test_equal_books_are_said_to_be(commands: Commands) -> None:
    commands.well("db", "init")
    assert commands.well("db", "check") == f"All figures of {commands.database} agree with the calls.\n"
    assert commands.json("db", "check") == []


def test_differences_are_told_and_end_with_1(commands: Commands) -> None:
    commands.well("db", "init")
    edit(commands, INSERT)
    ended = commands.run("db", "check")
    assert (ended.code, ended.err) == (1, "")
    _, first, second, advice = ended.out.splitlines()
    assert first.split()[0] == "models_hourly"
    assert "provider=nobody" in first
    assert first.split()[-3:] == ["latency_calls", "3", "0"]
    assert second.split()[-3:] == ["ttft_calls", "1", "0"]
    assert advice == "`wellhead db rebuild` computes them again."
    commands.well("db", "rebuild")
    assert commands.json("db", "check") == []


def test_what_a_rebuild_does_not_mend_is_told_without_that_advice(commands: Commands) -> None:
    commands.well("db", "init")
    needed = "id, state, worker_id, started_us, provider, request_form, streamed"
    edit(commands, f"INSERT INTO calls ({needed}) VALUES (1, 'pending', 1, 1, 'p', 7, 0)")
    ended = commands.run("db", "check")
    assert (ended.code, ended.err) == (1, "")
    (line,) = ended.out.splitlines()[1:]
    assert line.split() == ["request_forms", "number=7", "calls", "0", "1"]


def test_programs_get_them_in_json(commands: Commands) -> None:
    commands.well("db", "init")
    edit(commands, INSERT)
    ended = commands.run("db", "check", "--json")
    assert ended.code == 1
    assert json.loads(ended.out)[0] == {
        "table": "models_hourly",
        "where": {"hour": 1, "provider": "nobody", "model": "", "bucket": 7},
        "figure": "latency_calls",
        "kept": 3,
        "counted": 0,
    }


@pytest.mark.parametrize("arguments", [(), ("--database", "nowhere/books.db")])
def test_a_database_that_is_not_there_is_not_made(commands: Commands, arguments: tuple[str, ...]) -> None:
    code, line = commands.refused("db", "check", *arguments)
    assert code == 1
    assert line.endswith("there is no such file; `wellhead db init` makes it")
    assert not commands.database.exists()
    assert not (commands.home / "nowhere").exists()


def test_a_database_of_another_version_is_left_as_it_is(commands: Commands) -> None:
    commands.well("db", "init")
    edit(commands, "UPDATE alembic_version SET version_num = '0001'")
    code, line = commands.refused("db", "check")
    assert code == 1
    assert line.endswith("bring it up to date with `wellhead db init`")
