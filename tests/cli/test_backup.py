"""`wellhead db backup` and `wellhead db restore`."""

import sqlite3
from contextlib import closing

from fakes.commands import Commands


def test_a_copy_is_made_and_put_back(commands: Commands) -> None:
    commands.well("db", "init")
    commands.well("projects", "create", "blue")
    copy = commands.home / "copy.db"

    said = commands.well("db", "backup", "--output", str(copy))
    assert said.startswith(f"Copied {commands.database} to {copy}: 0 calls")
    again = commands.run("db", "backup", "--output", str(copy))
    assert (again.code, again.err) == (1, f"wellhead: {copy} is there already; name another file\n")
    commands.well("projects", "create", "red")
    restored = commands.well("db", "restore", str(copy), "--yes")

    assert restored.startswith(f"Restored {commands.database} from {copy}: 0 calls, the last none\n")
    assert f"What was there is kept as {commands.database}.replaced-" in restored
    assert [project["name"] for project in commands.json("projects", "list")] == ["blue"]


def test_without_a_terminal_somebody_has_to_have_said_yes(commands: Commands) -> None:
    commands.well("db", "init")
    copy = commands.home / "copy.db"
    made = commands.json("db", "backup", "--output", str(copy))
    assert made == {"path": str(copy), "revision": made["revision"], "calls": 0}

    ended = commands.run("db", "restore", str(copy))

    assert ended.code == 2
    assert "say --yes to confirm" in ended.err


def test_a_copy_of_a_newer_version_is_not_put_back(commands: Commands) -> None:
    commands.well("db", "init")
    copy = commands.home / "copy.db"
    commands.well("db", "backup", "--output", str(copy))
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num='9999'")

    ended = commands.run("db", "restore", str(copy), "--yes")

    assert ended.code == 1
    assert "a newer version of Wellhead made it" in ended.err
