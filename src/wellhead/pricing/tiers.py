"""What service tiers change about a rate.

A tier's own prices stand in the rate where its provider publishes them model by
model (the shipped list has OpenAI's flex, priority and fast, Gemini's flex and
priority, Anthropic's fast and everybody's batch).  Where a provider states a rule
instead, or the list begins later than the rule, it is in `RULES`.  What is neither
has no price: bought capacity (`scale`, Anthropic's `priority`, provisioned
throughput, Groq's `performance`) is paid for by other contracts.

Fees that are not for tokens stay as they are in every tier.
"""

from wellhead.pricing.rates import TOKEN_KINDS, Family, Rate, Sheet

Ratio = tuple[int, int]

# As responses state them, in lower case.
STANDARD = frozenset(
    {
        "",
        "auto",
        "default",
        "standard",
        "standard_only",
        "on_demand",  # Groq, Gemini's trafficType
        "not_available",
        "service_tier_unspecified",
        "traffic_type_unspecified",
        "unspecified",
    }
)
SYNONYMS = {
    "on_demand_flex": "flex",  # Gemini's trafficType
    "on_demand_priority": "priority",
    "provisioned_throughput": "provisioned",
}

HALF: Ratio = (1, 2)
SAME: Ratio = (1, 1)
RULES: dict[tuple[str, str], Ratio] = {
    # Half of input and output: platform.claude.com/docs/en/build-with-claude/batch-processing
    ("anthropic", "batch"): HALF,
    # Half price: developers.openai.com/api/docs/guides/batch
    ("openai", "batch"): HALF,
    # Tokens at the rates of Batch: developers.openai.com/api/docs/guides/flex-processing
    ("openai", "flex"): HALF,
    # Half of the standard price, both: ai.google.dev/gemini-api/docs/optimization
    ("google", "batch"): HALF,
    ("google", "flex"): HALF,
    # Half price: docs.mistral.ai/capabilities/batch
    ("mistral", "batch"): HALF,
    # Half price: console.groq.com/docs/batch
    ("groq", "batch"): HALF,
    # Higher limits at the on-demand price: console.groq.com/docs/flex-processing
    ("groq", "flex"): SAME,
}
# Fast mode of the models that the shipped list does not have it for: 30 and 150 USD instead of 5 and 25.
# platform.claude.com/docs/en/build-with-claude/fast-mode, openrouter.ai/anthropic/claude-opus-4.6-fast
FAST: dict[str, Ratio] = {"claude-opus-4-6": (6, 1), "claude-opus-4-7": (6, 1)}
# Inference in the USA only costs a tenth more, for all tokens; only models that offer it state a geography.
# platform.claude.com/docs/en/about-claude/pricing
GEOGRAPHIES: dict[str, Ratio] = {"us": (11, 10)}
EVERYWHERE = frozenset({"", "global", "not_available", "default"})


def tier_of(stated: str | None, speed: str | None = None) -> str | None:
    """The tier a response states, in one name for all; `None`: the usual one.

    Anthropic states its fast mode apart from the tier; the two cannot be combined.
    """
    if speed is not None and speed.lower() not in ("", "standard"):
        return speed.lower()
    name = "" if stated is None else stated.strip().lower()
    return None if name in STANDARD else SYNONYMS.get(name, name)


def sheets_of(rate: Rate, tier: str | None, at_us: int | None = None) -> tuple[Sheet, ...] | None:
    """The prices of a tier (as `tier_of` names it) at a moment, now where none is given.

    `None`: nobody has published what it costs.
    """
    if tier is None or rate.is_free:
        return rate.sheets
    for version in reversed(rate.tiers.get(tier, ())):
        if version.since_us is None or at_us is None or at_us >= version.since_us:
            return version.sheets
    ratio = RULES.get((rate.provider or "", tier))
    if ratio is None and tier == "fast" and rate.provider == "anthropic":
        ratio = FAST.get(rate.model)
    return None if ratio is None else scaled(rate.sheets, ratio)


def in_geography(rate: Rate, sheets: tuple[Sheet, ...], geography: str | None) -> tuple[Sheet, ...] | None:
    """The same where inference was tied to a place; `None`: nobody has published what that costs."""
    if geography is None or geography.lower() in EVERYWHERE or rate.is_free:
        return sheets
    ratio = GEOGRAPHIES.get(geography.lower()) if rate.family is Family.ANTHROPIC else None
    return None if ratio is None else scaled(sheets, ratio)


def scaled(sheets: tuple[Sheet, ...], ratio: Ratio) -> tuple[Sheet, ...]:
    """Sheets with every price of tokens multiplied, rounded half up."""
    times, over = ratio
    if times == over:
        return sheets
    return tuple(
        Sheet(
            sheet.above,
            {
                kind: (price * times + over // 2) // over if kind in TOKEN_KINDS else price
                for kind, price in sheet.prices.items()
            },
        )
        for sheet in sheets
    )
