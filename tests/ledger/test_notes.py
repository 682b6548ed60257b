"""What is written down along with batches."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Engine

from fakes.books import NOON_US, an_opening, rows_of
from wellhead.database.engine import transaction, writing_connection
from wellhead.ledger.gauges import WRITE_US, Gauges
from wellhead.ledger.notes import KEY_USE_US, Notes
from wellhead.ledger.say import say_nothing
from wellhead.quota import Gauge


@pytest.fixture
def connection(engine: Engine) -> Iterator[sqlite3.Connection]:
    with closing(writing_connection(engine)) as made:
        yield made


def used(engine: Engine) -> dict[int, int]:
    return {row["key_id"]: row["last_used_us"] for row in rows_of(engine, "key_use")}


def test_a_key_that_is_used_all_the_time_is_written_down_once_a_second(
    connection: sqlite3.Connection, engine: Engine
) -> None:
    notes = Notes(Gauges(), say_nothing)
    calls = [an_opening(1, key_id=7), an_opening(2, key_id=7), an_opening(3)]
    for after_us in (0, 1, KEY_USE_US - 1):
        with transaction(connection):
            noted = notes.write(connection, calls, NOON_US + after_us)
        notes.wrote(noted)
    assert used(engine) == {7: NOON_US}
    with transaction(connection):
        notes.write(connection, [*calls, an_opening(4, key_id=8)], NOON_US + KEY_USE_US)
    assert used(engine) == {7: NOON_US + KEY_USE_US, 8: NOON_US + KEY_USE_US}


def test_what_was_taken_back_with_its_batch_is_written_with_the_next(
    connection: sqlite3.Connection, engine: Engine
) -> None:
    gauges = Gauges()
    gauges.note("openai", [Gauge("requests", NOON_US, remaining=5)])
    notes = Notes(gauges, say_nothing)
    with pytest.raises(RuntimeError), transaction(connection):
        notes.write(connection, [an_opening(1, key_id=7)], NOON_US)
        raise RuntimeError
    assert (used(engine), rows_of(engine, "quota_gauges")) == ({}, [])

    with transaction(connection):
        noted = notes.write(connection, [an_opening(1, key_id=7)], NOON_US + 1)
    notes.wrote(noted)
    assert used(engine) == {7: NOON_US + 1}
    assert [row["remaining"] for row in rows_of(engine, "quota_gauges")] == [5]
    with transaction(connection):
        assert notes.write(connection, (), NOON_US + 1 + WRITE_US).gauges == {}
