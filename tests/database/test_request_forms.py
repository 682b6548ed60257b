"""What calls of a day have in common stands in the books once."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from fakes.books import NOON_US, an_opening, books_on_disk
from wellhead.call import Opening
from wellhead.database import calls, request_forms
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.request_forms import KNOWN_MAX, Forms, form_of
from wellhead.moments import DAY_US


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    engine = books_on_disk(tmp_path)
    with closing(writing_connection(engine)) as found:
        yield found
    engine.dispose()


def put_in(connection: sqlite3.Connection, forms: Forms, *openings: Opening) -> None:
    with transaction(connection):
        calls.insert(connection, calls.pending_rows(1, openings), forms)
    forms.committed()


def count(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("SELECT count(*) FROM request_forms").fetchone()[0]
    return found


def test_calls_that_were_made_alike_on_a_day_share_a_form(connection: sqlite3.Connection) -> None:
    alike = [an_opening(n, started_us=NOON_US + n) for n in range(3)]
    others = [
        an_opening(3, path="/v1/other"),
        an_opening(4, user_agent="curl"),
        an_opening(5, credential_hash=b"a" * 32),
        an_opening(6, started_us=NOON_US + DAY_US),
        an_opening(7, method="GET"),
        an_opening(8, dialect="anthropic_messages"),
    ]
    put_in(connection, Forms(), *alike, *others)

    assert count(connection) == 1 + len(others)
    assert calls.pending_of(connection, 1, 10) == [*alike, *others]


def test_whoever_else_books_such_a_call_finds_its_form(connection: sqlite3.Connection) -> None:
    for number in range(3):
        put_in(connection, Forms(), an_opening(number))

    assert count(connection) == 1


def test_a_form_that_is_known_is_not_looked_for(connection: sqlite3.Connection) -> None:
    forms = Forms(lambda: NOON_US + DAY_US)  # It is the day after.
    put_in(connection, forms, an_opening(1))
    seen: list[str] = []
    connection.set_trace_callback(seen.append)

    put_in(connection, forms, an_opening(2))

    connection.set_trace_callback(None)
    assert not [one for one in seen if "request_forms" in one]


def test_what_was_taken_back_is_known_no_more(connection: sqlite3.Connection) -> None:
    class _Broken(Exception): ...

    forms, lost, kept = Forms(), an_opening(1, path="/lost"), an_opening(2, path="/kept")
    with suppress(_Broken), transaction(connection):
        calls.insert(connection, calls.pending_rows(1, [lost]), forms)
        raise _Broken
    forms.taken_back()
    put_in(connection, forms, kept)  # It has the number now that the other one had.
    put_in(connection, forms, lost)

    assert calls.pending_of(connection, 1, 10) == [lost, kept]


def test_of_very_many_forms_some_are_forgotten_and_none_confused(connection: sqlite3.Connection) -> None:
    forms = Forms()
    made = [an_opening(n, path=f"/v1/responses/{n}") for n in range(KNOWN_MAX + 2)]
    put_in(connection, forms, *made)
    put_in(connection, forms, an_opening(2**40, path="/v1/responses/1"))

    assert count(connection) == len(made)
    assert forms.number(connection, form_of(made[7])) == forms.number(connection, form_of(made[7]))
    found = calls.open_among(connection, [1, 7, KNOWN_MAX + 1, 2**40])
    assert [one.path.rsplit("/")[-1] for one in found] == ["1", "7", str(KNOWN_MAX + 1), "1"]


def test_a_form_that_was_removed_since_it_was_known_is_made_again(connection: sqlite3.Connection) -> None:
    now_us = NOON_US
    forms = Forms(lambda: now_us)
    put_in(connection, forms, an_opening(1))
    now_us = NOON_US + 5 * DAY_US
    connection.execute("DELETE FROM calls")
    request_forms.remove(connection, NOON_US // DAY_US * DAY_US + 5 * DAY_US)
    put_in(connection, Forms(), an_opening(2, path="/v1/other"))
    late = an_opening(3)  # Of a spool, say.

    put_in(connection, forms, late)

    assert calls.open_among(connection, [3]) == [late]
    assert list(request_forms.missing(connection)) == []


def test_forms_of_days_whose_calls_are_gone_go_too(connection: sqlite3.Connection) -> None:
    put_in(connection, Forms(), *(an_opening(n, started_us=NOON_US + n * DAY_US) for n in range(6)))
    connection.execute("DELETE FROM calls WHERE id BETWEEN 1 AND 2")

    request_forms.remove(connection, NOON_US // DAY_US * DAY_US + 4 * DAY_US)

    # A call of the first day is still there, and the day before the last one that is gone may be needed yet.
    left = connection.execute("SELECT day - ? FROM request_forms ORDER BY 1", (NOON_US // DAY_US,)).fetchall()
    assert [day for (day,) in left] == [0, 3, 4, 5]
