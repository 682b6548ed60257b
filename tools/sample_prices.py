"""Asks `genai-prices` what a few hundred random calls cost, for the tests to compare with.

Run by `make prices` after `compile_prices.py`.  The sample is the same for the same
version of the package.
"""

import random
import sys
import warnings
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from compile_prices import AUDIO_MS_MIN, KINDS, UNCOUNTED, UNPRICED, _alternatives
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider, Usage

TARGET = Path(__file__).parent.parent / "tests" / "pricing" / "genai_prices_sample.json"
CASES = 900
NAMES = 600
SUFFIXES = ("", "", "", "-20260708", "-2026-07-08", "-latest", "-preview", "@20260708", "-x", ":free")
FIRST_PARTIES = ("anthropic", "openai", "google", "deepseek", "x-ai", "mistral", "groq", "openrouter")
FROM = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 800
TIERS_FROM = datetime(2026, 11, 1, tzinfo=UTC)


def main() -> None:
    chance = random.Random(18)
    cases: list[dict[str, Any]] = []
    by_id = {p.id: p for p in providers}
    while len(cases) < CASES:
        seller = by_id[chance.choice(FIRST_PARTIES)] if chance.random() < 0.8 else chance.choice(providers)
        model = chance.choice(seller.models)
        tiered = [m for m in seller.models if m.price_variants]
        if tiered and chance.random() < 0.3:
            model = chance.choice(tiered)
        case = _case(chance, seller, model)
        if case is not None:
            cases.append(case)
    document = {
        "source": "genai-prices",
        "version": version("genai-prices"),
        "cases": cases,
        "names": [_name(chance, by_id[chance.choice(FIRST_PARTIES)]) for _ in range(NAMES)],
    }
    text = msgspec.json.encode(document, order="sorted").replace(b'},{"at":', b'},\n{"at":')
    TARGET.write_bytes(text.replace(b'],["', b'],\n["') + b"\n")
    sys.stdout.write(f"{TARGET}: {len(cases)} cases\n")


def _case(chance: random.Random, seller: Provider, model: ModelInfo) -> dict[str, Any] | None:
    at = FROM + timedelta(days=chance.randrange(DAYS), seconds=chance.randrange(86_400))
    context = None
    standard = [v for v in model.price_variants or () if next(iter(v.when)) not in ("route", "search_type")]
    if standard and chance.random() < 0.7:
        context = chance.choice(standard).when
        at = max(at, TIERS_FROM + timedelta(days=chance.randrange(200)))
    # What is called by this name may be another model: the package decides, and so do we.
    found = seller.find_model(model.id, all_providers=providers)
    if found is not model or (seller.id, model.id) in UNPRICED:
        return None
    stated = model.get_prices(at, context).__dict__
    priced = {KINDS[name][0] for name, value in stated.items() if name in KINDS and value is not None}
    if any(name in UNCOUNTED for name in stated):
        return None
    counts = _counts(chance, priced)
    usage = {_theirs(name): value for name, value in counts.items()}
    if "audio_ms" in counts:
        usage["audio_seconds"] = usage["input_audio_seconds"] = usage.pop("audio_ms") / 1000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        price = model.calc_price(Usage(**usage), seller, genai_request_timestamp=at, price_context=context)
    case = {
        "at": at.isoformat(),
        "model": model.id,
        "provider": seller.id,
        "usage": counts,
        "usd": str(price.total_price),
    }
    tier = None if context is None else next(iter(context.values()))
    if tier not in (None, "default"):
        case["tier"] = tier
    assert (seller.id, model.id) not in AUDIO_MS_MIN or price.total_price > 0
    return case


def _name(chance: random.Random, seller: Provider) -> list[str | None]:
    """A seller, a name, and which model the package takes it for."""
    names = [each.equals for m in seller.models for each in _alternatives(m.match) if hasattr(each, "equals")]
    names += [m.id for m in seller.models]
    name = chance.choice(names) + chance.choice(SUFFIXES)
    if chance.random() < 0.1:
        name = name.upper()
    found = seller.find_model(name)
    return [seller.id, name, None if found is None else found.id]


def _counts(chance: random.Random, priced: set[str]) -> dict[str, int]:
    size = chance.choice((10, 1_000, 30_000, 150_000, 250_000, 500_000, 1_000_000))
    counts: dict[str, int] = {}
    whole = plain = chance.randrange(size)
    if chance.random() < 0.7:
        counts["cache_read_tokens"] = chance.randrange(size)
        whole += counts["cache_read_tokens"]
        if chance.random() < 0.6 and "cache_write" in priced:
            hour = chance.randrange(size) if "cache_write_1h" in priced else 0
            counts["cache_write_1h_tokens"] = hour
            counts["cache_write_tokens"] = hour + chance.randrange(size)
            whole += counts["cache_write_tokens"]
    else:
        for kind in ("input_audio", "input_image"):
            if kind in priced:
                counts[f"{kind}_tokens"] = chance.randrange(plain + 1)
                plain -= counts[f"{kind}_tokens"]
    counts["input_tokens"] = whole
    counts["output_tokens"] = rest = chance.randrange(size)
    for kind in ("reasoning", "output_audio", "output_image"):
        if kind in priced:
            counts[f"{kind}_tokens"] = chance.randrange(rest + 1)
            rest -= counts[f"{kind}_tokens"]
    if "web_search" in priced and chance.random() < 0.5:
        counts["web_searches"] = chance.randrange(20)
    if "audio_second" in priced:
        counts["audio_ms"] = chance.choice((1, 60, 3_600)) * 1000
    return counts


def _theirs(name: str) -> str:
    return "output_reasoning_tokens" if name == "reasoning_tokens" else name


if __name__ == "__main__":
    main()
