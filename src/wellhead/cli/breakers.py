"""`wellhead breakers`: which providers calls are held back from."""

from typing import Annotated

import typer

from wellhead.cli import printing
from wellhead.cli.books import books
from wellhead.cli.options import Config, Database, Json

commands = typer.Typer(
    help="Circuit breakers of providers and credentials.", no_args_is_help=True, rich_markup_mode=None
)

NOUN = "breakers"
COLUMNS = {
    "providerId": "provider",
    "state": "state",
    "failures": "failures",
    "retry_at": "tries again",
    "opened_by": "opened by",
}

Subject = Annotated[
    str,
    typer.Argument(metavar="PROVIDER", help="A provider's id, or PROVIDER/credential/ID for a credential."),
]


@commands.command("list")
def list_(config: Config = None, database: Database = None, as_json: Json = False) -> None:
    """List the breakers that calls came to lately, and all that are not closed.

    Example: wellhead breakers list
    """
    from wellhead import shown

    with books(config, database, noun=NOUN) as found:
        rows = [shown.breaker(one, found.now_us()) for one in found.registry.breakers()]
    if as_json:
        printing.as_json(rows)
        return
    printing.table(rows, COLUMNS, "No calls came lately.")


@commands.command()
def show(subject: Subject, config: Config = None, database: Database = None, as_json: Json = False) -> None:
    """Show a breaker as all gateway processes share it.

    Example: wellhead breakers show openai
    """
    from wellhead import shown

    with books(config, database, noun=NOUN) as found:
        row = shown.breaker(found.registry.breaker(subject), found.now_us())
    if as_json:
        printing.as_json(row)
    else:
        printing.one(row)


@commands.command()
def reset(subject: Subject, config: Config = None, database: Database = None) -> None:
    """Close a breaker in all gateway processes, within a second.

    Example: wellhead breakers reset openai
    """
    with books(config, database, noun=NOUN) as found:
        found.registry.reset_breaker(found.by, subject)
    print(f"Closed the breaker of {subject}.")
