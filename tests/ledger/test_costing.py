"""What calls cost when they end, and how that is on record."""

from fakes.books import a_settlement, rows_of
from fakes.desk import NOTHING_SAID, Desk
from fakes.prices import CENT


def test_a_call_is_priced_when_it_is_settled_and_its_pricing_is_on_record(priced: Desk) -> None:
    calls = [priced.call() for _ in range(3)]
    priced.open(*calls)
    priced.settle(*calls)
    priced.settle(*calls)

    row = priced.row(calls[0])
    (rate,) = rows_of(priced.engine, "rates")
    assert (row["cost_nanousd"], row["cost_state"], row["rate_id"]) == (200 * CENT, "priced", rate["id"])
    audits = rows_of(priced.engine, "cost_audits")
    assert [audit["call_id"] for audit in audits] == [call.id for call in calls]
    assert {(a["number"], a["reason"], a["cost_nanousd"], a["rate_id"]) for a in audits} == {
        (0, "settled", 200 * CENT, rate["id"])
    }
    (total,) = rows_of(priced.engine, "usage_total")
    assert (total["priced_calls"], total["cost_nanousd"]) == (3, 600 * CENT)


def test_a_call_without_a_price_waits_for_one_and_is_not_taken_to_be_free(priced: Desk) -> None:
    call = priced.call(model="unpriced")
    priced.open(call)
    priced.settle(call)

    row = priced.row(call)
    assert (row["cost_nanousd"], row["cost_state"], row["rate_id"]) == (None, "pending", None)
    (audit,) = rows_of(priced.engine, "cost_audits")
    assert (audit["reason"], audit["cost_nanousd"]) == ("no_price", None)


def test_what_the_provider_says_it_cost_counts(priced: Desk) -> None:
    call = priced.call()
    priced.open(call)
    priced.settle(call, end=a_settlement(cost_nanousd=7))

    assert (priced.row(call)["cost_nanousd"], priced.row(call)["cost_state"]) == (7, "priced")
    (audit,) = rows_of(priced.engine, "cost_audits")
    assert (audit["reason"], audit["rate_id"]) == ("reported", None)


def test_a_refused_call_and_one_without_usage_have_no_pricing(priced: Desk) -> None:
    priced.limit(1)
    call = priced.call()
    priced.open(call, priced.call())
    priced.settle(call, end=NOTHING_SAID)

    assert priced.row(call)["cost_state"] == "unpriceable"
    assert rows_of(priced.engine, "cost_audits") == []
