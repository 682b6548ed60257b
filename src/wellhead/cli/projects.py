"""`wellhead projects`: who keys belong to and who pays."""

from typing import Annotated

import typer

from wellhead.cli import printing
from wellhead.cli.books import all_of, books
from wellhead.cli.options import Config, Database, Json

commands = typer.Typer(help="Who keys belong to and who pays.", no_args_is_help=True, rich_markup_mode=None)

NOUN = "projects"
COLUMNS = {"id": "id", "name": "name", "created_at": "created", "archived_at": "archived"}

Named = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's name or id.")]


@commands.command("list")
def list_(
    archived: Annotated[bool, typer.Option("--archived", help="Also those that are archived.")] = False,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """List the projects.

    Example: wellhead projects list --archived
    """
    from wellhead import shown
    from wellhead.registry import PAGE_MAX

    wanted = None if archived else False
    with books(config, database, noun=NOUN) as found:
        registry = found.registry
        pages = all_of(lambda after: registry.projects(after=after, count=PAGE_MAX, archived=wanted))
        rows = [shown.project(project) for project in pages]
    if as_json:
        printing.as_json(rows)
    else:
        printing.table(rows, COLUMNS, "There are no projects.")


@commands.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="No other project may have it.")],
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Make a project.

    Example: wellhead projects create blue
    """
    from wellhead import shown

    with books(config, database, noun=NOUN) as found:
        _tell(shown.project(found.registry.create_project(found.by, name)), as_json)


@commands.command()
def show(named: Named, config: Config = None, database: Database = None, as_json: Json = False) -> None:
    """Show a project.

    Example: wellhead projects show blue
    """
    from wellhead import shown

    with books(config, database, noun=NOUN) as found:
        _tell(shown.project(found.project(named)), as_json)


@commands.command()
def change(
    named: Named,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Its new name.")],
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Rename a project.

    Example: wellhead projects change blue --name navy
    """
    from wellhead import shown

    with books(config, database, noun=NOUN) as found:
        uuid = found.project(named).uuid
        _tell(shown.project(found.registry.change_project(found.by, uuid, name=name)), as_json)


@commands.command()
def archive(named: Named, config: Config = None, database: Database = None, as_json: Json = False) -> None:
    """Put a project away: its keys are refused, what was booked stays.

    Example: wellhead projects archive blue
    """
    _archive(named, True, config, database, as_json)


@commands.command()
def unarchive(named: Named, config: Config = None, database: Database = None, as_json: Json = False) -> None:
    """Take a project back out: its keys work again.

    Example: wellhead projects unarchive blue
    """
    _archive(named, False, config, database, as_json)


@commands.command()
def delete(named: Named, config: Config = None, database: Database = None) -> None:
    """Delete a project that nothing belongs to; archive any other.

    Example: wellhead projects delete blue
    """
    with books(config, database, noun=NOUN) as found:
        project = found.project(named)
        found.registry.delete_project(found.by, project.uuid)
    print(f"Deleted the project {project.name}.")


def _archive(named: str, archived: bool, config: str | None, database: str | None, as_json: bool) -> None:
    from wellhead import shown

    with books(config, database, noun=NOUN) as found:
        uuid = found.project(named).uuid
        _tell(shown.project(found.registry.change_project(found.by, uuid, archived=archived)), as_json)


def _tell(project: printing.Row, as_json: bool) -> None:
    if as_json:
        printing.as_json(project)
    else:
        printing.one(project)
