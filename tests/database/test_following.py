"""Following calls: each once, whatever order they are booked in, however many and whatever the clock does."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fakes.books import NOON_US, a_settlement, an_opening, book_ends, books_on_disk
from wellhead.database import calls
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.following import CALLS_PER_LOOK, LATE_US, Following
from wellhead.errors import BooksUnavailable

DAY_US = 86_400_000_000


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = books_on_disk(tmp_path)
    yield engine
    engine.dispose()


def book(engine: Engine, *ended: tuple[int, int | None]) -> None:
    """Calls by their ids and ends; `None`: under way."""
    connection = writing_connection(engine)
    openings = [an_opening(id_) for id_, _ in ended]
    ends = [(an_opening(id_), a_settlement(finished_us=at)) for id_, at in ended if at is not None]
    with transaction(connection):
        calls.insert(connection, calls.pending_rows(1, openings))
        book_ends(connection, ends)
    connection.close()


def ids(following: Following) -> list[int]:
    return [row["id"] for row in following.ended()]


def test_what_was_there_is_not_new_and_what_comes_is_once(engine: Engine) -> None:
    book(engine, (1, NOON_US), (2, NOON_US + 5))
    following = Following(engine, lambda: NOON_US)
    assert ids(following) == []
    book(engine, (4, NOON_US + 7), (3, NOON_US + 6), (5, NOON_US - LATE_US + 5))
    assert ids(following) == [5, 3, 4]
    assert ids(following) == []


def test_what_is_booked_late_is_seen_up_to_a_minute(engine: Engine) -> None:
    book(engine, (1, NOON_US))
    following = Following(engine, lambda: NOON_US + DAY_US)
    book(engine, (2, NOON_US - LATE_US), (3, NOON_US - LATE_US - 1))
    assert ids(following) == [2]


def test_a_call_that_ended_in_the_future_hides_none(engine: Engine) -> None:
    now = [NOON_US]
    book(engine, (1, NOON_US + DAY_US))
    following = Following(engine, lambda: now[0])
    book(engine, (2, NOON_US))
    assert ids(following) == [2]
    now[0] += LATE_US * 3
    book(engine, (3, now[0]))
    assert ids(following) == [3]


def test_very_many_come_in_parts(engine: Engine) -> None:
    following = Following(engine, lambda: NOON_US)
    some = CALLS_PER_LOOK + 5
    book(engine, *((n, NOON_US + n) for n in range(1, some + 1)))
    assert [*ids(following), *ids(following)] == list(range(1, some + 1))
    assert ids(following) == []


def test_open_calls_are_shown_once_and_those_shown_already_not_again(engine: Engine) -> None:
    book(engine, (1, None), (2, NOON_US))
    following = Following(engine, lambda: NOON_US)
    assert [row["id"] for row in following.opened()] == [1]
    assert following.opened() == []
    book(engine, (3, None), (4, NOON_US + 1))
    following.saw([{"id": 4, "finished_us": NOON_US + 1}, {"id": 3, "finished_us": None}])
    assert (following.opened(), ids(following)) == ([], [])


def test_no_secret_column_is_read(engine: Engine) -> None:
    following = Following(engine, lambda: NOON_US)
    book(engine, (1, NOON_US))
    (row,) = following.ended()
    assert not {"credential_hash", "reserve", "worker_id"} & set(row)


def test_another_file_in_its_place_is_read_and_none_is_an_outage(engine: Engine, tmp_path: Path) -> None:
    book(engine, (1, NOON_US))
    following = Following(engine, lambda: NOON_US)
    other = tmp_path / "other"
    other.mkdir()
    second = books_on_disk(other)
    book(second, (2, NOON_US))
    second.dispose()
    path = tmp_path / "books.db"
    path.rename(tmp_path / "moved.db")
    with pytest.raises(BooksUnavailable, match="its file is not there"):
        following.ended()
    (other / "books.db").rename(path)
    for left in tmp_path.glob("books.db-*"):
        left.unlink()
    assert ids(following) == [2]


def test_it_is_there_without_what_adds_reports_up() -> None:
    """`wellhead tail` and `statusline` are to begin at once."""
    code = "import sys, wellhead.cli.tail, wellhead.database.following; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
