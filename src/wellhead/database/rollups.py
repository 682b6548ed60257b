"""The rollups: rows added to what is there, or put in the place of all that was there.

Rows come as tuples in the order of the table's columns, keys first, sorted by key
so that several writers touch the same rows in the same order.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, LargeBinary, Table

from wellhead.database.bulk import Bulk, Row, placeholders
from wellhead.database.schema import (
    latency_daily,
    latency_hourly,
    latency_total,
    usage_daily,
    usage_hourly,
    usage_total,
)

TABLES = (usage_hourly, usage_daily, usage_total, latency_hourly, latency_daily, latency_total)


@dataclass(frozen=True, slots=True)
class Rollup:
    """What a number of settled calls add to each of the tables, by their names."""

    usage_hourly: Sequence[Row]
    usage_daily: Sequence[Row]
    usage_total: Sequence[Row]
    latency_hourly: Sequence[Row]
    latency_daily: Sequence[Row]
    latency_total: Sequence[Row]


def _upsert(table: Table) -> Bulk:
    keys = [column.name for column in table.primary_key.columns]
    sums = [column.name for column in table.columns if column.name not in keys]
    added = ",".join(f"{name}={_sum(table.c[name])}" for name in sums)
    return Bulk(
        f"INSERT INTO {table.name} ({','.join(keys + sums)}) VALUES ",  # noqa: S608
        placeholders(len(keys) + len(sums)),
        f" ON CONFLICT ({','.join(keys)}) DO UPDATE SET {added}",
    )


def _sum(column: Column[Any]) -> str:
    both = f"{column.table.name}.{column.name}", f"excluded.{column.name}"
    return f"histogram_sum({','.join(both)})" if isinstance(column.type, LargeBinary) else "+".join(both)


_ADD = tuple((table.name, _upsert(table)) for table in TABLES)


def add(connection: sqlite3.Connection, rollup: Rollup) -> None:
    """Add to what is there; part of the transaction that settles the calls."""
    for name, statement in _ADD:
        statement.run(connection, getattr(rollup, name))


def kept(connection: sqlite3.Connection, table: Table) -> Iterator[Row]:
    """The rows of one of the tables, by their keys."""
    names = ",".join(column.name for column in table.columns)
    # The key's columns come first in each of them.
    keys = ",".join(str(1 + place) for place in range(len(table.primary_key.columns)))
    return connection.execute(f"SELECT {names} FROM {table.name} ORDER BY {keys}")  # noqa: S608


def clear(connection: sqlite3.Connection) -> None:
    """Forget all rollups, in the transaction that rebuilds them."""
    for table in TABLES:
        connection.execute(f"DELETE FROM {table.name}")  # noqa: S608
