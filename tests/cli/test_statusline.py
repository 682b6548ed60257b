"""`wellhead statusline`: short, quick, and quiet about what goes wrong."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fakes.commands import Commands
from fakes.ended import a_call, book
from fakes.prices import UNPRICED
from fakes.program import clean_environment, command
from wellhead.call import CallState
from wellhead.database.glance import glance
from wellhead.errors import BooksUnavailable
from wellhead.moments import DAY_US, HOUR_US

ALL = "{cost}|{tokens}|{calls}|{errors}|{session_cost}|{session_tokens}|{session_calls}"
TOLD = {"session_id": "s1", "model": {"id": "claude-opus-5", "display_name": "Opus"}, "cwd": "/home/ann/well"}


def now_us() -> int:
    return time.time_ns() // 1000


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """Three calls of today, two of them of one session, and one of yesterday of that session."""
    path = tmp_path / "books.db"
    # Of today, at whatever time this runs; the day is that of a zone in which it is about noon.
    now = now_us()
    book(
        f"sqlite:///{path}",
        [
            a_call(now - DAY_US, session="s1"),
            a_call(now - 3_000_000, session="s1", model="large"),
            a_call(now - 2_000_000, session="s2", input_tokens=20),
            a_call(now - 1_000_000, session="s1", state=CallState.FAILED, input_tokens=None),
        ],
    )
    return path


def noon() -> str:
    """A zone in which it is about noon, so that no midnight comes in between."""
    return f"Etc/GMT{time.gmtime().tm_hour - 12:+d}"


def run(
    path: Path, *arguments: str, told: object = None, stdin: str | None = None, **environ: str
) -> "subprocess.CompletedProcess[str]":
    handed = json.dumps(told) if stdin is None and told is not None else stdin or ""
    return subprocess.run(
        [sys.executable, "-m", "wellhead", "statusline", "--database", str(path), "--tz", noon(), *arguments],
        env=clean_environment(path.parent, environ),
        input=handed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def line(path: Path, *arguments: str, **given: Any) -> str:
    ended = run(path, *arguments, **given)
    assert (ended.returncode, ended.stderr) == (0, "")
    (printed,) = ended.stdout.splitlines()
    return printed


def test_today_is_one_short_line(books: Path) -> None:
    assert line(books) == "$3.00 today · 300 tokens · 3 calls"


def test_a_coding_agents_session_is_read_from_stdin(books: Path) -> None:
    assert line(books, told=TOLD) == "$3.00 today · 300 tokens · 3 calls · $4.00 this session"
    assert line(books, "--session", "s2").endswith(" · $1.00 this session")


def test_fields_are_put_where_the_format_says(books: Path) -> None:
    assert line(books, "--format", ALL, told=TOLD) == "$3.00|300|3|1|$4.00|400|3"
    assert line(books, "--format", ALL) == "$3.00|300|3|1|–|–|–"
    told = "{model} in {directory}: {session}"
    assert line(books, "--format", told, told=TOLD) == "Opus in well: s1"
    assert line(books, "--format", told) == "– in –: –"


def test_a_field_that_there_is_not_stays_and_is_told_when_asked(books: Path) -> None:
    assert line(books, "--format", "{cots} {calls} {0} {calls!r} {}") == "{cots} 3 {0} {calls!r} {}"
    ended = run(books, "--format", "{cots}", "--verbose")
    assert ended.returncode == 0
    assert "there are no fields ['cots']; known are ['calls', 'cost', " in ended.stderr


def test_unknown_is_a_dash_and_no_calls_are_nothing(commands: Commands, tmp_path: Path) -> None:
    commands.well("db", "init")
    assert line(commands.database) == "$0.00 today · 0 tokens · 0 calls"
    path = tmp_path / "other.db"
    book(f"sqlite:///{path}", [a_call(now_us() - 1_000_000, model=UNPRICED)])
    assert line(path) == "– today · 200 tokens · 1 calls"


@pytest.mark.parametrize(
    "stdin",
    [
        "",
        "{",
        "[1]",
        "null",
        "no json",
        '{"session_id": 7, "model": [], "workspace": 1, "cwd": {}}',
        "[" * 99_999,
    ],
)
def test_what_is_handed_over_may_be_anything(books: Path, stdin: str) -> None:
    assert line(books, stdin=stdin) == "$3.00 today · 300 tokens · 3 calls"


def test_names_cannot_steer_the_terminal(books: Path) -> None:
    told = {"model": "\x1b[31mred\n", "workspace": {"current_dir": "/a/\x07b"}, "session_id": "x" * 999}
    printed = line(books, "--format", "{model} {directory} {session}\x1b", told=told)
    assert printed == f"�[31mred� �b {'x' * 59}…�"


def test_a_pipe_that_stays_open_is_not_waited_for(books: Path) -> None:
    for handed, expected in (
        (b"", " calls"),
        (json.dumps(TOLD).encode(), "$4.00 this session"),
        (b"{", " calls"),
    ):
        reading, writing = os.pipe()
        os.write(writing, handed)
        ended = subprocess.run(
            [sys.executable, "-m", "wellhead", "statusline", "--database", str(books), "--tz", noon()],
            env=clean_environment(books.parent),
            stdin=reading,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        os.close(writing)
        os.close(reading)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.rstrip().endswith(expected)


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (("--database", "/nowhere/books.db"), {}, "/nowhere/books.db: unable to open"),
        (("--tz", "Mars/Base"), {}, "--tz must be the name of a time zone"),
        ((), {"WELLHEAD_GATEWAY__WORKERS": "many"}, "gateway.workers"),
        (("--config", "nowhere.yaml"), {}, "must name a file that exists"),
    ],
)
def test_trouble_is_a_short_line_and_told_only_when_asked(
    books: Path, arguments: tuple[str, ...], environ: Mapping[str, str], said: str
) -> None:
    assert line(books, *arguments, **environ) == "wellhead –"
    ended = run(books, *arguments, "--verbose", **environ)
    assert (ended.returncode, ended.stdout) == (0, "wellhead –\n")
    assert said in ended.stderr


def test_books_that_are_not_there_are_not_made(tmp_path: Path) -> None:
    assert command(tmp_path, "statusline").stdout == "wellhead –\n"
    assert list(tmp_path.iterdir()) == []


def test_other_encodings_get_what_they_can_show(books: Path) -> None:
    assert line(books, PYTHONIOENCODING="ascii") == "$3.00 today | 300 tokens | 3 calls"


def test_it_loads_nothing_heavy(books: Path) -> None:
    code = (
        "import sys\nfrom wellhead.cli.main import app\n"
        f"try:\n    app(['statusline', '--database', {str(books)!r}])\n"
        "except SystemExit:\n    pass\nprint(*sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(books.parent),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    shown, modules = ended.stdout.splitlines()
    assert shown.endswith("calls")
    heavy = {
        "rich",
        "pydantic",
        "sqlalchemy",
        "alembic",
        "fastapi",
        "aiohttp",
        "asyncio",
        "cryptography",
        "yaml",
        "urllib.request",
    }
    assert set(modules.split()) & heavy == set()


# What it looks up.


def test_the_edges_of_a_range_come_from_the_rows(books: Path) -> None:
    now = now_us()
    whole, _ = glance(books, now - 2 * DAY_US, now, None, 0)
    assert (whole.calls, whole.errors, whole.tokens, whole.cost_nanousd) == (4, 1, 500, 5_000_000_000)
    for cut_us in (now - 2_500_000, now - DAY_US // 2, now - HOUR_US):
        before, _ = glance(books, now - 2 * DAY_US, cut_us, None, 0)
        after, _ = glance(books, cut_us, now, None, 0)
        assert before.calls + after.calls == 4
        assert (before.tokens or 0) + (after.tokens or 0) == 500


def test_a_session_is_looked_for_no_longer_than_there_is_patience(
    books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wellhead.database.glance.PATIENCE_S", -1.0)
    monkeypatch.setattr("wellhead.database.glance.INSTRUCTIONS", 100)
    with pytest.raises(BooksUnavailable, match="interrupted"):
        glance(books, 0, now_us(), "s1", 0)
