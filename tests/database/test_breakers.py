"""The rows of breakers under the database's own troubles; what they promise is in `tests/contract`."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest
from sqlalchemy import Engine

from fakes.books import NOON_US, books_on_disk
from wellhead.breaker import Shared, State
from wellhead.database.breakers import BUSY_TIMEOUT_S, DatabaseBreakers
from wellhead.database.engine import make_engine
from wellhead.errors import BooksUnavailable

OPEN = Shared("openai", State.OPEN, failures=5, changed_us=NOON_US, retry_us=NOON_US + 1)


@pytest.fixture
def shared(engine: Engine) -> Iterator[DatabaseBreakers]:
    own = make_engine(str(engine.url), must_exist=True)
    yield DatabaseBreakers(own)
    own.dispose()


def path_of(engine: Engine) -> Path:
    return Path(str(engine.url.database))


def test_what_is_locked_for_a_second_counts_as_away_but_can_be_read(
    engine: Engine, shared: DatabaseBreakers
) -> None:
    _, opened = shared.put(OPEN, 0)
    with closing(sqlite3.connect(path_of(engine), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = monotonic()
        with pytest.raises(BooksUnavailable, match="locked"):
            shared.put(OPEN, opened.version)
        assert BUSY_TIMEOUT_S * 0.9 < monotonic() - began < BUSY_TIMEOUT_S + 2
        assert shared.look(0) == [opened]
    assert shared.put(OPEN, opened.version)[0]


def test_a_file_that_was_taken_away_is_not_made_anew_and_another_in_its_place_is_used(
    engine: Engine, shared: DatabaseBreakers, tmp_path: Path
) -> None:
    shared.put(OPEN, 0)
    engine.dispose()
    for file in tmp_path.glob("books.db*"):
        file.unlink()
    with pytest.raises(BooksUnavailable, match="not there any more"):
        shared.look(0)
    with pytest.raises(BooksUnavailable, match="not there any more"):
        shared.put(OPEN, 0)
    books_on_disk(tmp_path).dispose()
    assert shared.look(0) == []
    assert shared.put(OPEN, 0)[0]


def test_books_that_are_older_than_breakers_are_an_outage(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(BooksUnavailable, match="no such table"):
        DatabaseBreakers(engine).look(0)
    engine.dispose()
