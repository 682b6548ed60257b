import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from fakes.books import NOON_US, a_settlement, an_opening
from fakes.prices import A_CENT
from wellhead.cost import Costed, CostedStep, CostState
from wellhead.database import calls, costs
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


LISTED = replace(A_CENT, digest=b"l" * 32, key="tests/0.1:demo/small", provider="demo", model="small")
OWN = replace(A_CENT, digest=b"o" * 32, key="local:den", source="local", provider="den", model="tiny")
PLAIN = {
    "by a list": Costed(CostState.PRICED, "settled", 7, LISTED, "demo/small", "exact"),
    "of one's own": Costed(CostState.PRICED, "settled", 0, OWN, "local:den", "exact"),
}
A_STEP = CostedStep("message", None, {}, LISTED, "exact", 7)


@pytest.mark.parametrize("costed", PLAIN.values(), ids=PLAIN)
def test_a_plain_pricing_is_told_without_a_record_as_it_would_be_with_one(
    connection: sqlite3.Connection, engine: Engine, costed: Costed
) -> None:
    assert costs.is_plain(costed)
    assert costed.rate is not None
    with transaction(connection):
        rate = costs.rate_id(connection, costed.rate, NOON_US)
        end = a_settlement(cost_nanousd=costed.nanousd, cost_state=costed.state, rate_id=rate)
        openings = [an_opening(number) for number in (1, 2, 3)]
        calls.insert(connection, calls.pending_rows(1, openings))
        calls.settle(connection, calls.settled_rows([(opening, end) for opening in openings]))
        row = costs.audit_row(1, end.finished_us, costed, {costed.rate.digest: rate})
        costs.note(connection, [row])
        costs.write_out(connection, [1, 2])

    with engine.connect() as reading:
        recorded, written_out, unrecorded = (costs.audits_of(reading, number) for number in (1, 2, 3))
    assert [audit["cost_nanousd"] for audit in recorded] == [costed.nanousd]
    assert recorded == written_out == unrecorded
    assert connection.execute("SELECT call_id FROM cost_audits ORDER BY 1").fetchall() == [(1,), (2,)]


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "reported"},
        {"how": "alias"},
        {"model": "demo/large"},
        {"trouble": ("odd",)},
        {"steps": (A_STEP,)},
        {"rate": None},
        {"rate": replace(LISTED, provider=None)},
        {"state": CostState.PENDING, "nanousd": None, "reason": "no_price"},
    ],
)
def test_a_pricing_with_something_to_tell_has_a_record(change: dict[str, object]) -> None:
    assert not costs.is_plain(replace(PLAIN["by a list"], **change))


def test_a_call_without_a_price_has_nothing_to_write_out(
    connection: sqlite3.Connection, engine: Engine
) -> None:
    with transaction(connection):
        calls.insert(connection, calls.pending_rows(1, [an_opening(1)]))
        calls.settle(connection, calls.settled_rows([(an_opening(1), a_settlement())]))
        costs.write_out(connection, [1])
    with engine.connect() as reading:
        assert costs.audits_of(reading, 1) == []
