"""What the control process does beside answering, as a test says it stands."""

from collections.abc import Sequence
from dataclasses import replace

from wellhead.background import LoopState
from wellhead.control.background import Background
from wellhead.price_list import Refreshing
from wellhead.pricing.book import PriceBook
from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.shipped import shipped

NOTHING_FETCHED = Refreshing(interval_s=0.0, age_max_s=86_400.0)
A_LOOP = LoopState("tidy", 60.0)


def a_background(
    refreshing: Refreshing = NOTHING_FETCHED,
    loops: Sequence[LoopState] = (),
    book: PriceBook | None = None,
) -> Background:
    """Nothing is fetched and nothing is done, unless told."""
    book = book or PriceBook(Catalogue(shipped()), {})
    return Background(book, lambda: refreshing, lambda: loops)


def a_loop(name: str, **how: object) -> LoopState:
    return replace(A_LOOP, name=name, **how)  # type: ignore[arg-type]
