"""The rows of calls: put in as pending, moved once to a terminal state, read back.

All statements are made from the schema.  They run inside a transaction of the
caller's (`wellhead.database.engine.transaction`).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from wellhead.call import CallState, Opening, Settlement
from wellhead.cost import CostState
from wellhead.database.bulk import Bulk, Row, Sparse, placeholders
from wellhead.database.request_forms import FACTS, JOINED, Forms, form_of
from wellhead.database.room import NOTHING_LEARNT, Room
from wellhead.database.schema import TOKEN_COLUMNS, calls
from wellhead.usage import Usage, UsageSource

IDS_PER_QUERY = 500
TROUBLE_SEPARATOR = "; "
_OPENING = (
    *("id", "started_us", "provider", "model", "tool", "client", "session", "client_address"),
    *("request_bytes", "message_count", "max_output_tokens", "admitted_us"),
)
_HOLDS = ("hold_input_tokens", "hold_output_tokens", "hold_nanousd")
_MOVED = ("provider", "admitted_us", *_HOLDS)
_OPENING_RARE = ("agent", "message_id", "origin", "project_id", "key_id", *_HOLDS)
_SETTLEMENT = (
    *("finished_us", "status_code", "finish_reason", "upstream_request_id", "model_served", "service_tier"),
    *("latency_us", "upstream_latency_us", "ttft_us", "response_bytes", "attempts"),
    *("cost_nanousd", "rate_id"),
)
_SETTLEMENT_RARE = ("error_code", "error_message", "usage_extra", "account", *_HOLDS)
_USAGE = TOKEN_COLUMNS[:6] + TOKEN_COLUMNS[10:11]
_USAGE_RARE = tuple(name for name in TOKEN_COLUMNS if name not in _USAGE)

_moved_values = attrgetter(*_MOVED)
_opening_values, _opening_rare_values = attrgetter(*_OPENING), attrgetter(*_OPENING_RARE)
_settlement_values, _settlement_rare_values = attrgetter(*_SETTLEMENT), attrgetter(*_SETTLEMENT_RARE)
_usage_values, _usage_rare_values = attrgetter(*_USAGE), attrgetter(*_USAGE_RARE)

Settled = tuple[Opening, Settlement]
"""A call with its end."""


def _inserting(columns: Sequence[str]) -> Bulk:
    return Bulk(f"INSERT INTO calls ({','.join(columns)}) VALUES ", placeholders(len(columns)))  # noqa: S608


def _settling(columns: Sequence[str]) -> Bulk:
    *changed, last = columns
    assert last == "id", "the single row's statement asks for its id last"
    gone = ",".join(f"{name}=NULL" for name in ("reserve", *_HOLDS) if name not in changed)
    many = ",".join(f"{name}=v.column{place}" for place, name in enumerate(changed, start=1))
    one = ",".join(f"{name}=?" for name in changed)
    return Bulk(
        f"UPDATE calls SET {gone},{many} FROM (VALUES ",  # noqa: S608
        placeholders(len(columns)),
        f") AS v WHERE calls.id=v.column{len(columns)} AND calls.state='pending'",
        # Without a table in between, which takes longer to make than the row to change.
        alone=f"UPDATE calls SET {gone},{one} WHERE id=? AND state='pending'",  # noqa: S608
    )


_INSERT = Sparse(
    _inserting, _OPENING_RARE, (*_OPENING, "streamed", "worker_id", "state", "reserve", "request_form")
)
_SETTLE = Sparse(
    _settling,
    (*_SETTLEMENT_RARE, *_USAGE_RARE, "trouble"),
    (
        *_SETTLEMENT,
        *_USAGE,
        *("state", "streamed", "incomplete", "usage_source", "cost_state", "request_bytes", "id"),
    ),
)

_COLUMNS = (*(column.name for column in calls.columns), *FACTS)
_SELECT = f"SELECT {','.join(_COLUMNS)} FROM {JOINED}"  # noqa: S608


def pending_rows(worker_id: int, openings: Iterable[Opening], room: Room = NOTHING_LEARNT) -> list[Row]:
    """New calls, in the form that `insert` takes, each with room for its end."""
    kept_for = room.kept_for
    return [
        (
            *_opening_rare_values(o),
            *_opening_values(o),
            *(int(o.streamed), worker_id, "pending", kept_for(o), form_of(o)),
        )
        for o in openings
    ]


def insert(connection: sqlite3.Connection, rows: Sequence[Row], forms: Forms | None = None) -> None:
    """Book new calls as pending; `forms` are those of this connection."""
    number = (Forms() if forms is None else forms).number
    _INSERT.run(connection, [(*row[:-1], number(connection, row[-1])) for row in rows])


def settled_rows(settled: Iterable[Settled]) -> list[Row]:
    """Ends of calls, in the form that `settle` takes."""
    return [_settled_row(opening, settlement) for opening, settlement in settled]


def added(row: Row) -> Row:
    """What such a row writes into that of the call."""
    return row[:-1]  # All but its id.


def settle(connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
    """Move calls out of pending; how many there were to move.  No id may occur twice."""
    return _SETTLE.run(connection, rows)


def pending_among(connection: sqlite3.Connection, ids: Sequence[int]) -> set[int]:
    """Which of these calls are still pending."""
    found: set[int] = set()
    for start in range(0, len(ids), IDS_PER_QUERY):
        some = ids[start : start + IDS_PER_QUERY]
        query = f"SELECT id FROM calls WHERE state='pending' AND id IN {placeholders(len(some))}"  # noqa: S608
        found.update(id_ for (id_,) in connection.execute(query, some))
    return found


def move(connection: sqlite3.Connection, opening: Opening, forms: Forms) -> bool:
    """Change a pending call to what it is when another provider serves it; whether it still was pending."""
    changed = ",".join(f"{name}=?" for name in (*_MOVED, "request_form"))
    query = f"UPDATE calls SET {changed} WHERE id=? AND state='pending'"  # noqa: S608
    form = forms.number(connection, form_of(opening))
    return connection.execute(query, (*_moved_values(opening), form, opening.id)).rowcount == 1


def known_among(connection: sqlite3.Connection, ids: Sequence[int]) -> set[int]:
    """Which of these calls are in the books at all."""
    found: set[int] = set()
    for start in range(0, len(ids), IDS_PER_QUERY):
        some = ids[start : start + IDS_PER_QUERY]
        query = f"SELECT id FROM calls WHERE id IN {placeholders(len(some))}"  # noqa: S608
        found.update(id_ for (id_,) in connection.execute(query, some))
    return found


def pending_of(connection: sqlite3.Connection, worker_id: int, count_max: int) -> list[Opening]:
    """Open calls of a worker, the oldest first."""
    query = f"{_SELECT} WHERE state='pending' AND worker_id=? ORDER BY id LIMIT ?"
    return [
        _opening(dict(zip(_COLUMNS, row, strict=True)))
        for row in connection.execute(query, (worker_id, count_max))
    ]


def open_among(connection: sqlite3.Connection, ids: Sequence[int]) -> list[Opening]:
    """Those of these calls that are pending, as they are booked."""
    found: list[Opening] = []
    for start in range(0, len(ids), IDS_PER_QUERY):
        some = ids[start : start + IDS_PER_QUERY]
        query = f"{_SELECT} WHERE state='pending' AND id IN {placeholders(len(some))}"
        rows = connection.execute(query, some)
        found += [_opening(dict(zip(_COLUMNS, row, strict=True))) for row in rows]
    return found


def workers_with_pending(connection: sqlite3.Connection) -> set[int]:
    """Slots that have open calls, whether their worker is still known or not."""
    return {
        slot for (slot,) in connection.execute("SELECT DISTINCT worker_id FROM calls WHERE state='pending'")
    }


def latest_id(connection: sqlite3.Connection) -> int:
    """The highest id in the books; 0 when they are empty."""
    found: int = connection.execute("SELECT coalesce(max(id), 0) FROM calls").fetchone()[0]
    return found


def all_settled(connection: sqlite3.Connection) -> Iterator[Settled]:
    """Every call in a terminal state, by its end, as it was booked."""
    for row in connection.execute(f"{_SELECT} WHERE finished_us IS NOT NULL ORDER BY finished_us, id"):
        values = dict(zip(_COLUMNS, row, strict=True))
        yield _opening(values), _settlement(values)


def settled_that(connection: sqlite3.Connection, which: str, values: Sequence[object]) -> list[Settled]:
    """Calls in a terminal state that a condition chooses; it says in which order and how many, too."""
    found = []
    for row in connection.execute(f"{_SELECT} WHERE finished_us IS NOT NULL AND {which}", values):
        named = dict(zip(_COLUMNS, row, strict=True))
        found.append((_opening(named), _settlement(named)))
    return found


def _settled_row(opening: Opening, settlement: Settlement) -> Row:
    # The driver takes plain integers and strings many times faster than bools and enums.
    usage = settlement.usage
    return (
        *_settlement_rare_values(settlement),
        *_usage_rare_values(usage),
        TROUBLE_SEPARATOR.join(settlement.trouble) or None,
        *_settlement_values(settlement),
        *_usage_values(usage),
        settlement.state.value,
        int(settlement.streamed),
        int(settlement.incomplete),
        settlement.usage_source.value,
        _cost_state(settlement),
        # Known from the opening or, when the body streamed in, only now.
        opening.request_bytes if settlement.request_bytes is None else settlement.request_bytes,
        opening.id,
    )


def _cost_state(settlement: Settlement) -> str:
    if settlement.cost_state is not None:
        return settlement.cost_state.value
    if settlement.cost_nanousd is not None:
        return "priced"
    return "unpriceable" if settlement.usage_source is UsageSource.ABSENT else "pending"


def _opening(values: dict[str, Any]) -> Opening:
    return Opening(
        streamed=bool(values["streamed"]), **{name: values[name] for name in _OPENING + _OPENING_RARE + FACTS}
    )


def _settlement(values: dict[str, Any]) -> Settlement:
    return Settlement(
        state=CallState(values["state"]),
        streamed=bool(values["streamed"]),
        incomplete=bool(values["incomplete"]),
        usage=Usage(*(values[name] for name in TOKEN_COLUMNS)),
        usage_source=UsageSource(values["usage_source"]),
        trouble=tuple(values["trouble"].split(TROUBLE_SEPARATOR)) if values["trouble"] else (),
        request_bytes=values["request_bytes"],
        cost_state=CostState(values["cost_state"]),
        **{name: values[name] for name in _SETTLEMENT + _SETTLEMENT_RARE},
    )
