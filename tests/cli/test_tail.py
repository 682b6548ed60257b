"""`wellhead tail`."""

import json
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fakes.books import an_opening
from fakes.commands import Commands
from fakes.ended import a_call, book, us
from fakes.prices import UNPRICED
from fakes.program import clean_environment
from wellhead.call import CallState
from wellhead.cli import cells, tail
from wellhead.cli.tail import Projects
from wellhead.database import calls
from wellhead.database.engine import make_engine, transaction, writing_connection

NOON = us("2026-03-07T12:00Z")
SECOND = 1_000_000
LAST = ("tail", "--no-follow")


@pytest.fixture
def books(commands: Commands) -> Commands:
    book(
        f"sqlite:///{commands.database}",
        [
            a_call(NOON, model="large", tool="codex", client="ann", session="s1", input_tokens=12_345),
            a_call(NOON + SECOND, model=UNPRICED, tool=None, took_us=340_000),
            a_call(NOON + 2 * SECOND, model="small", tool="codex", state=CallState.FAILED, input_tokens=None),
            a_call(NOON + 3 * SECOND, model="small", tool="codex", state=CallState.ABORTED),
        ],
    )
    return commands


def rows(printed: str) -> list[list[str]]:
    return [line.split() for line in printed.splitlines()[1:]]


def test_the_last_calls_are_lines_in_the_order_of_their_ends(books: Commands) -> None:
    printed = books.well(*LAST)
    heading = "time status tool client project model input output USD latency"
    assert printed.splitlines()[0].split() == heading.split()
    assert rows(printed) == [
        ["12:00:00", "200", "codex", "ann", "–", "large", "12,345", "80", "124.2500", "1.0s"],
        ["12:00:01", "200", "–", "–", "–", "unpriced", "120", "80", "–", "340ms"],
        ["12:00:02", "502", "codex", "–", "–", "small", "–", "–", "–", "1.0s"],
        ["12:00:03", "aborted", "codex", "–", "–", "small", "120", "80", "2.0000", "1.0s"],
    ]
    assert rows(books.well(*LAST, "-n", "1", "--tz", "Asia/Kolkata"))[0][0] == "17:30:03"
    assert rows(books.well(*LAST, "-n", "0")) == []


@pytest.mark.parametrize(
    ("filters", "times"),
    [
        (("--tool", "codex"), ["00", "02", "03"]),
        (("--tool", "unknown"), ["01"]),
        (("--model", "small", "--errors"), ["02", "03"]),
        (("--client", "ann"), ["00"]),
        (("--session", "s1"), ["00"]),
        (("--provider", "nobody"), []),
        (("--project", "unknown", "-n", "2"), ["02", "03"]),
        (("--key", "unknown", "--errors", "-n", "1"), ["03"]),
    ],
)
def test_filters_leave_the_rest_out(books: Commands, filters: tuple[str, ...], times: list[str]) -> None:
    assert [row[0][-2:] for row in rows(books.well(*LAST, *filters))] == times


def test_programs_get_a_line_of_json_for_each(books: Commands) -> None:
    found = [json.loads(line) for line in books.well(*LAST, "--json").splitlines()]
    assert [one["state"] for one in found] == ["completed", "completed", "failed", "aborted"]
    one = found[0]
    assert (one["finished_at"], one["total_tokens"], one["cost_usd"]) == (
        "2026-03-07T12:00:00.000Z",
        12_425,
        124.25,
    )
    assert (found[1]["cost_usd"], found[1]["cost_state"]) == (None, "pending")
    assert "credential_hash" not in one


def test_projects_have_their_names(commands: Commands) -> None:
    blue = commands.json("projects", "create", "blue")["id"]
    with closing(sqlite3.connect(commands.database)) as connection:
        (number,) = connection.execute("SELECT id FROM projects").fetchone()
    book(f"sqlite:///{commands.database}", [a_call(NOON, project_id=number), a_call(NOON + 1)])
    assert [row[4] for row in rows(commands.well(*LAST))] == ["blue", "–"]
    for wanted in ("blue", blue):
        (line,) = commands.well(*LAST, "--json", "--project", wanted).splitlines()
        assert (json.loads(line)["project_id"], json.loads(line)["project_name"]) == (blue, "blue")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--tz", "Mars/Base"), 2, "--tz must be"),
        (("-n", "-1"), 2, "-n"),
        (("--project", "red"), 2, "--project: there is none of this name or id"),
        (("--database", "nowhere/books.db"), 1, "`wellhead db init` makes it"),
    ],
)
def test_wrong_use_is_one_line(books: Commands, arguments: tuple[str, ...], code: int, said: str) -> None:
    assert (code, True) == ((told := books.refused(*LAST, *arguments))[0], said in told[1])


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
def test_a_line_fits_the_terminal(columns: int) -> None:
    layout = tail._layout(columns)
    row = dict.fromkeys(layout, "x" * 99) | {
        "input": "999,999",
        "output": "99,999",
        "USD": "999.9999",
        "latency": "9.9s",
    }
    assert cells.width(tail._line(layout, row)) <= columns
    assert "model" in layout
    assert ("project" in layout) == (columns >= 110)


# Following.


class Tail:
    """A tail that goes on, in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        for stream in (process.stdout, process.stderr):
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def line(self) -> str:
        """The next one, of either stream."""
        return self._lines.get(timeout=30)

    def call(self) -> Any:
        return json.loads(self.line())

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def _read(self, stream: Any) -> None:
        for line in stream:
            self._lines.put(line.rstrip("\n"))


@contextmanager
def following(books: Commands, *arguments: str) -> Iterator[Tail]:
    process = subprocess.Popen(
        [sys.executable, "-m", "wellhead", "tail", "--json", "--database", str(books.database), *arguments],
        env=clean_environment(books.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Tail(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def booked(books: Commands, seconds: int, **call: Any) -> None:
    book(f"sqlite:///{books.database}", [a_call(NOON + seconds * SECOND, **call)])


def test_what_comes_is_shown_once_and_ctrl_c_ends_it_with_0(books: Commands) -> None:
    with following(books, "-n", "1") as tailing:
        assert tailing.call()["state"] == "aborted"
        booked(books, 10, model="new")
        assert tailing.call()["model"] == "new"
        booked(books, 9, model="late")  # it ended before the newest, and is booked after it
        assert tailing.call()["model"] == "late"
        booked(books, 11, model="last")
        assert tailing.call()["model"] == "last"
        assert tailing.end() == 0
        with pytest.raises(queue.Empty):
            tailing._lines.get(timeout=0.2)


def test_calls_that_begin_are_shown_when_asked_for(books: Commands) -> None:
    engine = make_engine(f"sqlite:///{books.database}")
    with following(books, "-n", "1", "--open") as tailing:
        assert tailing.call()["state"] == "aborted"
        with closing(writing_connection(engine)) as connection, transaction(connection):
            calls.insert(connection, calls.pending_rows(1, [an_opening(2**60, model="slow")]))
        found = tailing.call()
        assert (found["state"], found["model"], found["finished_at"]) == ("pending", "slow", None)
        assert tailing.end() == 0
    engine.dispose()


def test_a_database_that_is_away_for_a_moment_is_waited_for(books: Commands) -> None:
    away = books.home / "away"
    away.mkdir()
    files = [path for path in books.database.parent.iterdir() if path.name.startswith(books.database.name)]
    with following(books, "-n", "1") as tailing:
        assert tailing.call()["state"] == "aborted"
        for file in files:
            file.rename(away / file.name)
        assert (
            tailing.line() == "wellhead: the database cannot be used: its file is not there; waiting for it"
        )
        for file in files:
            (away / file.name).rename(file)
        assert tailing.line() == "wellhead: the database is there again"
        booked(books, 10, model="new")
        assert tailing.call()["model"] == "new"
        assert tailing.end() == 0


def test_a_reader_that_has_enough_ends_it(books: Commands) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "wellhead", "tail", "--no-follow", "--database", str(books.database)],
        env=clean_environment(books.home),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_projects_that_are_new_are_asked_for(tmp_path: Path) -> None:
    asked = []
    projects = Projects(lambda: asked.append(1) or {1: ("uuid-1", "blue")})  # type: ignore[func-returns-value]
    assert projects.named(None) == (None, None)
    assert projects.named(1) == projects.named(1) == ("uuid-1", "blue")
    assert len(asked) == 1
    assert projects.named(2) == ("2", None)
