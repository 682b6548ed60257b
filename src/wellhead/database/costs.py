"""The rows of rates and cost_audits: by which prices calls were priced, each time they were, and anew."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from wellhead.call import Settlement
from wellhead.cost import Costed, CostedStep, UsedRate
from wellhead.database import calls
from wellhead.database.bulk import Bulk, Row, Sparse, placeholders
from wellhead.database.calls import Settled
from wellhead.database.schema import cost_audits, rates

SETTLED = 0
"""The number of the first pricing of a call, when it was settled."""
TROUBLE_SEPARATOR = "; "

_PENDING = "cost_state='pending'"
# What the provider said itself, when it was settled, no price list says better.
_FROM_A_LIST = (
    "cost_state='priced' AND (SELECT reason FROM cost_audits WHERE call_id=calls.id AND number=0)<>'reported'"
)


class Cost(NamedTuple):
    """What a call cost, as its row or the record of a pricing has it."""

    state: str | None
    nanousd: int | None
    rate_id: int | None


def _inserting(columns: Sequence[str]) -> Bulk:
    return Bulk(f"INSERT INTO cost_audits ({','.join(columns)}) VALUES ", placeholders(len(columns)))  # noqa: S608


_NOTE = Sparse(
    _inserting,
    ("trouble", "steps"),
    ("call_id", "number", "at_us", "reason", "cost_state", "cost_nanousd", "rate_id", "model", "how"),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which calls are to be priced again: those that ended in [since, until)."""

    since_us: int
    until_us: int
    model: str | None = None
    """That was asked for, or that answered; `None`: any."""
    provider: str | None = None
    only_pending: bool = False
    """Those that have no price yet, and no others."""


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


def audit_row(
    call_id: int, at_us: int, costed: Costed, rate_ids: Mapping[bytes, int], number: int = SETTLED
) -> Row:
    """The record of a pricing of a call, the first one unless told, in the form that `note` takes.

    `rate_ids` has the number of every rate in it, by its digest.
    """
    return (
        TROUBLE_SEPARATOR.join(costed.trouble) or None,
        _steps(costed.steps, rate_ids) if costed.steps else None,
        call_id,
        number,
        at_us,
        costed.reason,
        costed.state.value,
        costed.nanousd,
        None if costed.rate is None else rate_ids[costed.rate.digest],
        costed.model,
        costed.how,
    )


def _steps(steps: Sequence[CostedStep], rate_ids: Mapping[bytes, int]) -> str:
    """As JSON; counts have the names that they have in `calls`."""
    told = [
        {
            "what": step.what,
            "model": step.model,
            "how": step.how,
            "rate_id": rate_ids[step.rate.digest],
            **step.counts,
            "cost_nanousd": step.nanousd,
        }
        for step in steps
    ]
    return msgspec.json.encode(told).decode()


def note(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Write down pricings; part of the transaction that books what they say."""
    _NOTE.run(connection, rows)


def to_price_again(
    connection: sqlite3.Connection, chosen: Chosen, after: tuple[int, int], count: int
) -> list[Settled]:
    """So many of the chosen calls by their ends, after one of them; none that a provider priced."""
    # The bound of the range moves along, so that nothing is looked at twice.
    conditions = ["finished_us>=?", "finished_us<?", "(finished_us,id)>(?,?)"]
    values: list[object] = [max(chosen.since_us, after[0]), chosen.until_us, *after]
    conditions.append(_PENDING if chosen.only_pending else f"({_PENDING} OR ({_FROM_A_LIST}))")
    if chosen.model is not None:
        conditions.append("(model=? OR model_served=?)")
        values += (chosen.model, chosen.model)
    if chosen.provider is not None:
        conditions.append("provider=?")
        values.append(chosen.provider)
    return calls.settled_that(
        connection, f"{' AND '.join(conditions)} ORDER BY finished_us,id LIMIT ?", (*values, count)
    )


def again(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Settled]:
    """Calls as they are booked now."""
    found = calls.settled_that(connection, f"id IN {placeholders(len(ids))}", ids)
    return {opening.id: (opening, end) for opening, end in found}


def next_numbers(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, int]:
    """Which number the next pricing of each call has."""
    query = f"SELECT call_id,max(number)+1 FROM cost_audits WHERE call_id IN {placeholders(len(ids))}"  # noqa: S608
    return {
        **dict.fromkeys(ids, SETTLED),
        **dict(connection.execute(f"{query} GROUP BY call_id", ids).fetchall()),
    }


def last_again_us(connection: sqlite3.Connection) -> int:
    """When calls were last priced again; 0: they never were."""
    found: int = connection.execute(
        "SELECT coalesce(max(at_us),0) FROM cost_audits WHERE number>0"
    ).fetchone()[0]
    return found


def unlike_audits(connection: sqlite3.Connection) -> Iterator[tuple[int, int, Cost, Cost]]:
    """Calls with another cost than their last pricing on record: its number, what it says, and the call's."""
    query = (
        "SELECT c.id,a.number,a.cost_state,a.cost_nanousd,a.rate_id,c.cost_state,c.cost_nanousd,c.rate_id"
        " FROM calls c JOIN cost_audits a ON a.call_id=c.id"
        " AND a.number=(SELECT max(number) FROM cost_audits WHERE call_id=c.id)"
        " WHERE (a.cost_state,a.cost_nanousd,a.rate_id) IS NOT (c.cost_state,c.cost_nanousd,c.rate_id)"
        " ORDER BY c.id"
    )
    return ((id_, number, Cost(*six[:3]), Cost(*six[3:])) for id_, number, *six in connection.execute(query))


def put_right(connection: sqlite3.Connection, call_id: int, end: Settlement) -> None:
    """Give a call that ended another cost, and what it keeps of its hold."""
    assert end.cost_state is not None
    connection.execute(
        "UPDATE calls SET cost_nanousd=?,cost_state=?,rate_id=?,hold_nanousd=? WHERE id=?",
        (end.cost_nanousd, end.cost_state.value, end.rate_id, end.hold_nanousd, call_id),
    )


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
            a.steps,
            r.key.label("rate_key"),
            r.source.label("rate_source"),
            r.provider.label("rate_provider"),
            r.prices,
        )
        .select_from(cost_audits.outerjoin(rates, r.id == a.rate_id))
        .where(a.call_id == call_id)
        .order_by(a.number)
    )
    found = [dict(row._mapping) for row in connection.execute(query)]
    for audit in found:
        audit["steps"] = _steps_with_rates(connection, audit["steps"])
    return found


def _steps_with_rates(connection: Connection, steps: str | None) -> list[dict[str, Any]]:
    """The steps of a pricing, with the same words of their rates."""
    if steps is None:
        return []
    told: list[dict[str, Any]] = msgspec.json.decode(steps)
    r = rates.c
    query = select(r.id, r.key, r.source, r.provider, r.prices)
    query = query.where(r.id.in_({step["rate_id"] for step in told}))
    known = {
        id_: {"rate_key": key, "rate_source": source, "rate_provider": provider, "prices": prices}
        for id_, key, source, provider, prices in connection.execute(query)
    }
    return [{**step, **known[step["rate_id"]]} for step in told]
