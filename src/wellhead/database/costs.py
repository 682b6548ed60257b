"""The rows of rates and cost_audits: by which prices calls were priced, and every time they were."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from wellhead.cost import Costed, UsedRate
from wellhead.database.bulk import Bulk, Row, placeholders
from wellhead.database.schema import cost_audits, rates

SETTLED = 0
"""The number of the first pricing of a call, when it was settled."""
TROUBLE_SEPARATOR = "; "

_COLUMNS = (
    *("call_id", "number", "at_us", "reason", "cost_state", "cost_nanousd", "rate_id", "model", "how"),
    "trouble",
)
_NOTE = Bulk(f"INSERT INTO cost_audits ({','.join(_COLUMNS)}) VALUES ", placeholders(len(_COLUMNS)))  # noqa: S608


def rate_id(connection: sqlite3.Connection, rate: UsedRate, now_us: int) -> int:
    """The number of a rate, which is put in if no call was priced by it before."""
    connection.execute(
        "INSERT INTO rates (digest,key,source,provider,model,since_us,until_us,prices,first_used_us)"
        " VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (digest) DO NOTHING",
        (
            rate.digest,
            rate.key,
            rate.source,
            rate.provider,
            rate.model,
            rate.since_us,
            rate.until_us,
            rate.prices,
            now_us,
        ),
    )
    found: int = connection.execute("SELECT id FROM rates WHERE digest=?", (rate.digest,)).fetchone()[0]
    return found


def audit_row(call_id: int, at_us: int, costed: Costed, rate: int | None) -> Row:
    """The record of a call's first pricing, in the form that `note` takes."""
    return (
        call_id,
        SETTLED,
        at_us,
        costed.reason,
        costed.state.value,
        costed.nanousd,
        rate,
        costed.model,
        costed.how,
        TROUBLE_SEPARATOR.join(costed.trouble) or None,
    )


def note(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Write down pricings; part of the transaction that books what they say."""
    _NOTE.run(connection, rows)


def audits_of(connection: Connection, call_id: int) -> list[dict[str, Any]]:
    """Every pricing of a call, the first one first, with the rate's own words."""
    a, r = cost_audits.c, rates.c
    query = (
        select(
            a.number,
            a.at_us,
            a.reason,
            a.cost_state,
            a.cost_nanousd,
            a.model,
            a.how,
            a.trouble,
            r.key.label("rate_key"),
            r.source.label("rate_source"),
            r.provider.label("rate_provider"),
            r.prices,
        )
        .select_from(cost_audits.outerjoin(rates, r.id == a.rate_id))
        .where(a.call_id == call_id)
        .order_by(a.number)
    )
    return [dict(row._mapping) for row in connection.execute(query)]
