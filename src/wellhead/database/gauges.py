"""The rows of quota_gauges: how accounts last stood with their quotas.

One row for each provider, account and name.  A newer value takes the place of an
older one and never the other way round, whichever worker comes last.
"""

import sqlite3
from collections.abc import Mapping

from sqlalchemy import Connection, select

from wellhead.database.bulk import Bulk, Row, placeholders
from wellhead.database.schema import quota_gauges
from wellhead.moments import DAY_US
from wellhead.quota import AccountGauge, Gauge

GAUGES_MAX = 512
"""Rows: names of accounts may come from clients, so there must be an end to them."""
KEPT_US = 7 * DAY_US
"""One that nobody told of for so long makes room for a new one, where there is none."""

Place = tuple[str, str, str]
"""Provider, account (`''` where nobody said), name."""

_KEY = ("provider", "account", "name")
_VALUES = ("at_us", "used_ratio", "amount_limit", "remaining", "resets_us", "window_s", "status")
_KEEP = Bulk(
    f"INSERT INTO quota_gauges ({','.join((*_KEY, *_VALUES))}) VALUES ",  # noqa: S608
    placeholders(len(_KEY) + len(_VALUES)),
    f" ON CONFLICT ({','.join(_KEY)}) DO UPDATE SET {','.join(f'{name}=excluded.{name}' for name in _VALUES)}"
    " WHERE excluded.at_us>=quota_gauges.at_us",
)


def keep(connection: sqlite3.Connection, told: Mapping[Place, Gauge], now_us: int) -> int:
    """Put in what is new; how many there was no room for.  Part of a transaction of the caller's."""
    if not told:
        return 0
    known = set(connection.execute("SELECT provider,account,name FROM quota_gauges").fetchall())
    new = sorted(told.keys() - known)
    room = GAUGES_MAX - len(known)
    if len(new) > room:
        statement = "DELETE FROM quota_gauges WHERE at_us<?"
        room += connection.execute(statement, (now_us - KEPT_US,)).rowcount
    dropped = set(new[max(room, 0) :])
    _KEEP.run(connection, [_row(place, told[place]) for place in sorted(told.keys() - dropped)])
    return len(dropped)


def listed(connection: Connection) -> list[AccountGauge]:
    """All of them, by provider, account and name."""
    t = quota_gauges.c
    query = select(*(t[name] for name in (*_KEY, *_VALUES))).order_by(t.provider, t.account, t.name)
    return [
        AccountGauge(
            row.provider,
            Gauge(
                name=row.name,
                at_us=row.at_us,
                used_ratio=row.used_ratio,
                limit=row.amount_limit,
                remaining=row.remaining,
                resets_us=row.resets_us,
                window_s=row.window_s,
                status=row.status,
                account=row.account or None,
            ),
        )
        for row in connection.execute(query)
    ]


def _row(place: Place, gauge: Gauge) -> Row:
    return (
        *place,
        gauge.at_us,
        gauge.used_ratio,
        gauge.limit,
        gauge.remaining,
        gauge.resets_us,
        gauge.window_s,
        gauge.status,
    )
