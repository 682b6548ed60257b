"""`wellhead prices`: what models cost, and the list that is fetched."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wellhead.cli import asking, printing
from wellhead.cli.options import Config, Database, Json, configured
from wellhead.config.settings import Settings
from wellhead.errors import WellheadError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from wellhead.ledger.fetched_prices import FetchedPrices
    from wellhead.logs import Log
    from wellhead.pricing.book import PriceBook

commands = typer.Typer(help="What models cost.", no_args_is_help=True, rich_markup_mode=None)

Anew = Annotated[
    bool, typer.Option("--anew", help="Do not compare the list with the one before: that was the wrong one.")
]


@commands.command()
def show(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="As clients name it.")] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="ID", help="That is called; else the model's maker.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="MOMENT", help="When; else now.")] = None,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show what a model costs and how that is found; without a model, how up to date prices are.

    Example: wellhead prices show claude-sonnet-4-5 --provider anthropic
    """
    from wellhead.clock import Clock
    from wellhead.control.pricing import told
    from wellhead.price_list import Refreshing

    settings = configured(config, database=database).settings
    at_us = None if at is None else asking.moment_us(at, "--at")
    with _books_if_any(settings) as engine:
        book, fetched = current_book(settings, engine)
    pricing = settings.pricing
    latest = None if fetched is None else fetched.latest
    refreshing = Refreshing(pricing.refresh_interval_s, pricing.ready_max_age_s, latest)
    found = told(book, refreshing, Clock().now_us(), model, provider, at_us).model_dump(mode="json")
    if as_json:
        printing.as_json(found)
    elif model is None:
        printing.one({"models with a price": found["loaded"], **_of_list(found["refresh"])})
    elif found["match"] is None:
        raise WellheadError(f"no price is known of {model}; `prices` in the configuration can say one")
    else:
        printing.one(_of_match(found["match"]))


@commands.command()
def refresh(
    anew: Anew = False, config: Config = None, database: Database = None, as_json: Json = False
) -> None:
    """Fetch the price list now; gateways that run go by it within ten seconds.

    Example: wellhead prices refresh
    """
    import asyncio

    from wellhead.clock import Clock
    from wellhead.compose_pricing import price_refresh
    from wellhead.database import price_lists
    from wellhead.jobs.prices import Outcome

    settings = configured(config, database=database).settings
    with _books(settings) as engine:
        job = price_refresh(settings, engine, Clock().now_us, quiet_log())
        outcome = asyncio.run(job.refresh(anew=anew))
        latest = price_lists.newest(engine)
    reasons = [] if job.refused is None else list(job.refused.reasons)
    if as_json:
        printing.as_json({"outcome": outcome, "list_id": latest and latest.id, "reasons": reasons})
        raise typer.Exit(1 if outcome is Outcome.REFUSED else 0)
    if outcome is Outcome.REFUSED:
        more = "" if anew else "; if it is right all the same, `--anew` takes it"
        raise WellheadError(f"the list is not believed: {'; '.join(reasons)}{more}")
    assert latest is not None
    said = {Outcome.NEW: "Took up a new list", Outcome.SAME: "The list is the one that counts already"}
    print(f"{said[outcome]}: {latest.source}, number {latest.id}.")


def current_book(settings: Settings, engine: "Engine | None") -> "tuple[PriceBook, FetchedPrices | None]":
    """The prices that gateways go by now; raises `BooksUnavailable`."""
    from wellhead.compose import directory
    from wellhead.compose_pricing import fetched_prices, price_book

    book = price_book(settings, directory(settings))
    if engine is None:
        return book, None
    fetched = fetched_prices(engine, book, quiet_log())
    fetched.look()
    return book, fetched


def quiet_log() -> "Log":
    """A command tells its result; what parts have to say beside that is for processes that run."""
    from wellhead import logs

    return logs.configure("error", "auto")


@contextmanager
def _books_if_any(settings: Settings) -> "Iterator[Engine | None]":
    from wellhead.cli.reading import reading

    if not Path(settings.database.removeprefix("sqlite:///")).expanduser().exists():
        yield None  # Nothing was fetched yet.
        return
    with reading(settings.database) as engine:
        yield engine


@contextmanager
def _books(settings: Settings) -> "Iterator[Engine]":
    from wellhead.database.engine import make_engine
    from wellhead.database.upgrade import is_current, upgrade

    if not is_current(settings.database):
        upgrade(settings.database, settings.database_backups)
    engine = make_engine(settings.database)
    try:
        yield engine
    finally:
        engine.dispose()


def _of_match(match: printing.Row) -> printing.Row:
    prices = {f"{kind} (USD per million)": price for kind, price in match["pricing"].items()}
    larger = [
        f"above {one['above']}: "
        + ", ".join(f"{kind} {price}" for kind, price in one["pricing"].items() if price is not None)
        for one in match["context"]
    ]
    return {
        "priced as": match["key"],
        "found": match["how"],
        **prices,
        "larger calls": larger,
        "tiers": match["tiers"],
        "list": match["price_list"],
        "rate": match["rate"],
        "since": match["since"],
        "until": match["until"],
    }


def _of_list(refresh: printing.Row) -> printing.Row:
    return {
        "fetched list": refresh["list_id"],
        "from": refresh["source"],
        "since": refresh["since"],
        "checked": refresh["checked"],
        "stale": refresh["stale"],
    }
