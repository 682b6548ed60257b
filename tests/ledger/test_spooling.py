"""The spool and the writer together, on real books that somebody else has locked."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from fakes.access import a_key
from fakes.books import a_settlement, an_opening, rows_of
from fakes.desk import no_vault
from wellhead.call import CallState, Opening
from wellhead.database import engine as database_engine
from wellhead.database.registry import DatabaseRegistry
from wellhead.database.workers import Process
from wellhead.errors import BooksUnavailable
from wellhead.ledger import outage
from wellhead.ledger.check import check
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.outage import Outage
from wellhead.ledger.processes import this_process
from wellhead.ledger.spool import Spool, found_in, name_of, read
from wellhead.ledger.spooling import Spooling
from wellhead.ledger.writer import Writer
from wellhead.limit import Measure, Scope, ScopeKind, Window
from wellhead.registry import Actor, NewLimit

NOW_US = 1_800_000_000_000_000


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_engine, "BUSY_TIMEOUT_S", 0.02)
    monkeypatch.setattr(outage, "PATIENCE_S", 0.02)
    monkeypatch.setattr(outage, "RETRY_S", 0.02)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "books.db.spool"


class Said(list[str]):
    """The events that were told."""

    def __call__(self, event: str, /, **_facts: object) -> None:
        self.append(event)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
async def writer(
    request: pytest.FixtureRequest, impatient: None, engine: Engine, directory: Path, said: Said
) -> AsyncIterator[Writer]:
    outage = Outage(directory, **getattr(request, "param", {}))
    made = Writer(engine, say=said, tick_s=0.05, outage=outage)
    made.start()
    yield made
    await asyncio.to_thread(made.close)


@contextmanager
def locked(engine: Engine) -> Iterator[None]:
    with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def running(writer: Writer, count: int) -> list[Opening]:
    calls = [an_opening(writer.next_id()) for _ in range(count)]
    await asyncio.gather(*(writer.open(call) for call in calls))
    return calls


def spooled(directory: Path) -> int:
    return sum(len(read(found.path).records) for found in found_in(directory, this_process().host))


def states(engine: Engine) -> list[str]:
    return [row["state"] for row in rows_of(engine, "calls")]


async def test_ends_are_in_the_spool_as_long_as_the_books_are_locked_and_booked_afterwards(
    writer: Writer, engine: Engine, directory: Path, said: Said
) -> None:
    calls = await running(writer, 5)
    with locked(engine):
        for call in calls:
            writer.settle(call, a_settlement())
        await until(lambda: spooled(directory) == 5)
        with pytest.raises(BooksUnavailable):
            await writer.open(an_opening(writer.next_id()))
        assert states(engine) == ["pending"] * 5

    await until(lambda: states(engine) == ["completed"] * 5)
    await until(lambda: found_in(directory, this_process().host) == [])
    await running(writer, 1)
    assert said == ["books_unavailable", "books_available", "spool_replayed"]
    assert check(engine, NOW_US) == []


@pytest.mark.parametrize("writer", [{"spool_bytes_max": 4_000}], indirect=True)
async def test_what_does_not_fit_into_the_spool_waits_in_memory(
    writer: Writer, engine: Engine, said: Said
) -> None:
    calls = await running(writer, 50)
    with locked(engine):
        for call in calls:
            writer.settle(call, a_settlement())
        await until(lambda: "spool_full" in said)
    await until(lambda: states(engine) == ["completed"] * 50)
    assert said.count("spool_full") == 1
    assert writer.settlements_lost == 0


@pytest.mark.parametrize("writer", [{"lets_calls_through": True}], indirect=True)
async def test_where_outages_are_open_calls_go_out_and_are_booked_afterwards(
    writer: Writer, engine: Engine, directory: Path
) -> None:
    with locked(engine):
        calls = await running(writer, 3)
        writer.settle(calls[0], a_settlement())
        await until(lambda: spooled(directory) == 4)
        assert states(engine) == []
    writer.settle(calls[1], a_settlement(state=CallState.FAILED))

    await until(lambda: states(engine) == ["completed", "failed", "pending"])
    writer.settle(calls[2], a_settlement())
    await until(lambda: states(engine) == ["completed", "failed", "completed"])
    assert check(engine, NOW_US) == []


@pytest.mark.parametrize("writer", [{"lets_calls_through": True}], indirect=True)
async def test_where_outages_are_open_a_key_that_is_not_known_is_refused_all_the_same(
    writer: Writer, engine: Engine
) -> None:
    with locked(engine):
        with pytest.raises(Exception, match="key"):
            await writer.open(an_opening(writer.next_id(), key_id=a_key().id))


def with_limits_of_providers(engine: Engine) -> None:
    registry = DatabaseRegistry(engine, no_vault, lambda: NOW_US)
    for provider in ("openai", "second"):
        for measure, window in ((Measure.CALLS, Window.MONTH), (Measure.CONCURRENT_CALLS, Window.TOTAL)):
            limit = NewLimit(measure, window, 100, Scope(ScopeKind.PROVIDER, provider))
            registry.create_limit(Actor("tests"), limit)


@pytest.mark.parametrize("writer", [{"lets_calls_through": True}], indirect=True)
@pytest.mark.parametrize("turns", [("second",), ("second", "third"), ("second", "openai")], ids="-".join)
async def test_where_outages_are_open_a_call_turns_to_another_provider_all_the_same(
    writer: Writer, engine: Engine, turns: tuple[str, ...]
) -> None:
    """Whether it began before the outage or in it; what it holds of the first one's limits is released."""
    with_limits_of_providers(engine)
    calls = await running(writer, 1)
    with locked(engine):
        calls += await running(writer, 1)
        for provider in turns:
            turned = [replace(call, provider=provider) for call in calls]
            for was, to in zip(calls, turned, strict=True):
                await writer.move(was, to)
            calls = turned
        writer.settle(calls[0], a_settlement())
    await until(lambda: states(engine) == ["completed", "pending"])
    writer.settle(calls[1], a_settlement())
    await until(lambda: states(engine) == ["completed"] * 2)
    assert [row["provider"] for row in rows_of(engine, "calls")] == [turns[-1]] * 2
    assert {row["provider"] for row in rows_of(engine, "usage_total")} == {turns[-1]}
    assert sum(row["held"] for row in rows_of(engine, "limit_windows")) == 0
    assert check(engine, NOW_US) == []


@pytest.mark.parametrize("writer", [{"lets_calls_through": True}], indirect=True)
async def test_a_call_that_turned_in_an_outage_may_turn_once_more_when_it_is_over(
    writer: Writer, engine: Engine
) -> None:
    with_limits_of_providers(engine)
    (call,) = await running(writer, 1)
    with locked(engine):
        await writer.move(call, replace(call, provider="third"))
    await until(lambda: [row["provider"] for row in rows_of(engine, "calls")] == ["third"])
    last = replace(call, provider="second")
    await writer.move(replace(call, provider="third"), last)
    writer.settle(last, a_settlement())
    await until(lambda: states(engine) == ["completed"])
    assert {row["provider"] for row in rows_of(engine, "usage_total")} == {"second"}
    assert check(engine, NOW_US) == []


async def test_where_outages_are_closed_a_call_stays_with_its_provider(
    writer: Writer, engine: Engine
) -> None:
    (call,) = await running(writer, 1)
    with locked(engine):
        with pytest.raises(BooksUnavailable):
            await writer.move(call, replace(call, provider="second"))
        writer.settle(call, a_settlement())
    await until(lambda: states(engine) == ["completed"])
    assert [row["provider"] for row in rows_of(engine, "calls")] == ["openai"]


def a_dead_process() -> Process:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return Process(this_process().host, ended.pid, 1)


def left_by_a_dead_process(engine: Engine, directory: Path) -> list[Opening]:
    """Three calls that were booked: one that ended well, one that failed, one nobody knows of; and a fourth
    that went out without being booked."""
    dead = a_dead_process()
    clerk = Clerk(engine, lambda: NOW_US, dead)
    clerk.sign_on()
    calls = [an_opening(clerk.next_id()) for _ in range(4)]
    clerk.book(calls[:3], [])
    spool = Spool(directory, 10**6)
    ends = [(calls[0], a_settlement()), (calls[1], a_settlement(state=CallState.FAILED)), (calls[3], None)]
    spool.append(name_of(clerk.worker.slot, clerk.worker.started_us, dead), ends)
    clerk.hang_up()
    return calls


async def test_what_a_dead_process_kept_is_booked_before_its_calls_are_taken_for_interrupted(
    engine: Engine, directory: Path, said: Said
) -> None:
    left_by_a_dead_process(engine, directory)

    made = Writer(engine, say=said, outage=Outage(directory))
    made.start()
    await asyncio.to_thread(made.close)

    assert states(engine) == ["completed", "failed", "interrupted", "interrupted"]
    assert found_in(directory, this_process().host) == []
    assert "spool_replayed" in said
    assert check(engine, NOW_US) == []


async def test_a_replay_that_was_cut_short_begins_anew_and_books_nothing_twice(
    engine: Engine, directory: Path
) -> None:
    left_by_a_dead_process(engine, directory)
    (found,) = found_in(directory, this_process().host)
    content = found.path.read_bytes()
    for _ in range(3):
        directory.mkdir(exist_ok=True)
        found.path.write_bytes(content)
        made = Writer(engine, outage=Outage(directory))
        made.start()
        await asyncio.to_thread(made.close)

    assert states(engine) == ["completed", "failed", "interrupted", "interrupted"]
    assert check(engine, NOW_US) == []


async def test_a_damaged_spool_is_booked_as_far_as_it_can_be_read_and_put_aside(
    engine: Engine, directory: Path, said: Said
) -> None:
    left_by_a_dead_process(engine, directory)
    (found,) = found_in(directory, this_process().host)
    with found.path.open("ab") as file:
        file.write(b"\x00\x00\x00\x05rubbish that is no record")

    made = Writer(engine, say=said, outage=Outage(directory))
    made.start()
    await asyncio.to_thread(made.close)

    assert states(engine) == ["completed", "failed", "interrupted", "interrupted"]
    assert said.count("spool_damaged") == 1
    assert [path.name.endswith(".damaged") for path in directory.iterdir()] == [True]


async def test_the_spool_of_a_living_process_is_left_alone(engine: Engine, directory: Path) -> None:
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        own = this_process()
        ticks = int(Path(f"/proc/{living.pid}/stat").read_text().rpartition(") ")[2].split()[19])
        Spool(directory, 10**6).append(name_of(1, NOW_US, Process(own.host, living.pid, ticks)), [])
        clerk = Clerk(engine, lambda: NOW_US, own)
        clerk.sign_on()
        spooling = Spooling(directory, 10**6, own, Said(), durable=False)

        assert spooling.adopt(clerk, NOW_US) == 0
        assert len(found_in(directory, own.host)) == 1
        clerk.hang_up()
    finally:
        living.communicate(b"\n")
