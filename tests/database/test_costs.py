import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Engine

from fakes.books import NOON_US
from fakes.prices import A_CENT
from wellhead.cost import Costed, CostState
from wellhead.database import costs
from wellhead.database.engine import transaction, writing_connection


@pytest.fixture
def connection(engine: Engine) -> Iterator[sqlite3.Connection]:
    with closing(writing_connection(engine)) as made:
        yield made


def test_a_rate_has_one_number_however_often_it_is_used(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        first = costs.rate_id(connection, A_CENT, NOON_US)
        again = costs.rate_id(connection, A_CENT, NOON_US + 1)

    assert first == again
    assert connection.execute("SELECT count(*), min(first_used_us) FROM rates").fetchone() == (1, NOON_US)


def test_the_pricings_of_a_call_are_read_with_the_words_of_their_rates(
    connection: sqlite3.Connection, engine: Engine
) -> None:
    with transaction(connection):
        rate = costs.rate_id(connection, A_CENT, NOON_US)
        priced = Costed(CostState.PRICED, "settled", 7, A_CENT, "demo/small", "exact", ("odd", "very odd"))
        pending = Costed(CostState.PENDING, "no_price")
        costs.note(
            connection,
            [
                costs.audit_row(1, NOON_US, priced, {A_CENT.digest: rate}),
                costs.audit_row(2, NOON_US, pending, {}),
            ],
        )

    with engine.connect() as reading:
        (one,) = costs.audits_of(reading, 1)
        (other,) = costs.audits_of(reading, 2)
        assert costs.audits_of(reading, 3) == []
    assert (one["number"], one["cost_nanousd"], one["reason"], one["how"]) == (0, 7, "settled", "exact")
    assert (one["rate_key"], one["rate_source"], one["prices"]) == ("tests/a-cent", "tests", "{}")
    assert one["trouble"] == "odd; very odd"
    assert (other["cost_nanousd"], other["cost_state"], other["rate_key"]) == (None, "pending", None)
