"""How the cost of a call came about, as agent-cli-proxy's cost audits have it."""

# ruff: noqa: N815  (the names of fields are those on the wire)

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.control.bodies import example
from wellhead.control.kept_prices import KeptPrices
from wellhead.money import usd

AUDIT_SOURCES = {"reported": "provider", "guard": "guard", "no_model": "unsupported_model"}
"""What agent-cli-proxy calls the source of a cost, by our reason; anything else came out of the table."""
EXAMPLE_AUDIT = {
    "id": 1,
    "model": "anthropic/claude-sonnet-4-5",
    "provider": "anthropic",
    "source": "pricing",
    "baseCostUsd": 0.000303,
    "calcAt": "2026-03-01T10:02:04.000Z",
    "reason": "settled",
    "match": "exact",
    "rate": "genai-prices/0.2.3:anthropic/claude-sonnet-4-5",
    "prices": {"sheets": [{"above": -1, "prices": {"input": 3000000000, "output": 15000000000}}]},
    "trouble": None,
    "steps": [],
}
EXAMPLE_STEP: dict[str, Any] = {
    "what": "compaction",
    "model": None,
    "provider": "anthropic",
    "costUsd": 0.9875,
    "match": "exact",
    "rate": "genai-prices/0.2.3:anthropic/claude-opus-5",
    "prices": {"sheets": [{"above": -1, "prices": {"input": 5000000000, "output": 25000000000}}]},
    "inputTokens": 180000,
    "outputTokens": 3500,
    "cacheReadTokens": 0,
    "cacheWriteTokens": 0,
    "cacheWrite1hTokens": 0,
    "webSearches": None,
}


class CostStep(BaseModel):
    """One of several steps in which an answer was made."""

    model_config = example(**EXAMPLE_STEP)

    what: str | None = Field(
        description="`message`, `compaction`, ...: the provider's word; `fees`: what is paid once for all."
    )
    model: str | None = Field(description="As the step states it; null: the one that answered.")
    provider: str | None = Field(description="Who sells at that rate.")
    costUsd: float
    match: str = Field(description="How the rate was found: `exact`, `alias`, `fuzzy`, ...")
    rate: str = Field(description="The rate that was used.")
    prices: KeptPrices = Field(description="That rate, in nano-dollars per million.")
    inputTokens: int | None = Field(description="All that it read, cached or not.")
    outputTokens: int | None
    cacheReadTokens: int | None
    cacheWriteTokens: int | None
    cacheWrite1hTokens: int | None
    webSearches: int | None


class CostAudit(BaseModel):
    """One pricing of a call."""

    model_config = example(**EXAMPLE_AUDIT)

    id: int = Field(description="Its number among those of the call.")
    model: str | None = Field(description="By which name of the price list.")
    provider: str | None = Field(description="Who sells at that rate.")
    source: str = Field(
        description="`pricing`, `provider` (its own figure counts), `guard` or `unsupported_model`."
    )
    baseCostUsd: float | None = Field(description="Null where there was no price.")
    calcAt: str
    reason: str = Field(description="`settled`, `reported`, `backfill`, `repriced`, or why it has no price.")
    match: str | None = Field(description="How the name was found: `exact`, `alias`, `fuzzy`, ...")
    rate: str | None = Field(description="The rate that was used.")
    prices: KeptPrices | None = Field(description="That rate, in nano-dollars per million.")
    trouble: str | None = Field(
        description="What was odd about the counts, or about a figure of the provider's."
    )
    steps: list[CostStep] = Field(
        description="Where the answer was made in several, each at its own rate; they add up to the cost."
    )


class CostAudits(BaseModel):
    """How the cost of a call came about."""

    model_config = example(requestLogId="815694120529133568", audits=[EXAMPLE_AUDIT])

    requestLogId: str
    audits: list[CostAudit]


def audit_shown(one: Mapping[str, Any]) -> CostAudit:
    """One pricing, out of its row."""
    nanousd, prices = one["cost_nanousd"], one["prices"]
    return CostAudit(
        id=one["number"] + 1,
        model=one["model"],
        provider=one["rate_provider"],
        source=AUDIT_SOURCES.get(one["reason"], "pricing"),
        baseCostUsd=None if nanousd is None else usd(nanousd),
        calcAt=shown.moment(one["at_us"]),
        reason=one["reason"],
        match=one["how"],
        rate=one["rate_key"],
        prices=None if prices is None else json.loads(prices),
        trouble=one["trouble"],
        steps=[_step(step) for step in one["steps"]],
    )


def _step(one: Mapping[str, Any]) -> CostStep:
    return CostStep(
        what=one["what"],
        model=one["model"],
        provider=one["rate_provider"],
        costUsd=usd(one["cost_nanousd"]),
        match=one["how"],
        rate=one["rate_key"],
        prices=json.loads(one["prices"]),
        inputTokens=one.get("input_tokens"),
        outputTokens=one.get("output_tokens"),
        cacheReadTokens=one.get("cache_read_tokens"),
        cacheWriteTokens=one.get("cache_write_tokens"),
        cacheWrite1hTokens=one.get("cache_write_1h_tokens"),
        webSearches=one.get("web_searches"),
    )
