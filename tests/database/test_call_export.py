"""An export has every call that matches, once, in the order in which they ended, and holds nobody up."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from fakes.books import NOON_US, a_settlement, an_opening, book_ends, books_on_disk
from wellhead.call import CallState
from wellhead.database import call_export, calls
from wellhead.database.engine import transaction, writing_connection
from wellhead.errors import BooksUnavailable
from wellhead.exporting.columns import NAMES
from wellhead.moments import HOUR_US
from wellhead.report import CallFilter

COUNT = 2_500
PROJECT = "77b0c0de-0000-4000-8000-000000000001"
EVERYTHING = CallFilter()
END_US = NOON_US + 1_000 * HOUR_US


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Calls of two days; one in fifty by `rare`, many that ended at the same moment, the last few pending."""
    engine = books_on_disk(tmp_path_factory.mktemp("books"))
    made = []
    for n in range(COUNT):
        ended_us = NOON_US + n // 10 * 10 * (48 * HOUR_US // COUNT)
        tool = "rare" if n % 50 == 0 and n < COUNT // 2 else "codex"
        state = CallState.FAILED if n % 7 == 0 else CallState.COMPLETED
        opening = an_opening(n + 1, started_us=ended_us - 5, tool=tool, project_id=(None, 3, 9)[n % 3])
        end = a_settlement(finished_us=ended_us, state=state, status_code=500 if n % 7 == 0 else 200)
        made.append((opening, end))
    connection = writing_connection(engine)
    with transaction(connection):
        connection.execute(
            "INSERT INTO projects (id, uuid, name, created_us) VALUES (3, ?, 'water', 1)", (PROJECT,)
        )
        pending = [an_opening(COUNT + n, started_us=NOON_US) for n in range(1, 4)]
        calls.insert(connection, calls.pending_rows(1, [*(opening for opening, _ in made), *pending]))
        book_ends(connection, made)
    connection.close()
    yield engine
    engine.dispose()


def ids(engine: Engine, wanted: CallFilter, since_us: int = 0, until_us: int = END_US) -> list[int]:
    pages = list(call_export.pages(engine, wanted, since_us, until_us))
    assert all(0 < len(page) <= call_export.PAGE_CALLS for page in pages)
    return [row[0] for page in pages for row in page]


def matching(engine: Engine, condition: str) -> list[int]:
    with closing(sqlite3.connect(str(engine.url.database))) as connection:
        query = f"SELECT id FROM calls WHERE {condition} ORDER BY finished_us, id"
        return [id_ for (id_,) in connection.execute(query)]


@pytest.mark.parametrize("looked_at", [1, 7, 10, 1000, 5000])
@pytest.mark.parametrize(
    ("wanted", "condition"),
    [
        (EVERYTHING, "1"),
        (CallFilter(tool="rare"), "tool = 'rare'"),
        (CallFilter(tool="codex", states=("failed", "refused")), "tool = 'codex' AND state = 'failed'"),
        (CallFilter(status_min=500), "status_code >= 500"),
        (CallFilter(status_max=499, model="demo-large"), "status_code <= 499"),
        (CallFilter(client="unknown"), "1"),
        (CallFilter(tool="nobody"), "0"),
        (CallFilter(states=("completed", "pending")), "state = 'completed'"),
    ],
)
def test_every_call_that_matches_comes_once_in_the_order_of_its_end(
    engine: Engine, wanted: CallFilter, condition: str, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_export, "PAGE_CALLS", looked_at)
    monkeypatch.setattr(call_export, "LOOKED_AT_MAX", looked_at)
    # With a statement for each call some hours are enough.
    range_ = (NOON_US, NOON_US + 2 * HOUR_US) if looked_at == 1 else (0, END_US)
    ended = f"finished_us >= {range_[0]} AND finished_us < {range_[1]} AND {condition}"
    assert ids(engine, wanted, *range_) == matching(engine, ended)


def test_ranges_next_to_each_other_share_no_call_and_miss_none(engine: Engine) -> None:
    edges = [0, NOON_US + 1, NOON_US + HOUR_US, NOON_US + 7 * HOUR_US + 123, NOON_US + 30 * HOUR_US, END_US]
    for wanted in (EVERYTHING, CallFilter(tool="codex")):
        parts = [ids(engine, wanted, *range_) for range_ in pairwise(edges)]
        assert [id_ for part in parts for id_ in part] == ids(engine, wanted)


def test_pending_calls_are_in_no_range_and_there_when_they_are_asked_for(engine: Engine) -> None:
    assert len(ids(engine, EVERYTHING)) == COUNT
    pending = CallFilter(states=("pending",))
    assert ids(engine, pending) == [COUNT + 1, COUNT + 2, COUNT + 3]
    assert ids(engine, CallFilter(states=("pending",), tool="nobody")) == []


def test_a_row_has_what_the_books_have_and_projects_by_their_uuid(engine: Engine) -> None:
    (page, *_) = call_export.pages(engine, EVERYTHING, 0, END_US)
    first, second, third = (dict(zip(NAMES, row, strict=True)) for row in page[:3])
    assert [one["project_id"] for one in (first, second, third)] == [None, PROJECT, "9"]
    assert (first["id"], first["started_at"], first["finished_us"]) == (1, NOON_US - 5, NOON_US)
    assert (second["streamed"], second["incomplete"], second["total_tokens"]) == (False, False, 200)
    assert (second["cost_usd"], second["cost_nanousd"], second["agent"]) == (None, None, None)


def test_about_how_many_it_will_be_is_known_before(engine: Engine) -> None:
    assert call_export.about(engine, EVERYTHING, 0, END_US) == COUNT
    assert call_export.about(engine, CallFilter(tool="rare"), 0, END_US) == 25
    within = (NOON_US + 90 * 60_000_000, NOON_US + 3 * HOUR_US)
    assert call_export.about(engine, EVERYTHING, *within) >= len(ids(engine, EVERYTHING, *within)) > 0


def statements(engine: Engine) -> list[tuple[str, Any]]:
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    return seen


def test_no_page_looks_at_more_than_its_part_of_the_index(engine: Engine) -> None:
    seen = statements(engine)
    for wanted in (EVERYTHING, CallFilter(tool="codex", status_min=500), CallFilter(states=("pending",))):
        ids(engine, wanted)
    of_calls = [one for one in seen if "FROM calls" in one[0]]
    assert len(of_calls) > 4
    with closing(sqlite3.connect(str(engine.url.database))) as connection:
        for statement, parameters in of_calls:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            if "'pending'" in statement:
                assert any("calls_pending" in step for step in plan), plan
            else:
                assert any("calls_finished" in step for step in plan), plan
                assert not any("TEMP B-TREE" in step for step in plan), plan


def test_nothing_is_held_open_between_two_pages(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_export, "PAGE_CALLS", 100)
    pages = call_export.pages(engine, EVERYTHING, 0, END_US)
    next(pages)
    with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as connection:
        connection.execute("UPDATE calls SET agent = 'x' WHERE id = 1")
        connection.execute("UPDATE calls SET agent = NULL WHERE id = 1")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0, "a reader's transaction keeps the log from being cut back"
    assert len([row for page in pages for row in page]) == COUNT - 100


def test_calls_that_end_while_it_goes_on_are_in_the_next_range(tmp_path: Path) -> None:
    engine = books_on_disk(tmp_path)
    connection = writing_connection(engine)

    def book(**ends_us: int) -> None:
        made = [
            (an_opening(int(id_[1:]), started_us=NOON_US), a_settlement(finished_us=at_us))
            for id_, at_us in ends_us.items()
        ]
        with transaction(connection):
            calls.insert(connection, calls.pending_rows(1, [opening for opening, _ in made]))
            book_ends(connection, made)

    book(**{f"n{n}": NOON_US + n for n in range(1, 1502)})
    until_us = NOON_US + 2_000
    pages = call_export.pages(engine, EVERYTHING, 0, until_us)
    found = [row[0] for row in next(pages)]
    book(n3000=until_us)
    found += [row[0] for page in pages for row in page]
    assert found == list(range(1, 1502))
    assert ids(engine, EVERYTHING, until_us) == [3_000]
    connection.close()
    engine.dispose()


def test_books_that_go_away_half_way_are_an_error_and_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_export, "PAGE_CALLS", 1)
    engine = books_on_disk(tmp_path)
    connection = writing_connection(engine)
    made = [(an_opening(n, started_us=NOON_US), a_settlement(finished_us=NOON_US + n)) for n in (1, 2, 3)]
    with transaction(connection):
        calls.insert(connection, calls.pending_rows(1, [opening for opening, _ in made]))
        book_ends(connection, made)
    pages = call_export.pages(engine, EVERYTHING, 0, END_US)
    assert [row[0] for row in next(pages)] == [1]
    connection.execute("DROP TABLE projects")
    with pytest.raises(BooksUnavailable):
        next(pages)
    connection.close()
    engine.dispose()
