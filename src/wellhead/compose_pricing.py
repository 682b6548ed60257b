"""Composition of what has to do with prices: the book, what keeps it up to date, what prices calls again.

A part of `wellhead.compose`, which says how its modules hang together.
"""

import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from wellhead.config.settings import Settings
from wellhead.directory import Directory
from wellhead.logs import Log
from wellhead.money import nanousd
from wellhead.version import version

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from wellhead.jobs.prices import PriceRefresh
    from wellhead.ledger.fetched_prices import FetchedPrices
    from wellhead.ledger.repricing import Repricer
    from wellhead.pricing.book import PriceBook


def price_book(settings: Settings, providers: Directory) -> "PriceBook":
    """What calls cost: the operator's prices, then those that came with the program."""
    from wellhead.pricing import overrides as own
    from wellhead.pricing.book import PriceBook
    from wellhead.pricing.catalogue import Catalogue
    from wellhead.pricing.layer import EMPTY
    from wellhead.pricing.shipped import shipped

    pricing = settings.pricing
    layers = [own.from_entries(json.loads(settings.prices)).layer] if settings.prices else []
    layers += [own.from_json(pricing.overrides).layer] if pricing.overrides else []
    layer = functools.reduce(own.both, layers) if layers else EMPTY
    aliases = own.BUILT_IN_ALIASES
    if pricing.aliases:
        aliases, _ = own.aliases_from_json(pricing.aliases)
    types = {provider.id: provider.type for provider in providers.providers}
    catalogue = Catalogue(shipped(), overrides=layer, aliases=aliases)
    return PriceBook(catalogue, types, nanousd(pricing.cost_max_usd) or 0)


def fetched_prices(engine: "Engine", book: "PriceBook", log: Log) -> "FetchedPrices":
    """What keeps a book to the newest list."""
    from wellhead.ledger.fetched_prices import FetchedPrices

    return FetchedPrices(engine, book, log)


def price_refresh(
    settings: Settings, engine: "Engine", now_us: Callable[[], int], log: Log
) -> "PriceRefresh":
    """What fetches lists."""
    from wellhead.jobs.fetch import fetch
    from wellhead.jobs.prices import PriceRefresh

    agent = f"wellhead/{version()}"
    ask = functools.partial(fetch, settings.pricing.source_url, agent=agent)
    return PriceRefresh(engine, ask, now_us=now_us, log=log)


def repricer(
    settings: Settings, engine: "Engine", book: "PriceBook", now_us: Callable[[], int]
) -> "Repricer":
    """What prices calls again."""
    from wellhead.ledger.repricing import Repricer

    return Repricer(engine, book, now_us=now_us, chunk=settings.pricing.backfill_chunk)
