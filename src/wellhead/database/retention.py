"""The removal of old calls: which are removed, and what has to be remembered of them."""

import sqlite3
from collections.abc import Sequence

from wellhead.database import calls
from wellhead.database.bulk import Row, placeholders
from wellhead.database.calls import Settled
from wellhead.database.rollups import upsert
from wellhead.database.schema import latency_removed, metadata

DEPENDENT = tuple(table.name for table in metadata.tables.values() if "call_id" in table.columns)
"""Tables whose rows belong to calls."""

_REMEMBER = upsert(latency_removed)


def removed_before_us(connection: sqlite3.Connection) -> int:
    """Calls that ended before that moment are not all there any more; 0: nothing was ever removed."""
    row = connection.execute("SELECT removed_before_us FROM retention WHERE id=1").fetchone()
    return 0 if row is None else int(row[0])


def mark(connection: sqlite3.Connection, before_us: int) -> None:
    """From here on calls that ended before that midnight may be gone; it never moves back."""
    connection.execute(
        "INSERT INTO retention (id,removed_before_us) VALUES (1,?) ON CONFLICT (id) DO UPDATE"
        " SET removed_before_us=max(retention.removed_before_us,excluded.removed_before_us)",
        (before_us,),
    )


def count(connection: sqlite3.Connection, before_us: int) -> int:
    """How many calls there are that ended before a moment."""
    query = "SELECT count(*) FROM calls WHERE finished_us IS NOT NULL AND finished_us<?"
    found: int = connection.execute(query, (before_us,)).fetchone()[0]
    return found


def oldest(connection: sqlite3.Connection, before_us: int, count_max: int) -> list[Settled]:
    """Calls that ended before a moment, the first to end first."""
    return calls.settled_that(
        connection, "finished_us<? ORDER BY finished_us LIMIT ?", (before_us, count_max)
    )


def remove(connection: sqlite3.Connection, ids: Sequence[int], histograms: Sequence[Row]) -> None:
    """Remove calls with all that belongs to them; `histograms` is what they added to `latency_total`."""
    for table, column in (*((name, "call_id") for name in DEPENDENT), ("calls", "id")):
        connection.execute(f"DELETE FROM {table} WHERE {column} IN {placeholders(len(ids))}", ids)  # noqa: S608
    _REMEMBER.run(connection, histograms)


def remembered(connection: sqlite3.Connection) -> list[Row]:
    """What removed calls had added to `latency_total`, by its key."""
    keys = ",".join(str(1 + place) for place in range(len(latency_removed.primary_key.columns)))
    names = ",".join(column.name for column in latency_removed.columns)
    return connection.execute(f"SELECT {names} FROM latency_removed ORDER BY {keys}").fetchall()  # noqa: S608


def shrink(connection: sqlite3.Connection, pages: int) -> bool:
    """Give some of the room that was freed back to the disk; false when there is no more of it."""
    connection.execute(f"PRAGMA incremental_vacuum({pages:d})").fetchall()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    return bool(free)
