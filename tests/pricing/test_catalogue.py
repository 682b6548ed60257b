"""The right seller's price, by the surest way to it, and never somebody else's nothing."""

import time
from dataclasses import replace

import pytest

from fakes.rates import DAY, NOW, a_catalogue, a_layer, a_rate
from wellhead.pricing.catalogue import REMEMBERED_MAX, Catalogue, Match
from wellhead.pricing.layer import Layer, shelf
from wellhead.pricing.names import SELLERS, is_local, maker, seller, undated
from wellhead.pricing.overrides import BUILT_IN_ALIASES, from_json
from wellhead.pricing.rates import Kind, Listing, Rate
from wellhead.pricing.shipped import shipped

SHIPPED = Catalogue(shipped(), aliases=BUILT_IN_ALIASES)
FREE = a_rate(input="0", output="0")
CHEAP = a_rate(input="1", output="2")
DEAR = a_rate(input="3", output="15")


def found(catalogue: Catalogue, provider: str, model: str, at_us: int = NOW) -> Match:
    match = catalogue.match(provider, model, at_us)
    assert match is not None, f"{provider} {model}"
    return match


@pytest.mark.parametrize(
    ("provider", "model", "key", "how"),
    [
        ("openai", "gpt-5", "openai/gpt-5", "exact"),
        ("openai", "gpt-5-2025-08-07", "openai/gpt-5", "exact"),
        ("openai", "openai/gpt-5", "openai/gpt-5", "exact"),
        ("openai", "GPT-5 Mini", "openai/gpt-5-mini", "normalized"),
        ("openai", "gpt-5.2-20251211", "openai/gpt-5.2", "dated"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:us::x", "openai/ft:gpt-4o-mini", "alias"),
        ("openai", "gpt-5-mini-2027-01-01", "openai/gpt-5-mini", "dated"),
        ("anthropic", "claude-sonnet-4-5", "anthropic/claude-sonnet-4-5", "exact"),
        ("anthropic", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5", "dated"),
        ("anthropic", "claude-opus-4.5", "anthropic/claude-opus-4-5", "alias"),
        ("gemini", "gemini-2.5-pro", "google/gemini-2.5-pro", "exact"),
        ("gemini", "models/gemini-2.5-pro", "google/gemini-2.5-pro", "exact"),
        (
            "vertex",
            "publishers/anthropic/models/claude-opus-4-5@20251101",
            "google/claude-opus-4-5",
            "alias",
        ),
        ("xai", "grok-4", "x-ai/grok-4-0709", "exact"),
        ("mistral", "mistral-large-latest", "mistral/mistral-large", "exact"),
        ("groq", "openai/gpt-oss-120b", "groq/openai/gpt-oss-120b", "exact"),
        ("openrouter", "anthropic/claude-sonnet-4.5", "openrouter/anthropic/claude-sonnet-4.5", "exact"),
        ("deepseek", "deepseek-chat", "deepseek/deepseek-chat", "exact"),
        ("azure", "gpt-5-mini", "openai/gpt-5-mini", "exact"),
        # Proxies that no list knows, and providers that were pointed at one: by the maker.
        ("upstream", "gpt-5", "openai/gpt-5", "exact"),
        ("cliproxy", "claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5", "dated"),
        ("upstream", "openai/gpt-5", "openai/gpt-5", "exact"),
        (
            "upstream",
            "openrouter/anthropic/claude-sonnet-4.5",
            "openrouter/anthropic/claude-sonnet-4.5",
            "exact",
        ),
        ("openai", "claude-sonnet-4-5", "anthropic/claude-sonnet-4-5", "exact"),
        ("upstream", "kimi-k2.6", "moonshotai/kimi-k2.6", "exact"),
        ("upstream", "kimi-for-coding", "moonshotai/kimi-k2", "alias"),
        ("upstream", "glm-4.6", "zai/GLM-4.6", "exact"),
        ("upstream", "grok-4", "x-ai/grok-4-0709", "exact"),
        ("upstream", "gemini-2.5-flash", "google/gemini-2.5-flash", "exact"),
        ("upstream", "MiniMax-M2", "minimax/MiniMax-M2", "exact"),
        # GitHub includes this model in its subscription; that says nothing about a proxy's.
        ("upstream", "github-copilot/gpt-4o", "openai/gpt-4o", "exact"),
        # The last resort.
        ("upstream", "team-gpt-4o-mini-blue", "openai/gpt-4o-mini", "fuzzy"),
        ("ollama", "llama3.2", "local:ollama", "exact"),
        ("vllm", "Qwen/Qwen3-32B", "local:vllm", "exact"),
    ],
)
def test_models_are_found_in_what_is_shipped(provider: str, model: str, key: str, how: str) -> None:
    match = found(SHIPPED, provider, model)
    assert (match.key, match.how) == (key, how)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("upstream", "qwen/qwen3-32b"),  # anybody serves it, at any price
        ("upstream", "gpt-oss-120b"),
        ("upstream", "gemma-3-27b-it"),
        ("openai", "ft:gpt-5-2025-08-07:us::x"),  # tuned models cost something else
        ("openai", "gpt-99"),
        ("anthropic", "claude-opus-99"),
        ("ollama", "gpt-oss:120b-cloud"),  # passed on to somebody who charges
        ("upstream", "unknown"),
        ("upstream", " "),
        ("upstream", "x" * 1000),
    ],
)
def test_what_nobody_knows_the_price_of_has_none(provider: str, model: str) -> None:
    assert SHIPPED.match(provider, model, NOW) is None


def test_a_providers_own_price_comes_before_the_makers() -> None:
    catalogue = a_catalogue(openai={"gpt-5": DEAR}, shop={"gpt-5": CHEAP})
    assert found(catalogue, "shop", "gpt-5").rate is CHEAP
    assert found(catalogue, "openai", "gpt-5").rate is DEAR
    assert found(catalogue, "elsewhere", "gpt-5").rate is DEAR


def test_a_reseller_that_gives_it_away_is_only_heeded_where_it_was_called() -> None:
    catalogue = a_catalogue(openai={"gpt-5": DEAR}, shop={"gpt-5": FREE})
    assert found(catalogue, "shop", "gpt-5").rate is FREE
    assert found(catalogue, "elsewhere", "shop/gpt-5").rate is DEAR
    assert found(catalogue, "elsewhere", "gpt-5").rate is DEAR


def test_a_model_that_is_free_by_name_is_free_through_a_proxy_too() -> None:
    catalogue = a_catalogue(openrouter={"x/y:free": FREE})
    assert found(catalogue, "elsewhere", "openrouter/x/y:free").rate is FREE


def test_a_guess_takes_the_longest_name_and_nothing_short_or_free() -> None:
    names = {"gpt-4o-mini": CHEAP, "gpt-4o": DEAR, "gpt-4o-mini-free": FREE, "blue": CHEAP}
    catalogue = a_catalogue(openai=names)
    assert found(catalogue, "elsewhere", "the-gpt-4o-mini-free-one").key == "openai/gpt-4o-mini"
    assert found(catalogue, "elsewhere", "the-gpt-4o-one").key == "openai/gpt-4o"
    assert catalogue.match("elsewhere", "the-blue-one", NOW) is None


def test_a_local_provider_is_priced_at_nothing_unless_the_operator_says_otherwise() -> None:
    overrides = from_json('{"llama3.2": {"input": 0.1, "output": 0.2}}').layer
    catalogue = Catalogue(shipped(), overrides=overrides)
    match = catalogue.match("my-gpu", "gpt-oss:20b", NOW, local=True)
    assert match is not None
    assert match.rate.is_free
    assert (match.rate.source, match.how) == ("local", "exact")
    assert catalogue.match("my-gpu", "gpt-oss:20b", NOW) is None
    match = catalogue.match("my-gpu", "llama3.2", NOW, local=True)
    assert match is not None
    assert match.rate.prices == {Kind.INPUT: 10**8, Kind.OUTPUT: 2 * 10**8}


def test_what_the_operator_says_wins_over_every_list() -> None:
    overrides = from_json(
        '{"gpt-5.4": {"input": 1, "output": 2}, "openai/gpt-5": {"input": 7, "output": 8},'
        ' "gpt-5-mini": {"input": 0, "output": 0}}'
    ).layer
    catalogue = Catalogue(shipped(), overrides=overrides)
    for provider, model, usd in (
        ("openai", "gpt-5.4", 1),
        ("upstream", "gpt-5.4", 1),
        ("openai", "gpt-5.4-2026-03-05", 1),  # with a date, too
        ("openai", "openai/gpt-5.4", 1),
        ("openai", "gpt-5", 7),
        ("openai", "gpt-5-mini", 0),
    ):
        match = found(catalogue, provider, model)
        assert (match.how, match.rate.prices[Kind.INPUT]) == ("override", usd * 10**9), model
    assert found(catalogue, "upstream", "gpt-5").how == "exact"
    assert found(catalogue, "openai", "gpt-5.4-mini").how == "exact"


def test_an_alias_is_a_name_or_the_beginning_of_one_and_the_longest_counts() -> None:
    aliases = {
        "my-": "cheap-one",
        "my-best-": "dear-one",
        "named": "dear-one",
        "listed": "cheap-one",
        "lis": "dear-one",
    }
    layer = a_layer(shop={"cheap-one": CHEAP, "dear-one": DEAR, "listed": FREE, "listing": FREE})
    catalogue = Catalogue(layer, aliases=aliases)
    assert found(catalogue, "shop", "my-model").rate is CHEAP
    assert found(catalogue, "shop", "My Best Model").rate is DEAR
    assert found(catalogue, "shop", "named").how == "alias"
    # A whole name is meant; the beginning of one gives way to a name that is listed.
    assert found(catalogue, "shop", "listed").rate is CHEAP
    assert found(catalogue, "shop", "listing").rate is FREE


# What was fetched since.


def listed(*rates: Rate) -> Layer:
    return Layer("fetched", None, {"openai": shelf({"gpt-5": Listing("openai", "gpt-5", rates)})})


def test_a_fetched_price_counts_from_when_it_was_fetched() -> None:
    fetched = a_rate(input="1", output="2", since_us=NOW)
    catalogue = Catalogue(listed(DEAR), refreshed=listed(fetched))
    assert found(catalogue, "openai", "gpt-5", NOW - 1).rate is DEAR
    assert found(catalogue, "openai", "gpt-5", NOW).rate is fetched


def test_a_fetched_price_that_says_the_same_leaves_the_list_that_knows_more() -> None:
    knows_more = a_rate(input="3", output="15", cache_read="0.3", cache_write="3.75")
    for same in (
        a_rate(input="3", output="15", since_us=NOW),
        a_rate(input="3", output="15", cache_read="0.3", since_us=NOW),
    ):
        catalogue = Catalogue(listed(knows_more), refreshed=listed(same))
        assert found(catalogue, "openai", "gpt-5").rate is knows_more
    other = a_rate(input="3", output="15", cache_read="0.2", since_us=NOW)
    assert found(Catalogue(listed(knows_more), refreshed=listed(other)), "openai", "gpt-5").rate is other


def test_a_fetched_price_of_nothing_does_not_make_a_paid_model_free() -> None:
    assert found(Catalogue(listed(DEAR), refreshed=listed(FREE)), "openai", "gpt-5").rate is DEAR
    assert found(Catalogue(listed(FREE), refreshed=listed(DEAR)), "openai", "gpt-5").rate is DEAR


def test_a_price_holds_from_its_day_until_the_next_ones() -> None:
    first = a_rate(input="1", output="1")
    second = a_rate(input="2", output="1", since_us=NOW)
    catalogue = Catalogue(listed(first, second))
    assert found(catalogue, "openai", "gpt-5", NOW - 1).rate is first
    assert found(catalogue, "openai", "gpt-5", NOW).rate is second
    future_only = Catalogue(listed(a_rate(input="1", output="1", since_us=NOW)))
    assert future_only.match("openai", "gpt-5", NOW - DAY) is None


def test_a_fetched_price_that_only_another_spelling_finds_gives_way_to_the_name_itself() -> None:
    dated = Layer("list", None, {"openai": shelf({"gpt-5-2026-01-01": Listing("openai", "x", (DEAR,))})})
    catalogue = Catalogue(dated, refreshed=listed(CHEAP))
    assert found(catalogue, "openai", "gpt-5-2026-01-01").rate is DEAR


def test_a_fetched_price_is_compared_with_what_holds_when_it_is_fetched() -> None:
    before, later = a_rate(input="1", output="2"), a_rate(input="3", output="15", since_us=NOW + DAY)
    built_in = listed(replace(before, until_us=NOW + DAY), later)
    early = a_rate(input="3", output="15", since_us=NOW)
    assert found(Catalogue(built_in, refreshed=listed(early)), "openai", "gpt-5", NOW).rate is early
    outdated = a_rate(input="1", output="2", since_us=NOW + DAY)
    assert (
        found(Catalogue(built_in, refreshed=listed(outdated)), "openai", "gpt-5", NOW + DAY).rate is outdated
    )


def test_a_seller_of_others_models_sells_them_at_their_price() -> None:
    maker_ = shelf({"odd-one": Listing("maker", "odd-one", (DEAR,))})
    layer = Layer("list", None, {"shop": shelf({}, fallback=("maker",)), "maker": maker_})
    assert found(Catalogue(layer), "shop", "odd-one").rate is DEAR
    assert Catalogue(layer).match("elsewhere", "odd-one", NOW) is None


# Names.


def test_dates_are_taken_off_the_end_only_where_they_are_dates() -> None:
    assert list(undated("gpt-5.2-20251211")) == ["gpt-5.2-2025-12-11", "gpt-5.2"]
    assert list(undated("gpt-5-2025-08-07")) == ["gpt-5-20250807", "gpt-5"]
    assert list(undated("claude-opus-4-5@20251101"))[-1] == "claude-opus-4-5"
    assert list(undated("gemini-2.5-flash-preview-05-20")) == ["gemini-2.5-flash-preview"]
    for name in ("claude-opus-4-5", "gpt-5-20251340", "gpt-5-20250230", "o1", "mistral-large-2411"):
        assert list(undated(name)) == []


def test_the_maker_is_told_by_how_a_name_begins() -> None:
    assert [maker(name) for name in ("o3-mini", "o1", "o4-mini-high", "chatgpt-4o-latest")] == ["openai"] * 4
    assert [maker(name) for name in ("gpt-oss-20b", "o1js", "llama-3", "qwen3", "my-gpt-5")] == [None] * 5


def test_providers_are_called_what_the_list_calls_them() -> None:
    assert {seller(name) for name in SELLERS} <= set(shipped().shelves)
    assert seller(" Gemini ") == "google"
    assert is_local("vLLM", "anything")
    assert not is_local("openai", "anything")


# Cost.


def test_invented_names_cost_no_memory() -> None:
    catalogue = a_catalogue(shop={"gpt-5": CHEAP})
    for index in range(2 * REMEMBERED_MAX + 5):
        catalogue.match("shop", f"gpt-5-{index}", NOW)
    assert len(catalogue._found) <= REMEMBERED_MAX


def test_asking_again_takes_no_time() -> None:
    found(SHIPPED, "openai", "gpt-5")
    best = min(_time_of_a_thousand() for _ in range(20))
    assert best / 1000 < 5e-6


def _time_of_a_thousand() -> float:
    began = time.perf_counter()
    for _ in range(1000):
        SHIPPED.match("openai", "gpt-5", NOW)
    return time.perf_counter() - began
