"""The commands, put together, and how their errors are told.

A command's module is loaded when the command is asked for, or the list of all with their
help: most of the time that a short command takes would else go to all the others.
"""

import atexit
import gc
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from wellhead.errors import ConfigError, WellheadError

FAILED = 1
WRONG_USE = 2

SYNONYMS = {"tokens": "keys"}
"""Other names of groups; they stand in no list of commands."""
EXTRA_ARGUMENTS = re.compile(r"(unexpected extra argument\S*) \(.*\)", re.DOTALL)


COMMANDS = {
    "serve": "serving",
    "gateway": "serving",
    "control": "serving",
    "demo": "serving",
    "report": "report",
    "tail": "tail",
    "statusline": "statusline",
    "export": "export",
    "reprice": "costs",
    "backfill-costs": "costs",
    "paths": "about",
    "version": "about",
}
"""The modules of `wellhead.cli` in which the commands are, as functions."""
GROUPS = {
    "projects": "projects",
    "keys": "keys",
    "limits": "limits",
    "credentials": "credentials",
    "breakers": "breakers",
    "prices": "prices",
    "db": "database",
}
"""Those of groups of commands, which have them as their `commands`."""


class OnDemand(Mapping[str, Any]):
    """All commands by their names, in the order of the help; whichever is taken out is loaded."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __iter__(self) -> Iterator[str]:
        yield from COMMANDS
        yield from GROUPS

    def __len__(self) -> int:
        return len(COMMANDS) + len(GROUPS)

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _loaded(name)
        return self._loaded[name]


def _loaded(name: str) -> Any:
    alone = typer.Typer(rich_markup_mode=None)
    if name in GROUPS:
        alone.add_typer(_module(GROUPS[name]).commands, name=name)
    else:
        alone.command(name)(getattr(_module(COMMANDS[name]), name.replace("-", "_")))
    loaded = typer.main.get_group(alone).commands[name]
    _spare_checks(loaded)
    return loaded


def _module(name: str) -> Any:
    return import_module(f"wellhead.cli.{name}")


class Unchecked:
    """Takes the value of an option as it is."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ARG002
        return value


UNCHECKED = Unchecked()


def _spare_checks(command: Any) -> None:
    """Have a command's texts and flags taken as they are, and those of the commands in it."""
    params_of = command.get_params
    command.get_params = lambda context: _unchecked(params_of(context))
    for inner in getattr(command, "commands", {}).values():
        _spare_checks(inner)


def _unchecked(params: list[Any]) -> list[Any]:
    """The same options; for texts and flags typer would load pydantic, which takes longer than all else.

    A typer that has no such hook checks them, and that is all.
    """
    for param in params:
        kind = getattr(getattr(param, "type_descriptor", None), "annotation", None)
        if kind in (str, bool) and param.nargs == 1 and not getattr(param, "multiple", False):
            param._runtime_param = UNCHECKED
    return params


class Groups(TyperGroup):
    """Loads commands when they are asked for, and finds a group by its other name, too."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = OnDemand()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, SYNONYMS.get(cmd_name, cmd_name))

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(self.commands)

    def get_params(self, ctx: Any) -> list[Any]:
        return _unchecked(super().get_params(ctx))


commands = typer.Typer(
    name="wellhead",
    cls=Groups,
    help="The meter and the valve at the source of an organisation's LLM traffic.\n\n"
    "Begin with `wellhead demo`, which needs no API key, or with `wellhead serve`.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        _module("about").version()
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
    # Python looks for garbage once more when it ends: a fifth of the time that a short command takes.
    atexit.register(gc.freeze)
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
    text = EXTRA_ARGUMENTS.sub(r"\1", error.format_message()).replace("Value error, ", "", 1)
    if text.startswith("Usage:"):  # a group without a command
        sys.stderr.write(text + "\n")
    else:
        _complain(f"{text.rstrip('.')} (see {path} --help)")
    return error.exit_code


def _complain(message: str) -> None:
    sys.stderr.write(f"wellhead: {message}\n")
