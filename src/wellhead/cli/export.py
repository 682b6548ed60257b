"""`wellhead export`: calls as a file, out of the database itself.

The file is there whole or not at all: it is written beside its place and moved there at
the end, so that nobody takes half an export for a whole one.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from wellhead.call import CallState
from wellhead.cli import printing, ranges
from wellhead.cli.options import Config, Database, configured
from wellhead.cli.reading import reading
from wellhead.cli.wanted import wanted
from wellhead.clock import wall_us
from wellhead.errors import WellheadError
from wellhead.exporting.formats import Format, writing
from wellhead.report import UNKNOWN, CallFilter, Dimension

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from wellhead.exporting.columns import Row

STDOUT = "-"
MODE = 0o600
"""Only for whoever made it: it says who called what from where."""
BROKEN_PIPE = 141
"""What a shell says of a program that ends since nobody reads what it writes."""
STATUS_MAX = 999


class CannotWrite(WellheadError):
    """The file cannot be written; the message says why."""


def _only(what: str) -> str:
    return f"Only this {what}; `{UNKNOWN}`: calls without one."


def export(
    form: Annotated[
        Format | None, typer.Option("--format", help="By default what the name of FILE ends in, else csv.")
    ] = None,
    output: Annotated[str, typer.Option("--output", metavar="FILE", help="- is stdout.")] = STDOUT,
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="A day, a moment, 7d, 12h, this-month, all.")
    ] = "all",
    until: Annotated[
        str, typer.Option("--until", metavar="WHEN", help="The same, or now; a day or month is included.")
    ] = "now",
    tz: Annotated[
        str, typer.Option("--tz", metavar="ZONE", help="Whose days: UTC, Europe/Berlin, ..., or local.")
    ] = "UTC",
    model: Annotated[str | None, typer.Option(metavar="MODEL", help=_only("model"))] = None,
    tool: Annotated[str | None, typer.Option(metavar="TOOL", help=_only("tool"))] = None,
    client: Annotated[str | None, typer.Option(metavar="CLIENT", help=_only("client"))] = None,
    provider: Annotated[str | None, typer.Option(metavar="PROVIDER", help=_only("provider"))] = None,
    project: Annotated[
        str | None, typer.Option(metavar="PROJECT", help=_only("project (name or id)"))
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="KEY", help=_only("key (number or name)"))] = None,
    account: Annotated[str | None, typer.Option(metavar="ACCOUNT", help=_only("account"))] = None,
    session: Annotated[str | None, typer.Option(metavar="SESSION", help=_only("session"))] = None,
    agent: Annotated[str | None, typer.Option(metavar="AGENT", help=_only("agent"))] = None,
    outcome: Annotated[
        CallState | None, typer.Option(help="Only calls that ended like this, or are pending.")
    ] = None,
    status_min: Annotated[
        int | None, typer.Option(min=0, max=STATUS_MAX, metavar="STATUS", help="This HTTP status or higher.")
    ] = None,
    status_max: Annotated[
        int | None, typer.Option(min=0, max=STATUS_MAX, metavar="STATUS", help="This HTTP status or lower.")
    ] = None,
    config: Config = None,
    database: Database = None,
) -> None:
    """Write the calls that ended in a range as CSV, JSON, JSON lines or Parquet, the first to end first.

    Example: wellhead export --since 2026-03-01 --until 2026-03-31 --output march.parquet
    """
    from wellhead.database import call_export

    form = form or _form_of(output)
    range_us = ranges.range_us(since, until, 0, ranges.zone(tz), wall_us())
    states = () if outcome is None else (outcome.value,)
    texts = CallFilter(tool, client, provider, model, states, status_min, status_max, account, session, agent)
    if output == STDOUT and not form.is_text and sys.stdout.isatty():
        raise typer.BadParameter(f"{form} is nothing for a terminal: name a file with --output")
    write = writing(form)
    with reading(configured(config, database=database).settings.database) as engine, _told(output) as tell:
        only = _named(engine, texts, project, key)
        of = call_export.about(engine, only, *range_us)
        pages = call_export.pages(engine, only, *range_us)
        with _written(output) as file:
            for piece in write(_counted(pages, lambda done: tell(done, max(of, done)))):
                file.write(piece)


def _named(engine: "Engine", texts: CallFilter, project: str | None, key: str | None) -> CallFilter:
    """The filter with the project and the key that these names or numbers mean."""
    whose = None if project is None else str(wanted(engine, Dimension.PROJECT, project) or UNKNOWN)
    which = None if key is None else int(wanted(engine, Dimension.KEY, key) or 0)
    return replace(texts, project=whose, key=which)


def _form_of(output: str) -> Format:
    """The format that a file's name ends in."""
    suffix = Path(output).suffix.lower().lstrip(".")
    if suffix in tuple(Format):
        return Format(suffix)
    if suffix and output != STDOUT:
        known = ", ".join(Format)
        raise typer.BadParameter(f"which format is {output!r} to be in? --format is one of {known}")
    return Format.CSV


def _counted(pages: Iterable[Sequence["Row"]], tell: Callable[[int], None]) -> Iterator[Sequence["Row"]]:
    done = 0
    for page in pages:
        yield page
        done += len(page)
        tell(done)


@contextmanager
def _told(output: str) -> Iterator[Callable[[int, int], None]]:
    """How far it is, on a terminal that shows nothing else."""
    if output == STDOUT and sys.stdout.isatty():
        yield lambda _done, _of: None
        return
    with printing.progress("Exporting calls") as tell:
        yield tell


@contextmanager
def _written(output: str) -> Iterator[BinaryIO]:
    """What to write into; a file is there once everything went well."""
    if output == STDOUT:
        with _piped() as stdout:
            yield stdout
        return
    place = Path(output).expanduser()
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, MODE), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    except OSError as error:
        raise CannotWrite(f"{place}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            beside.unlink()


@contextmanager
def _piped() -> Iterator[BinaryIO]:
    """Stdout; who reads only the beginning of it is not told that the rest could not be written."""
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Python would try again at its own end, and say so.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(BROKEN_PIPE) from None
