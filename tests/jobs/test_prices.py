"""A fetched list is kept if it is believed, and every price of it holds from when it was first seen."""

import asyncio
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from fakes.books import NOON_US, books_on_disk, rows_of
from fakes.control import silent_log
from fakes.price_source import Document, a_list
from wellhead.database import price_lists
from wellhead.jobs.fetch import FetchFailed
from wellhead.jobs.prices import Outcome, PriceRefresh
from wellhead.moments import HOUR_US

TEN = a_list("openai", **{f"well-{n}": {"input": n + 1, "output": 2} for n in range(10)})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = books_on_disk(tmp_path)
    yield made
    made.dispose()


class World:
    """A source that says what the test wants, at the hour it wants."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.said: Any = TEN
        self.hour = 0
        self.meanwhile: Callable[[], object] = lambda: None
        self.refresh = PriceRefresh(engine, self.fetch, now_us=self.now_us, log=silent_log())

    async def fetch(self) -> bytes:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said if isinstance(self.said, bytes) else json.dumps(self.said).encode()

    def now_us(self) -> int:
        self.meanwhile()
        return NOON_US + self.hour * HOUR_US

    async def hears(self, said: Any, hour: int, *, anew: bool = False) -> Outcome:
        self.said, self.hour = said, hour
        return await self.refresh.refresh(anew=anew)

    def costs(self, model: str) -> Any:
        """What the newest history has of a model."""
        latest = price_lists.newest(self.engine)
        assert latest is not None
        said = price_lists.document(self.engine, latest.id)
        assert said is not None
        return msgspec.json.decode(said)["models"]["openai"][model]["costs"]


def costing(price: float) -> Document:
    changed = deepcopy(TEN)
    changed["openai"]["models"]["well-3"]["cost"]["input"] = price
    return changed


async def test_news_are_kept_with_since_when_each_price_holds(engine: Engine) -> None:
    world = World(engine)
    assert await world.hears(TEN, 0) is Outcome.NEW
    assert await world.hears(costing(9), 6) is Outcome.NEW
    assert await world.hears(costing(8), 12) is Outcome.NEW
    assert world.costs("well-2") == [[NOON_US, {"input": 3, "output": 2}]]
    assert world.costs("well-3") == [
        [NOON_US, {"input": 4, "output": 2}],
        [NOON_US + 6 * HOUR_US, {"input": 9, "output": 2}],
        [NOON_US + 12 * HOUR_US, {"input": 8, "output": 2}],
    ]
    latest = price_lists.newest(engine)
    assert latest is not None
    assert (latest.since_us, latest.source) == (NOON_US + 12 * HOUR_US, "models.dev")


async def test_the_same_list_again_only_moves_when_it_was_checked(engine: Engine) -> None:
    world = World(engine)
    await world.hears(TEN, 0)
    assert await world.hears(TEN, 6) is Outcome.SAME
    (row,) = rows_of(engine, "price_lists")
    assert (row["since_us"], row["checked_us"]) == (NOON_US, NOON_US + 6 * HOUR_US)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"<html>moved</html>", "it holds no prices of models"),
        (b"[" * 100_000, "it holds no prices of models"),
        (b"", "it holds no prices of models"),
        ({}, "it holds no prices of models"),
        (a_list(one={"input": 1, "output": 1}), "it holds 1 prices; the one before held 10"),
        (costing(-1), "openai/well-3 is said to cost input -1 USD per million tokens"),
        (
            a_list("openai", **{f"well-{n}": {"input": 0, "output": 0} for n in range(10)}),
            "10 of 10 models that cost something are free in it",
        ),
    ],
)
async def test_a_list_that_is_not_believed_leaves_the_one_before(
    engine: Engine, said: Any, reason: str
) -> None:
    world = World(engine)
    await world.hears(TEN, 0)
    assert await world.hears(said, 6) is Outcome.REFUSED
    assert world.refresh.refused is not None
    assert (world.refresh.refused.at_us, world.refresh.refused.reasons) == (NOON_US + 6 * HOUR_US, (reason,))
    (row,) = rows_of(engine, "price_lists")
    assert row["checked_us"] == NOON_US
    assert await world.hears(TEN, 7) is Outcome.SAME
    assert world.refresh.refused is None


async def test_a_first_list_that_is_not_believed_leaves_none(engine: Engine) -> None:
    world = World(engine)
    assert await world.hears({}, 0) is Outcome.REFUSED
    assert rows_of(engine, "price_lists") == []


async def test_a_list_can_be_judged_without_the_one_before(engine: Engine) -> None:
    world = World(engine)
    await world.hears(TEN, 0)
    smaller = a_list(one={"input": 1, "output": 1})
    assert await world.hears(smaller, 1, anew=True) is Outcome.NEW
    assert await world.hears({}, 2, anew=True) is Outcome.REFUSED
    assert world.costs("well-3") == [[NOON_US, {"input": 4, "output": 2}]], "it was the price until then"


async def test_a_source_that_does_not_answer_is_an_error_and_changes_nothing(engine: Engine) -> None:
    world = World(engine)
    await world.hears(TEN, 0)
    with pytest.raises(FetchFailed):
        await world.hears(FetchFailed("gone"), 1)
    assert world.refresh.refused is None


async def test_of_two_who_fetch_at_one_time_neither_forgets_what_the_other_saw(engine: Engine) -> None:
    world, other = World(engine), World(engine)
    await world.hears(TEN, 0)

    def be_quicker() -> None:
        world.meanwhile = lambda: None
        asyncio.run(other.hears(costing(9), 1))

    world.meanwhile = be_quicker
    assert await world.hears(costing(8), 2) is Outcome.NEW
    assert [cost["input"] for _, cost in world.costs("well-3")] == [4, 9, 8]
