"""What a call costs, line by line.

A usage states whole figures and parts of them; a quote has *disjoint* lines, each a
count times a price, which add up to the whole::

    input  = plain + cache_read + cache_write + cache_write_1h + audio + image
    output = plain + reasoning + audio + image

A part is a line of its own only where it has a price of its own; else it stays in
the plain line and is paid like the rest.  So a part that a provider does not state
is never taken to be free.  Whole figures that are needed and missing make the quote
impossible: there is none, rather than one over half of the call.

Whose habits fill a gap in a rate follows the wire format and the model, never the
name of a provider.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from wellhead.directory import ProviderType
from wellhead.money import COST_NANOUSD_MAX, decimal_usd, price
from wellhead.pricing.catalogue import Catalogue, Match
from wellhead.pricing.layer import How
from wellhead.pricing.names import is_a_model
from wellhead.pricing.rates import (
    INPUT_KINDS,
    OPERATOR,
    OUTPUT_KINDS,
    Family,
    Kind,
    Prices,
    Rate,
    Sheet,
    per,
    sheet_for,
)
from wellhead.pricing.steps import FEES, Extra, Step, extra_of
from wellhead.pricing.tiers import in_geography, sheets_of, tier_of
from wellhead.usage import Usage

ANTHROPIC_MESSAGES = "anthropic_messages"
ANTHROPIC_SEARCH = 10**13
"""10 USD per thousand, with every model (A-4.4); for rates that do not state it."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One kind of what was used: `nanousd == price(count, nanousd_per_million, per(kind))`."""

    kind: Kind
    count: int
    """Tokens, calls or searches; of `AUDIO_SECOND` milliseconds."""
    nanousd_per_million: int
    """Per million tokens, calls, searches or seconds."""
    nanousd: int
    model: str | None = None
    """Whose step it was, where that is not the call's model."""


class StepPrice(msgspec.Struct, frozen=True):
    """What one of several steps costs, and by which rate."""

    step: Step
    match: Match
    nanousd: int


class Quote(msgspec.Struct, frozen=True):
    """The lines and their sum."""

    lines: tuple[Line, ...]
    nanousd: int
    trouble: tuple[str, ...] = ()
    """What was odd about the counts, each in stable short words."""
    steps: tuple[StepPrice, ...] = ()
    """Where the answer was made in several; they add up to the same."""


class Reason(StrEnum):
    """Why a call is priced as it is, or not."""

    SETTLED = "settled"
    """From the table."""
    REPORTED = "reported"
    """The provider says itself what it cost; that wins over any table."""
    NO_MODEL = "no_model"
    NO_PRICE = "no_price"
    NO_COUNTS = "no_counts"
    TIER_UNKNOWN = "tier_unknown"
    """Nobody has published what the tier or the place costs."""
    UNCOUNTED = "uncounted"
    """It is sold by something that no usage counts: characters, pages."""
    UNPRICED_PART = "unpriced_part"
    """A fee beside the tokens has no price here."""
    UNREADABLE = "unreadable"
    """The steps it was made in could not be read."""
    GUARD = "guard"
    """It would have cost more than anybody believes, or less than nothing."""


class PriceState(StrEnum):
    """Whether a call has a price."""

    PRICED = "priced"
    PENDING = "pending"
    """Not yet: a later price list may have it."""
    UNPRICEABLE = "unpriceable"
    """Never: it names no model."""


class Priced(msgspec.Struct, frozen=True):
    """What became of pricing one call."""

    state: PriceState
    reason: Reason
    nanousd: int | None = None
    match: Match | None = None
    """The rate that was used, or would have been."""
    lines: tuple[Line, ...] = ()
    """Empty where the provider's own figure counts."""
    trouble: tuple[str, ...] = ()
    steps: tuple[StepPrice, ...] = ()
    """Of what was priced from the table and made in several steps."""
    refused_nanousd: int | None = None
    """The cost that is not believed."""


def quote(
    usage: Usage,
    rate: Rate,
    *,
    tier: str | None = None,
    at_us: int | None = None,
    speed: str | None = None,
    geography: str | None = None,
    anthropic: bool = False,
) -> Quote | None:
    """Price a usage by a rate; `None` where a count or a price that is needed is not known.

    `tier`, `speed` and `geography` as the response states them; `at_us` decides which
    of a tier's prices holds (now, where it is not given).  `anthropic`: the call was
    made in Anthropic's wire format, whose rules for cache writes hold.
    """
    sheets = _sheets(rate, tier, at_us, speed, geography)
    if sheets is None:
        return None
    found = _quoted(usage, rate, sheets, anthropic)
    return found if isinstance(found, Quote) else None


def estimate(rate: Rate, input_tokens: int, output_tokens: int) -> int:
    """What so many tokens cost at most, in nano-dollars: none cached, at the usual tier."""
    prices = sheet_for(rate.sheets, input_tokens).prices
    return (
        price(input_tokens, prices.get(Kind.INPUT, 0))
        + price(output_tokens, prices.get(Kind.OUTPUT, 0))
        + price(1, prices.get(Kind.CALL, 0))
    )


def priced(
    catalogue: Catalogue,
    *,
    provider: str,
    provider_type: str,
    model: str | None,
    model_served: str | None,
    tier: str | None,
    usage: Usage,
    reported_nanousd: int | None,
    at_us: int,
    dialect: str | None = None,
    usage_extra: str | None = None,
    cost_max_nanousd: int = COST_NANOUSD_MAX,
) -> Priced:
    """Price a call: by what the provider says, else by the served model's rate, else by the asked one's.

    `at_us` is when the call began.  A cost above `cost_max_nanousd` is not believed,
    whoever states it, and no negative one of a provider's; what it said is in the trouble then.
    """
    asking = _Asking(
        catalogue,
        provider,
        provider_type == ProviderType.OLLAMA,
        provider_type == ProviderType.ANTHROPIC or dialect == ANTHROPIC_MESSAGES,
        at_us,
    )
    match = asking.match((model_served, model))
    if reported_nanousd is not None:
        if not 0 <= reported_nanousd <= cost_max_nanousd:
            told = (f"reported_usd:{decimal_usd(reported_nanousd)}",)
            refused = reported_nanousd
            return Priced(
                PriceState.PENDING, Reason.GUARD, match=match, trouble=told, refused_nanousd=refused
            )
        return Priced(PriceState.PRICED, Reason.REPORTED, reported_nanousd, match)
    if match is None:
        if is_a_model(model_served) or is_a_model(model):
            return Priced(PriceState.PENDING, Reason.NO_PRICE)
        return Priced(PriceState.UNPRICEABLE, Reason.NO_MODEL)
    found = asking.quoted(match, usage, tier, extra_of(usage_extra))
    if isinstance(found, Reason):
        return Priced(PriceState.PENDING, found, match=match)
    if found.nanousd > cost_max_nanousd:
        refused = found.nanousd
        return Priced(PriceState.PENDING, Reason.GUARD, None, match, found.lines, found.trouble, (), refused)
    return Priced(
        PriceState.PRICED, Reason.SETTLED, found.nanousd, match, found.lines, found.trouble, found.steps
    )


class _Asking(msgspec.Struct, frozen=True):
    """One question to the catalogue."""

    catalogue: Catalogue
    provider: str
    local: bool
    anthropic: bool
    at_us: int

    def match(self, models: tuple[str | None, ...]) -> Match | None:
        """The rate of the first that has one; a guess only where none has."""
        guess = None
        for model in models:
            if model is None or not is_a_model(model):
                continue
            found = self.catalogue.match(self.provider, model, self.at_us, local=self.local)
            if found is not None and found.how is not How.FUZZY:
                return found
            guess = guess or found
        return guess

    def quoted(self, match: Match, usage: Usage, tier: str | None, extra: Extra) -> Quote | Reason:
        if not extra.is_whole and not match.rate.is_free:
            return Reason.UNREADABLE
        if not extra.steps:
            return self._one(match.rate, usage, tier, extra)
        lines: list[Line] = []
        trouble: dict[str, None] = {}
        prices: list[StepPrice] = []
        # The call itself and its searches are paid once for all steps.
        once = Usage(input_tokens=0, output_tokens=0, web_searches=usage.web_searches)
        for step in (*extra.steps, Step(None, once, FEES)):
            found = match if step.model is None else self.match((step.model,))
            if found is None:
                return Reason.NO_PRICE
            part = self._one(found.rate, step.usage, tier, extra)
            if isinstance(part, Reason):
                return part
            trouble |= dict.fromkeys(part.trouble)
            own = [line for line in part.lines if step.what == FEES or line.kind is not Kind.CALL]
            if step.what == FEES and not own:
                continue
            lines += (msgspec.structs.replace(line, model=step.model) for line in own)
            prices.append(StepPrice(step, found, sum(line.nanousd for line in own)))
        return Quote(tuple(lines), sum(line.nanousd for line in lines), tuple(trouble), tuple(prices))

    def _one(self, rate: Rate, usage: Usage, tier: str | None, extra: Extra) -> Quote | Reason:
        sheets = _sheets(rate, tier, self.at_us, extra.speed, extra.geography)
        if sheets is None:
            return Reason.TIER_UNKNOWN
        return _quoted(usage, rate, sheets, self.anthropic)


def _sheets(
    rate: Rate, tier: str | None, at_us: int | None, speed: str | None, geography: str | None
) -> tuple[Sheet, ...] | None:
    if tier is None and speed is None and geography is None:
        return rate.sheets
    sheets = sheets_of(rate, tier_of(tier, speed), at_us)
    return None if sheets is None else in_geography(rate, sheets, geography)


def _quoted(usage: Usage, rate: Rate, sheets: tuple[Sheet, ...], anthropic: bool) -> Quote | Reason:
    prices = sheet_for(sheets, usage.input_tokens or 0).prices
    anthropic = anthropic or rate.family is Family.ANTHROPIC
    trouble: list[str] = []
    lines: list[Line] = []
    if rate.uncounted:
        if not any(prices.values()):
            return Reason.UNCOUNTED
        trouble += (f"uncounted:{what}" for what in rate.uncounted)
    if not _add_input(lines, trouble, usage, prices, anthropic):
        return Reason.NO_COUNTS
    if not _add_output(lines, trouble, usage, prices):
        return Reason.NO_COUNTS
    if not _add_audio(lines, usage, rate, prices):
        return Reason.NO_COUNTS
    if prices.get(Kind.CALL):
        _add(lines, Kind.CALL, 1, prices[Kind.CALL])
    if usage.web_searches:
        fee = prices.get(Kind.WEB_SEARCH)
        if fee is None and anthropic:
            fee = ANTHROPIC_SEARCH
        if fee is not None:
            _add(lines, Kind.WEB_SEARCH, usage.web_searches, fee)
        elif rate.is_free or rate.source == OPERATOR:
            trouble.append(f"unpriced:{Kind.WEB_SEARCH}")  # who states a price states all of it
        else:
            return Reason.UNPRICED_PART
    nanousd = 0
    for line in lines:
        nanousd += line.nanousd
    return Quote(tuple(lines), nanousd, tuple(trouble))


def _add(lines: list[Line], kind: Kind, count: int, nanousd_per_million: int) -> None:
    if count:
        nanousd = price(count, nanousd_per_million, per(kind))
        lines.append(Line(kind, count, nanousd_per_million, nanousd))


def _add_input(lines: list[Line], trouble: list[str], usage: Usage, prices: Prices, anthropic: bool) -> bool:
    rest = usage.input_tokens
    if rest is None:
        if usage.output_tokens is not None and usage.total_tokens == usage.output_tokens:
            return True  # nothing was read
        return not any(prices.get(kind) for kind in INPUT_KINDS)
    plain = prices.get(Kind.INPUT, 0)
    for kind, count in _input_parts(usage):
        own = prices.get(kind)
        if own is None and anthropic and kind in CACHE_WRITES:
            times, over = CACHE_WRITES[kind]
            own = (plain * times + over // 2) // over
        if own is None and kind is Kind.CACHE_WRITE_1H:
            own = prices.get(Kind.CACHE_WRITE)
        if own is None:
            continue  # it stays in the plain line
        if count > rest:
            trouble.append(f"clamped:{kind}")
            count = rest
        rest -= count
        _add(lines, kind, count, own)
    _add(lines, Kind.INPUT, rest, plain)
    return True


CACHE_WRITES = {Kind.CACHE_WRITE: (5, 4), Kind.CACHE_WRITE_1H: (2, 1)}
"""Times the input price, with Anthropic's models (A-4.4)."""


def _input_parts(usage: Usage) -> Iterator[tuple[Kind, int]]:
    if usage.cache_read_tokens:
        yield Kind.CACHE_READ, usage.cache_read_tokens
    written, hour = usage.cache_write_tokens or 0, usage.cache_write_1h_tokens or 0
    if hour:
        yield Kind.CACHE_WRITE_1H, hour
    if written > hour:
        yield Kind.CACHE_WRITE, written - hour
    if usage.input_audio_tokens:
        yield Kind.INPUT_AUDIO, usage.input_audio_tokens
    if usage.input_image_tokens:
        yield Kind.INPUT_IMAGE, usage.input_image_tokens


def _add_output(lines: list[Line], trouble: list[str], usage: Usage, prices: Prices) -> bool:
    rest = usage.output_tokens
    if rest is None:
        if usage.input_tokens is not None and usage.total_tokens == usage.input_tokens:
            return True  # nothing was written: embeddings
        return not any(prices.get(kind) for kind in OUTPUT_KINDS)
    for kind, count in (
        (Kind.REASONING, usage.reasoning_tokens),
        (Kind.OUTPUT_AUDIO, usage.output_audio_tokens),
        (Kind.OUTPUT_IMAGE, usage.output_image_tokens),
    ):
        if not count:
            continue
        own = prices.get(kind)
        if own is None:
            continue
        if count > rest:
            trouble.append(f"clamped:{kind}")
            count = rest
        rest -= count
        _add(lines, kind, count, own)
    _add(lines, Kind.OUTPUT, rest, prices.get(Kind.OUTPUT, 0))
    return True


def _add_audio(lines: list[Line], usage: Usage, rate: Rate, prices: Prices) -> bool:
    fee = prices.get(Kind.AUDIO_SECOND)
    if not fee:
        return True
    if usage.audio_ms is None:
        # Where tokens are paid for as well, a call without audio states none.
        return Kind.INPUT in prices and usage.input_tokens is not None
    _add(lines, Kind.AUDIO_SECOND, max(usage.audio_ms, rate.audio_ms_min) if usage.audio_ms else 0, fee)
    return True
