"""The prices that come with the program: `data/genai_prices.json`, made by `tools/compile_prices.py`.

The file is a part of the program like a module of it, so it is read here, once.
Within a model the last rate that holds counts, hence a price for some hours of the
day stands behind the one for the rest.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from wellhead.moments import SECOND_US
from wellhead.pricing.layer import Layer, Shelf, clause, shelf
from wellhead.pricing.rates import Hours, Kind, Listing, Rate, Sheet, TierSheets, family_of

MINUTE_S = 60


@cache
def shipped() -> Layer:
    """The shipped price list."""
    return read((files("wellhead.pricing") / "data" / "genai_prices.json").read_bytes())


def read(document: bytes) -> Layer:
    """A compiled price list."""
    raw = msgspec.json.decode(document)
    origin = f"{raw['source']}/{raw['version']}"
    return Layer(
        source=raw["source"],
        version=raw["version"],
        shelves={seller: _shelf(origin, seller, each) for seller, each in raw["providers"].items()},
    )


def _shelf(origin: str, seller: str, raw: Mapping[str, Any]) -> Shelf:
    listings = [_listing(origin, seller, model) for model in raw["models"]]
    return shelf(
        {name: listings[index] for name, index in raw["names"].items()},
        ((clause(written), listings[index]) for written, index in raw["patterns"]),
        raw.get("fallback", ()),
    )


def _listing(origin: str, seller: str, raw: Mapping[str, Any]) -> Listing:
    model = raw["id"]
    rates = []
    following_us: int | None = None
    for each in reversed(raw["rates"]):
        rate = _rate(origin, seller, model, each, following_us)
        # One price ends where the next begins; those for some hours of the day leave the others alone.
        if rate.hours is None:
            following_us = rate.since_us
        rates.append(rate)
    return Listing(seller, model, tuple(reversed(rates)))


def _rate(origin: str, seller: str, model: str, raw: Mapping[str, Any], until_us: int | None) -> Rate:
    since, hours = raw.get("since"), raw.get("hours")
    key = f"{origin}:{seller}/{model}"
    if since is not None:
        key += f"@{since}"
    if hours is not None:
        key += f"@{hours[0]}-{hours[1]}Z"
    return Rate(
        key=key,
        provider=seller,
        model=model,
        source=origin,
        sheets=_sheets(raw["sheets"]),
        since_us=_day_us(since),
        until_us=until_us if hours is None else None,
        hours=None if hours is None else Hours(_second(hours[0]), _second(hours[1])),
        tiers={
            tier: tuple(TierSheets(_day_us(v.get("since")), _sheets(v["sheets"])) for v in versions)
            for tier, versions in raw.get("tiers", {}).items()
        },
        family=family_of(seller, model),
        uncounted=tuple(raw.get("uncounted", ())),
        audio_ms_min=raw.get("audio_ms_min", 0),
    )


def _sheets(raw: list[Any]) -> tuple[Sheet, ...]:
    return tuple(Sheet(above, {Kind(k): v for k, v in prices.items()}) for above, prices in raw)


def _day_us(day: str | None) -> int | None:
    if day is None:
        return None
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * SECOND_US


def _second(clock: str) -> int:
    hour, minute = clock.split(":")
    return (int(hour) * 60 + int(minute)) * MINUTE_S
