"""Compiles the prices of the package `genai-prices` into the one file the program ships.

The package is needed here and nowhere else: the program reads the file alone.  The
result depends on the package's version only; it is sorted, so that a new version is
a readable difference.  Run it with `make prices`, which installs the package into
an environment of its own.

What the package decides at every look-up is decided here once: which model a name
belongs to, from when to when a price holds, what a tier costs in full.  Prices
become whole nano-dollars per million units; one that rounding would change by more
than a millionth stops the build.
"""

import sys
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from genai_prices.data import providers
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

TARGET = Path(__file__).parent.parent / "src" / "wellhead" / "pricing" / "data" / "genai_prices.json"
NANOUSD = Decimal(10**9)
THOUSANDS_IN_A_MILLION = 1000
ROUNDED_MAX = Decimal("1e-6")
# The package's price -> our kind, and what makes dollars of it per million units.
KINDS = {
    "input_mtok": ("input", 1),
    "output_mtok": ("output", 1),
    "cache_read_mtok": ("cache_read", 1),
    "cache_write_mtok": ("cache_write", 1),
    "cache_write_1h_mtok": ("cache_write_1h", 1),
    "output_reasoning_mtok": ("reasoning", 1),
    "input_audio_mtok": ("input_audio", 1),
    "output_audio_mtok": ("output_audio", 1),
    "cache_audio_read_mtok": ("cache_read_audio", 1),
    "input_image_mtok": ("input_image", 1),
    "output_image_mtok": ("output_image", 1),
    "cache_image_read_mtok": ("cache_read_image", 1),
    "web_searches_kcount": ("web_search", THOUSANDS_IN_A_MILLION),
    "requests_kcount": ("call", THOUSANDS_IN_A_MILLION),
    "audio_hours": ("audio_second", Decimal(10**6) / 3600),
    "input_audio_hours": ("audio_second", Decimal(10**6) / 3600),
}
# Charged for, but in no usage.  Tools that are billed apart (file search, ...) are left out.
UNCOUNTED = {
    "input_mchars": "characters",
    "input_text_messages_kcount": "messages",
    "input_document_kpages": "pages",
    "input_annotated_document_kpages": "pages",
    "input_video_mtok": "video_tokens",
    "output_video_mtok": "video_tokens",
    "output_citation_mtok": "citation_tokens",
}
LEFT_OUT = {"storage_searches_kcount"}
# The package bills Groq's transcriptions so, in its code rather than in its data.
AUDIO_MS_MIN = {("groq", "whisper-large-v3"): 10_000, ("groq", "whisper-large-v3-turbo"): 10_000}
# Without a price in the package because nobody has one, not because it costs nothing.
UNPRICED = {
    ("cerebras", "qwen-3-coder-480b"),
    ("huggingface_together", "ServiceNow-AI/Apriel-1.6-15b-Thinker"),
    ("huggingface_together", "prism-ml/Ternary-Bonsai-27B-AWQ-4bit"),
    ("huggingface_together", "prism-ml/Ternary-Bonsai-27B-gguf"),
    ("openrouter", "google/lyria-3-clip-preview"),  # by the song
    ("openrouter", "google/lyria-3-pro-preview"),
}


def main() -> None:
    document = {
        "source": "genai-prices",
        "version": version("genai-prices"),
        "licence": "MIT, see genai_prices.LICENSE",
        "providers": {p.id: _provider(p) for p in providers},
    }
    # A line for every model, so that a new version of the package can be reviewed.
    text = msgspec.json.encode(document, order="sorted").replace(b'},{"id":', b'},\n{"id":')
    TARGET.write_bytes(text + b"\n")
    sys.stdout.write(f"{TARGET}: {TARGET.stat().st_size} bytes\n")


def _provider(provider: Provider) -> dict[str, Any]:
    models = [m for m in provider.models if (provider.id, m.id) not in UNPRICED]
    names: dict[str, int] = {}
    patterns = []
    for index, model in enumerate(models):
        for clause in _alternatives(model.match):
            if isinstance(clause, ClauseEquals):
                name = clause.equals.lower()
                # A pattern of a model further up takes precedence over an exact name below.
                names.setdefault(name, next(i for i, m in enumerate(models) if m.is_match(name)))
            else:
                patterns.append([_clause(clause), index])
    for index, model in enumerate(models):
        name = model.id.lower()
        names.setdefault(name, next((i for i, m in enumerate(models) if m.is_match(name)), index))
    found = {
        "models": [_model(provider, m) for m in models],
        "names": names,
        "patterns": patterns,
    }
    if provider.fallback_model_providers:
        found["fallback"] = provider.fallback_model_providers
    return found


def _alternatives(clause: Any) -> Iterator[Any]:
    if isinstance(clause, ClauseOr):
        for alternative in clause.or_:
            yield from _alternatives(alternative)
    else:
        yield clause


def _clause(clause: Any) -> dict[str, Any]:
    [(key, value)] = clause.__dict__.items()
    if key in ("or_", "and_"):
        return {key.removesuffix("_"): [_clause(c) for c in value]}
    return {key: value if key == "regex" else value.lower()}


def _model(provider: Provider, model: ModelInfo) -> dict[str, Any]:
    conditions = model.prices if isinstance(model.prices, list) else [ConditionalPrice(prices=model.prices)]
    return {"id": model.id, "rates": [_rate(provider, model, c) for c in conditions]}


def _rate(provider: Provider, model: ModelInfo, condition: ConditionalPrice) -> dict[str, Any]:
    rate: dict[str, Any] = {"sheets": _sheets(condition.prices)}
    constraint = condition.constraint
    if isinstance(constraint, StartDateConstraint):
        rate["since"] = constraint.start_date.isoformat()
    elif isinstance(constraint, TimeOfDateConstraint):
        rate["hours"] = [constraint.start_time.strftime("%H:%M"), constraint.end_time.strftime("%H:%M")]
        assert constraint.start_time.utcoffset() is not None
        assert not constraint.start_time.utcoffset()
        assert not constraint.end_time.utcoffset()
    uncounted = {
        UNCOUNTED[k] for k, v in condition.prices.__dict__.items() if v is not None and k in UNCOUNTED
    }
    if uncounted:
        rate["uncounted"] = sorted(uncounted)
    if (provider.id, model.id) in AUDIO_MS_MIN:
        rate["audio_ms_min"] = AUDIO_MS_MIN[provider.id, model.id]
    tiers = _tiers(model, condition.prices)
    if tiers:
        rate["tiers"] = tiers
    return rate


def _tiers(model: ModelInfo, standard: ModelPrice) -> dict[str, Any]:
    """What each tier costs in full, from each day on at which one of its prices begins."""
    by_tier: dict[str, list[Any]] = {}
    for variant in model.price_variants or ():
        [(key, value)] = variant.when.items()
        if key in ("service_tier", "processing", "speed") and value not in ("default", "standard"):
            by_tier.setdefault(value, []).append(variant)
    found: dict[str, Any] = {}
    for tier, variants in by_tier.items():
        assert all(v.constraint is None or isinstance(v.constraint, StartDateConstraint) for v in variants)
        starts = {v.constraint.start_date if v.constraint else None for v in variants}
        for start in sorted(starts, key=lambda d: "" if d is None else d.isoformat()):
            prices = dict(standard.__dict__)
            # The first that is active decides, price by price.
            for variant in reversed(variants):
                begins = variant.constraint.start_date if variant.constraint else None
                if begins is None or (start is not None and begins <= start):
                    prices |= {k: v for k, v in variant.prices.__dict__.items() if v is not None}
            entry: dict[str, Any] = {"sheets": _sheets(ModelPrice(**prices))}
            if start is not None:
                entry["since"] = start.isoformat()
            found.setdefault(tier, []).append(entry)
    return found


def _sheets(prices: ModelPrice) -> list[Any]:
    """One complete list of prices per size of input at which a price changes."""
    stated = {k: v for k, v in prices.__dict__.items() if v is not None}
    marks = {t.start for v in stated.values() if isinstance(v, TieredPrices) for t in v.tiers}
    sheets = []
    for above in (-1, *sorted(marks)):
        sheet: dict[str, int] = {}
        for name, value in stated.items():
            if name in KINDS:
                kind, factor = KINDS[name]
                sheet[kind] = _nanousd(_above(value, above), Decimal(factor))
            elif name not in UNCOUNTED and name not in LEFT_OUT:
                raise SystemExit(f"a kind of price that is not known yet: {name}")
        sheets.append([above, sheet])
    return sheets


def _above(value: Decimal | TieredPrices, above: int) -> Decimal:
    if isinstance(value, Decimal):
        return value
    return next((t.price for t in reversed(value.tiers) if above >= t.start), value.base)


def _nanousd(usd: Decimal, factor: Decimal) -> int:
    exact = usd * factor * NANOUSD
    whole = int(exact.to_integral_value(rounding=ROUND_HALF_UP))
    # Some of the package's prices are sums of floats: 0.18000000000000002.
    if abs(whole - exact) > exact * ROUNDED_MAX:
        raise SystemExit(f"{usd} is finer than a nano-dollar per million")
    return whole


if __name__ == "__main__":
    main()
