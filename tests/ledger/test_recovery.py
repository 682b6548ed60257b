import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Engine

from fakes.books import NOON_US, an_opening, book_ends, rollups_of, rows_of
from wellhead.database import calls, workers
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.workers import Process, Worker
from wellhead.ledger.recovery import (
    CALLS_PER_TRANSACTION,
    IDLE_SILENCE_US_MAX,
    SILENCE_US_MAX,
    is_gone,
    recover,
)

HERE = Process("here", 10, 100)
NEIGHBOUR = Process("here", 11, 110)
STRANGER = Process("elsewhere", 12, 120)


def running(_: Process) -> bool:
    return True


def ended(_: Process) -> bool:
    return False


def unknown(_: Process) -> None:
    return None


@pytest.fixture
def connection(engine: Engine) -> Iterator[sqlite3.Connection]:
    with closing(writing_connection(engine)) as made:
        yield made


def a_worker(process: Process, silent_us: int = 0) -> Worker:
    return Worker(3, process, NOON_US - silent_us, NOON_US - silent_us)


@pytest.mark.parametrize("has_pending", [True, False])
def test_a_neighbour_is_judged_by_the_process_table_alone(has_pending: bool) -> None:
    silent = a_worker(NEIGHBOUR, silent_us=10**12)

    assert not is_gone(silent, HERE, NOON_US, has_pending, running)
    assert is_gone(a_worker(NEIGHBOUR), HERE, NOON_US, has_pending, ended)


def test_a_stranger_with_open_calls_is_judged_by_its_silence() -> None:
    assert not is_gone(a_worker(STRANGER, SILENCE_US_MAX), HERE, NOON_US, True, ended)
    assert is_gone(a_worker(STRANGER, SILENCE_US_MAX + 1), HERE, NOON_US, True, running)


def test_an_idle_stranger_may_be_silent_for_long() -> None:
    assert not is_gone(a_worker(STRANGER, IDLE_SILENCE_US_MAX), HERE, NOON_US, False, ended)
    assert is_gone(a_worker(STRANGER, IDLE_SILENCE_US_MAX + 1), HERE, NOON_US, False, running)


def test_where_processes_cannot_be_seen_silence_decides() -> None:
    assert not is_gone(a_worker(NEIGHBOUR), HERE, NOON_US, True, unknown)
    assert is_gone(a_worker(NEIGHBOUR, SILENCE_US_MAX + 1), HERE, NOON_US, True, unknown)


def test_calls_of_the_dead_become_interrupted_and_the_slot_is_free(
    engine: Engine, connection: sqlite3.Connection
) -> None:
    sign_on_with_calls(connection, NEIGHBOUR, [1, 2])

    assert recover(connection, HERE, NOON_US + 5, ended, book_ends) == 2
    for row in rows_of(engine, "calls"):
        assert (row["state"], row["finished_us"], row["error_code"]) == (
            "interrupted",
            NOON_US + 5,
            "worker_died",
        )
        assert (row["usage_source"], row["input_tokens"], row["reserve"]) == ("absent", None, None)
    assert rows_of(engine, "workers") == []
    (total,) = rollups_of(engine)["usage_total"]
    assert (total["outcome"], total["calls"], total["metered_calls"]) == ("interrupted", 2, 0)


def test_calls_of_the_living_are_left_alone(engine: Engine, connection: sqlite3.Connection) -> None:
    sign_on_with_calls(connection, NEIGHBOUR, [1])
    sign_on_with_calls(connection, STRANGER, [2])

    assert recover(connection, HERE, NOON_US + SILENCE_US_MAX, running, book_ends) == 0
    assert [row["state"] for row in rows_of(engine, "calls")] == ["pending", "pending"]
    assert len(rows_of(engine, "workers")) == 2


def test_many_calls_are_recovered_in_several_transactions(
    engine: Engine, connection: sqlite3.Connection
) -> None:
    count = 2 * CALLS_PER_TRANSACTION + 1
    sign_on_with_calls(connection, NEIGHBOUR, list(range(1, count + 1)))

    assert recover(connection, HERE, NOON_US, ended, book_ends) == count
    assert rows_of(engine, "workers") == []


def test_open_calls_of_nobody_are_recovered_too(engine: Engine, connection: sqlite3.Connection) -> None:
    sign_on_with_calls(connection, NEIGHBOUR, [1])
    connection.execute("DELETE FROM workers")

    assert recover(connection, HERE, NOON_US, running, book_ends) == 1


def test_recovery_finds_nothing_to_do_without_taking_the_write_lock(
    engine: Engine, connection: sqlite3.Connection
) -> None:
    sign_on_with_calls(connection, NEIGHBOUR, [1])
    with closing(writing_connection(engine)) as other, transaction(other):
        assert recover(connection, HERE, NOON_US, running, book_ends) == 0


def sign_on_with_calls(connection: sqlite3.Connection, process: Process, ids: list[int]) -> None:
    with transaction(connection):
        taken = [worker.slot for worker in workers.registered(connection)]
        worker = workers.register(connection, process, NOON_US, taken)
        calls.insert(connection, calls.pending_rows(worker.slot, [an_opening(call_id) for call_id in ids]))
