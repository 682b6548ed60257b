"""`wellhead db`: the books' database."""

import typer

from wellhead.cli.options import Config, Database, configured

commands = typer.Typer(help="Look after the books.", no_args_is_help=True, rich_markup_mode=None)


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
    """Compute the rollups again from the calls; the figures do not change.

    Example: wellhead db rebuild
    """
    from wellhead.database.engine import make_engine
    from wellhead.database.upgrade import upgrade
    from wellhead.ledger.rebuild import rebuild as rebuild_rollups

    url = configured(config, database=database).settings.database
    upgrade(url)
    engine = make_engine(url)
    try:
        rebuild_rollups(engine)
    finally:
        engine.dispose()
    print(f"Rebuilt the rollups of {url.removeprefix('sqlite:///')}")
