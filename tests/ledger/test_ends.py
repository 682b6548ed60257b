"""Ends of calls, worked out before they are booked."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from sqlalchemy import Engine

from fakes.books import NOON_US, a_settlement, an_opening, rollups_of, rows_of
from wellhead.call import CallState
from wellhead.database import calls
from wellhead.database.calls import Settled
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.room import RESERVE_CHARS, Room
from wellhead.directory import Directory
from wellhead.ledger.admission import Admission
from wellhead.ledger.connection import HeldConnection
from wellhead.ledger.costing import Costing
from wellhead.ledger.ends import Ends, ends_of
from wellhead.ledger.rules import NO_PRICES
from wellhead.ledger.say import say_nothing

CALLS = [an_opening(number) for number in (1, 2)]


@pytest.fixture
def connection(engine: Engine) -> Iterator[sqlite3.Connection]:
    with closing(writing_connection(engine)) as made:
        calls.insert(made, calls.pending_rows(1, CALLS))
        yield made


def ends(engine: Engine, settled: Sequence[Settled], room: Room) -> Ends:
    held = HeldConnection(engine, lambda: None)
    admission = Admission(Directory(), NO_PRICES.estimate, False, say_nothing)
    return ends_of(settled, {}, admission, Costing(NO_PRICES, held, lambda: NOON_US, say_nothing), room)


def test_they_are_booked_with_all_that_is_added_up_from_them(
    connection: sqlite3.Connection, engine: Engine
) -> None:
    settled = ends(engine, [(call, a_settlement()) for call in CALLS], Room())
    with transaction(connection):
        settled.make_room(connection)
        assert settled.book(connection)
    assert [row["state"] for row in rows_of(engine, "calls")] == ["completed"] * 2
    assert [row["calls"] for row in rollups_of(engine)["usage_total"]] == [2]


def test_where_one_was_not_pending_nothing_is_added_up(
    connection: sqlite3.Connection, engine: Engine
) -> None:
    settled = ends(engine, [(call, a_settlement()) for call in (*CALLS, an_opening(3))], Room())
    with transaction(connection):
        assert not settled.book(connection)
    assert rollups_of(engine)["usage_total"] == []


@pytest.mark.parametrize(("state", "learns"), [(CallState.COMPLETED, True), (CallState.FAILED, False)])
def test_only_from_what_went_well_it_is_learnt_how_much_room_ends_need(
    engine: Engine, state: CallState, learns: bool
) -> None:
    room = Room()
    ends(engine, [], room)
    ends(engine, [(CALLS[0], a_settlement(state=state, upstream_request_id="r" * 300))], room)
    assert (len(room.kept_for(CALLS[1])) > RESERVE_CHARS) == learns
