"""Fetched lists are kept, known again, and cleared away."""

import pytest
from sqlalchemy import Engine

from fakes.books import NOON_US, rows_of
from wellhead.database import price_lists
from wellhead.errors import BooksUnavailable
from wellhead.price_list import FetchedList

SAID = b'{"models": {}}' * 100


def kept(engine: Engine, number: int, after: int | None) -> FetchedList:
    found = price_lists.keep(engine, "shop", bytes([number]) * 32, SAID, NOON_US + number, after=after)
    assert found is not None
    return found


def test_there_is_none_at_first(engine: Engine) -> None:
    assert price_lists.newest(engine) is None
    assert price_lists.document(engine, 1) is None


def test_a_list_is_kept_with_when_it_was_fetched_and_read_as_it_was(engine: Engine) -> None:
    first = kept(engine, 1, None)
    assert first == FetchedList(1, "shop", b"\1" * 32, NOON_US + 1, NOON_US + 1)
    assert price_lists.newest(engine) == first
    assert price_lists.document(engine, first.id) == SAID
    (row,) = rows_of(engine, "price_lists")
    assert len(row["document"]) < len(SAID) / 10


def test_the_same_list_again_only_moves_when_it_was_checked(engine: Engine) -> None:
    first = kept(engine, 1, None)
    price_lists.check_off(engine, first.id, NOON_US + 50)
    price_lists.check_off(engine, first.id, NOON_US + 40)
    found = price_lists.newest(engine)
    assert found is not None
    assert (found.id, found.since_us, found.checked_us) == (first.id, NOON_US + 1, NOON_US + 50)


def test_of_two_who_fetched_at_one_time_the_second_has_to_begin_anew(engine: Engine) -> None:
    first = kept(engine, 1, None)
    assert price_lists.keep(engine, "shop", b"\2" * 32, SAID, NOON_US, after=None) is None
    second = kept(engine, 2, first.id)
    assert price_lists.keep(engine, "shop", b"\3" * 32, SAID, NOON_US, after=first.id) is None
    assert price_lists.newest(engine) == second


def test_only_the_newest_lists_of_a_source_are_kept_and_no_number_comes_again(engine: Engine) -> None:
    after = None
    for number in range(1, 10):
        after = kept(engine, number, after).id
    assert [row["id"] for row in rows_of(engine, "price_lists")] == [5, 6, 7, 8, 9]
    assert price_lists.document(engine, 4) is None


def test_without_the_database_the_books_are_unavailable(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE price_lists")
    for ask in (
        lambda: price_lists.newest(engine),
        lambda: price_lists.document(engine, 1),
        lambda: kept(engine, 1, None),
        lambda: price_lists.check_off(engine, 1, NOON_US),
    ):
        with pytest.raises(BooksUnavailable):
            ask()
