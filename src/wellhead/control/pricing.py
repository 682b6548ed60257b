"""`/admin/pricing`: what a model costs, how that was found, and how up to date prices are.

The shape is agent-cli-proxy's; what it cannot say stands beside it: the rate by its name,
the list it is from, since when it holds, and what became of the last list that was fetched.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.control.answers import failing
from wellhead.control.background import Background
from wellhead.control.bodies import example
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER
from wellhead.control.times import EXAMPLE, moment_us
from wellhead.money import usd
from wellhead.price_list import Refreshing
from wellhead.pricing.book import PriceBook
from wellhead.pricing.catalogue import MODEL_MAX, Match
from wellhead.pricing.layer import How
from wellhead.pricing.rates import Kind, Prices

NAME_MAX = 200
# Ours -> agent-cli-proxy's; that takes dates off names while it normalises them.
SOURCES = {How.DATED: "normalized"}
Source = Literal["exact", "normalized", "alias", "fuzzy", "override"]


class PerMillion(BaseModel):
    """US dollars per million tokens; null where the kind has no price of its own."""

    input: float | None
    output: float | None
    cache_read: float | None
    cache_write: float | None
    reasoning: float | None


class LargerCalls(BaseModel):
    """What the whole call costs where its input is larger than so many tokens."""

    above: int
    pricing: PerMillion


class PriceMatch(BaseModel):
    """The rate by which a model is priced."""

    key: str = Field(description="The model's name in the list.")
    source: Source = Field(description="How it was found, in agent-cli-proxy's words.")
    pricing: PerMillion
    how: How = Field(description="How it was found.")
    rate: str = Field(description="The rate's own name, as in a call's cost audit.")
    price_list: str = Field(description="The list it is from.")
    since: str | None = Field(description="From when it holds; null: it always did.")
    until: str | None = Field(description="Until when; null: it still holds.")
    context: list[LargerCalls]
    tiers: list[str] = Field(description="Service tiers that have prices of their own.")


class RefusedList(BaseModel):
    """A list that was fetched and is not believed."""

    at: str
    reasons: list[str]


class Refresh(BaseModel):
    """How prices are kept up to date."""

    interval_s: float = Field(description="How often a list is fetched; 0: never.")
    list_id: int | None = Field(description="Which fetched list counts; null: none was fetched.")
    source: str | None
    digest: str | None = Field(description="SHA-256 of what was fetched.")
    since: str | None = Field(description="When it was first fetched.")
    checked: str | None = Field(description="When the source last said the same.")
    stale: bool
    refused: RefusedList | None = Field(description="The list that came last, if it is not believed.")


class Pricing(BaseModel):
    """What a model costs, and how up to date that is."""

    model_config = example(
        loaded=4812,
        fetchedAt=1772355600000,
        ageMs=60000,
        cachePath=None,
        model="claude-sonnet-4-5",
        provider="anthropic",
        match={
            "key": "anthropic/claude-sonnet-4-5",
            "source": "exact",
            "pricing": {
                "input": 3.0,
                "output": 15.0,
                "cache_read": 0.3,
                "cache_write": 3.75,
                "reasoning": None,
            },
            "how": "exact",
            "rate": "genai-prices/0.0.49:anthropic/claude-sonnet-4-5",
            "price_list": "genai-prices/0.0.49",
            "since": None,
            "until": None,
            "context": [],
            "tiers": ["batch"],
        },
        refresh={
            "interval_s": 21600.0,
            "list_id": 7,
            "source": "models.dev",
            "digest": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
            "since": "2026-03-01T09:00:00.000Z",
            "checked": "2026-03-01T09:00:00.000Z",
            "stale": False,
            "refused": None,
        },
    )

    loaded: int = Field(description="How many models have a price.")
    fetchedAt: int | None = Field(description="Milliseconds since the epoch; null: never.")  # noqa: N815
    ageMs: int | None  # noqa: N815
    cachePath: None = Field(description="Always null: lists are kept in the database.")  # noqa: N815
    model: str | None
    provider: str | None
    match: PriceMatch | None = Field(description="null: no price is known, or no model was asked for.")
    refresh: Refresh


def add_to(routes: APIRouter, background: Background, now_us: Callable[[], int]) -> None:
    """The one endpoint of prices."""

    @routes.get(
        "/admin/pricing",
        tags=["pricing"],
        dependencies=[*VIEWER, Depends(only("model", "provider", "at"))],
        summary="What a model costs",
        responses=failing(400),
    )
    def pricing(
        model: Annotated[
            str | None, Query(min_length=1, max_length=MODEL_MAX, description="As clients name it.")
        ] = None,
        provider: Annotated[
            str | None,
            Query(
                min_length=1, max_length=NAME_MAX, description="That is called; absent, the model's maker."
            ),
        ] = None,
        at: Annotated[str | None, Query(description="When; absent, now.", examples=[EXAMPLE])] = None,
    ) -> Pricing:
        """The match by which a call of the model would be priced, and the state of the price lists."""
        return told(background.book, background.refreshing(), now_us(), model, provider, moment_us(at, "at"))


def told(
    book: PriceBook,
    refreshing: Refreshing,
    now_us: int,
    model: str | None,
    provider: str | None,
    at_us: int | None,
) -> Pricing:
    """The answer; a command gives the same."""
    match = None
    if model is not None:
        match = book.match(provider or "", model, now_us if at_us is None else at_us)
    age_s, latest = refreshing.age_s(now_us), refreshing.latest
    return Pricing(
        loaded=book.catalogue.count(),
        fetchedAt=None if latest is None else latest.checked_us // 1000,
        ageMs=None if age_s is None else round(age_s * 1000),
        cachePath=None,
        model=model,
        provider=provider,
        match=None if match is None else _match(match),
        refresh=_refresh(refreshing, now_us),
    )


def _match(match: Match) -> PriceMatch:
    """A match as it is shown."""
    rate = match.rate
    return PriceMatch.model_validate(
        {
            "key": match.key,
            "source": SOURCES.get(match.how, match.how.value),
            "pricing": _prices(rate.prices),
            "how": match.how,
            "rate": rate.key,
            "price_list": rate.source,
            "since": shown.moment(rate.since_us),
            "until": shown.moment(rate.until_us),
            "context": [LargerCalls(above=s.above, pricing=_prices(s.prices)) for s in rate.context],
            "tiers": sorted(rate.tiers),
        }
    )


def _refresh(refreshing: Refreshing, now_us: int) -> Refresh:
    """The state of the lists, the same way."""
    latest, refused = refreshing.latest, refreshing.refused
    return Refresh(
        interval_s=refreshing.interval_s,
        list_id=None if latest is None else latest.id,
        source=None if latest is None else latest.source,
        digest=None if latest is None else latest.digest.hex(),
        since=None if latest is None else shown.moment(latest.since_us),
        checked=None if latest is None else shown.moment(latest.checked_us),
        stale=refreshing.is_stale(now_us),
        refused=None
        if refused is None
        else RefusedList(at=shown.moment(refused.at_us), reasons=list(refused.reasons)),
    )


def _prices(prices: Prices) -> PerMillion:
    def of(kind: Kind) -> float | None:
        return None if kind not in prices else usd(prices[kind])

    return PerMillion(
        input=of(Kind.INPUT),
        output=of(Kind.OUTPUT),
        cache_read=of(Kind.CACHE_READ),
        cache_write=of(Kind.CACHE_WRITE),
        reasoning=of(Kind.REASONING),
    )
