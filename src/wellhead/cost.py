"""What a call cost, and how that was come by.

A cost is whole nano-dollars, or unknown; a price of nothing (a model of one's own)
is a price.  Every pricing of a call is a record of its own, and refers to the rate
that was used, which is kept whole and never edited: a cost can be computed again
from them at any time.
"""

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
