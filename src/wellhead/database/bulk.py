"""One statement for many rows.

The driver lets other threads run around every single step of a statement, and
each time a busy event loop may keep the interpreter for milliseconds.  So a batch
is a few statements with many rows each, not many with one: their texts are made
once per size (powers of two), and the driver keeps them prepared.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any

ROWS_MAX = 64
"""Rows per statement; 64 rows of the widest table stay far below SQLite's 32,766 parameters."""

Row = tuple[Any, ...]


class Bulk:
    """A statement whose text is `head`, then one `row` per row, then `tail`; or `alone`, for a single row."""

    def __init__(self, head: str, row: str, tail: str = "", *, alone: str = "") -> None:
        self._text = cache(
            lambda size: alone if alone and size == 1 else head + ",".join([row] * size) + tail
        )

    def run(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
        """Run for all rows, in their order; how many rows of the table it touched."""
        touched = 0
        start = 0
        while start < len(rows):
            size = min(ROWS_MAX, 1 << (len(rows) - start).bit_length() - 1)
            values = tuple(chain.from_iterable(rows[start : start + size]))
            touched += connection.execute(self._text(size), values).rowcount
            start += size
        return touched


class Sparse:
    """A statement over columns of which the first ones are nearly always NULL.

    The driver takes ten times as long for a NULL as for a number, so rows without those columns
    are run by a statement without them.
    """

    def __init__(
        self, statement: Callable[[Sequence[str]], Bulk], rare: Sequence[str], common: Sequence[str]
    ) -> None:
        self._short = statement(common)
        self._whole = statement((*rare, *common))
        self._rare = len(rare)
        self._nothing = (None,) * len(rare)

    def run(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
        """Run for all rows, whose values are in the order of the columns; how many rows it touched."""
        rare, nothing = self._rare, self._nothing
        short = [row[rare:] for row in rows if row[:rare] == nothing]
        whole = [row for row in rows if row[:rare] != nothing]
        return self._short.run(connection, short) + self._whole.run(connection, whole)


def placeholders(count: int) -> str:
    """`(?,?,…)`, one row's worth."""
    return f"({','.join('?' * count)})"
