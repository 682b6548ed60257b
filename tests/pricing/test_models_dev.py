"""A fetched list is read with care, and a bad one is refused (R-15)."""

from copy import deepcopy
from typing import Any

import pytest

from fakes.rates import NOW, a_layer
from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.models_dev import accepted, layer
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


def with_costs(document: dict[str, Any], *models: int, **cost: Any) -> dict[str, Any]:
    changed = deepcopy(document)
    for index in models:
        changed["shop"]["models"][f"model-{index}"]["cost"].update(cost)
    return changed


def test_models_are_found_by_id_and_by_name_from_when_the_list_was_fetched() -> None:
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
    catalogue = Catalogue(a_layer(), refreshed=layer(document, since_us=NOW))
    for provider, model in (("xai", "grok-9"), ("upstream", "grok-9"), ("xai", "Grok 9"), ("xai", "grok_9")):
        match = catalogue.match(provider, model, NOW)
        assert match is not None, model
        assert match.key == "x-ai/grok-9"
        assert match.rate.key == "models.dev/2026-11-18:x-ai/grok-9"
        assert match.rate.prices[Kind.CACHE_READ] == 200_000_000
        assert match.rate.context[0].above == 200_000
        assert match.rate.context[0].prices[Kind.INPUT] == 2_500_000_000
        assert match.rate.context[0].prices[Kind.CACHE_READ] == 200_000_000
    assert catalogue.match("xai", "grok-9", NOW - 1) is None


def test_an_id_counts_more_than_another_models_name() -> None:
    models = {
        "one": {"name": "two", "cost": {"input": 1, "output": 1}},
        "two": {"name": "one", "cost": {"input": 2, "output": 2}},
    }
    fetched = layer({"shop": {"models": models}}, since_us=None)
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
    assert layer(document, since_us=None).shelves == {}


@pytest.mark.parametrize(
    "document", [None, [], {}, "x", 7, {"shop": 7}, {"shop": {"models": []}}, {"error": "no"}]
)
def test_what_is_no_list_is_refused_and_reads_as_none(document: object) -> None:
    assert accepted(document) == ("it holds no prices of models",)
    assert accepted(document, a_document())
    assert layer(document, since_us=None).shelves == {}


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
