import os
import sqlite3
import stat
from contextlib import closing
from errno import EACCES, EIO, EPERM, EROFS
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from wellhead.database.engine import JOURNAL_BYTES_MAX, make_engine, outages, transaction, writing_connection
from wellhead.errors import BooksUnavailable

A_WORKER = (
    "INSERT INTO workers (slot,host,pid,process_started_ticks,started_us,heartbeat_us)"
    " VALUES (1, 'h', 1, 1, 1, 1)"
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_and_its_folder_are_for_their_owner_only(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/new/books.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))

        modes = {path.name: mode(path) for path in (tmp_path / "new").iterdir()}
        assert modes == {"books.db": 0o600, "books.db-wal": 0o600, "books.db-shm": 0o600}
        assert mode(tmp_path / "new") == 0o700
    engine.dispose()


def test_the_mode_of_a_folder_that_was_there_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    engine = make_engine(f"sqlite:///{tmp_path}/books.db")
    engine.connect().close()
    engine.dispose()

    assert mode(tmp_path) == 0o755


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert make_engine("sqlite:///~/books.db").url.database == f"{tmp_path}/books.db"


def test_making_an_engine_touches_nothing(tmp_path: Path) -> None:
    make_engine(f"sqlite:///{tmp_path}/new/books.db")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://books"])
def test_only_files_can_be_books(url: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        make_engine(url)


@pytest.mark.parametrize(("asked", "level"), [("NORMAL", 1), ("FULL", 2)])
def test_connections_are_told_what_the_books_need(tmp_path: Path, asked: str, level: int) -> None:
    engine = make_engine(
        f"sqlite:///{tmp_path}/books.db", synchronous="FULL" if asked == "FULL" else "NORMAL"
    )
    with closing(writing_connection(engine)) as connection:
        (page_count,) = connection.execute("PRAGMA page_count").fetchone()
        told = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "journal_size_limit",
                "auto_vacuum",
                "busy_timeout",
            )
        }
    engine.dispose()

    assert page_count > 0
    assert told == {
        "journal_mode": "wal",
        "synchronous": level,
        "foreign_keys": 1,
        "journal_size_limit": JOURNAL_BYTES_MAX,
        "auto_vacuum": 2,
        "busy_timeout": 5000,
    }


def test_reading_is_one_snapshot(engine: Engine) -> None:
    count = text("SELECT count(*) FROM workers")
    with engine.connect() as reader:
        before = reader.execute(count).scalar()
        with engine.begin() as other:
            other.execute(text(A_WORKER))

        assert reader.execute(count).scalar() == before == 0


def test_a_new_reader_does_not_wait_for_the_writer(engine: Engine) -> None:
    with closing(writing_connection(engine)) as writer, transaction(writer):
        writer.execute(A_WORKER)
        latecomer = make_engine(str(engine.url))
        with latecomer.connect() as reader:
            assert reader.execute(text("SELECT count(*) FROM workers")).scalar() == 0
        latecomer.dispose()


def test_a_transaction_that_fails_leaves_nothing_behind(engine: Engine) -> None:
    with closing(writing_connection(engine)) as connection:
        with pytest.raises(sqlite3.IntegrityError), transaction(connection):
            connection.execute(A_WORKER)
            connection.execute(A_WORKER)

        assert not connection.in_transaction
        assert connection.execute("SELECT count(*) FROM workers").fetchone() == (0,)


@pytest.mark.parametrize(
    ("number", "has_advice"), [(EACCES, True), (EPERM, True), (EROFS, True), (EIO, False)]
)
def test_where_it_may_not_write_it_says_how_to_choose_another_place(number: int, has_advice: bool) -> None:
    with pytest.raises(BooksUnavailable) as caught, outages():
        raise OSError(number, os.strerror(number), "books.db")
    assert ("choose a place with --database" in str(caught.value)) == has_advice


def test_a_file_that_is_only_to_be_read_is_told_with_the_same_advice(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "books.db").close()
    with closing(sqlite3.connect(f"file:{tmp_path}/books.db?mode=ro", uri=True)) as reading:
        with pytest.raises(BooksUnavailable, match=r"readonly database; .* --database"), outages():
            reading.execute("CREATE TABLE t (id)")


def test_a_place_that_cannot_be_written_is_said_to_be_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    engine = make_engine(f"sqlite:///{tmp_path}/file/books.db")

    with pytest.raises(BooksUnavailable, match="cannot be used"):
        writing_connection(engine)
