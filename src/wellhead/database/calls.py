"""The rows of calls: put in as pending, moved once to a terminal state, read back.

All statements are made from the schema.  They run inside a transaction of the
caller's (`wellhead.database.engine.transaction`).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from wellhead.call import CallState, Opening, Settlement
from wellhead.database.bulk import Bulk, Row, placeholders
from wellhead.database.schema import TOKEN_COLUMNS, calls
from wellhead.usage import Usage, UsageSource

IDS_PER_QUERY = 500
TROUBLE_SEPARATOR = "; "
RESERVE_CHARS = 120
"""About what the end of a call adds to its row: kept free from the start, it saves a tenth of the file."""
_RESERVE = " " * RESERVE_CHARS

_OPENING = (
    "id",
    "started_us",
    "provider",
    "dialect",
    "method",
    "path",
    "model",
    "tool",
    "client",
    "session",
    "agent",
    "message_id",
    "user_agent",
    "origin",
    "client_address",
    "project_id",
    "key_id",
    "credential_hash",
    "request_bytes",
    "message_count",
    "max_output_tokens",
)
_SETTLEMENT = (
    "finished_us",
    "status_code",
    "error_code",
    "error_message",
    "finish_reason",
    "upstream_request_id",
    "model_served",
    "service_tier",
    "usage_extra",
    "cost_nanousd",
    "latency_us",
    "upstream_latency_us",
    "ttft_us",
    "response_bytes",
    "attempts",
)
Settled = tuple[Opening, Settlement]
"""A call with its end."""

_COMPUTED = ("state", "streamed", "incomplete", "usage_source", "cost_state", "trouble", "request_bytes")

_opening_values = attrgetter(*_OPENING)
_settlement_values = attrgetter(*_SETTLEMENT)
_usage_values = attrgetter(*TOKEN_COLUMNS)

_INSERTED = (*_OPENING, "streamed", "worker_id", "state", "reserve")
_INSERT = Bulk(f"INSERT INTO calls ({','.join(_INSERTED)}) VALUES ", placeholders(len(_INSERTED)))  # noqa: S608

_UPDATED = (*_SETTLEMENT, *TOKEN_COLUMNS, *_COMPUTED)
_NEW_VALUES = ",".join(f"{name}=v.column{place}" for place, name in enumerate(_UPDATED, start=2))
_SETTLE = Bulk(
    f"UPDATE calls SET reserve=NULL,{_NEW_VALUES} FROM (VALUES ",  # noqa: S608
    placeholders(len(_UPDATED) + 1),
    ") AS v WHERE calls.id=v.column1 AND calls.state='pending'",
)

_COLUMNS = tuple(column.name for column in calls.columns)
_SELECT = f"SELECT {','.join(_COLUMNS)} FROM calls"  # noqa: S608


def pending_rows(worker_id: int, openings: Iterable[Opening]) -> list[Row]:
    """New calls, in the form that `insert` takes."""
    return [(*_opening_values(o), int(o.streamed), worker_id, "pending", _RESERVE) for o in openings]


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Book new calls as pending."""
    _INSERT.run(connection, rows)


def settled_rows(settled: Iterable[Settled]) -> list[Row]:
    """Ends of calls, in the form that `settle` takes."""
    return [_settled_row(opening, settlement) for opening, settlement in settled]


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


def pending_of(connection: sqlite3.Connection, worker_id: int, count_max: int) -> list[Opening]:
    """Open calls of a worker, the oldest first."""
    query = f"{_SELECT} WHERE state='pending' AND worker_id=? ORDER BY id LIMIT ?"
    return [
        _opening(dict(zip(_COLUMNS, row, strict=True)))
        for row in connection.execute(query, (worker_id, count_max))
    ]


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
    """Every call in a terminal state, by id, as it was booked."""
    for row in connection.execute(f"{_SELECT} WHERE state<>'pending' ORDER BY id"):
        values = dict(zip(_COLUMNS, row, strict=True))
        yield _opening(values), _settlement(values)


def _settled_row(opening: Opening, settlement: Settlement) -> Row:
    # The driver takes plain integers and strings many times faster than bools and enums.
    return (
        opening.id,
        *_settlement_values(settlement),
        *_usage_values(settlement.usage),
        settlement.state.value,
        int(settlement.streamed),
        int(settlement.incomplete),
        settlement.usage_source.value,
        _cost_state(settlement),
        TROUBLE_SEPARATOR.join(settlement.trouble) or None,
        # Known from the opening or, when the body streamed in, only now.
        opening.request_bytes if settlement.request_bytes is None else settlement.request_bytes,
    )


def _cost_state(settlement: Settlement) -> str:
    if settlement.cost_nanousd is not None:
        return "priced"
    return "unpriceable" if settlement.usage_source is UsageSource.ABSENT else "pending"


def _opening(values: dict[str, Any]) -> Opening:
    return Opening(streamed=bool(values["streamed"]), **{name: values[name] for name in _OPENING})


def _settlement(values: dict[str, Any]) -> Settlement:
    return Settlement(
        state=CallState(values["state"]),
        streamed=bool(values["streamed"]),
        incomplete=bool(values["incomplete"]),
        usage=Usage(*(values[name] for name in TOKEN_COLUMNS)),
        usage_source=UsageSource(values["usage_source"]),
        trouble=tuple(values["trouble"].split(TROUBLE_SEPARATOR)) if values["trouble"] else (),
        request_bytes=values["request_bytes"],
        **{name: values[name] for name in _SETTLEMENT},
    )
