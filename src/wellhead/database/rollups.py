"""The rollups: rows added to what is there, or put in the place of all that was there.

Rows come as tuples in the order of the table's columns, keys first, sorted by key
so that several writers touch the same rows in the same order.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Table

from wellhead.database.bulk import Bulk, Row, placeholders
from wellhead.database.schema import latency_hourly, usage_hourly, usage_total


@dataclass(frozen=True, slots=True)
class Rollup:
    """What a number of settled calls add to each of the three tables."""

    usage_hourly: Sequence[Row]
    usage_total: Sequence[Row]
    latency_hourly: Sequence[Row]


def _upsert(table: Table) -> Bulk:
    keys = [column.name for column in table.primary_key.columns]
    sums = [column.name for column in table.columns if column.name not in keys]
    added = ",".join(f"{name}={table.name}.{name}+excluded.{name}" for name in sums)
    return Bulk(
        f"INSERT INTO {table.name} ({','.join(keys + sums)}) VALUES ",  # noqa: S608
        placeholders(len(keys) + len(sums)),
        f" ON CONFLICT ({','.join(keys)}) DO UPDATE SET {added}",
    )


_TABLES = (usage_hourly, usage_total, latency_hourly)
_ADD = tuple(_upsert(table) for table in _TABLES)


def add(connection: sqlite3.Connection, rollup: Rollup) -> None:
    """Add to what is there; part of the transaction that settles the calls."""
    for statement, rows in zip(
        _ADD, (rollup.usage_hourly, rollup.usage_total, rollup.latency_hourly), strict=True
    ):
        statement.run(connection, rows)


def kept(connection: sqlite3.Connection) -> Rollup:
    """All that is there, sorted by key."""
    found = []
    for table in _TABLES:
        names = ",".join(column.name for column in table.columns)
        # The key's columns come first in each of them.
        keys = ",".join(str(1 + place) for place in range(len(table.primary_key.columns)))
        found.append(connection.execute(f"SELECT {names} FROM {table.name} ORDER BY {keys}").fetchall())  # noqa: S608
    return Rollup(*found)


def clear(connection: sqlite3.Connection) -> None:
    """Forget all rollups, in the transaction that rebuilds them."""
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table.name}")  # noqa: S608
