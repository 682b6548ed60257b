"""A few sums at once, for a line that is shown with every prompt.

With the driver alone, since loading SQLAlchemy takes longer than all the rest; the
books are only read, never made, and a question that takes too long is given up.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from wellhead.call import CallState
from wellhead.errors import BooksUnavailable
from wellhead.moments import HOUR_US

BUSY_TIMEOUT_S = 0.1
PATIENCE_S = 0.4
"""Of all questions together."""
INSTRUCTIONS = 5_000
"""Of the database's machine, between two looks at the clock."""
_ERRORS = (CallState.FAILED.value, CallState.REFUSED.value)
_SUMS = "coalesce(sum(calls), 0), coalesce(sum(CASE WHEN outcome IN (?, ?) THEN calls END), 0),"
_SUMS += " coalesce(sum(metered_calls), 0), coalesce(sum(priced_calls), 0), coalesce(sum(total_tokens), 0),"
_SUMS += " coalesce(sum(cost_nanousd), 0)"
_ROWS = "count(*), coalesce(sum(state IN (?, ?)), 0), coalesce(sum(usage_source <> 'absent'), 0),"
_ROWS += " count(cost_nanousd), coalesce(sum(total_tokens), 0), coalesce(sum(cost_nanousd), 0)"


@dataclass(frozen=True, slots=True)
class Glance:
    """Some calls that ended, added up."""

    calls: int
    errors: int
    tokens: int | None
    """`None`: there were calls, and none of them said any."""
    cost_nanousd: int | None
    """`None`: there were calls, and none of them has a price."""


def glance(
    path: Path, since_us: int, until_us: int, session: str | None, session_since_us: int
) -> tuple[Glance, Glance | None]:
    """The calls of a range, and those of a session as far as a moment back; `None` if that takes too long."""
    with _reading(path) as books:
        found = _of_range(books, since_us, until_us)
        if session is None:
            return found, None
        try:
            query = f"SELECT {_ROWS} FROM calls WHERE finished_us >= ? AND +session = ?"  # noqa: S608
            (row,) = books.execute(query, (*_ERRORS, session_since_us, session))
        except sqlite3.OperationalError:
            return found, None
        return found, _glance(row)


def _of_range(books: sqlite3.Connection, since_us: int, until_us: int) -> Glance:
    """Whole hours from the rollup, the rest from the rows."""
    first, end = -(-since_us // HOUR_US), until_us // HOUR_US
    pieces = [(since_us, until_us)]
    sums = [0] * 6
    if first < end:
        query = f"SELECT {_SUMS} FROM usage_hourly WHERE hour >= ? AND hour < ?"  # noqa: S608
        (sums,) = books.execute(query, (*_ERRORS, first, end))
        pieces = [(since_us, first * HOUR_US), (end * HOUR_US, until_us)]
    query = f"SELECT {_ROWS} FROM calls WHERE finished_us >= ? AND finished_us < ?"  # noqa: S608
    for begin_us, end_us in pieces:
        if begin_us < end_us:
            (more,) = books.execute(query, (*_ERRORS, begin_us, end_us))
            sums = [one + other for one, other in zip(sums, more, strict=True)]
    return _glance(sums)


def _glance(sums: Sequence[int]) -> Glance:
    calls, errors, metered, priced, tokens, cost = sums
    return Glance(
        calls, errors, tokens if metered or not calls else None, cost if priced or not calls else None
    )


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    deadline = monotonic() + PATIENCE_S
    try:
        place = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(place, uri=True, timeout=BUSY_TIMEOUT_S)) as books:
            books.set_progress_handler(lambda: monotonic() > deadline, INSTRUCTIONS)
            books.execute("BEGIN")
            yield books
    except (sqlite3.Error, OSError) as error:
        raise BooksUnavailable(f"{path}: {error}") from error
