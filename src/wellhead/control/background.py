"""What the control process does beside answering, as far as its answers tell of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wellhead.background import LoopState
from wellhead.price_list import Refreshing
from wellhead.pricing.book import PriceBook


@dataclass(frozen=True, slots=True)
class Background:
    """Asked anew for every answer; none of it waits."""

    book: PriceBook
    """By which calls are priced, kept up to date."""
    refreshing: Callable[[], Refreshing]
    """How up to date that is."""
    loops: Callable[[], Sequence[LoopState]]
    """How every loop stands."""
