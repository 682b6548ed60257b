import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from msgspec.structs import fields
from sqlalchemy import Engine

from fakes.books import NOON_US, an_opening
from wellhead.call import CallState, Opening, Settlement
from wellhead.cost import CostState
from wellhead.database import calls
from wellhead.database.engine import writing_connection
from wellhead.usage import Usage, UsageSource


@pytest.fixture
def connection(engine: Engine) -> Iterator[sqlite3.Connection]:
    with closing(writing_connection(engine)) as made:
        yield made


def numbered(record: type[Opening | Settlement]) -> dict[str, object]:
    """Another value for each field, so that none can be taken for its neighbour."""
    values: dict[str, object] = {}
    for place, field in enumerate(fields(record), start=1):
        kind = str(field.type)
        values[field.name] = field.name if "str" in kind else b"%032d" % place if "bytes" in kind else place
    return values


def a_full_opening(call_id: int) -> Opening:
    return Opening(**{**numbered(Opening), "id": call_id, "streamed": True})  # type: ignore[arg-type]


def a_full_settlement() -> Settlement:
    changes = {
        "state": CallState.FAILED,
        "finished_us": NOON_US,
        "streamed": True,
        "incomplete": True,
        "usage": Usage(*range(100, 113)),
        "usage_source": UsageSource.ESTIMATED,
        "cost_state": CostState.PENDING,
        "trouble": ("one", "two"),
        "tried": (),  # in a table of its own
    }
    return Settlement(**{**numbered(Settlement), **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("ids", [[7], [7, 8], [7, 8, 9]], ids=["alone", "together", "both"])
def test_a_call_is_read_back_as_it_was_booked(connection: sqlite3.Connection, ids: list[int]) -> None:
    openings, end = [a_full_opening(id_) for id_ in ids], a_full_settlement()
    calls.insert(connection, calls.pending_rows(3, openings))
    assert calls.pending_of(connection, 3, 10) == openings

    assert calls.settle(connection, calls.settled_rows([(opening, end) for opening in openings])) == len(ids)
    found = list(calls.all_settled(connection))
    assert [(o.id, o.session, o.credential_hash) for o, _ in found] == [
        (o.id, "session", o.credential_hash) for o in openings
    ]
    assert [read_end for _, read_end in found] == [end] * len(ids)


def test_only_pending_calls_are_settled(connection: sqlite3.Connection) -> None:
    openings = [an_opening(n) for n in range(1, 101)]
    calls.insert(connection, calls.pending_rows(0, openings))
    some = calls.settled_rows([(opening, a_full_settlement()) for opening in openings[:40]])

    assert calls.settle(connection, some) == 40
    assert calls.settle(connection, some) == 0
    assert calls.pending_among(connection, [*range(1, 2000)]) == set(range(41, 101))


def test_settling_looks_calls_up_by_their_id(connection: sqlite3.Connection) -> None:
    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    calls.settle(connection, calls.settled_rows([(an_opening(n), a_full_settlement()) for n in range(4)]))
    connection.set_trace_callback(None)

    plan = [row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {seen[0]}")]
    assert "SEARCH calls USING INTEGER PRIMARY KEY (rowid=?)" in plan


def test_the_latest_id_of_empty_books_is_zero(connection: sqlite3.Connection) -> None:
    assert calls.latest_id(connection) == 0
