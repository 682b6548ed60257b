"""Calls without a price are looked at again when they may have one now."""

from collections.abc import Callable

import pytest

from fakes.books import NOON_US
from fakes.control import silent_log
from wellhead.errors import BooksUnavailable
from wellhead.jobs.backfill import OVERLAP_US, CostBackfill, figures
from wellhead.ledger.repricing import Repricing
from wellhead.moments import DAY_US, HOUR_US


class World:
    """Notes what is looked at."""

    def __init__(self) -> None:
        self.now_us = NOON_US
        self.list = 1
        self.looks: list[tuple[int, int]] = []
        self.answer: Repricing | Exception = Repricing()
        self.job = CostBackfill(
            self.backfill,
            lambda: self.list,
            lookback_us=7 * DAY_US,
            now_us=lambda: self.now_us,
            log=silent_log(),
        )

    def backfill(self, since_us: int, until_us: int, is_ending: Callable[[], bool]) -> Repricing:
        assert not is_ending()
        self.looks.append((since_us, until_us))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def look(self, hours_later: int) -> int:
        """Says how long before now the look began."""
        self.now_us += hours_later * HOUR_US
        await self.job.run()
        since_us, until_us = self.looks[-1]
        assert until_us == self.now_us
        return until_us - since_us


async def test_the_first_look_goes_all_the_way_back_and_the_next_only_to_the_last() -> None:
    world = World()
    assert await world.look(0) == 7 * DAY_US
    assert await world.look(5) == 5 * HOUR_US + OVERLAP_US
    assert await world.look(5) == 5 * HOUR_US + OVERLAP_US


async def test_after_a_pause_that_is_longer_it_goes_no_further_back_than_always() -> None:
    world = World()
    await world.look(0)
    assert await world.look(24 * 30) == 7 * DAY_US


async def test_with_a_new_list_all_are_looked_at_again() -> None:
    world = World()
    await world.look(0)
    world.list = 2
    assert await world.look(1) == 7 * DAY_US
    assert await world.look(1) == HOUR_US + OVERLAP_US


async def test_what_was_not_looked_at_to_the_end_is_looked_at_again() -> None:
    world = World()
    world.answer = Repricing(is_whole=False)
    await world.look(0)
    assert await world.look(1) == 7 * DAY_US
    world.answer = BooksUnavailable("gone")
    with pytest.raises(BooksUnavailable):
        await world.look(1)
    world.answer = Repricing()
    assert await world.look(1) == 7 * DAY_US
    assert await world.look(1) == HOUR_US + OVERLAP_US


def test_the_figures_have_the_names_of_the_event() -> None:
    told = Repricing(scanned=5, updated=4, ok=3, pending=2, unsupported=1)
    assert figures(told) == {"scanned": 5, "updated": 4, "ok": 3, "pending": 2, "unsupported": 1}
