"""The rollups: rows added to what is there, or put in the place of all that was there.

Rows come as tuples in the order of the table's columns, keys first, sorted by key
so that several writers touch the same rows in the same order.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, LargeBinary, Table

from wellhead.database import closed_days
from wellhead.database.bulk import Bulk, Row, placeholders
from wellhead.database.schema import (
    errors_daily,
    latency_total,
    models_hourly,
    origins_daily,
    usage_hourly,
    usage_total,
)
from wellhead.database.spans import HOURS_A_DAY
from wellhead.moments import DAY_US, HOUR_US

TABLES = (
    *(usage_hourly, usage_total, models_hourly),
    *(latency_total, errors_daily, origins_daily),
)


@dataclass(frozen=True, slots=True)
class Rollup:
    """What a number of settled calls add to each of the tables, by their names."""

    usage_hourly: Sequence[Row] = ()
    usage_total: Sequence[Row] = ()
    models_hourly: Sequence[Row] = ()
    latency_total: Sequence[Row] = ()
    errors_daily: Sequence[Row] = ()
    origins_daily: Sequence[Row] = ()


def upsert(table: Table) -> Bulk:
    """A statement that adds rows to those of the same key."""
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


_ADD = tuple((table.name, upsert(table)) for table in TABLES)


def add(connection: sqlite3.Connection, rollup: Rollup) -> None:
    """Add to what is there; part of the transaction that settles the calls.

    Days that were closed are open again: what was made of them is not true any more.
    """
    for name, statement in _ADD:
        statement.run(connection, getattr(rollup, name))
    closed_days.reopen(connection, {row[0] // HOURS_A_DAY for row in rollup.usage_hourly})


def kept(connection: sqlite3.Connection, table: Table) -> Iterator[Row]:
    """The rows of one of the tables, by their keys."""
    names = ",".join(column.name for column in table.columns)
    # The key's columns come first in each of them.
    keys = ",".join(str(1 + place) for place in range(len(table.primary_key.columns)))
    return connection.execute(f"SELECT {names} FROM {table.name} ORDER BY {keys}")  # noqa: S608


def clear(connection: sqlite3.Connection, since_us: int = 0) -> None:
    """Forget all rollups of a midnight (UTC) and later, in the transaction that rebuilds them.

    Those of all of time are put back to what they were then: `latency_total` to what is remembered of the
    calls that were removed, `usage_total` to the hours before.  All those days are open again.
    """
    for table in TABLES:
        connection.execute(f"DELETE FROM {table.name}{_since(table)}", (since_us,) if _since(table) else ())  # noqa: S608
    closed_days.reopen_since(connection, since_us // DAY_US)
    connection.execute("INSERT INTO latency_total SELECT * FROM latency_removed")
    keys = ",".join(column.name for column in usage_total.primary_key.columns)
    sums = ",".join(f"sum({c.name})" for c in usage_total.columns if not c.primary_key)
    connection.execute(f"INSERT INTO usage_total SELECT {keys},{sums} FROM usage_hourly GROUP BY {keys}")  # noqa: S608


def _since(table: Table) -> str:
    """The condition for the rows of a moment and later; empty for those that have no time."""
    first = next(iter(table.columns))
    unit_us = {"hour": HOUR_US, "day": DAY_US}.get(first.name)
    return "" if unit_us is None else f" WHERE {first.name}>=?/{unit_us}"
