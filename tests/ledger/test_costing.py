"""What calls cost when they end, and how that is on record."""

import pytest
from sqlalchemy import Engine

from fakes.books import a_settlement, an_opening, rows_of
from fakes.desk import HERE, NOTHING_SAID, Clock, Desk
from fakes.prices import CENT
from wellhead.database.costs import Chosen
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.repricing import BACKFILL, Repricer
from wellhead.ledger.rules import Rules
from wellhead.money import STATED_NANOUSD_MAX
from wellhead.pricing.book import PriceBook
from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.overrides import from_entries
from wellhead.pricing.shipped import shipped


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


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (-1_000_000_000, "-1"),
        (2_000_000_000_000_000, "2000000"),
        (STATED_NANOUSD_MAX, "1000000000"),
        (-STATED_NANOUSD_MAX, "-1000000000"),
    ],
)
def test_what_a_provider_says_and_nobody_believes_waits_for_a_price_from_a_list(
    engine: Engine, clock: Clock, stated: int, told: str
) -> None:
    said: list[tuple[str, dict[str, object]]] = []

    def say(event: str, /, **facts: object) -> None:
        said.append((event, facts))

    entries = from_entries([{"model": "demo-large", "input": 1, "output": 2}])
    prices = PriceBook(Catalogue(shipped(), overrides=entries.layer), {})
    clerk = Clerk(engine, clock.now_us, HERE, Rules(prices=prices), say)
    clerk.sign_on()
    call = an_opening(clerk.next_id(), started_us=clock.us)
    clerk.book([call], [])
    clerk.book([], [(call, a_settlement(finished_us=clock.us, cost_nanousd=stated))])
    clerk.sign_off()

    (row,) = rows_of(engine, "calls")
    assert (row["cost_nanousd"], row["cost_state"]) == (None, "pending")
    (audit,) = rows_of(engine, "cost_audits")
    assert (audit["reason"], audit["cost_state"], audit["cost_nanousd"]) == ("guard", "pending", None)
    assert audit["trouble"] == f"reported_usd:{told}"
    about = {"call_id": call.id, "provider": call.provider, "model": "demo-large"}
    assert ("cost.guard", {**about, "raw_cost": told}) in said

    pending = Chosen(0, 2**62, only_pending=True)
    Repricer(engine, prices, now_us=clock.now_us, rest=lambda _: None).run(pending, BACKFILL)
    (row,) = rows_of(engine, "calls")
    # 120 tokens at 1 USD and 80 at 2 USD per million.
    assert (row["cost_nanousd"], row["cost_state"]) == (280_000, "priced")
    assert [one["reason"] for one in rows_of(engine, "cost_audits")] == ["guard", "backfill"]


def test_without_a_price_list_a_cost_that_cannot_be_is_none(desk: Desk) -> None:
    calls = [desk.call() for _ in range(3)]
    desk.open(*calls)
    for call, stated in zip(calls, (-1, STATED_NANOUSD_MAX, 7), strict=True):
        desk.settle(call, end=a_settlement(cost_nanousd=stated))

    found = [(row["cost_nanousd"], row["cost_state"]) for row in map(desk.row, calls)]
    assert found == [(None, "pending"), (None, "pending"), (7, "priced")]
