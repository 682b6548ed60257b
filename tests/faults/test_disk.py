"""A database that is damaged, or may not be written: said at once, and nothing is harmed."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fakes.commands import Commands
from fakes.program import Wellhead, command
from fault_table import Fault
from wellhead.database.backup import back_up

NOBODY = 65_534
OPEN = """
import os, sys
from wellhead.database.engine import make_engine
from wellhead.errors import BooksUnavailable
from wellhead.ledger.writer import Writer
engine = make_engine("sqlite:///{path}", must_exist=True)
engine.dialect.import_dbapi()
if os.getuid() == 0:
    os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})
try:
    Writer(engine).start()
except BooksUnavailable as error:
    print(error)
else:
    os._exit(1)
"""


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path, monkeypatch, capsys)


@pytest.fixture
def books(tmp_path: Path, commands: Commands) -> Path:
    """Books with a project in them."""
    path = tmp_path / "books.db"
    commands.well("projects", "create", "blue", "--database", str(path))
    return path


def serve(books: Path) -> "subprocess.CompletedProcess[str]":
    binds = ("--gateway-bind", "127.0.0.1:0", "--control-bind", "127.0.0.1:0")
    return command(books.parent, "serve", "--database", str(books), *binds)


@pytest.mark.fault("The disk", "the database is damaged at the start")
@pytest.mark.parametrize("damage", ["no database at all", "pages in the middle"])
def test_a_damaged_database_is_told_at_the_start_with_what_to_do_and_left_as_it_is(
    books: Path, fault: Fault, damage: str
) -> None:
    content = bytearray(books.read_bytes())
    if damage == "no database at all":
        content[:100] = os.urandom(100)
    else:
        content[4096:] = os.urandom(len(content) - 4096)
    books.write_bytes(content)

    ended = serve(books)

    assert ended.returncode == 1
    assert "put a copy in its place: wellhead db restore FILE" in ended.stdout + ended.stderr
    assert books.read_bytes() == bytes(content)
    fault.client_sees("the program does not start, and says what to do")
    fault.books_say("they are left as they are")
    fault.over_when("`wellhead db restore FILE`")


def test_a_copy_that_is_put_in_the_place_of_a_damaged_database_is_served(
    books: Path, commands: Commands
) -> None:
    copy = books.with_name("copy.db")
    back_up(books, copy)
    books.write_bytes(b"no database any more")
    assert serve(books).returncode == 1

    commands.well("db", "restore", str(copy), "--yes", "--database", str(books))
    with Wellhead(directory=books.parent) as program:
        (listed,) = commands.json("projects", "list", "--database", str(program.database_path))
        assert listed["name"] == "blue"


def test_books_that_may_not_be_written_are_said_to_be_unavailable(books: Path) -> None:
    # A directory that everybody may look into, which those of tests are not.
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "books.db"
        back_up(books, path)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        ended = subprocess.run(
            [sys.executable, "-c", OPEN.format(nobody=NOBODY, path=path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        path.parent.chmod(0o755)

    assert ended.returncode == 0, ended.stderr
    assert "the database cannot be used: attempt to write a readonly database" in ended.stdout
