"""What a model costs, from when to when.

All prices are whole **nano-dollars per million units**, whatever the unit: tokens,
calls, searches or seconds.  (2.50 USD per million tokens is 2_500_000_000; 10 USD
per thousand searches is 10**13.)  Seconds are counted in milliseconds, see `per`.

A `Sheet` is a complete list of prices for calls that read more than so many tokens.
The one with the highest mark below a call's input counts for the *whole* call:
above a mark every token costs more, not only those above it.  Rates are never
edited; a new price is a new rate with a later `since_us`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from wellhead.moments import SECOND_US
from wellhead.money import nanousd

UNITS = 1_000_000
"""What prices are stated for."""
PRICE_MAX = 10**17
"""A hundred dollars a unit: nothing dearer is believed."""
OPERATOR = "operator"
"""The source of rates that the operator states."""
DAY_S = 86_400

NONE: Mapping[Any, Any] = MappingProxyType({})


def _none() -> Mapping[Any, Any]:
    return NONE  # through a function: before Python 3.12 a dataclass takes it for a mutable default


class Kind(StrEnum):
    """What is paid for.  Tokens of one kind are in no other."""

    INPUT = "input"
    CACHE_READ = "cache_read"
    CACHE_WRITE = "cache_write"
    """Kept for five minutes, or for however long the provider has but one price for."""
    CACHE_WRITE_1H = "cache_write_1h"
    INPUT_AUDIO = "input_audio"
    INPUT_IMAGE = "input_image"
    CACHE_READ_AUDIO = "cache_read_audio"
    """Known, but never billed: no usage says which of the cached tokens were spoken."""
    CACHE_READ_IMAGE = "cache_read_image"
    OUTPUT = "output"
    REASONING = "reasoning"
    OUTPUT_AUDIO = "output_audio"
    OUTPUT_IMAGE = "output_image"
    CALL = "call"
    AUDIO_SECOND = "audio_second"
    WEB_SEARCH = "web_search"


INPUT_KINDS = (
    Kind.INPUT,
    Kind.CACHE_READ,
    Kind.CACHE_WRITE,
    Kind.CACHE_WRITE_1H,
    Kind.INPUT_AUDIO,
    Kind.INPUT_IMAGE,
)
OUTPUT_KINDS = (Kind.OUTPUT, Kind.REASONING, Kind.OUTPUT_AUDIO, Kind.OUTPUT_IMAGE)
TOKEN_KINDS = frozenset((*INPUT_KINDS, *OUTPUT_KINDS, Kind.CACHE_READ_AUDIO, Kind.CACHE_READ_IMAGE))
"""What the discounts and surcharges of tiers apply to; fees per search stay as they are."""


def per(kind: Kind) -> int:
    """How many counts the price of a kind is for.

    A million; but audio is counted in milliseconds and its price is for a million
    seconds, which is as fine as hourly prices need.
    """
    return 1000 * UNITS if kind is Kind.AUDIO_SECOND else UNITS


Prices = Mapping[Kind, int]


class Family(StrEnum):
    """Whose habits fill in what a rate does not state; it follows the model, not the seller."""

    ANTHROPIC = "anthropic"
    """A cache write without a price of its own costs 1.25 times the input, 2 times for an hour."""
    OTHER = "other"
    """...costs the input price."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Prices of calls whose input is larger than `above`; of every call with -1."""

    above: int
    prices: Prices


@dataclass(frozen=True, slots=True)
class TierSheets:
    """What a service tier costs from a moment on (`None`: always did)."""

    since_us: int | None
    sheets: tuple[Sheet, ...]


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of every day, UTC; it may reach across midnight."""

    from_s: int
    until_s: int

    def hold(self, at_us: int) -> bool:
        second = at_us // SECOND_US % DAY_S
        if self.until_s < self.from_s:
            return second >= self.from_s or second < self.until_s
        return self.from_s <= second < self.until_s


@dataclass(frozen=True, slots=True)
class Rate:
    """The prices of one model at one seller, for as long as they hold."""

    key: str
    """Names it for good: source, seller, model and from when (and at which hours) it holds."""
    provider: str | None
    """Who sells it; `None`: whoever does."""
    model: str
    source: str
    sheets: tuple[Sheet, ...]
    """Ascending, the first for every call."""
    since_us: int | None = None
    """`None`: always did."""
    until_us: int | None = None
    """Exclusive; `None`: it still holds."""
    hours: Hours | None = None
    tiers: Mapping[str, tuple[TierSheets, ...]] = field(default_factory=_none)
    """Of service tiers with prices of their own, each ascending in time."""
    family: Family = Family.OTHER
    uncounted: tuple[str, ...] = ()
    """What is also charged for and appears in no usage: characters, pages, ..."""
    audio_ms_min: int = 0
    """A shorter recording is billed as one of this length."""

    @property
    def prices(self) -> Prices:
        """Of a call of the usual size and tier."""
        return self.sheets[0].prices

    @property
    def context(self) -> tuple[Sheet, ...]:
        """What larger calls pay."""
        return self.sheets[1:]

    @property
    def is_free(self) -> bool:
        """Whether it is priced at nothing, which is not the same as having no price."""
        return not self.uncounted and not any(any(s.prices.values()) for s in self.sheets)

    def holds(self, at_us: int) -> bool:
        """Whether these prices are in force at a moment."""
        if self.since_us is not None and at_us < self.since_us:
            return False
        if self.until_us is not None and at_us >= self.until_us:
            return False
        return self.hours is None or self.hours.hold(at_us)


@dataclass(frozen=True, slots=True)
class Listing:
    """A model in a price list: its rates, of which the last that holds counts."""

    provider: str | None
    model: str
    rates: tuple[Rate, ...]

    @property
    def key(self) -> str:
        """Its name in the list."""
        return self.model if self.provider is None else f"{self.provider}/{self.model}"

    def at(self, at_us: int) -> Rate | None:
        """The rate in force at a moment."""
        for rate in reversed(self.rates):
            if rate.holds(at_us):
                return rate
        return None


def family_of(provider: str | None, model: str) -> Family:
    """The family of a model, by its maker's name or its own."""
    return Family.ANTHROPIC if provider == "anthropic" or "claude" in model.lower() else Family.OTHER


def nanousd_per_million(usd: object) -> int | None:
    """Dollars per million as somebody wrote them, exactly; `None` for what is no believable price.

    A float is read by its shortest decimal form, which is what stood in the file.
    """
    return nanousd(usd, PRICE_MAX) if isinstance(usd, int | float | str | Decimal) else None


def sheet_for(sheets: tuple[Sheet, ...], input_tokens: int) -> Sheet:
    """The sheet that counts for a call of this size."""
    if len(sheets) > 1:
        for sheet in reversed(sheets):
            if input_tokens > sheet.above:
                return sheet
    return sheets[0]
