"""`wellhead export`: the same files as from the control API, whole or not at all."""

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from fakes.commands import Commands
from fakes.ended import a_call, book
from fakes.program import clean_environment
from wellhead.database import call_export
from wellhead.demo import history
from wellhead.exporting.columns import NAMES

UNTIL_US = 1_763_652_600_000_000
"""2025-11-20T15:30:00Z"""
COUNT = 1_500


@pytest.fixture
def commands(commands: Commands) -> Commands:
    commands.well("db", "init")
    history.write(f"sqlite:///{commands.database}", UNTIL_US, count=COUNT)
    return commands


def booked(commands: Commands, condition: str = "1") -> list[str]:
    with sqlite3.connect(commands.database) as books:
        query = f"SELECT id FROM calls WHERE {condition} ORDER BY finished_us, id"
        return [str(id_) for (id_,) in books.execute(query)]


def exported(commands: Commands, *arguments: str) -> list[str]:
    file = commands.home / "calls.jsonl"
    assert commands.well("export", "--output", str(file), *arguments) == ""
    return [json.loads(line)["id"] for line in file.read_text().splitlines()]


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "parquet"])
def test_everything_is_written_in_every_format(commands: Commands, form: str) -> None:
    file = commands.home / f"calls.{form}"
    commands.well("export", "--output", str(file))
    content = file.read_bytes()
    if form == "parquet":
        ids = [str(one) for one in pq.read_table(io.BytesIO(content))["id"].to_pylist()]
    elif form == "csv":
        ids = [line["id"] for line in csv.DictReader(io.StringIO(content.decode(), newline=""))]
    else:
        text = content.decode()
        found = json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]
        assert list(found[0]) == list(NAMES)
        ids = [one["id"] for one in found]
    assert ids == booked(commands)
    assert len(ids) > COUNT / 2
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in commands.home.glob("*.part")] == []


def test_a_range_and_filters_choose(commands: Commands) -> None:
    day_us = 1_763_078_400_000_000
    within = f"finished_us >= {day_us} AND finished_us < {day_us + 86_400_000_000}"
    assert exported(commands, "--since", "2025-11-14", "--until", "2025-11-14") == booked(commands, within)
    berlin = f"finished_us >= {day_us - 3_600_000_000} AND finished_us < {day_us + 82_800_000_000}"
    ranged = exported(commands, "--since", "2025-11-14", "--until", "2025-11-14", "--tz", "Europe/Berlin")
    assert ranged == booked(commands, berlin)
    assert exported(commands, "--tool", "codex", "--outcome", "failed") == booked(
        commands, "tool = 'codex' AND state = 'failed'"
    )
    assert exported(commands, "--status-min", "400", "--model", "claude-sonnet-5") == booked(
        commands, "status_code >= 400 AND model = 'claude-sonnet-5'"
    )
    assert exported(commands, "--outcome", "pending") == []


def test_projects_keys_and_sessions_choose_as_they_do_in_reports(commands: Commands) -> None:
    blue = commands.json("projects", "create", "blue")
    commands.well("keys", "create", "laptop", "--project", "blue")
    with closing(sqlite3.connect(commands.database)) as connection:
        (number,) = connection.execute("SELECT id FROM projects").fetchone()
    ours = a_call(UNTIL_US + 1, project_id=number, key_id=1, session="s1", agent="planner")
    book(f"sqlite:///{commands.database}", [ours])
    (id_,) = booked(commands, "project_id IS NOT NULL")
    for option, value in (
        ("--project", "blue"),
        ("--project", blue["id"]),
        ("--key", "laptop"),
        ("--key", "1"),
        ("--session", "s1"),
        ("--agent", "planner"),
    ):
        assert exported(commands, option, value) == [id_]
    others = booked(commands, "project_id IS NULL")
    assert exported(commands, "--project", "unknown") == exported(commands, "--key", "unknown") == others
    code, line = commands.refused("export", "--project", "green")
    assert (code, "see `wellhead projects list`" in line) == (2, True)


def test_stdout_is_the_default_and_csv(commands: Commands) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "wellhead", "export"],
        env=clean_environment(commands.home),
        cwd=commands.home,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert run.stderr == b""
    assert [line["id"] for line in csv.DictReader(io.StringIO(run.stdout.decode()))] == booked(commands)


def test_who_reads_only_the_beginning_is_told_nothing(commands: Commands) -> None:
    line = f"{sys.executable} -m wellhead export --format jsonl | head -c 100"
    run = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", line],
        env=clean_environment(commands.home),
        cwd=commands.home,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (len(run.stdout), run.stderr, run.returncode) == (100, b"", 141)


def test_what_fails_half_way_leaves_no_file_and_not_less_than_before(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = commands.home / "calls.csv"
    file.write_text("what was there before")
    monkeypatch.setattr(call_export, "PAGE_CALLS", 100)
    rows = call_export._rows
    pages = 0

    def breaking(*arguments: object) -> list[object]:
        nonlocal pages
        pages += 1
        if pages == 3:
            raise sqlite3.OperationalError("disk I/O error")
        return rows(*arguments)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(call_export, "_rows", breaking)
    code, said = commands.refused("export", "--output", str(file))
    assert (code, said) == (1, "the database cannot be used: disk I/O error")
    assert file.read_text() == "what was there before"
    assert [one.name for one in commands.home.iterdir() if one.name.endswith(".part")] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--output", "calls.xlsx"), 2, "--format is one of csv, json, jsonl, parquet"),
        (("--format", "xml"), 2, "'xml' is not one of"),
        (("--since", "tomorrow"), 2, "--since must be a day"),
        (("--since", "2026-03-02", "--until", "2026-03-01"), 2, "--since must be before --until"),
        (("--outcome", "error"), 2, "'error' is not one of"),
        (("--status-min", "-1"), 2, "status-min"),
        (("--output", "nowhere/calls.csv"), 1, "nowhere/calls.csv: No such file or directory"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    commands: Commands, arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert commands.refused("export", *arguments)[0] == code
    assert said in commands.refused("export", *arguments)[1]


def test_without_books_it_says_how_to_make_them(tmp_path: Path, commands: Commands) -> None:
    code, said = commands.refused("export", "--database", str(tmp_path / "nothing.db"))
    assert code == 1
    assert said.endswith("there is no such file; `wellhead db init` makes it")


def test_without_pyarrow_it_says_what_to_install(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "wellhead.exporting.parquet_file", raising=False)
    monkeypatch.delattr("wellhead.exporting.parquet_file", raising=False)
    code, said = commands.refused("export", "--output", "calls.parquet")
    assert code == 1
    assert "pip install 'wellhead[parquet]'" in said
    assert not (commands.home / "calls.parquet").exists()


def test_a_terminal_is_shown_no_parquet(commands: Commands) -> None:
    leader, follower = os.openpty()
    run = subprocess.run(
        [sys.executable, "-m", "wellhead", "export", "--format", "parquet"],
        env=clean_environment(commands.home),
        cwd=commands.home,
        stdout=follower,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(follower)
    os.close(leader)
    assert run.returncode == 2
    assert b"name a file with --output" in run.stderr
