"""A fetched list is read with care, and a bad one is refused (R-15)."""

from copy import deepcopy
from typing import Any

import pytest

from fakes.rates import DAY, NOW, a_layer, a_rate
from wellhead.pricing import models_dev
from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.layer import Layer
from wellhead.pricing.models_dev import COSTS_MAX, accepted, newest, with_list
from wellhead.pricing.rates import Kind


def a_document(**changes: Any) -> dict[str, Any]:
    models = {
        f"model-{index}": {
            "id": f"model-{index}",
            "name": f"Model {index}",
            "cost": {"input": 1 + index, "output": 2},
        }
        for index in range(10)
    }
    return {"shop": {"id": "shop", "name": "Shop", "models": models}, **changes}


def layer(document: object, at_us: int = NOW) -> Layer:
    return models_dev.layer(with_list(None, document, at_us))


def with_costs(document: dict[str, Any], *models: int, **cost: Any) -> dict[str, Any]:
    changed = deepcopy(document)
    for index in models:
        changed["shop"]["models"][f"model-{index}"]["cost"].update(cost)
    return changed


def test_models_are_found_by_id_and_by_name() -> None:
    document = a_document(
        xai={
            "models": {
                "grok-9": {
                    "id": "grok-9",
                    "name": "Grok 9",
                    "cost": {
                        "input": 1.25,
                        "output": 2.5,
                        "cache_read": 0.2,
                        "cache_write": 1,
                        "reasoning": 3,
                        "context_over_200k": {"input": 2.5, "output": 5},
                    },
                }
            }
        }
    )
    catalogue = Catalogue(a_layer(), refreshed=layer(document))
    for provider, model in (("xai", "grok-9"), ("upstream", "grok-9"), ("xai", "Grok 9"), ("xai", "grok_9")):
        match = catalogue.match(provider, model, NOW)
        assert match is not None, model
        assert match.key == "x-ai/grok-9"
        assert match.rate.key == "models.dev/2026-11-18T11:06:40Z:x-ai/grok-9"
        assert match.rate.prices[Kind.CACHE_READ] == 200_000_000
        assert match.rate.context[0].above == 200_000
        assert match.rate.context[0].prices[Kind.INPUT] == 2_500_000_000
        assert match.rate.context[0].prices[Kind.CACHE_READ] == 200_000_000


def rate_at(catalogue: Catalogue, model: str, at_us: int) -> tuple[str, int | None]:
    """The source of a model's rate, and what a million tokens of its input cost."""
    match = catalogue.match("shop", model, at_us)
    assert match is not None
    return match.rate.source, match.rate.prices[Kind.INPUT] // 10**9


def test_a_price_counts_from_when_it_was_first_seen_until_another_is() -> None:
    first = a_document()
    history = with_list(None, first, NOW)
    for days, price in ((1, None), (2, 7), (3, None), (4, 8)):
        listed = first if price is None else with_costs(first, 3, input=price)
        history = with_list(history, listed, NOW + days * DAY)
    catalogue = Catalogue(
        a_layer(shop={"model-3": a_rate(input="5", output="2")}), refreshed=models_dev.layer(history)
    )
    for at_us, source, price in (
        (NOW - DAY, "test", 5),
        (NOW, "models.dev/2026-11-18", 4),
        (NOW + 2 * DAY - 1, "models.dev/2026-11-18", 4),
        (NOW + 2 * DAY, "models.dev/2026-11-20", 7),
        (NOW + 3 * DAY, "models.dev/2026-11-21", 4),
        (NOW + 400 * DAY, "models.dev/2026-11-22", 8),
    ):
        assert rate_at(catalogue, "model-3", at_us) == (source, price)


def test_where_the_list_says_what_the_shipped_one_says_that_one_counts_for_as_long() -> None:
    history = with_list(None, a_document(), NOW)
    history = with_list(history, with_costs(a_document(), 3, input=7), NOW + DAY)
    history = with_list(history, a_document(), NOW + 2 * DAY)
    shipped = a_layer(shop={"model-3": a_rate(input="4", output="2", cache_read="1")})
    catalogue = Catalogue(shipped, refreshed=models_dev.layer(history))
    assert [rate_at(catalogue, "model-3", NOW + days * DAY) for days in (0, 1, 2)] == [
        ("test", 4),
        ("models.dev/2026-11-19", 7),
        ("test", 4),
    ]


def test_a_model_that_no_list_knew_before_costs_before_what_it_cost_first() -> None:
    history = with_list(None, a_document(), NOW)
    history = with_list(history, with_costs(a_document(), 3, input=7), NOW + DAY)
    catalogue = Catalogue(a_layer(), refreshed=models_dev.layer(history))
    assert rate_at(catalogue, "model-3", NOW - 100 * DAY) == ("models.dev/2026-11-18", 4)
    assert rate_at(catalogue, "model-3", NOW + DAY) == ("models.dev/2026-11-19", 7)


def test_a_sellers_price_that_is_new_leaves_what_came_before_to_the_makers() -> None:
    shipped = a_layer(openai={"gpt-9": a_rate(input="5", output="2")})
    document = {"azure": {"models": {"gpt-9": {"cost": {"input": 7, "output": 2}}}}}
    catalogue = Catalogue(shipped, refreshed=layer(document))
    for at_us, key, price in ((NOW - 1, "openai/gpt-9", 5), (NOW, "azure/gpt-9", 7)):
        match = catalogue.match("azure", "gpt-9", at_us)
        assert match is not None
        assert (match.key, match.rate.prices[Kind.INPUT]) == (key, price * 10**9)


def test_a_model_that_is_gone_from_the_list_keeps_its_price_and_is_no_part_of_the_next_comparison() -> None:
    smaller = a_document()
    del smaller["shop"]["models"]["model-3"]
    history = with_list(with_list(None, a_document(), NOW), smaller, NOW + DAY)
    assert (
        rate_at(Catalogue(a_layer(), refreshed=models_dev.layer(history)), "model-3", NOW + 9 * DAY)[1] == 4
    )
    assert accepted(smaller, newest(history)) == ()
    assert "model-3" not in newest(history)["shop"]["models"]
    again = with_list(history, a_document(), NOW + 2 * DAY)
    assert again["models"] == with_list(None, a_document(), NOW)["models"]


def test_a_guess_is_priced_by_the_shipped_list_for_what_came_before_the_fetched_one() -> None:
    shipped = a_layer(openai={"deep-well": a_rate(input="5", output="2")})
    document = {"openai": {"models": {"deep-well": {"cost": {"input": 7, "output": 2}}}}}
    catalogue = Catalogue(shipped, refreshed=layer(document))
    for at_us, price in ((NOW - 1, 5), (NOW, 7)):
        match = catalogue.match("upstream", "my-deep-well-9", at_us)
        assert match is not None
        assert (match.rate.prices[Kind.INPUT], match.how) == (price * 10**9, "fuzzy")


def test_only_so_many_changes_of_a_price_and_so_many_models_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history = None
    for day in range(COSTS_MAX + 10):
        history = with_list(history, with_costs(a_document(), 3, input=day + 1), NOW + day * DAY)
    assert history is not None
    costs = history["models"]["shop"]["model-3"]["costs"]
    assert len(costs) == COSTS_MAX
    assert costs[-1] == [NOW + (COSTS_MAX + 9) * DAY, {"input": COSTS_MAX + 10, "output": 2}]
    monkeypatch.setattr(models_dev, "MODELS_MAX", 10)
    smaller = a_document(other={"models": {"one": {"cost": {"input": 1, "output": 1}}}})
    del smaller["shop"]["models"]["model-9"]
    history = with_list(history, smaller, NOW)
    assert "model-9" not in history["models"]["shop"]
    assert accepted(a_document(other=smaller["other"])) == (
        "it holds 11 prices; more than 10 are not believed",
    )


def test_names_that_are_none_are_left_out() -> None:
    cost = {"cost": {"input": 1, "output": 1}}
    document = {"": {"models": {"a": cost}}, "shop": {"models": {"": cost, "x" * 201: cost}}}
    assert accepted(document) == ("it holds no prices of models",)


def test_an_id_counts_more_than_another_models_name() -> None:
    models = {
        "one": {"name": "two", "cost": {"input": 1, "output": 1}},
        "two": {"name": "one", "cost": {"input": 2, "output": 2}},
    }
    fetched = layer({"shop": {"models": models}})
    for name in models:
        found = fetched.find("shop", name)
        assert found is not None
        assert found[0].model == name


def test_what_is_no_price_is_left_out() -> None:
    odd: list[Any] = [
        {},
        {"cost": None},
        {"cost": {}},
        {"cost": {"input": 1}},
        {"cost": {"input": "1", "output": 1}},
        {"cost": {"input": -1, "output": 1}},
        {"cost": {"input": True, "output": 1}},
        7,
    ]
    document = {"shop": {"models": {f"odd-{index}": entry for index, entry in enumerate(odd)}}}
    assert layer(document).shelves == {}


@pytest.mark.parametrize(
    "document", [None, [], {}, "x", 7, {"shop": 7}, {"shop": {"models": []}}, {"error": "no"}]
)
def test_what_is_no_list_is_refused_and_reads_as_none(document: object) -> None:
    assert accepted(document) == ("it holds no prices of models",)
    assert accepted(document, a_document())
    assert layer(document).shelves == {}


def test_a_list_like_the_one_before_is_taken() -> None:
    document = a_document()
    assert accepted(document) == ()
    assert accepted(document, document) == ()
    assert accepted(with_costs(document, 0, 1, input=500), document) == ()


def test_a_list_that_shrank_by_more_than_a_fifth_is_refused() -> None:
    document, smaller = a_document(), a_document()
    for index in (0, 1):
        del smaller["shop"]["models"][f"model-{index}"]
    assert accepted(smaller, document) == ()
    del smaller["shop"]["models"]["model-2"]
    assert accepted(smaller, document) == ("it holds 7 prices; the one before held 10",)


@pytest.mark.parametrize("absurd", [-1, 10_001, float("nan"), float("inf"), "free"])
def test_a_list_with_an_absurd_price_is_refused(absurd: Any) -> None:
    [problem] = accepted(with_costs(a_document(), 3, cache_read=absurd), a_document())
    assert problem.startswith("shop/model-3 is said to cost cache_read")


def test_many_absurd_prices_are_told_in_few_words() -> None:
    problems = accepted(with_costs(a_document(), *range(9), input=-1))
    assert len(problems) == 6
    assert problems[-1] == "and 4 more prices are absurd"


def test_a_list_in_which_everything_became_free_is_refused() -> None:
    document = a_document()
    assert accepted(with_costs(document, 0, 1, input=0, output=0), document) == ()
    assert accepted(with_costs(document, 0, 1, 2, input=0, output=0), document) == (
        "3 of 10 models that cost something are free in it",
    )
    assert accepted(with_costs(document, *range(6), input=0, output=0)) == ("6 of 10 models are free in it",)
