"""What the operator writes is taken exactly; a mistake is told and harms nothing else."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import yaml

from fakes.rates import NOW, a_layer, a_rate
from wellhead.pricing import overrides
from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.overrides import Overrides, aliases_from_json, both, from_entries, from_json
from wellhead.pricing.quote import quote
from wellhead.pricing.rates import Family, Kind, Rate
from wellhead.usage import Usage


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def rate_of(found: Overrides, model: str, provider: str = "shop", at_us: int = NOW) -> Rate:
    assert not found.problems
    match = Catalogue(a_layer(), overrides=found.layer).match(provider, model, at_us)
    assert match is not None
    assert match.how == "override"
    return match.rate


def test_the_json_of_agent_cli_proxy_is_read() -> None:
    found = from_json(
        '{"gpt-5.4": {"input": 2.5, "output": 15, "cache_read": 0.25},'
        ' "kimi-k2": {"input": 0.4, "output": 2.5, "cache_read": 0.4, "cache_write": 1, "reasoning": 3}}'
    )
    assert rate_of(found, "gpt-5.4").prices == {
        Kind.INPUT: 2_500_000_000,
        Kind.OUTPUT: 15_000_000_000,
        Kind.CACHE_READ: 250_000_000,
    }
    assert rate_of(found, "kimi-k2").prices[Kind.REASONING] == 3_000_000_000
    assert rate_of(found, "kimi-k2").source == "operator"


def test_the_example_of_the_manual_is_read() -> None:
    text = (overrides.__doc__ or "").partition("prices:\n")[2].partition("\n\n")[0]
    found = from_entries(yaml.safe_load("prices:\n" + text)["prices"])
    assert not found.problems
    catalogue = Catalogue(a_layer(), overrides=found.layer)
    assert catalogue.match("my-reseller", "claude-opus-4-5", us("2026-10-31T23:59:59")) is None
    assert catalogue.match("elsewhere", "claude-opus-4-5", NOW) is None
    rate = rate_of(found, "claude-opus-4-5-20251101", "My-Reseller")
    assert rate.family is Family.ANTHROPIC
    assert rate.key == "operator:my-reseller/claude-opus-4-5@2026-11-01T00:00Z"
    assert rate.prices[Kind.INPUT] == 4_500_000_000
    assert rate.context[0].above == 200_000
    assert rate.context[0].prices[Kind.INPUT] == 9_000_000_000
    assert rate.context[0].prices[Kind.OUTPUT] == 22_500_000_000
    small = Usage(input_tokens=1000, output_tokens=100, web_searches=1)
    # 1000 * 4.5 + 100 * 22.5 + 0.01 USD; and in the tier 1000 * 9 + 100 * 45 + 0.01 USD.
    usual, prior = quote(small, rate), quote(small, rate, tier="priority")
    assert usual is not None
    assert prior is not None
    assert usual.nanousd == 4_500_000 + 2_250_000 + 10_000_000
    assert prior.nanousd == 9_000_000 + 4_500_000 + 10_000_000


def test_the_latest_price_that_has_begun_counts() -> None:
    found = from_entries(
        [
            {"model": "m", "input": 3, "output": 3, "since": datetime(2026, 3, 1, 12, tzinfo=UTC)},
            {"model": "m", "input": 1, "output": 1},
            {"model": "M", "input": 2, "output": 2, "since": date(2026, 2, 1)},
            {"model": "m", "input": 4, "output": 4, "since": "2026-04-01T02:00:00+02:00"},
        ]
    )
    days = ("2020-01-01", "2026-02-01", "2026-03-01T11:59:59", "2026-03-01T12:00", "2026-04-01")
    dollars = [rate_of(found, "m", at_us=us(day)).prices[Kind.INPUT] // 10**9 for day in days]
    assert dollars == [1, 2, 2, 3, 4]
    first = rate_of(found, "m", at_us=0)
    assert (first.since_us, first.until_us) == (None, us("2026-02-01"))


def test_a_providers_price_comes_before_the_one_for_all() -> None:
    found = from_entries(
        [
            {"model": "m", "input": 1, "output": 1},
            {"model": "m", "provider": "gemini", "input": 2, "output": 2},
        ]
    )
    assert rate_of(found, "m", "gemini").prices[Kind.INPUT] == 2 * 10**9
    assert rate_of(found, "m", "upstream").prices[Kind.INPUT] == 10**9


def test_fees_are_written_in_the_units_people_use() -> None:
    found = from_entries(
        [{"model": "m", "per_call": 0.005, "per_audio_hour": "0.36", "per_1000_searches": 10}]
    )
    prices = rate_of(found, "m").prices
    assert prices == {Kind.CALL: 5 * 10**12, Kind.AUDIO_SECOND: 10**11, Kind.WEB_SEARCH: 10**13}
    # 0.005 + half an hour at 0.36
    usage = Usage(input_tokens=7, output_tokens=7, audio_ms=1_800_000)
    quoted = quote(usage, rate_of(found, "m"))
    assert quoted is not None
    assert quoted.nanousd == 5_000_000 + 180_000_000


def test_an_hours_price_is_rounded_half_up() -> None:
    # 0.2 USD an hour is 55.555_555_555_6 USD for a million seconds.
    found = from_entries([{"model": "m", "per_audio_hour": "0.2"}])
    assert rate_of(found, "m").prices[Kind.AUDIO_SECOND] == 55_555_555_556


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        (7, ""),
        ({"input": 1, "output": 1}, ".model"),
        ({"model": " ", "input": 1, "output": 1}, ".model"),
        ({"model": "m"}, ""),
        ({"model": "m", "input": 1}, ""),
        ({"model": "m", "input": -1, "output": 1}, ".input"),
        ({"model": "m", "input": "cheap", "output": 1}, ".input"),
        ({"model": "m", "input": True, "output": 1}, ".input"),
        ({"model": "m", "input": float("nan"), "output": 1}, ".input"),
        ({"model": "m", "input": 1, "output": 1, "inptu": 1}, ".inptu"),
        ({"model": "m", "input": 1, "output": 1, "since": "soon"}, ".since"),
        ({"model": "m", "input": 1, "output": 1, "since": 7}, ".since"),
        ({"model": "m", "input": 1, "output": 1, "context": 7}, ".context"),
        ({"model": "m", "input": 1, "output": 1, "context": [{"input": 1}]}, ".context[0]"),
        ({"model": "m", "input": 1, "output": 1, "context": [{"above": 2}, {"above": 1}]}, ".context[1]"),
        ({"model": "m", "input": 1, "output": 1, "context": [{"above": 2, "x": 1}]}, ".context[0].x"),
        ({"model": "m", "input": 1, "output": 1, "tiers": []}, ".tiers"),
        ({"model": "m", "input": 1, "output": 1, "tiers": {"flex": 1}}, ".tiers.flex"),
        ({"model": "good", "input": 5, "output": 1}, ""),
    ],
)
def test_an_entry_with_a_mistake_is_left_out_and_told(entry: Any, where: str) -> None:
    found = from_entries([{"model": "good", "input": 1, "output": 1}, entry])
    assert [problem.path for problem in found.problems] == [f"prices[1]{where}"]
    assert found.layer.find("", "good") is not None
    assert found.layer.find("", "m") is None


@pytest.mark.parametrize("text", ["", "[]", "{", "7", "null"])
def test_settings_that_are_no_json_object_are_told(text: str) -> None:
    assert [p.path for p in from_json(text).problems] == ["PRICING_OVERRIDES_JSON"]
    assert [p.path for p in aliases_from_json(text)[1]] == ["PRICING_ALIASES_JSON"]


def test_a_mistake_in_the_json_names_the_model() -> None:
    found = from_json('{"a": {"input": 1}, "b": 7, "c": {"input": 1, "output": 1}}')
    assert [p.path for p in found.problems] == [
        "PRICING_OVERRIDES_JSON['a']",
        "PRICING_OVERRIDES_JSON['b']",
    ]
    assert found.layer.find("", "c") is not None


def test_aliases_are_read_and_compared_in_one_spelling() -> None:
    aliases, problems = aliases_from_json('{"My_Model": " gpt-5 ", "x": 7, "": "gpt-5"}')
    assert aliases == {"my-model": "gpt-5"}
    assert [p.path for p in problems] == ["PRICING_ALIASES_JSON['x']", "PRICING_ALIASES_JSON['']"]


def test_of_two_forms_the_stronger_counts_and_the_other_stays_for_the_rest() -> None:
    ours = from_entries([{"model": "m", "input": 1, "output": 1}]).layer
    theirs = from_json('{"m": {"input": 2, "output": 2}, "n": {"input": 3, "output": 3}}').layer
    catalogue = Catalogue(a_layer(shop={"m": a_rate(input="9", output="9")}), overrides=both(ours, theirs))
    for model, usd in (("m", 1), ("n", 3)):
        match = catalogue.match("shop", model, NOW)
        assert match is not None
        assert match.rate.prices[Kind.INPUT] == usd * 10**9
