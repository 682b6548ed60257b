"""What moves is found once, however late it was booked, and never all of the books is looked at."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from fakes.books import NOON_US, a_settlement, an_opening, book_ends, books_on_disk
from wellhead.call import CallState, Opening
from wellhead.database import calls
from wellhead.database import live as live_calls
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.reports import DatabaseReports
from wellhead.moments import SECOND_US
from wellhead.report import CallFilter, Movement, Seen

INDEXED = re.compile("INDEX calls_|INTEGER PRIMARY KEY|TEMP B-TREE|SCALAR SUBQUERY")


class Books:
    """Books in which calls open and end, and somebody who follows them."""

    def __init__(self, engine: Engine) -> None:
        self.connection = writing_connection(engine)
        self.reports = DatabaseReports(engine)
        self.seen = Seen(NOON_US)
        self.openings: dict[int, Opening] = {}

    def open(self, *ids: int, **changes: Any) -> None:
        self.openings |= {id_: an_opening(id_, **changes) for id_ in ids}
        with transaction(self.connection):
            calls.insert(self.connection, calls.pending_rows(1, [self.openings[id_] for id_ in ids]))

    def end(self, *ids: int, at_us: int = NOON_US + 10, **changes: Any) -> None:
        ended = [(self.openings[id_], a_settlement(finished_us=at_us, **changes)) for id_ in ids]
        with transaction(self.connection):
            book_ends(self.connection, ended)

    def look(self, count: int = 100) -> Movement:
        """What is new; from now on it is known."""
        found = self.reports.movement(self.seen, count)
        self.seen = Seen(found.since_us, found.open, found.ended)
        return found

    def moved(self, count: int = 100) -> list[tuple[int, str]]:
        return sorted((call["id"], call["state"]) for call in self.look(count).calls)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    engine = books_on_disk(tmp_path)
    made = Books(engine)
    yield made
    made.connection.close()
    engine.dispose()


def test_a_call_is_found_when_it_opens_and_when_it_ends_and_not_again(books: Books) -> None:
    assert books.moved() == []
    books.open(1)
    assert books.moved() == [(1, "pending")]
    assert books.moved() == []
    books.end(1)
    assert books.moved() == [(1, "completed")]
    assert books.moved() == []


def test_a_call_that_opened_and_ended_in_between_is_found_as_ended(books: Books) -> None:
    books.open(1)
    books.end(1, state=CallState.REFUSED)
    assert books.moved() == [(1, "refused")]
    assert books.moved() == []


def test_a_call_with_an_old_id_is_found_all_the_same(books: Books) -> None:
    books.open(50)
    books.end(50)
    books.moved()
    books.open(3)
    assert books.moved() == [(3, "pending")]
    books.end(3)
    assert books.moved() == [(3, "completed")]


def test_a_call_that_was_seen_open_is_found_however_long_ago_it_ended_by_its_own_clock(books: Books) -> None:
    books.open(1)
    books.moved()
    books.end(1, at_us=NOON_US - 3600 * SECOND_US, state=CallState.INTERRUPTED)
    assert books.moved() == [(1, "interrupted")]
    assert books.moved() == []


def test_of_very_many_the_newest_are_told_and_how_many_there_were(books: Books) -> None:
    books.open(*range(1, 31))
    found = books.look(count=10)
    assert sorted(call["id"] for call in found.calls) == list(range(21, 31))
    assert found.skipped == 20
    assert books.look(count=10).calls == []
    for n in range(1, 31):
        books.end(n, at_us=NOON_US + n)
    found = books.look(count=10)
    assert sorted(call["id"] for call in found.calls) == list(range(21, 31))
    assert found.skipped >= 20
    found = books.look(count=10)
    assert (found.calls, found.skipped) == ([], 0)


def test_of_very_many_that_were_never_seen_open_the_last_are_told_and_how_many_there_were(
    books: Books,
) -> None:
    books.open(*range(1, 31))
    for n in range(1, 31):
        books.end(n, at_us=NOON_US + n)
    found = books.look(count=10)
    assert sorted(call["id"] for call in found.calls) == list(range(21, 31))
    assert found.skipped == 20
    found = books.look(count=10)
    assert (found.calls, found.skipped) == ([], 0)


def test_open_calls_that_are_too_many_to_look_at_have_not_ended(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_calls, "OPEN_MAX", 3)
    books.open(1, 2, 3)
    books.moved()
    books.open(4, 5)
    assert books.moved() == [(4, "pending"), (5, "pending")]
    books.end(1)
    assert books.moved() == [(1, "completed")]


def test_only_indexes_are_looked_through(books: Books, tmp_path: Path) -> None:
    seen: list[tuple[str, Any]] = []
    engine = books.reports._engine
    event.listen(
        engine, "before_cursor_execute", lambda _c, _u, said, values, *_: seen.append((said, values))
    )
    books.open(1, 2)
    books.look()
    books.end(1)
    books.look(count=1)
    with closing(sqlite3.connect(tmp_path / "books.db")) as connection:
        for statement, values in seen:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert [step for step in plan if not INDEXED.search(step)] == [], statement


@pytest.mark.parametrize(
    "wanted",
    [
        CallFilter(),
        CallFilter(tool="codex"),
        CallFilter(tool="unknown"),
        CallFilter(client="unknown", model="demo-large"),
        CallFilter(provider="openai", states=("completed",)),
        CallFilter(states=("pending",)),
        CallFilter(status_min=400),
        CallFilter(status_max=399),
        CallFilter(status_min=200, status_max=500, tool="curl"),
        CallFilter(model="unknown"),
        CallFilter(session="s1"),
        CallFilter(session="unknown", agent="unknown", account="unknown"),
        CallFilter(key=7),
        CallFilter(key=0),
        CallFilter(project="unknown"),
        CallFilter(project="77b0c0de-0000-4000-8000-000000000001"),
        CallFilter(project="no project's"),
    ],
)
def test_a_filter_takes_a_call_when_a_listing_would(books: Books, wanted: CallFilter) -> None:
    books.open(1, tool="codex")
    books.open(2, tool=None, model=None)
    books.open(3, tool="unknown", client="")
    books.open(4, tool="curl", client="laptop")
    books.open(5, tool="codex", model="other", session="s1", key_id=7, project_id=1)
    with transaction(books.connection):
        books.connection.execute(
            "INSERT INTO projects (id, uuid, name, created_us)"
            " VALUES (1, '77b0c0de-0000-4000-8000-000000000001', 'water', 0)"
        )
    books.end(3, 5)
    books.end(4, status_code=429, state=CallState.FAILED)
    books.end(2, status_code=None, state=CallState.ABORTED)
    listed = {call["id"] for call in books.reports.calls(wanted, count=9).rows}
    every = books.reports.calls(CallFilter(), count=9).rows
    assert {call["id"] for call in every if wanted.matches(call)} == listed
