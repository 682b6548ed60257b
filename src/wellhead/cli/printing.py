"""What commands print: tables for people, JSON for programs, both from the same values.

Those values are what `wellhead.shown` makes, so that a field has the same name and
form here as in the control API.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

NOTHING = "-"
PIPED_COLUMNS = 1000
"""The width where there is no terminal: lines that a program reads are not to be cut."""

Row = Mapping[str, Any]


def as_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def table(rows: Sequence[Row], columns: Mapping[str, str], none: str) -> None:
    """Rows under headings; `columns` are fields and their headings, `none` is said when there are no rows."""
    if not rows:
        print(none)
        return
    _grid([[_text(row[field]) for field in columns] for row in rows], columns.values())


def one(fields: Row) -> None:
    """One thing, a line for each of its fields."""
    _grid([[name.replace("_", " "), _text(value)] for name, value in fields.items()])


@contextmanager
def progress(doing: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr while something long goes on; nothing where that is no terminal.

    What it gives is told how much of how much is done.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _grid(cells: Iterable[Sequence[str]], headings: Iterable[str] = ()) -> None:
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, show_header=bool(headings), header_style="bold")
    for heading in headings or ("", ""):
        grid.add_column(heading, overflow="fold")
    for row in cells:
        grid.add_row(*row)
    console = _console()
    with console.capture() as captured:
        console.print(grid)
    for line in captured.get().splitlines():
        print(line.rstrip())


def _console() -> "Console":
    from rich.console import Console

    # Names are an operator's own words: nothing in them is markup.
    return Console(
        markup=False,
        emoji=False,
        highlight=False,
        width=None if sys.stdout.isatty() else PIPED_COLUMNS,
    )


def _text(value: object) -> str:
    if value is None or value in ([], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):  # money that was spent, never in powers of ten
        whole, _, decimals = f"{value:.9f}".partition(".")
        return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={inner}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(str(inner) for inner in value)
    return str(value)
