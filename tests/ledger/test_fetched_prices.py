"""A price book goes by the newest list in the books."""

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from fakes.books import NOON_US, a_settlement, an_opening
from fakes.control import silent_log
from wellhead.database import price_lists
from wellhead.errors import BooksUnavailable
from wellhead.ledger.fetched_prices import FetchedPrices
from wellhead.pricing import models_dev
from wellhead.pricing.book import PriceBook
from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.shipped import shipped
from wellhead.usage import Usage

MODEL = "well-1"
A_MILLION = a_settlement(usage=Usage(input_tokens=1_000_000, output_tokens=0, total_tokens=1_000_000))


def listed(engine: Engine, usd: float, after: int | None) -> int:
    document = {"openai": {"models": {MODEL: {"cost": {"input": usd, "output": 1}}}}}
    history = models_dev.with_list(None, document, NOON_US)
    kept = price_lists.keep(
        engine, "models.dev", bytes(32), msgspec.json.encode(history), NOON_US, after=after
    )
    assert kept is not None
    return kept.id


def cost(book: PriceBook) -> int | None:
    found = book.price(an_opening(1, model=MODEL), A_MILLION)
    assert found is not None
    return found.nanousd


def a_book() -> PriceBook:
    return PriceBook(Catalogue(shipped()), {})


def test_a_newer_list_is_taken_up_once(engine: Engine) -> None:
    book = a_book()
    fetched = FetchedPrices(engine, book, silent_log())
    assert not fetched.look()
    assert (fetched.latest, cost(book)) == (None, None)
    first = listed(engine, 3, None)
    assert fetched.look()
    assert cost(book) == 3_000_000_000
    catalogue = book.catalogue
    price_lists.check_off(engine, first, NOON_US + 7)
    assert not fetched.look()
    assert book.catalogue is catalogue
    assert fetched.latest is not None
    assert fetched.latest.checked_us == NOON_US + 7
    listed(engine, 4, first)
    assert fetched.look()
    assert cost(book) == 4_000_000_000


async def test_it_looks_again_and_again_and_survives_that_the_database_is_not_there(engine: Engine) -> None:
    book, looked = a_book(), asyncio.Event()
    fetched = FetchedPrices(engine, book, silent_log(), look_s=5)
    steps: list[Any] = []

    async def sleep(seconds: float) -> None:
        steps.append((seconds, cost(book)))
        if len(steps) == 1:
            listed(engine, 3, None)
        if len(steps) == 2:
            with engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE price_lists RENAME TO gone")
        if len(steps) == 3:
            looked.set()
            await asyncio.Event().wait()

    await fetched.catch_up()
    following = asyncio.create_task(fetched.follow(sleep))
    await looked.wait()
    following.cancel()
    assert steps == [(5, None), (5, 3_000_000_000), (5, 3_000_000_000)]
    with pytest.raises(BooksUnavailable):
        fetched.look()


def test_the_list_of_another_file_is_taken_up_though_it_has_the_same_number(engine: Engine) -> None:
    book = a_book()
    fetched = FetchedPrices(engine, book, silent_log())
    listed(engine, 3, None)
    assert fetched.look()
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE price_lists SET digest = zeroblob(31) || x'01'")
    assert fetched.look()
