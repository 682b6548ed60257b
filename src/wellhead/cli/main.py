"""The commands, put together, and how their errors are told."""

import re
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from wellhead.cli import (
    about,
    breakers,
    costs,
    credentials,
    database,
    export,
    keys,
    limits,
    prices,
    projects,
    report,
    serving,
    statusline,
    tail,
)
from wellhead.errors import ConfigError, WellheadError

FAILED = 1
WRONG_USE = 2

SYNONYMS = {"tokens": "keys"}
"""Other names of groups; they stand in no list of commands."""
EXTRA_ARGUMENTS = re.compile(r"(unexpected extra argument\S*) \(.*\)", re.DOTALL)


class Groups(TyperGroup):
    """Finds a group by its other name, too."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, SYNONYMS.get(cmd_name, cmd_name))


commands = typer.Typer(
    name="wellhead",
    cls=Groups,
    help="The meter and the valve at the source of an organisation's LLM traffic.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
commands.add_typer(projects.commands, name="projects")
commands.add_typer(keys.commands, name="keys")
commands.add_typer(limits.commands, name="limits")
commands.add_typer(credentials.commands, name="credentials")
commands.add_typer(breakers.commands, name="breakers")
commands.add_typer(prices.commands, name="prices")
commands.add_typer(database.commands, name="db")
serving_commands = (serving.serve, serving.gateway, serving.control, serving.demo)
usage_commands = (report.report, tail.tail, statusline.statusline, export.export)
cost_commands = (costs.reprice, costs.backfill_costs)
for command in (*serving_commands, *usage_commands, *cost_commands, about.paths, about.version):
    commands.command()(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        about.version()
        raise typer.Exit


@commands.callback()
def wellhead(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None: ...


def app(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process."""
    try:
        code = commands(arguments, prog_name="wellhead", standalone_mode=False) or 0
    except ConfigError as error:
        for problem in error.problems:
            _complain(f"{problem.path}: {problem.message}")
        code = WRONG_USE
    except WellheadError as error:
        _complain(str(error))
        code = FAILED
    except typer.TyperException as error:
        code = _explain(error)
    except typer.Abort:
        code = FAILED
    sys.exit(code)


def _explain(error: typer.TyperException) -> int:
    """Say what was wrong with the command line itself."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "wellhead"
    # What is too much may be a secret that was meant for stdin.
    text = EXTRA_ARGUMENTS.sub(r"\1", error.format_message())
    if text.startswith("Usage:"):  # a group without a command
        sys.stderr.write(text + "\n")
    else:
        _complain(f"{text.rstrip('.')} (see {path} --help)")
    return error.exit_code


def _complain(message: str) -> None:
    sys.stderr.write(f"wellhead: {message}\n")
