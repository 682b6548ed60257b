"""What a call cost, and how that was come by.

A cost is whole nano-dollars, or unknown; a price of nothing (a model of one's own)
is a price.  Every pricing of a call is a record of its own, and refers to the rate
that was used, which is kept whole and never edited: a cost can be computed again
from them at any time.  An answer that was made in several steps, perhaps by several
models, has a record of each step in it.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec


class CostState(StrEnum):
    """Whether a call has a price."""

    PRICED = "priced"
    PENDING = "pending"
    """Not yet: its model, tier or counts are not known to any price list so far."""
    UNPRICEABLE = "unpriceable"
    """Never: it used nothing that anybody reported, or names no model."""


class UsedRate(msgspec.Struct, frozen=True, gc=False):
    """A rate as it is kept: everything that a cost can be computed from."""

    digest: bytes
    """SHA-256 of the rest."""
    key: str
    source: str
    provider: str | None
    model: str
    since_us: int | None
    until_us: int | None
    prices: str
    """JSON: sheets by size of the input, tiers and habits, in nano-dollars per million."""


class CostedStep(msgspec.Struct, frozen=True, gc=False):
    """What one step of an answer cost."""

    what: str | None
    """`message`, `compaction`, ... in the provider's word; `fees` is what was paid once for all steps."""
    model: str | None
    """As the step states it; `None`: the one that the answer names."""
    counts: Mapping[str, int]
    """Of the fields of `wellhead.usage.Usage` those that are known."""
    rate: UsedRate
    how: str
    """How the rate was found."""
    nanousd: int


class Costed(msgspec.Struct, frozen=True, gc=False):
    """What became of pricing one call."""

    state: CostState
    reason: str
    """`settled` or `reported`, or why there is no price, in stable short words."""
    nanousd: int | None = None
    rate: UsedRate | None = None
    """The one that was used, or would have been."""
    model: str | None = None
    """By which name in the price list."""
    how: str | None = None
    """How that was found: `exact`, `alias`, ..."""
    trouble: tuple[str, ...] = ()
    steps: tuple[CostedStep, ...] = ()
    """Where there were several, each by a rate of its own; their costs add up to the whole."""
    refused_nanousd: int | None = None
    """A cost that nobody believes."""

    def rates(self) -> Iterator[UsedRate]:
        """Every rate that it refers to, some perhaps more than once."""
        if self.rate is not None:
            yield self.rate
        for step in self.steps:
            yield step.rate
