"""What a control process does in the background, put together from the settings."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from fakes.books import books_on_disk
from fakes.control import silent_log
from wellhead.background import LoopState
from wellhead.clock import wall_us
from wellhead.compose_loops import ControlLoops
from wellhead.config.settings import Settings
from wellhead.database import price_lists
from wellhead.directory import Directory
from wellhead.moments import HOUR_US
from wellhead.pricing import models_dev

NOBODY_THERE = "http://127.0.0.1:1/api.json"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = books_on_disk(tmp_path)
    yield made
    made.dispose()


async def begun(engine: Engine, **pricing: Any) -> dict[str, LoopState]:
    """The loops of a process that has just begun, by their names."""
    settings = Settings(database=str(engine.url))
    settings = replace(settings, pricing=replace(settings.pricing, **{"source_url": NOBODY_THERE, **pricing}))
    loops = ControlLoops(settings, Directory(), engine, wall_us, silent_log())
    assert loops.told().loops() == ()
    await loops.start()
    while not all(state.next_run_us or state.last_run_us for state in loops.told().loops()):
        await asyncio.sleep(0)
    states = {state.name: state for state in loops.told().loops()}
    await loops.end()
    return states


def fetched(engine: Engine, hours_ago: float) -> None:
    at_us = wall_us() - round(hours_ago * HOUR_US)
    document = {"openai": {"models": {"well-1": {"cost": {"input": 1, "output": 2}}}}}
    said = msgspec.json.encode(models_dev.with_list(None, document, at_us))
    assert price_lists.keep(engine, "models.dev", bytes(32), said, at_us, after=None)


async def test_what_is_switched_off_is_no_loop(engine: Engine) -> None:
    assert list(await begun(engine, refresh_interval_s=0, backfill_interval_s=0)) == ["days-closing"]
    assert list(await begun(engine, refresh_interval_s=0)) == ["cost-backfill", "days-closing"]
    assert list(await begun(engine, backfill_interval_s=0)) == ["pricing-refresh", "days-closing"]


@pytest.mark.parametrize(
    ("hours_ago", "first_hours"), [(None, 0), (1, 5), (5.5, 0.5), (6.5, 0), (1000, 0), (-1, 6)]
)
async def test_a_list_is_fetched_at_the_start_only_if_it_is_old(
    engine: Engine, hours_ago: float | None, first_hours: float
) -> None:
    if hours_ago is not None:
        fetched(engine, hours_ago)
    before_us = wall_us()
    state = (await begun(engine, refresh_interval_s=6 * 3600))["pricing-refresh"]
    begins_us = state.last_run_us if state.last_run_us is not None else state.next_run_us
    assert begins_us is not None
    assert abs(begins_us - before_us - first_hours * HOUR_US) < 5_000_000


async def test_it_begins_with_the_newest_list_and_tells_of_it(engine: Engine) -> None:
    fetched(engine, 1)
    loops = ControlLoops(Settings(database=str(engine.url)), Directory(), engine, wall_us, silent_log())
    await loops.start()
    told = loops.told()
    await loops.end()
    assert told.book.match("openai", "well-1", wall_us()) is not None
    latest = told.refreshing().latest
    assert latest is not None
    assert (latest.id, told.refreshing().interval_s) == (1, 21_600)
