"""Attempts whose usage nobody knows are added up by themselves."""

from contextlib import closing
from typing import Any

from sqlalchemy import Engine, text

from fakes.books import NOON_US, a_settlement, an_opening
from wellhead.call import Attempt
from wellhead.database import attempts, calls
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.reports import DatabaseReports
from wellhead.unmetered import Unmetered


def book(engine: Engine, number: int, model: str | None, *tried: Attempt) -> None:
    call = an_opening(number, model=model)
    with closing(writing_connection(engine)) as connection, transaction(connection):
        calls.insert(connection, calls.pending_rows(0, [call]))
        attempts.note(connection, attempts.rows([(call, a_settlement(tried=tried))]))


def an_attempt(provider: str = "a", at_us: int = NOON_US, **fields: Any) -> Attempt:
    usual: dict[str, Any] = {
        "unmetered": True,
        "input_tokens_max": 10,
        "output_tokens_max": 20,
        "cost_nanousd_max": 7,
    }
    return Attempt(provider, None, at_us, **{**usual, **fields})


def test_they_stand_by_provider_and_model_the_most_expensive_first(engine: Engine) -> None:
    known = an_attempt(unmetered=False, input_tokens_max=None, output_tokens_max=None, cost_nanousd_max=None)
    book(engine, 1, "m", an_attempt(), an_attempt("b", cost_nanousd_max=99), known)
    book(engine, 2, "m", an_attempt(cost_nanousd_max=None))
    book(engine, 3, None, an_attempt(input_tokens_max=None, output_tokens_max=None, cost_nanousd_max=None))
    assert DatabaseReports(engine).unmetered(NOON_US, NOON_US + 1) == [
        Unmetered("b", "m", 1, 1, 10, 20, 99),
        Unmetered("a", "m", 2, 1, 20, 40, 7),
        Unmetered("a", None, 1, 0, 0, 0, 0),
    ]


def test_they_count_from_when_they_began(engine: Engine) -> None:
    book(engine, 1, "m", *(an_attempt(at_us=NOON_US + n) for n in range(3)))
    found = DatabaseReports(engine).unmetered(NOON_US + 1, NOON_US + 2)
    assert [one.attempts for one in found] == [1]


def test_only_they_are_looked_at(engine: Engine) -> None:
    query = "EXPLAIN QUERY PLAN SELECT count(*) FROM attempts WHERE unmetered = 1 AND started_us >= 5"
    with engine.connect() as connection:
        assert "attempts_unmetered" in str(connection.execute(text(query)).all())
