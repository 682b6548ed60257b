"""Room for the ends of calls: pages are full, and are not split."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from fakes.books import a_settlement, an_opening
from wellhead.call import Opening, Settlement
from wellhead.database import calls
from wellhead.database.engine import writing_connection
from wellhead.database.room import (
    LEARNT_MAX,
    NOTHING_LEARNT,
    RESERVE_CHARS,
    RESERVE_CHARS_MAX,
    SEEN_BATCHES,
    Room,
)

CALLS = 600


@pytest.fixture
def connection(engine: Engine) -> Iterator[sqlite3.Connection]:
    with closing(writing_connection(engine)) as made:
        yield made


def pages(connection: sqlite3.Connection) -> int:
    count: int = connection.execute("PRAGMA page_count").fetchone()[0]
    return count - int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def learn(room: Room, opening: Opening, end: Settlement) -> None:
    (row,) = calls.settled_rows([(opening, end)])
    room.learn(opening, calls.added(row))


def kept(room: Room, opening: Opening) -> int:
    return len(room.kept_for(opening))


@pytest.mark.parametrize("request_id", ["", "r" * 29, "r" * 200], ids=["short", "usual", "long"])
@pytest.mark.parametrize("hold", [None, 70_000], ids=["unlimited", "limited"])
def test_ends_like_those_it_learnt_from_fill_their_rooms_and_no_more(
    connection: sqlite3.Connection, request_id: str, hold: int | None
) -> None:
    end = a_settlement(upstream_request_id=request_id)
    openings = [
        an_opening(id_, hold_input_tokens=hold, hold_nanousd=hold) for id_ in range(2**62, 2**62 + CALLS)
    ]
    room = Room()
    learn(room, openings[0], end)
    calls.insert(connection, calls.pending_rows(1, openings, room))
    before = pages(connection)
    # The index by time is filled as they end; it is not what this is about.
    connection.execute("DROP INDEX calls_finished")
    calls.settle(connection, calls.settled_rows([(opening, end) for opening in openings]))
    assert pages(connection) <= before
    connection.execute("VACUUM")
    # What the last call of a page leaves free is less than a call.
    assert pages(connection) >= before * 0.9


def test_until_a_call_of_a_kind_has_ended_the_usual_is_kept_for_it() -> None:
    room, call = Room(), an_opening(1)
    learn(room, call, a_settlement(upstream_request_id="r" * 100))
    assert kept(room, call) > RESERVE_CHARS
    for name in ("provider", "dialect", "model"):
        assert kept(room, replace(call, **{name: "another"})) == RESERVE_CHARS
    assert kept(NOTHING_LEARNT, call) == RESERVE_CHARS


def test_it_follows_what_changes_and_is_not_led_astray_by_one() -> None:
    room, call = Room(), an_opening(1)
    short, long = (a_settlement(upstream_request_id="r" * size) for size in (20, 220))
    learn(room, call, short)
    at_first = kept(room, call)
    learn(room, call, long)
    assert kept(room, call) - at_first == pytest.approx(200 / 8, abs=1)
    for _ in range(50):
        learn(room, call, long)
    assert kept(room, call) - at_first == pytest.approx(200, abs=2)


def test_it_is_never_more_than_so_much_nor_less_than_nothing() -> None:
    room, call = Room(), an_opening(1, hold_nanousd=2**60)
    learn(room, call, a_settlement(upstream_request_id="é" * 10_000))
    assert kept(room, call) == RESERVE_CHARS_MAX
    room.learn(replace(call, model="tiny"), ())
    assert kept(room, replace(call, model="tiny")) == 0


def test_names_that_clients_invent_cost_no_memory() -> None:
    room, known = Room(), an_opening(1)
    learn(room, known, a_settlement(upstream_request_id="r" * 100))
    for number in range(LEARNT_MAX):
        learn(room, replace(known, model=f"model-{number}"), a_settlement())
    assert kept(room, known) == RESERVE_CHARS


def test_it_looks_at_the_first_batch_and_then_at_few() -> None:
    room = Room()
    assert [room.is_due() for _ in range(2 * SEEN_BATCHES + 1)] == [
        number % SEEN_BATCHES == 0 for number in range(2 * SEEN_BATCHES + 1)
    ]


@pytest.mark.parametrize(
    ("value", "size"),
    [
        *((None, 0), (0, 0), (1, 0), (2, 1), (2**7 - 1, 1), (2**7, 2), (2**15 - 1, 2), (2**15, 3)),
        *((2**23, 4), (2**31 - 1, 4), (2**31, 6), (2**47 - 1, 6), (2**47, 8), (2**63 - 1, 8)),
        *(("", 0), ("abc", 3), ("é", 2)),
    ],
)
def test_it_knows_how_many_bytes_a_value_has_in_a_row(value: int | str | None, size: int) -> None:
    room, call = Room(), an_opening(1, request_bytes=None)
    room.learn(call, ("s" * 30, value))
    assert kept(room, call) == 30 - len("pending") + size
