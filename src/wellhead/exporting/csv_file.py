r"""Calls as CSV: RFC 4180, UTF-8, one line of column names first.

What nobody said is empty.  Money is exact decimal text, a flag `true` or `false`.

A spreadsheet takes a text that begins with `=`, `+`, `-` or `@` for a formula and runs
it, and any client of the gateway can choose such a text for its user agent.  So a text
that begins like that gets an apostrophe in front, which spreadsheets do not show; so
does one that begins with an apostrophe, so that a program can take away exactly what was
put there.  Numbers are none of this: they have no sign.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Any

from wellhead.exporting.columns import NAMES, Kind, Row, places
from wellhead.moments import to_the_microsecond
from wellhead.money import decimal_usd

RISKY = frozenset("=+-@\t\r\n'＝＋－＠")
"""A text that begins with one of these is not left as it is."""

_TEXTS = places(Kind.TEXT)
_FLAGS = places(Kind.FLAG)
_MOMENTS = places(Kind.MOMENT)
_DOLLARS = places(Kind.DOLLARS)


def pieces(pages: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """The file, a page at a time; the line of names comes with the first of them."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(NAMES)
    for page in pages:
        writer.writerows(map(_line, page))
        yield _taken(buffer)
    if buffer.tell():
        yield _taken(buffer)


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in RISKY and text else text


def _line(row: Row) -> list[Any]:
    line = list(row)
    for place in _TEXTS:
        if line[place]:
            line[place] = guarded(line[place])
    for place in _FLAGS:
        if line[place] is not None:
            line[place] = "true" if line[place] else "false"
    for place in _MOMENTS:
        if line[place] is not None:
            line[place] = to_the_microsecond(line[place])
    for place in _DOLLARS:
        if line[place] is not None:
            line[place] = decimal_usd(line[place])
    return line


def _taken(buffer: StringIO) -> bytes:
    taken = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return taken
