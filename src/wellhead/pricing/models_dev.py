"""The price list of models.dev: `https://models.dev/api.json`.

::

    {provider: {models: {id: {id, name, cost: {input, output, cache_read?, cache_write?, reasoning?}}}}}

in US dollars per million tokens.  A model counts if `input` and `output` are
numbers.  The list knows only today's prices, so from list to list a *history* is
kept of what each model cost since when::

    {models: {provider: {id: {name?, costs: [[since_us, {input, output, ...}], ...]}}}}

A price holds from when it was first seen; what came before is left to the shipped
list, or, where that does not know the model, to the first price that was seen.  A
model that is gone from the list keeps its last price: calls of it may still come.

A list is taken from the network, so it is looked at before it is believed: a bad
one would quietly price every call wrong (R-15).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wellhead.moments import to_the_second
from wellhead.pricing.layer import Layer, shelf
from wellhead.pricing.rates import (
    Kind,
    Listing,
    Prices,
    Rate,
    Sheet,
    family_of,
    nanousd_per_million,
)

SOURCE = "models.dev"
# Theirs -> the shipped list's.
SELLERS = {
    "amazon-bedrock": "aws",
    "fireworks-ai": "fireworks",
    "novita-ai": "novita",
    "togetherai": "together",
    "xai": "x-ai",
}
KINDS = {
    "input": Kind.INPUT,
    "output": Kind.OUTPUT,
    "cache_read": Kind.CACHE_READ,
    "cache_write": Kind.CACHE_WRITE,
    "reasoning": Kind.REASONING,
    "input_audio": Kind.INPUT_AUDIO,
    "output_audio": Kind.OUTPUT_AUDIO,
}
OVER_200K = "context_over_200k"
ABOVE_200K = 200_000
DAY_CHARS = len("2026-11-18")

USD_MAX = 10_000
"""Per million tokens; the dearest model ever sold cost 600."""
SHRUNK_MAX = 0.2
"""How much of a list may be gone from the next."""
FREED_MAX = 0.2
"""How much of what cost something may be free in the next."""
FREE_MAX = 0.5
"""How much of a first list may be free."""
ABSURD_MAX = 5
"""How many absurd prices are told one by one."""
MODELS_MAX = 50_000
"""Of a list, and of a history: beyond it models that are gone are forgotten."""
COSTS_MAX = 50
"""Changes of a model's price that are remembered."""
TEXT_MAX = 200
"""Characters of a provider's or model's name; a longer one is no name."""


def with_list(history: Mapping[str, Any] | None, document: object, at_us: int) -> dict[str, Any]:
    """The history with one more list, fetched at this moment; what is no price is left out."""
    before: Mapping[str, Any] = {} if history is None else history["models"]
    models = {
        seller: {model: {**entry, "gone": True} for model, entry in known.items()}
        for seller, known in before.items()
    }
    for seller, model, name, cost in _models(document):
        kept = _kept(cost)
        if kept is None:
            continue
        costs = before.get(seller, {}).get(model, {}).get("costs", [])
        if not costs or costs[-1][1] != kept:
            costs = [*costs[1 - COSTS_MAX :], [at_us, kept]]
        entry: dict[str, Any] = {"costs": costs}
        if name is not None:
            entry["name"] = name
        models.setdefault(seller, {})[model] = entry
    if sum(map(len, models.values())) > MODELS_MAX:
        models = {seller: _present(known) for seller, known in models.items()}
    return {"models": models}


def newest(history: Mapping[str, Any]) -> dict[str, Any]:
    """The last list of a history, in the form in which lists come."""
    return {
        seller: {
            "models": {model: {"cost": entry["costs"][-1][1]} for model, entry in _present(known).items()}
        }
        for seller, known in history["models"].items()
    }


def layer(history: Mapping[str, Any]) -> Layer:
    """A history as a layer."""
    found: dict[str, dict[str, Listing]] = {}
    latest_us = 0
    for theirs, models in history["models"].items():
        seller = SELLERS.get(theirs, theirs)
        names = found.setdefault(seller, {})
        for model, entry in models.items():
            listing = Listing(seller, model, tuple(_rates(seller, model, entry["costs"])))
            latest_us = max(latest_us, entry["costs"][-1][0])
            # A model's own id counts more than another's name for display.
            names[model.lower()] = listing
            if "name" in entry:
                names.setdefault(entry["name"].lower(), listing)
    version = to_the_second(latest_us)[:DAY_CHARS] if found else None
    return Layer(SOURCE, version, {seller: shelf(names) for seller, names in found.items()})


def _rates(seller: str, model: str, costs: Sequence[tuple[int, Mapping[str, Any]]]) -> Iterator[Rate]:
    untils = [*(since_us for since_us, _ in costs[1:]), None]
    for (since_us, cost), until_us in zip(costs, untils, strict=True):
        base = _prices(cost)
        assert base is not None, "only prices are kept"
        since = to_the_second(since_us)
        yield Rate(
            key=f"{SOURCE}/{since}:{seller}/{model}",
            provider=seller,
            model=model,
            source=f"{SOURCE}/{since[:DAY_CHARS]}",
            sheets=_sheets(cost, base),
            since_us=since_us,
            until_us=until_us,
            family=family_of(seller, model),
        )


def _kept(cost: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is kept of a model's cost; `None` where it is no price."""
    if _prices(cost) is None:
        return None
    kept = {name: cost[name] for name in KINDS if _is_believable(cost.get(name))}
    larger = cost.get(OVER_200K)
    if isinstance(larger, Mapping) and _prices(larger) is not None:
        kept[OVER_200K] = {name: larger[name] for name in KINDS if _is_believable(larger.get(name))}
    return kept


def _present(models: Mapping[str, Any]) -> dict[str, Any]:
    return {model: entry for model, entry in models.items() if not entry.get("gone")}


def accepted(new: object, old: object | None = None) -> tuple[str, ...]:
    """What speaks against taking a list in place of the old one; nothing does where it is empty."""
    costs = _costs(new)
    if not costs:
        return ("it holds no prices of models",)
    if len(costs) > MODELS_MAX:
        return (f"it holds {len(costs)} prices; more than {MODELS_MAX} are not believed",)
    problems = [
        f"{key} is said to cost {kind} {value!r} USD per million tokens"
        for key, cost in costs.items()
        for kind, value in cost.items()
        if kind in KINDS and not _is_believable(value)
    ]
    if len(problems) > ABSURD_MAX:
        problems = [*problems[:ABSURD_MAX], f"and {len(problems) - ABSURD_MAX} more prices are absurd"]
    before = {} if old is None else _costs(old)
    if len(costs) < len(before) * (1 - SHRUNK_MAX):
        problems.append(f"it holds {len(costs)} prices; the one before held {len(before)}")
    paid = [key for key, cost in before.items() if _is_paid(cost)]
    freed = [key for key in paid if key in costs and not _is_paid(costs[key])]
    if len(freed) > len(paid) * FREED_MAX:
        problems.append(f"{len(freed)} of {len(paid)} models that cost something are free in it")
    free = sum(not _is_paid(cost) for cost in costs.values())
    if not before and free > len(costs) * FREE_MAX:
        problems.append(f"{free} of {len(costs)} models are free in it")
    return tuple(problems)


def _costs(document: object) -> dict[str, Mapping[str, Any]]:
    return {
        f"{seller}/{model}": cost
        for seller, model, _, cost in _models(document)
        if _is_number(cost.get("input")) and _is_number(cost.get("output"))
    }


def _models(document: object) -> Iterator[tuple[str, str, str | None, Mapping[str, Any]]]:
    if not isinstance(document, Mapping):
        return
    for seller, provider in document.items():
        models = provider.get("models") if isinstance(provider, Mapping) else None
        for model, entry in models.items() if isinstance(models, Mapping) else ():
            cost = entry.get("cost") if isinstance(entry, Mapping) else None
            if _is_name(seller) and _is_name(model) and isinstance(cost, Mapping):
                name = entry.get("name")
                yield seller.lower(), model, name if _is_name(name) else None, cost


def _prices(cost: Mapping[str, Any]) -> Prices | None:
    found = {
        kind: price
        for name, kind in KINDS.items()
        if _is_believable(cost.get(name)) and (price := nanousd_per_million(cost[name])) is not None
    }
    return found if Kind.INPUT in found and Kind.OUTPUT in found else None


def _sheets(cost: Mapping[str, Any], base: Prices) -> tuple[Sheet, ...]:
    sheets = [Sheet(-1, base)]
    larger = cost.get(OVER_200K)
    own = _prices(larger) if isinstance(larger, Mapping) else None
    if own is not None:
        sheets.append(Sheet(ABOVE_200K, {**base, **own}))
    return tuple(sheets)


def _is_paid(cost: Mapping[str, Any]) -> bool:
    return any(_is_number(cost.get(name)) and cost[name] != 0 for name in ("input", "output"))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= TEXT_MAX


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_believable(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= USD_MAX
