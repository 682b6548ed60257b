"""The books' side of the catalogue: calls in, costs and whole rates out."""

import hashlib
import json
from typing import Any

import pytest

from fakes.books import NOON_US, a_settlement, an_opening
from wellhead.cost import CostState
from wellhead.directory import ProviderType
from wellhead.moments import DAY_US
from wellhead.pricing.book import PriceBook
from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.overrides import from_entries
from wellhead.pricing.shipped import shipped
from wellhead.usage import Usage, UsageSource

PRICES = [
    {"model": "water", "input": 2, "output": 8, "since": "2025-03-01"},
    {"model": "water", "input": 1, "output": 4},
]
TYPES = {"local": ProviderType.OLLAMA}
USAGE = Usage(input_tokens=1_000, output_tokens=100, total_tokens=1_100)


def a_book(**more: Any) -> PriceBook:
    return PriceBook(Catalogue(shipped(), overrides=from_entries(PRICES).layer), TYPES, **more)


def test_a_call_is_priced_by_the_rate_of_its_day() -> None:
    end = a_settlement(usage=USAGE)
    today = a_book().price(an_opening(1, model="water", started_us=NOON_US), end)
    before = a_book().price(an_opening(1, model="water", started_us=NOON_US - DAY_US), end)

    assert today is not None
    assert before is not None
    # 1,000 at 2 USD and 100 at 8 USD per million; half of both before March.
    assert (today.nanousd, before.nanousd) == (2_800_000, 1_400_000)
    assert (today.state, today.reason, today.how) == (CostState.PRICED, "settled", "override")


def test_the_rate_is_kept_whole_and_named_by_its_content() -> None:
    book = a_book()
    first, again = (book.price(an_opening(n, model="water"), a_settlement(usage=USAGE)) for n in (1, 2))

    assert first is not None
    assert again is not None
    assert first.rate is not None
    assert first.rate is again.rate
    assert json.loads(first.rate.prices)["sheets"] == [
        {"above": -1, "prices": {"input": 2_000_000_000, "output": 8_000_000_000}}
    ]
    assert (first.rate.model, first.rate.since_us) == ("water", NOON_US - DAY_US // 2)
    assert len(first.rate.digest) == hashlib.sha256().digest_size
    anew = a_book().price(an_opening(1, model="water"), a_settlement(usage=USAGE))
    assert anew is not None
    assert anew.rate == first.rate


def test_all_shipped_rates_can_be_kept() -> None:
    book = PriceBook(Catalogue(shipped()), {})
    for model in ("gpt-5", "claude-sonnet-4-5", "gemini-2.5-pro", "deepseek-chat"):
        found = book.price(an_opening(1, model=model), a_settlement(usage=USAGE))
        assert found is not None
        assert found.rate is not None
        assert json.loads(found.rate.prices)["sheets"]


@pytest.mark.parametrize(
    ("model", "provider", "state", "nanousd", "reason"),
    [
        ("never heard of", "upstream", CostState.PENDING, None, "no_price"),
        ("never heard of", "local", CostState.PRICED, 0, "settled"),
        (None, "upstream", CostState.UNPRICEABLE, None, "no_model"),
    ],
)
def test_unknown_is_not_free_and_free_is_not_unknown(
    model: str | None, provider: str, state: CostState, nanousd: int | None, reason: str
) -> None:
    found = a_book().price(an_opening(1, model=model, provider=provider), a_settlement(usage=USAGE))

    assert found is not None
    assert (found.state, found.nanousd, found.reason) == (state, nanousd, reason)


def test_what_the_provider_says_counts_also_where_it_reported_no_usage() -> None:
    end = a_settlement(usage=Usage(), usage_source=UsageSource.ABSENT, cost_nanousd=5)
    found = a_book().price(an_opening(1, model="water"), end)

    assert found is not None
    assert (found.nanousd, found.reason) == (5, "reported")


def test_where_nothing_was_reported_there_is_nothing_to_price() -> None:
    end = a_settlement(usage=Usage(), usage_source=UsageSource.ABSENT)

    assert a_book().price(an_opening(1, model="water"), end) is None


def test_what_nobody_believes_stays_without_a_price() -> None:
    found = a_book(cost_max_nanousd=2_799_999).price(an_opening(1, model="water"), a_settlement(usage=USAGE))

    assert found is not None
    assert (found.state, found.nanousd, found.reason) == (CostState.PENDING, None, "guard")


def test_an_estimate_is_the_plain_price_of_all_tokens() -> None:
    book = a_book()

    assert book.estimate(an_opening(1, model="water"), 1_000, 100) == 2_800_000
    assert book.estimate(an_opening(1, model="never heard of"), 1_000, 100) is None
    assert book.estimate(an_opening(1, model=None), 1_000, 100) is None
    assert book.estimate(an_opening(1, model="anything", provider="local"), 1_000, 100) == 0
