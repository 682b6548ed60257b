"""`wellhead db`: the books' database."""

import time
from pathlib import Path
from typing import Annotated

import typer

from wellhead.cli.asking import Yes, confirmed
from wellhead.cli.options import Config, Database, Json, configured

commands = typer.Typer(help="Look after the books.", no_args_is_help=True, rich_markup_mode=None)

DIFFERENCES = {"table": "table", "where": "row", "figure": "figure", "kept": "kept", "counted": "calls say"}


@commands.command()
def init(config: Config = None, database: Database = None) -> None:
    """Create the database, or bring it up to date.

    Example: wellhead db init --database ~/books.db
    """
    from wellhead.database.upgrade import upgrade

    settings = configured(config, database=database).settings
    url = settings.database
    upgrade(url, settings.database_backups)
    print(f"Initialized DB at {url.removeprefix('sqlite:///')}")


@commands.command()
def rebuild(config: Config = None, database: Database = None) -> None:
    """Compute the rollups and what is used of limits again from the calls; the figures do not change.

    Example: wellhead db rebuild
    """
    from wellhead.database.engine import make_engine
    from wellhead.database.upgrade import upgrade
    from wellhead.ledger.rebuild import rebuild as rebuild_books

    settings = configured(config, database=database).settings
    url = settings.database
    upgrade(url, settings.database_backups)
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


@commands.command()
def backup(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to make; there must be none.")],
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Copy the database while it is in use, and check the copy.

    The master key is not in it: keep a copy of its file elsewhere.

    Example: wellhead db backup --output /backups/books-2026-03-01.db
    """
    from wellhead.cli import printing
    from wellhead.database.backup import back_up

    books = _path(configured(config, database=database).settings.database)
    with printing.progress("Copying") as progress:
        made = back_up(books, output.expanduser(), progress)
    if as_json:
        printing.as_json({"path": str(output), "revision": made.revision, "calls": made.calls})
    else:
        print(f"Copied {books} to {output}: {made.calls} calls, schema {made.revision}")


@commands.command()
def restore(
    copy: Annotated[Path, typer.Argument(help="A file that `wellhead db backup` made.")],
    config: Config = None,
    database: Database = None,
    yes: Yes = False,
) -> None:
    """Check a copy of the database and put it in the database's place, which is kept under another name.

    Everything that uses the database has to be stopped before.

    Example: wellhead db restore /backups/books-2026-03-01.db
    """
    from wellhead.database.backup import checked
    from wellhead.database.backup import restore as put_back
    from wellhead.database.upgrade import is_known
    from wellhead.errors import BooksUnavailable
    from wellhead.moments import to_the_second

    books, copy = _path(configured(config, database=database).settings.database), copy.expanduser()
    found = checked(copy)
    if not is_known(found.revision):
        raise BooksUnavailable(f"{copy}: a newer version of Wellhead made it; use that one")
    latest = "none" if found.latest_call_us is None else to_the_second(found.latest_call_us)
    if not yes:
        confirmed(f"Put {copy} ({found.calls} calls, the last {latest}) in the place of {books}?")
    suffix = to_the_second(time.time_ns() // 1000).replace(":", "").replace("-", "")
    kept = put_back(copy, books, suffix)
    print(f"Restored {books} from {copy}: {found.calls} calls, the last {latest}")
    if kept is not None:
        print(f"What was there is kept as {kept}")


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///")).expanduser()
