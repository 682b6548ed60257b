"""`wellhead db`: the books' database."""

import time
from pathlib import Path

import typer

from wellhead.cli.options import Config, Database, Json, configured

commands = typer.Typer(help="Look after the books.", no_args_is_help=True, rich_markup_mode=None)

DIFFERENCES = {"table": "table", "where": "row", "figure": "figure", "kept": "kept", "counted": "calls say"}


@commands.command()
def init(config: Config = None, database: Database = None) -> None:
    """Create the database, or bring it up to date.

    Example: wellhead db init --database ~/books.db
    """
    from wellhead.database.upgrade import upgrade

    url = configured(config, database=database).settings.database
    upgrade(url)
    print(f"Initialized DB at {url.removeprefix('sqlite:///')}")


@commands.command()
def rebuild(config: Config = None, database: Database = None) -> None:
    """Compute the rollups and what is used of limits again from the calls; the figures do not change.

    Example: wellhead db rebuild
    """
    from wellhead.database.engine import make_engine
    from wellhead.database.upgrade import upgrade
    from wellhead.ledger.rebuild import rebuild as rebuild_books

    url = configured(config, database=database).settings.database
    upgrade(url)
    engine = make_engine(url)
    try:
        rebuild_books(engine, time.time_ns() // 1000)
    finally:
        engine.dispose()
    print(f"Rebuilt the rollups of {url.removeprefix('sqlite:///')}")


@commands.command()
def check(config: Config = None, database: Database = None, as_json: Json = False) -> None:
    """Compare what was added up (usage, latencies, limits) with the calls; exit code 1 if it is not equal.

    Example: wellhead db check --json
    """
    from dataclasses import asdict

    from wellhead.cli import printing
    from wellhead.database.engine import make_engine
    from wellhead.database.upgrade import is_current
    from wellhead.errors import BooksUnavailable
    from wellhead.ledger.check import check as compare

    url = configured(config, database=database).settings.database
    path = url.removeprefix("sqlite:///")
    engine = make_engine(url, must_exist=True)
    try:
        if not Path(path).expanduser().exists():
            raise BooksUnavailable(f"{path}: there is no such file; `wellhead db init` makes it")
        if not is_current(url):
            raise BooksUnavailable(
                f"{path}: it is of another version; bring it up to date with `wellhead db init`"
            )
        found = compare(engine, time.time_ns() // 1000)
    finally:
        engine.dispose()
    if as_json:
        printing.as_json([asdict(one) for one in found])
    else:
        printing.table(
            [asdict(one) for one in found], DIFFERENCES, f"All figures of {path} agree with the calls."
        )
        if found:
            print("`wellhead db rebuild` computes them again.")
    if found:
        raise typer.Exit(1)
