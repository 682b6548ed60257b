"""Comparing what was added up with the calls."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from fakes.books import NOON_US, a_settlement, an_opening, books_on_disk
from wellhead.database.day_sheets import Part, packed_part
from wellhead.database.engine import make_engine
from wellhead.database.registry import DatabaseRegistry
from wellhead.database.sheet import packed_numbers
from wellhead.errors import BooksUnavailable
from wellhead.ledger.check import Disagreement, check
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.closing import close
from wellhead.ledger.processes import this_process
from wellhead.ledger.rebuild import rebuild
from wellhead.limit import Measure, Scope, ScopeKind, Window
from wellhead.moments import DAY_US
from wellhead.registry import Actor, NewLimit
from wellhead.vault import Vault

NOON_DAY = NOON_US // DAY_US


def no_vault() -> Vault:
    raise AssertionError


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Engine]:
    """Two limits, three calls that ended, one that is under way."""
    engine = books_on_disk(tmp_path)
    registry = DatabaseRegistry(engine, no_vault, lambda: NOON_US)
    for measure in (Measure.CALLS, Measure.TOTAL_TOKENS):
        registry.create_limit(
            Actor("admin"), NewLimit(measure, Window.HOUR, 10**6, Scope(ScopeKind.PROVIDER))
        )
    clerk = Clerk(engine, lambda: NOON_US, this_process())
    clerk.sign_on()
    calls = [
        an_opening(clerk.next_id(), hold_input_tokens=100, hold_output_tokens=50, project_id=n % 2)
        for n in range(4)
    ]
    clerk.book(calls, [(call, a_settlement()) for call in calls[:3]])
    clerk.hang_up()
    yield engine
    engine.dispose()


def edit(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount > 0


def test_what_was_booked_agrees(books: Engine) -> None:
    assert check(books, NOON_US) == []
    rebuild(books, NOON_US)
    assert check(books, NOON_US) == []


def test_every_figure_that_does_not_is_told_with_its_row(books: Engine) -> None:
    edit(books, "UPDATE usage_total SET calls = 99, input_tokens = 1 WHERE project_id = 1")
    found = check(books, NOON_US)
    where = {
        "provider": "openai",
        "model": "demo-large",
        "tool": "codex",
        "client": "",
        "project_id": 1,
        "key_id": 0,
        "account": "",
        "outcome": "completed",
        "streamed": 0,
    }
    assert found == [
        Disagreement("usage_total", where, "calls", 99, 1),
        Disagreement("usage_total", where, "input_tokens", 1, 120),
    ]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "DELETE FROM usage_hourly WHERE project_id = 0",
            ("usage_hourly", "calls", 0, 2),
        ),
        (
            f"INSERT INTO models_hourly VALUES (1, 'nobody', ''{',0' * 16}, x'01070001', x'')",
            ("models_hourly", "latency_calls", 1, 0),
        ),
        (
            "UPDATE models_hourly SET total_tokens = 1",
            ("models_hourly", "total_tokens", 1, 600),
        ),
        (
            "INSERT INTO errors_daily VALUES (1, 0, 'made_up', 3)",
            ("errors_daily", "calls", 3, 0),
        ),
        (
            "INSERT INTO origins_daily VALUES (1, 'http://made.up', 3)",
            ("origins_daily", "calls", 3, 0),
        ),
        (
            "UPDATE latency_total SET latency_us = 1",
            ("latency_total", "latency_us", 1, 2730000),
        ),
        (
            "UPDATE latency_total SET latency = x'01070001'",
            ("latency_total", "latency_calls", 1, 0),
        ),
        (
            "UPDATE limit_windows SET used = used + 1 WHERE limit_id = 1",
            ("limit_windows", "used", 5, 4),
        ),
        (
            "UPDATE limit_windows SET held = 0 WHERE limit_id = 2",
            ("limit_windows", "held", 0, 150),
        ),
        (
            "DELETE FROM limit_windows WHERE limit_id = 2",
            ("limit_windows", "used", 0, 600),
        ),
    ],
)
def test_rows_too_many_and_too_few_are_differences(
    books: Engine, statement: str, told: tuple[str, str, int, int]
) -> None:
    edit(books, statement)
    first = check(books, NOON_US)[0]
    assert (first.table, first.figure, first.kept, first.counted) == told
    rebuild(books, NOON_US)
    assert check(books, NOON_US) == []


EMPTY = packed_part(Part({}, {}), {})


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "DELETE FROM model_sheets WHERE half_hour = 25",
            ("model_sheets", "calls", 0, 3),
        ),
        (
            "DELETE FROM usage_sheets WHERE half_hour = 25",
            ("usage_sheets", "calls", 0, 2),
        ),
        (
            f"UPDATE model_sheets SET histograms = x'{EMPTY.histograms.hex()}'",
            ("model_sheets", "ttft_calls", 0, 3),
        ),
        (
            f"UPDATE usage_sheets SET ends = x'{EMPTY.ends.hex()}'",
            ("usage_sheets", "calls", 0, 2),
        ),
        (
            "DELETE FROM session_sheets",
            ("session_sheets", "calls", 0, 2),
        ),
        (
            f"UPDATE session_sheets SET took = x'{packed_numbers([]).hex()}'",
            ("session_sheets", "ttft_calls", 0, 2),
        ),
        (
            "UPDATE usage_keys SET tool = 'made up' WHERE project_id = 1",
            ("usage_sheets", "calls", 0, 1),
        ),
    ],
)
def test_so_are_those_of_closed_days(books: Engine, statement: str, told: tuple[str, str, int, int]) -> None:
    close(books, NOON_DAY + 1)
    assert check(books, NOON_US) == []
    edit(books, statement)

    first = check(books, NOON_US)[0]
    assert (first.table, first.figure, first.kept, first.counted) == told
    rebuild(books, NOON_US + DAY_US)
    assert check(books, NOON_US + DAY_US) == []


def test_calls_of_which_nobody_knows_how_they_were_made_are_told(books: Engine) -> None:
    edit(books, "DELETE FROM request_forms")
    assert check(books, NOON_US) == [Disagreement("request_forms", {"number": 1}, "calls", 0, 4)]


def test_nothing_is_changed(books: Engine) -> None:
    edit(books, "UPDATE usage_total SET calls = 99")
    assert check(books, NOON_US) == check(books, NOON_US) != []


def test_books_that_are_none_are_unavailable(tmp_path: Path) -> None:
    (tmp_path / "books.db").write_text("no database at all" * 100)
    with pytest.raises(BooksUnavailable):
        check(make_engine(f"sqlite:///{tmp_path}/books.db"), NOON_US)
