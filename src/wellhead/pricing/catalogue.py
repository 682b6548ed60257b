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
from dataclasses import dataclass, field
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
        for shelf, name, is_asked in self._places(provider, model):
            fetched, built_in = self.refreshed.find(shelf, name), self.shipped.find(shelf, name)
            best = _best(fetched, built_in)
            if best is None:
                continue
            listings, how = best
            if not is_asked and not name.endswith(FREE_SUFFIX) and shelf != maker(name):
                # A reseller that was not asked for gives nothing away.
                listings = tuple(each for each in listings if not _is_free(each))
            if listings:
                for listing in listings:
                    yield from _matches(listing, how)
                return

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
        best: tuple[str, Listing] | None = None
        for each in sellers:
            for layer in (self.refreshed, self.shipped):
                shelf = layer.shelves.get(each)
                for known, listing in shelf.folded.items() if shelf is not None else ():
                    longer = len(known) > (FUZZY_MIN - 1 if best is None else len(best[0]))
                    if longer and known in name and not _is_free(listing):
                        best = known, listing
        if best is not None:
            yield from _matches(best[1], How.FUZZY)

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


def _best(
    fetched: tuple[Listing, How] | None, built_in: tuple[Listing, How] | None
) -> tuple[tuple[Listing, ...], How] | None:
    """Of both lists' findings, those to price by, in order of precedence.

    The fetched list is newer but knows less (no tiers, no history), so it only
    counts where it says something else, and not where it says that what used to
    cost something is free.
    """
    if fetched is None or built_in is None:
        one = fetched or built_in
        return None if one is None else ((one[0],), one[1])
    if (
        RANK[fetched[1]] > RANK[built_in[1]]
        or (_is_free(fetched[0]) and not _is_free(built_in[0]))
        or _agree(fetched[0], built_in[0])
    ):
        return (built_in[0],), built_in[1]
    return (fetched[0], built_in[0]), fetched[1]


def _agree(fetched: Listing, built_in: Listing) -> bool:
    newest = fetched.rates[-1]
    at_us = newest.since_us
    in_force = [
        rate
        for rate in built_in.rates
        if (rate.until_us is None if at_us is None else rate.until_us is None or at_us < rate.until_us)
        and (at_us is None or rate.since_us is None or rate.since_us <= at_us)
    ]
    return any(
        all(
            rate.prices.get(kind, 0) == newest.prices.get(kind, rate.prices.get(kind, 0)) for kind in COMPARED
        )
        for rate in in_force
    )
