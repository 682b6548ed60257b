"""The price list of models.dev: `https://models.dev/api.json`.

::

    {provider: {models: {id: {id, name, cost: {input, output, cache_read?, cache_write?, reasoning?}}}}}

in US dollars per million tokens.  A model counts if `input` and `output` are
numbers.  The list knows only today's prices, so they hold from when it was first
fetched, and what came before is left to the shipped list.

A list is taken from the network, so it is looked at before it is believed: a bad
one would quietly price every call wrong (R-15).
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from wellhead.moments import SECOND_US
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


def layer(document: object, *, since_us: int | None, version: str | None = None) -> Layer:
    """The list as a layer; what is no price is left out.  See `accepted` before."""
    if since_us is not None and version is None:
        version = f"{datetime.fromtimestamp(since_us // SECOND_US, UTC):%Y-%m-%d}"
    origin = SOURCE if version is None else f"{SOURCE}/{version}"
    found: dict[str, dict[str, Listing]] = {}
    for theirs, model, name, cost in _models(document):
        base = _prices(cost)
        if base is None:
            continue
        seller = SELLERS.get(theirs, theirs)
        listing = Listing(
            seller,
            model,
            (
                Rate(
                    key=f"{origin}:{seller}/{model}",
                    provider=seller,
                    model=model,
                    source=origin,
                    sheets=_sheets(cost, base),
                    since_us=since_us,
                    family=family_of(seller, model),
                ),
            ),
        )
        names = found.setdefault(seller, {})
        # A model's own id counts more than another's name for display.
        names[model.lower()] = listing
        if name is not None:
            names.setdefault(name.lower(), listing)
    return Layer(SOURCE, version, {seller: shelf(names) for seller, names in found.items()})


def accepted(new: object, old: object | None = None) -> tuple[str, ...]:
    """What speaks against taking a list in place of the old one; nothing does where it is empty."""
    costs = _costs(new)
    if not costs:
        return ("it holds no prices of models",)
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
            if isinstance(seller, str) and isinstance(model, str) and isinstance(cost, Mapping):
                name = entry.get("name")
                yield seller.lower(), model, name if isinstance(name, str) and name else None, cost


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


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_believable(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= USD_MAX
