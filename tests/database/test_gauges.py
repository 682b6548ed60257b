import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Engine

from fakes.books import NOON_US, rows_of
from wellhead.database import gauges
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.gauges import GAUGES_MAX, KEPT_US
from wellhead.quota import AccountGauge, Gauge

WHOLE = Gauge("codex_primary", NOON_US, 0.42, 100, 58, NOON_US + 1, 18_000, "allowed", "ann")


@pytest.fixture
def connection(engine: Engine) -> Iterator[sqlite3.Connection]:
    with closing(writing_connection(engine)) as made:
        yield made


def keep(connection: sqlite3.Connection, *told: Gauge, now_us: int = NOON_US) -> int:
    with transaction(connection):
        places = {("openai", one.account or "", one.name): one for one in told}
        return gauges.keep(connection, places, now_us)


def test_a_gauge_comes_back_as_it_was_told(connection: sqlite3.Connection, engine: Engine) -> None:
    nameless = Gauge("requests", NOON_US, remaining=3)
    keep(connection, WHOLE, nameless)

    with engine.connect() as reading:
        assert gauges.listed(reading) == [AccountGauge("openai", nameless), AccountGauge("openai", WHOLE)]


def test_an_older_value_never_replaces_a_newer_one(connection: sqlite3.Connection, engine: Engine) -> None:
    for at_us, remaining in ((5, 50), (4, 40), (5, 51), (3, 30)):
        keep(connection, Gauge("requests", at_us, remaining=remaining))

    (row,) = rows_of(engine, "quota_gauges")
    assert (row["at_us"], row["remaining"]) == (5, 51)


def test_there_are_only_so_many_gauges_and_what_is_known_goes_on(
    connection: sqlite3.Connection, engine: Engine
) -> None:
    many = [Gauge("requests", NOON_US, account=f"a{number:04}") for number in range(GAUGES_MAX + 9)]

    assert keep(connection, *many) == 9
    assert keep(connection, *many[:3], Gauge("tokens", NOON_US), now_us=NOON_US + 1) == 1
    assert len(rows_of(engine, "quota_gauges")) == GAUGES_MAX


def test_what_nobody_told_of_for_a_week_makes_room(connection: sqlite3.Connection, engine: Engine) -> None:
    later_us = NOON_US + KEPT_US + 1
    keep(connection, *(Gauge("requests", NOON_US, account=f"a{number}") for number in range(GAUGES_MAX)))

    assert keep(connection, Gauge("tokens", later_us), now_us=later_us) == 0
    assert [row["name"] for row in rows_of(engine, "quota_gauges")] == ["tokens"]
