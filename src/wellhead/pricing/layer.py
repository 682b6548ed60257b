"""A price list made ready for looking up: sellers, and what each calls its models.

A *shelf* holds one seller's listings.  A name is found as it stands, then in
another spelling, then by a pattern the list gives, then without its date.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from wellhead.pricing.names import fold, undated
from wellhead.pricing.rates import NONE, Listing

ANYBODY = ""
"""The shelf of prices that hold whoever sells."""

Clause = Callable[[str], bool]


class How(StrEnum):
    """How a model came to its rate."""

    OVERRIDE = "override"
    """The operator said so."""
    EXACT = "exact"
    NORMALIZED = "normalized"
    """In another spelling: case, spaces, underscores."""
    ALIAS = "alias"
    """By an alias, or a pattern of the price list."""
    DATED = "dated"
    """Without, or with another spelling of, the date at its end."""
    FUZZY = "fuzzy"
    """A known name is somewhere in it.  A guess, and marked as one."""


RANK = {how: rank for rank, how in enumerate(How)}


@dataclass(frozen=True, slots=True)
class Shelf:
    """One seller's listings."""

    names: Mapping[str, Listing]
    """By name, in lower case."""
    folded: Mapping[str, Listing]
    """By name, in one spelling."""
    patterns: tuple[tuple[Clause, Listing], ...] = ()
    """In order of precedence."""
    fallback: tuple[str, ...] = ()
    """Other sellers whose models this one sells at the same price."""

    def find(self, model: str) -> tuple[Listing, How] | None:
        """The listing of a model, and how it was found."""
        name = model.lower()
        found = self.names.get(name)
        if found is not None:
            return found, How.EXACT
        found = self.folded.get(fold(name))
        if found is not None:
            return found, How.NORMALIZED
        names = tuple(undated(name))
        found = self._by_pattern(name)
        if found is not None:
            return found, How.DATED if any(self.names.get(n) is found for n in names) else How.ALIAS
        for bare in names:
            found = self.names.get(bare) or self._by_pattern(bare)
            if found is not None:
                return found, How.DATED
        return None

    def _by_pattern(self, name: str) -> Listing | None:
        return next((listing for clause, listing in self.patterns if clause(name)), None)


@dataclass(frozen=True, slots=True)
class Layer:
    """A price list."""

    source: str
    version: str | None = None
    shelves: Mapping[str, Shelf] = field(default_factory=lambda: NONE)

    def find(self, seller: str, model: str) -> tuple[Listing, How] | None:
        """A seller's listing of a model."""
        shelf = self.shelves.get(seller)
        return None if shelf is None else shelf.find(model)


EMPTY = Layer("none")


def shelf(
    names: Mapping[str, Listing],
    patterns: Iterable[tuple[Clause, Listing]] = (),
    fallback: Iterable[str] = (),
) -> Shelf:
    """A shelf of these; of names that differ in spelling only, the first is found by the others'."""
    folded: dict[str, Listing] = {}
    for name, listing in names.items():
        folded.setdefault(fold(name), listing)
    lower = {name.lower(): listing for name, listing in names.items()}
    return Shelf(lower, folded, tuple(patterns), tuple(fallback))


def clause(written: Mapping[str, Any]) -> Clause:
    """A pattern as the compiled price list writes it, made a test of lower-case names."""
    [(kind, value)] = written.items()
    if kind == "starts_with":
        return lambda name: name.startswith(value)
    if kind == "ends_with":
        return lambda name: name.endswith(value)
    if kind == "contains":
        return lambda name: value in name
    if kind == "equals":
        return lambda name: name == value
    if kind == "regex":
        pattern = re.compile(value)
        return lambda name: pattern.search(name) is not None
    parts = [clause(part) for part in value]
    if kind == "and":
        return lambda name: all(part(name) for part in parts)
    assert kind == "or", kind
    return lambda name: any(part(name) for part in parts)
