"""Tiers cost what somebody published, or have no price."""

from dataclasses import replace

import pytest

from fakes.rates import DAY, NOW, a_rate
from wellhead.pricing.rates import Family, Kind, Rate, Sheet, TierSheets
from wellhead.pricing.tiers import in_geography, scaled, sheets_of, tier_of

RATE = a_rate({200_000: {"input": "6"}}, input="3", output="15", web_search="10000")


def input_price(sheets: tuple[Sheet, ...] | None) -> int:
    assert sheets is not None
    return sheets[0].prices[Kind.INPUT]


@pytest.mark.parametrize(
    "stated", [None, "", "auto", "default", "standard", "on_demand", "ON_DEMAND", "Standard"]
)
def test_the_usual_tier_has_many_names(stated: str | None) -> None:
    assert tier_of(stated) is None


def test_tiers_have_one_name_each() -> None:
    assert tier_of("FLEX") == tier_of("ON_DEMAND_FLEX") == "flex"
    assert tier_of("priority") == tier_of("ON_DEMAND_PRIORITY") == "priority"
    assert tier_of("standard", speed="fast") == "fast"
    assert tier_of("batch", speed="standard") == "batch"


def test_a_tiers_own_prices_count_from_their_day_on() -> None:
    first, second = (Sheet(-1, {Kind.INPUT: 1}),), (Sheet(-1, {Kind.INPUT: 2}),)
    rate = replace(RATE, tiers={"priority": (TierSheets(NOW, first), TierSheets(NOW + DAY, second))})
    assert sheets_of(rate, "priority", NOW - 1) is None
    assert sheets_of(rate, "priority", NOW) == first
    assert sheets_of(rate, "priority", NOW + DAY) == second
    assert sheets_of(rate, "priority") == second


def test_rules_fill_in_where_a_provider_states_one() -> None:
    def of(provider: str, tier: str, model: str = "a-model") -> tuple[Sheet, ...] | None:
        return sheets_of(replace(RATE, provider=provider, model=model), tier, NOW)

    assert input_price(of("openai", "flex")) == 1_500_000_000
    assert input_price(of("anthropic", "batch")) == 1_500_000_000
    assert input_price(of("groq", "flex")) == 3_000_000_000
    assert input_price(of("anthropic", "fast", "claude-opus-4-6")) == 18_000_000_000
    for provider, tier in (
        ("openai", "priority"),
        ("openai", "scale"),
        ("anthropic", "priority"),
        ("x-ai", "flex"),
    ):
        assert of(provider, tier) is None


def test_only_prices_of_tokens_change_and_all_sizes_do() -> None:
    half = scaled(RATE.sheets, (1, 2))
    assert [sheet.prices[Kind.INPUT] for sheet in half] == [1_500_000_000, 3_000_000_000]
    assert {sheet.prices[Kind.WEB_SEARCH] for sheet in half} == {10**13}
    assert [sheet.above for sheet in half] == [-1, 200_000]


def test_places_cost_more_with_anthropic_and_are_unknown_elsewhere() -> None:
    claude = replace(RATE, family=Family.ANTHROPIC)
    assert input_price(in_geography(claude, claude.sheets, "us")) == 3_300_000_000
    for anywhere in (None, "", "global", "not_available"):
        assert in_geography(claude, claude.sheets, anywhere) is claude.sheets
    assert in_geography(claude, claude.sheets, "eu") is None
    assert in_geography(RATE, RATE.sheets, "us") is None


def test_what_is_free_is_free_in_every_tier_and_place() -> None:
    free: Rate = a_rate(input="0", output="0")
    assert sheets_of(free, "priority", NOW) == free.sheets
    assert in_geography(free, free.sheets, "moon") == free.sheets
