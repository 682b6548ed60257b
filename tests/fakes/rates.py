"""Rates and catalogues for tests, in dollars as people write them."""

from decimal import Decimal

from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.layer import ANYBODY, Layer, shelf
from wellhead.pricing.rates import Family, Kind, Listing, Rate, Sheet

NOW = 1_795_000_000_000_000
"""18 November 2026."""
DAY = 86_400_000_000


def a_rate(
    above: dict[int, dict[str, str]] | None = None, *, since_us: int | None = None, **usd: str
) -> Rate:
    """Prices in dollars per million, and those of calls with more input than so many tokens."""
    base = {Kind(kind): nanousd(price) for kind, price in usd.items()}
    sheets = [Sheet(-1, base)]
    for mark, prices in (above or {}).items():
        sheets.append(Sheet(mark, {**base, **{Kind(kind): nanousd(price) for kind, price in prices.items()}}))
    return Rate(
        key="test:a-model",
        provider=None,
        model="a-model",
        source="test",
        sheets=tuple(sheets),
        family=Family.OTHER,
        since_us=since_us,
    )


def nanousd(usd: str) -> int:
    amount = Decimal(usd) * 10**9
    assert amount == int(amount), f"{usd} USD is no whole number of nano-dollars"
    return int(amount)


def a_layer(**by_seller: dict[str, Rate]) -> Layer:
    """A price list: seller (`anybody` for whoever sells) -> name -> rate."""
    shelves = {}
    for named, rates in by_seller.items():
        seller = None if named == "anybody" else named
        shelves[seller or ANYBODY] = shelf(
            {name: Listing(seller, name, (rate,)) for name, rate in rates.items()}
        )
    return Layer("test", None, shelves)


def a_catalogue(**by_seller: dict[str, Rate]) -> Catalogue:
    return Catalogue(a_layer(**by_seller))
