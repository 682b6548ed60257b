import os
import sqlite3
import threading
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fakes.books import a_settlement, an_opening
from fakes.program import Wellhead
from wellhead.database import backup
from wellhead.database.backup import back_up, checked, keep_newest, restore
from wellhead.database.engine import make_engine
from wellhead.database.upgrade import upgrade
from wellhead.errors import BooksUnavailable, Conflict
from wellhead.ledger.check import check
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.processes import this_process

Usage = namedtuple("Usage", "total used free")


def upgraded(directory: Path) -> Engine:
    url = f"sqlite:///{directory}/books.db"
    upgrade(url)
    return make_engine(url)


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """Books with ten calls, one of them under way."""
    engine = upgraded(tmp_path)
    book(engine, 10)
    engine.dispose()
    return Path(str(engine.url.database))


def book(engine: Engine, count: int, started: threading.Event | None = None) -> None:
    clerk = Clerk(engine, lambda: 1_800_000_000_000_000, this_process())
    clerk.sign_on()
    before = None
    for _ in range(count):
        call = an_opening(clerk.next_id())
        clerk.book([call], [] if before is None else [(before, a_settlement())])
        before = call
        if started is not None:
            started.set()
    clerk.hang_up()


def calls_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM calls").fetchone()
    return int(count)


def files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_a_copy_holds_what_the_books_hold(books: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    made = back_up(books, tmp_path / "copy.db", lambda done, of: told.append((done, of)))

    assert made == checked(tmp_path / "copy.db")
    assert made.calls == 10
    assert made.latest_call_us is not None
    assert told[-1][0] == told[-1][1] > 0
    assert calls_in(tmp_path / "copy.db") == 10
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def test_a_copy_that_is_made_while_calls_are_booked_is_one_state_of_the_books(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES_AT_ONCE", 1)  # So that there is something between the pages.
    engine = upgraded(tmp_path)
    started = threading.Event()
    writer = threading.Thread(target=book, args=(engine, 1_000, started))
    writer.start()
    started.wait(10)
    numbers = range(5)
    made = [back_up(Path(str(engine.url.database)), tmp_path / f"copy{number}.db") for number in numbers]
    writer.join()

    for number in numbers:
        copy = make_engine(f"sqlite:///{tmp_path}/copy{number}.db")
        assert check(copy, 1_800_000_000_000_000) == []
        copy.dispose()
    assert [one.calls for one in made] == sorted(one.calls for one in made)
    engine.dispose()


def test_a_file_that_is_there_is_never_written_over(books: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")

    with pytest.raises(Conflict, match="is there already"):
        back_up(books, tmp_path / "copy.db")

    assert (tmp_path / "copy.db").read_text() == "mine"


def test_a_copy_for_which_there_is_no_room_leaves_nothing_behind(
    books: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()
    monkeypatch.setattr("wellhead.database.backup.shutil.disk_usage", lambda _: Usage(100, 100, 0))

    with pytest.raises(BooksUnavailable, match="has room for 0 MB"):
        back_up(books, tmp_path / "full" / "copy.db")

    assert files(tmp_path / "full") == set()


def test_books_that_are_not_there_cannot_be_copied(tmp_path: Path) -> None:
    with pytest.raises(BooksUnavailable, match="there is no such file"):
        back_up(tmp_path / "books.db", tmp_path / "copy.db")

    assert files(tmp_path) == set()


def test_a_damaged_copy_is_not_put_back(books: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    back_up(books, copy)
    content = bytearray(copy.read_bytes())
    content[4096 * 3 : 4096 * 8] = os.urandom(4096 * 5)
    copy.write_bytes(content)

    with pytest.raises(BooksUnavailable, match=r"damaged|no books of ours"):
        restore(copy, books, "now")

    assert calls_in(books) == 10


@pytest.mark.parametrize("content", [b"", b"something else entirely", b"SQLite format 3\x00" + b"x" * 4096])
def test_what_is_no_copy_is_not_put_back(books: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "copy.db").write_bytes(content)

    with pytest.raises(BooksUnavailable, match="no books of ours"):
        restore(tmp_path / "copy.db", books, "now")


def test_books_are_put_back_and_what_was_there_is_kept(books: Path, tmp_path: Path) -> None:
    back_up(books, tmp_path / "copy.db")
    engine = make_engine(f"sqlite:///{books}")
    book(engine, 5)
    engine.dispose()

    kept = restore(tmp_path / "copy.db", books, "20260301")

    assert kept == books.with_name("books.db.replaced-20260301")
    assert (calls_in(books), calls_in(kept)) == (10, 15)
    assert files(tmp_path) == {"books.db", "books.db.replaced-20260301", "copy.db"}


def test_books_that_are_damaged_or_gone_can_be_put_back(books: Path, tmp_path: Path) -> None:
    back_up(books, tmp_path / "copy.db")
    books.write_bytes(b"not a database, " * 100)

    restore(tmp_path / "copy.db", books, "damaged")
    assert calls_in(books) == 10
    books.unlink()
    assert restore(tmp_path / "copy.db", books, "gone") is None
    assert calls_in(books) == 10


def test_books_that_somebody_has_open_stay_where_they_are(tmp_path: Path) -> None:
    with Wellhead(directory=tmp_path) as program:
        back_up(program.database_path, tmp_path / "copy.db")

        with pytest.raises(Conflict, match="is in use"):
            restore(tmp_path / "copy.db", program.database_path, "now")

    assert restore(tmp_path / "copy.db", program.database_path, "now") is not None


def test_the_newest_copies_are_kept(tmp_path: Path) -> None:
    for number in range(7):
        path = tmp_path / f"books.db.before-{number}"
        path.write_text("")
        os.utime(path, (number, number))
    (tmp_path / "books.db").write_text("")

    keep_newest(tmp_path / "books.db", ".before-", 5)

    assert files(tmp_path) == {"books.db", *(f"books.db.before-{number}" for number in range(2, 7))}
