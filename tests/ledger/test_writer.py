import asyncio
import dataclasses
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from fakes.books import a_settlement, an_opening, rows_of
from wellhead.call import CallState, Opening
from wellhead.clock import wall_us
from wellhead.database import engine as database_engine
from wellhead.database.registry import DatabaseRegistry
from wellhead.errors import BooksUnavailable
from wellhead.ledger import bookkeeping, outage, queues
from wellhead.ledger import writer as module
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.processes import this_process
from wellhead.ledger.writer import Writer
from wellhead.limit import Measure, Scope, ScopeKind, Window
from wellhead.registry import Actor, NewLimit
from wellhead.vault import Vault

DEADLINE_S = 20.0


class Said:
    """What the writer told its operator."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, /, **facts: object) -> None:
        self.events.append((event, facts))

    @property
    def names(self) -> list[str]:
        return [event for event, _ in self.events]


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are waited for as long as a test likes to wait."""
    monkeypatch.setattr(database_engine, "BUSY_TIMEOUT_S", 0.02)
    monkeypatch.setattr(outage, "RETRY_S", 0.02)


@pytest.fixture
async def writer(impatient: None, engine: Engine, said: Said) -> AsyncIterator[Writer]:
    made = Writer(engine, say=said, tick_s=0.05)
    made.start()
    yield made
    await asyncio.to_thread(made.close)


def no_vault() -> Vault:
    raise AssertionError("nothing is sealed here")


def opening(writer: Writer) -> Opening:
    return an_opening(writer.next_id())


def until(condition: Callable[[], object]) -> None:
    deadline = monotonic() + DEADLINE_S
    while not condition():
        assert monotonic() < deadline, "it did not happen in time"
        sleep(0.005)


def states(engine: Engine) -> list[str]:
    return [row["state"] for row in rows_of(engine, "calls")]


@contextmanager
def locked(engine: Engine) -> Iterator[None]:
    """Somebody else holds the write lock."""
    with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def impatient_engine(impatient: None, tmp_path: Path, engine: Engine) -> Iterator[Engine]:
    made = database_engine.make_engine(str(engine.url))
    yield made
    made.dispose()


async def test_an_opening_returns_only_when_its_row_is_committed(writer: Writer, engine: Engine) -> None:
    await writer.open(opening(writer))

    assert states(engine) == ["pending"]


async def test_what_queues_up_during_a_commit_is_booked_together(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    go_on = threading.Event()
    book = Clerk.book

    def slow(self: Clerk, openings: Any, settled: Any) -> Mapping[int, Exception]:
        sizes.append(len(openings))
        assert go_on.wait(DEADLINE_S)
        return book(self, openings, settled)

    monkeypatch.setattr(Clerk, "book", slow)
    writer = Writer(engine)
    writer.start()
    first = asyncio.ensure_future(writer.open(opening(writer)))
    await asyncio.to_thread(until, lambda: sizes == [1])
    others = [asyncio.ensure_future(writer.open(opening(writer))) for _ in range(100)]
    await asyncio.sleep(0)

    go_on.set()
    await asyncio.gather(first, *others)
    assert sizes == [1, 100]
    await asyncio.to_thread(writer.close)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """How many openings and ends were booked together; ends wait for as long as a test takes."""
    monkeypatch.setattr(queues, "ENDS_WAIT_S", DEADLINE_S * 2)
    booked: list[tuple[int, int]] = []
    book = Clerk.book

    def counted(self: Clerk, openings: Any, settled: Any) -> Mapping[int, Exception]:
        booked.append((len(openings), len(settled)))
        return book(self, openings, settled)

    monkeypatch.setattr(Clerk, "book", counted)
    return booked


async def three_calls_and_one_more(writer: Writer) -> None:
    for _ in range(3):
        call = opening(writer)
        await writer.open(call)
        writer.settle(call, a_settlement())
    await writer.open(opening(writer))


async def test_an_opening_that_is_alone_does_not_wait_for_the_ends_of_others(
    engine: Engine, batches: list[tuple[int, int]]
) -> None:
    writer = Writer(engine, tick_s=DEADLINE_S * 2)
    writer.start()
    await three_calls_and_one_more(writer)

    assert batches == [(1, 0)] * 4
    await asyncio.to_thread(writer.close)
    assert sorted(states(engine)) == ["completed"] * 3 + ["interrupted"]


async def test_where_there_are_limits_what_ended_makes_room_for_the_next_opening(
    engine: Engine, batches: list[tuple[int, int]]
) -> None:
    registry = DatabaseRegistry(engine, no_vault, wall_us)
    one_at_a_time = NewLimit(Measure.CONCURRENT_CALLS, Window.TOTAL, 1, Scope(ScopeKind.GLOBAL))
    registry.create_limit(Actor("test"), one_at_a_time)
    writer = Writer(engine, tick_s=DEADLINE_S * 2)
    writer.start()
    await three_calls_and_one_more(writer)

    assert batches == [(1, 0), (1, 1), (1, 1), (1, 1)]
    await asyncio.to_thread(writer.close)


async def test_many_openings_take_the_ends_that_wait_along(
    engine: Engine, batches: list[tuple[int, int]]
) -> None:
    writer = Writer(engine, tick_s=DEADLINE_S * 2)
    writer.start()
    call = opening(writer)
    await writer.open(call)
    writer.settle(call, a_settlement())
    await asyncio.gather(*(writer.open(opening(writer)) for _ in range(bookkeeping.ALONG_MIN)))

    assert batches == [(1, 0), (bookkeeping.ALONG_MIN, 1)]
    await asyncio.to_thread(writer.close)


async def test_an_end_that_nobody_takes_along_is_booked_after_a_moment(engine: Engine) -> None:
    writer = Writer(engine, tick_s=DEADLINE_S * 2)
    writer.start()
    call = opening(writer)
    await writer.open(call)

    for _ in range(2):  # The second call's end is waited for anew.
        writer.settle(call, a_settlement())
        await asyncio.to_thread(until, lambda: "pending" not in states(engine))
        call = opening(writer)
        await writer.open(call)
    await asyncio.to_thread(writer.close)


async def test_where_many_ends_wait_they_wait_no_longer(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "ENDS_WAIT_S", DEADLINE_S * 2)
    writer = Writer(engine, tick_s=DEADLINE_S * 2)
    writer.start()
    calls = [opening(writer) for _ in range(queues.ENDS_WAITING_MAX)]
    await asyncio.gather(*map(writer.open, calls))

    for call in calls:
        writer.settle(call, a_settlement())
    await asyncio.to_thread(until, lambda: "pending" not in states(engine))
    await asyncio.to_thread(writer.close)


async def test_while_the_database_is_locked_calls_are_refused_and_ends_are_kept(
    impatient_engine: Engine, said: Said
) -> None:
    writer = Writer(impatient_engine, say=said)
    writer.start()
    call = opening(writer)
    await writer.open(call)

    with locked(impatient_engine):
        writer.settle(call, a_settlement())
        with pytest.raises(BooksUnavailable, match="locked"):
            await writer.open(opening(writer))
        assert writer.fault is not None

    await asyncio.to_thread(until, lambda: states(impatient_engine) == ["completed"])
    await asyncio.to_thread(until, lambda: writer.fault is None)
    assert said.names == ["books_unavailable", "books_available"]
    await asyncio.to_thread(writer.close)
    assert writer.settlements_lost == 0


async def test_a_full_disk_refuses_calls_until_there_is_room_again(impatient: None, engine: Engine) -> None:
    writer = Writer(engine)
    writer.start()
    await writer.open(opening(writer))
    connection = writer._clerk._held._connection
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(BooksUnavailable, match="full"):
        await asyncio.gather(*(writer.open(opening(writer)) for _ in range(500)))
    # The connection was given up with its limit, as if somebody had made room.
    await writer.open(opening(writer))
    assert writer.fault is None
    await asyncio.to_thread(writer.close)


async def test_a_database_without_tables_refuses_to_start(tmp_path: Path) -> None:
    engine = database_engine.make_engine(f"sqlite:///{tmp_path}/empty.db")

    with pytest.raises(BooksUnavailable, match="no such table"):
        Writer(engine).start()
    engine.dispose()


async def test_one_record_that_cannot_be_booked_does_not_take_the_others_with_it(
    writer: Writer, engine: Engine, said: Said
) -> None:
    good = [opening(writer) for _ in range(5)]
    twin = replace(good[0], session="another")
    no_path: Any = None
    bad = replace(opening(writer), path=no_path)

    results = await asyncio.gather(
        *(writer.open(call) for call in (*good, twin, bad)), return_exceptions=True
    )
    assert [type(result) for result in results] == [*[type(None)] * 5, BooksUnavailable, BooksUnavailable]
    assert states(engine) == ["pending"] * 5
    assert said.events.count(("record_refused", {"error_type": "IntegrityError"})) == 2
    assert writer.is_alive


async def test_an_end_that_cannot_be_booked_is_counted(writer: Writer, engine: Engine, said: Said) -> None:
    call, other = opening(writer), opening(writer)
    await asyncio.gather(writer.open(call), writer.open(other))
    no_number: Any = object()

    writer.settle(call, a_settlement(status_code=no_number))
    writer.settle(other, a_settlement())
    await asyncio.to_thread(until, lambda: sorted(states(engine)) == ["completed", "pending"])
    await asyncio.to_thread(until, lambda: "settlements_lost" in said.names)
    assert writer.settlements_lost == 1


async def test_a_full_queue_refuses_the_next_call(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPENINGS_QUEUED_MAX", 3)
    writer = Writer(engine)
    writer.start()
    waiting = [writer.open(opening(writer)) for _ in range(50)]

    results = await asyncio.gather(*waiting, return_exceptions=True)
    refused = [result for result in results if isinstance(result, BooksUnavailable)]
    assert refused
    assert len(states(engine)) == 50 - len(refused)
    await asyncio.to_thread(writer.close)


async def test_ends_beyond_the_bound_are_counted_and_said(
    impatient_engine: Engine, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLEMENTS_QUEUED_MAX", 2)
    writer = Writer(impatient_engine, say=said, tick_s=0.05)
    writer.start()
    calls = [opening(writer) for _ in range(5)]
    await asyncio.gather(*(writer.open(call) for call in calls))

    with locked(impatient_engine):
        writer.settle(calls[0], a_settlement())
        await asyncio.to_thread(until, lambda: writer.fault)
        for call in calls[1:]:
            writer.settle(call, a_settlement())
        await asyncio.to_thread(until, lambda: "settlements_lost" in said.names)
    lost = writer.settlements_lost

    await asyncio.to_thread(writer.close)
    assert lost > 0
    found = states(impatient_engine)
    assert (found.count("completed"), found.count("interrupted")) == (5 - lost, lost)


async def test_calls_of_a_dead_worker_are_recovered_while_this_one_runs(
    writer: Writer, engine: Engine, said: Said
) -> None:
    dead = Clerk(engine, wall_us, dataclasses.replace(this_process(), started_ticks=1))
    dead.sign_on()
    dead.book([an_opening(dead.next_id())], [])
    dead.hang_up()

    await asyncio.to_thread(until, lambda: states(engine) == ["interrupted"])
    await asyncio.to_thread(until, lambda: ("calls_recovered", {"count": 1}) in said.events)


async def test_closing_books_all_that_is_queued(engine: Engine) -> None:
    writer = Writer(engine)
    writer.start()
    some = [opening(writer) for _ in range(3000)]
    await asyncio.gather(*(writer.open(call) for call in some))
    for call in some:
        writer.settle(call, a_settlement())

    await asyncio.to_thread(writer.close)
    assert set(states(engine)) == {"completed"}
    assert rows_of(engine, "workers") == []
    assert not writer.is_alive


async def test_closing_twice_is_closing_once_and_never_started_books_close_too(engine: Engine) -> None:
    writer = Writer(engine)
    writer.start()

    await asyncio.to_thread(writer.close)
    await asyncio.to_thread(writer.close)
    Writer(engine).close()
    with pytest.raises(BooksUnavailable, match="closed"):
        await writer.open(opening(writer))


async def test_ends_that_cannot_be_booked_at_closing_are_counted(
    impatient_engine: Engine, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bookkeeping, "CLOSE_S_MAX", 0.1)
    writer = Writer(impatient_engine, say=said)
    writer.start()
    call = opening(writer)
    await writer.open(call)

    with locked(impatient_engine):
        writer.settle(call, a_settlement())
        await asyncio.to_thread(writer.close)
    assert writer.settlements_lost == 1
    assert ("settlements_lost", {"count": 1}) in said.events


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_thread_that_ends_by_mistake_says_so_and_leaves_nobody_waiting(
    engine: Engine, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(Clerk, "tick", mistaken)
    writer = Writer(engine, say=said, tick_s=0.01)
    writer.start()

    await asyncio.to_thread(until, lambda: not writer.is_alive)
    assert writer.fault is not None
    assert "ZeroDivisionError" in writer.fault
    assert said.names == ["books_unavailable"]
    call = opening(writer)
    with pytest.raises(BooksUnavailable):
        await writer.open(call)
    writer.settle(call, a_settlement())
    assert writer.settlements_lost == 1


async def test_what_is_cancelled_while_it_waits_in_a_long_queue_is_never_left_open(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    book = Clerk.book

    def slow(self: Clerk, openings: Any, settled: Any) -> Mapping[int, Exception]:
        assert go_on.wait(DEADLINE_S)
        return book(self, openings, settled)

    monkeypatch.setattr(Clerk, "book", slow)
    monkeypatch.setattr(queues, "BATCH_MAX", 4)
    writer = Writer(engine)
    writer.start()
    calls = [opening(writer) for _ in range(40)]
    opened = [asyncio.ensure_future(writer.open(call)) for call in calls]
    await asyncio.sleep(0)
    for call, one in zip(calls, opened, strict=True):
        one.cancel()
        writer.settle(call, a_settlement(state=CallState.ABORTED))

    go_on.set()
    last = opening(writer)
    await writer.open(last)
    writer.settle(last, a_settlement())
    await asyncio.to_thread(until, lambda: states(engine)[-1:] == ["completed"])
    assert "pending" not in states(engine)
    await asyncio.to_thread(writer.close)
    assert "interrupted" not in states(engine)


def test_an_event_loop_that_is_gone_disturbs_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    is_taken, is_gone = threading.Event(), threading.Event()
    book = Clerk.book

    def slow(self: Clerk, openings: Any, settled: Any) -> Mapping[int, Exception]:
        is_taken.set()
        assert is_gone.wait(DEADLINE_S)
        return book(self, openings, settled)

    monkeypatch.setattr(Clerk, "book", slow)
    writer = Writer(engine)
    writer.start()

    async def leave_at_once() -> None:
        opened = asyncio.ensure_future(writer.open(opening(writer)))
        await asyncio.to_thread(is_taken.wait, DEADLINE_S)
        opened.cancel()

    asyncio.run(leave_at_once())
    is_gone.set()
    until(lambda: states(engine) == ["pending"])
    writer.close()
    assert states(engine) == ["interrupted"]
