"""Which rate a call is priced by.

Three lists lie on top of each other: what the operator says, what was fetched since
the program was built, and what it was built with.  A model is looked for first
with the provider that was called; only where that has no price of its own (a proxy
no list knows) with its maker.  Another seller's price is never taken, least of all
a price of nothing.

A catalogue never changes.  It remembers what it found, so asking again takes a
fraction of a microsecond.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from wellhead.pricing.layer import ANYBODY, EMPTY, RANK, How, Layer
from wellhead.pricing.names import (
    FIRST_PARTIES,
    fold,
    is_a_model,
    is_guessable,
    is_local,
    maker,
    seller,
    undated,
)
from wellhead.pricing.rates import NONE, Kind, Listing, Rate, Sheet

REMEMBERED_MAX = 8192
"""Names looked up before; beyond it they are all forgotten, so invented names cost no memory."""
MODEL_MAX = 512
"""Characters; a longer name is no model."""
FUZZY_MIN = 6
"""Characters a name must have to be looked for inside another."""
LOCAL = "local"
FREE_SUFFIX = ":free"
COMPARED = (Kind.INPUT, Kind.OUTPUT, Kind.CACHE_READ)

Found = tuple[Listing, How]


class Match(NamedTuple):
    """A rate, and how it was come by."""

    rate: Rate
    key: str
    """The name in the price list, as `openai/gpt-5`."""
    how: How


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Rates of models, by provider and time."""

    shipped: Layer
    refreshed: Layer = EMPTY
    overrides: Layer = EMPTY
    aliases: Mapping[str, str] = field(default_factory=lambda: NONE)
    """The beginning of a model's name -> the name it is priced by; the longest beginning counts."""
    _found: dict[tuple[str, str, bool], tuple[Match, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def count(self) -> int:
        """How many models have a price."""
        return len(
            {
                (seller, listing.model)
                for layer in (self.shipped, self.refreshed, self.overrides)
                for seller, each in layer.shelves.items()
                for listing in each.names.values()
            }
        )

    def match(self, provider: str, model: str, at_us: int, *, local: bool = False) -> Match | None:
        """The rate of a model at a moment; `None`: no price is known.

        With `local` (or a provider whose name says so) what the operator does not
        price costs nothing.
        """
        asked = (provider, model, local)
        found = self._found.get(asked)
        if found is None:
            found = tuple(self._find(provider, model, local))
            if len(self._found) >= REMEMBERED_MAX:
                self._found.clear()
            self._found[asked] = found
        for match in found:
            if match.rate.holds(at_us):
                return match
        return None

    def _find(self, provider: str, model: str, local: bool) -> Iterator[Match]:
        """What a model may be priced by, the first that holds counts."""
        model = model.strip()
        if len(model) > MODEL_MAX or not is_a_model(model):
            return
        target = self._alias(model)
        yield from self._overridden(provider, model, target)
        if local or is_local(provider, model):
            yield _nothing(provider, model)
            return
        exactly_aliased = fold(model) in self.aliases
        if exactly_aliased and target is not None:
            yield from _as(self._listed(provider, target), How.ALIAS)
        listed = tuple(self._listed(provider, model))
        yield from listed
        if not listed and target is not None and not exactly_aliased:
            listed = tuple(self._listed(provider, target))
            yield from _as(listed, How.ALIAS)
        if not listed:
            yield from self._guessed(provider, model)

    def _overridden(self, provider: str, model: str, target: str | None) -> Iterator[Match]:
        names = [model] if target is None else [model, target]
        for name in names:
            for shelf in dict.fromkeys((provider.lower(), seller(provider), ANYBODY)):
                for written in (name, f"{provider}/{name}", *_without_namespace(name)):
                    found = self.overrides.find(shelf, written)
                    if found is not None:
                        yield from _matches(found[0], How.OVERRIDE)

    def _listed(self, provider: str, model: str) -> Iterator[Match]:
        """By the lists: with the provider, else with the seller its name states, else with its maker."""
        first_seen: list[Found] = []
        for shelf, name, is_asked in self._places(provider, model):
            fetched, built_in = self.refreshed.find(shelf, name), self.shipped.find(shelf, name)
            listings = _in_order(fetched, built_in)
            if not is_asked and not name.endswith(FREE_SUFFIX) and shelf != maker(name):
                # A reseller that was not asked for gives nothing away.
                listings = tuple(each for each in listings if not _is_free(each[0]))
            for listing, how in listings:
                yield from _matches(listing, how)
            if listings and built_in is not None:
                return
            # Before it was fetched the next place may have known a price.
            first_seen += listings
        for listing, how in first_seen[:1]:
            yield from _matches(_opened(listing), how)

    def _places(self, provider: str, model: str) -> Iterator[tuple[str, str, bool]]:
        """Sellers, what the model may be called there, and whether the provider is meant by it."""
        own = seller(provider)
        space, _, rest = model.partition("/")
        yield own, model, True
        if rest and seller(space) == own:
            yield own, rest, True
        if own == "google" and rest:
            yield own, model.rpartition("/")[2], True  # models/..., publishers/google/models/...
        shelf = self.shipped.shelves.get(own)
        for other in shelf.fallback if shelf is not None else ():
            yield other, model, True
        if rest:
            yield seller(space), rest, False
        last = model.rpartition("/")[2]
        made_by = maker(last)
        if made_by is not None:
            yield made_by, last, False

    def _guessed(self, provider: str, model: str) -> Iterator[Match]:
        """By the longest name that is somewhere inside; what costs nothing is not guessed."""
        name = fold(model)
        if not is_guessable(name):
            return
        sellers = dict.fromkeys((seller(provider), maker(name.rpartition("/")[2]) or "", *FIRST_PARTIES))
        longest, by = "", ""
        for each in sellers:
            for layer in (self.refreshed, self.shipped):
                shelf = layer.shelves.get(each)
                for known, listing in shelf.folded.items() if shelf is not None else ():
                    longer = len(known) >= FUZZY_MIN and len(known) > len(longest)
                    if longer and known in name and not _is_free(listing):
                        longest, by = known, each
        fetched, built_in = (_known(layer, by, longest) for layer in (self.refreshed, self.shipped))
        for listing, how in _in_order(fetched, built_in):
            yield from _matches(listing, how)
        if fetched is not None and built_in is None:
            yield from _matches(_opened(fetched[0]), How.FUZZY)

    def _alias(self, model: str) -> str | None:
        name = fold(model)
        names = (name, *undated(name))
        if not self.aliases:
            return None
        fitting = [prefix for prefix in self.aliases if any(n.startswith(prefix) for n in names)]
        return self.aliases[max(fitting, key=len)] if fitting else None


def _without_namespace(model: str) -> tuple[str, ...]:
    rest = model.rpartition("/")[2]
    return (rest,) if rest != model else ()


def _known(layer: Layer, seller: str, name: str) -> Found | None:
    """The listing of a name that was guessed."""
    shelf = layer.shelves.get(seller)
    listing = None if shelf is None else shelf.folded.get(name)
    return None if listing is None or _is_free(listing) else (listing, How.FUZZY)


def _matches(listing: Listing, how: How) -> Iterator[Match]:
    for rate in reversed(listing.rates):
        yield Match(rate, listing.key, how)


def _as(matches: Iterator[Match] | tuple[Match, ...], how: How) -> Iterator[Match]:
    for match in matches:
        yield match._replace(how=how)


def _nothing(provider: str, model: str) -> Match:
    """What runs on a machine of one's own."""
    key = f"{LOCAL}:{provider}"
    rate = Rate(
        key=key,
        provider=provider,
        model=model,
        source=LOCAL,
        sheets=(Sheet(-1, {Kind.INPUT: 0, Kind.OUTPUT: 0}),),
    )
    return Match(rate, key, How.EXACT)


def _is_free(listing: Listing) -> bool:
    return all(rate.is_free for rate in listing.rates)


def _in_order(fetched: Found | None, built_in: Found | None) -> tuple[Found, ...]:
    """Of both lists' findings, those to price by, in order of precedence.

    The fetched list is newer but knows less (no tiers, no history of its own), so each
    of its prices only counts where it says something else, and not where it says that
    what used to cost something is free.
    """
    if fetched is None:
        return () if built_in is None else (built_in,)
    if built_in is None:
        return (fetched,)
    if RANK[fetched[1]] > RANK[built_in[1]]:
        return (built_in,)
    listing, how = fetched
    built_in_is_free = _is_free(built_in[0])
    news = tuple(
        rate
        for rate in listing.rates
        if (built_in_is_free or not rate.is_free) and not _agrees(rate, built_in[0])
    )
    return ((replace(listing, rates=news), how), built_in) if news else (built_in,)


def _opened(listing: Listing) -> Listing:
    """A model that nobody knew before it was fetched: its first price is the best guess at earlier ones."""
    return replace(
        listing, rates=(replace(listing.rates[0], since_us=None, until_us=listing.rates[0].since_us),)
    )


def _agrees(rate: Rate, built_in: Listing) -> bool:
    """Whether a fetched price says what the shipped list says for when it was first seen."""
    at_us = rate.since_us
    in_force = [
        other
        for other in built_in.rates
        if (other.until_us is None if at_us is None else other.until_us is None or at_us < other.until_us)
        and (at_us is None or other.since_us is None or other.since_us <= at_us)
    ]
    return any(
        all(
            other.prices.get(kind, 0) == rate.prices.get(kind, other.prices.get(kind, 0)) for kind in COMPARED
        )
        for other in in_force
    )
