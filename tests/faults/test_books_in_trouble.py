"""Books that are locked or cannot grow: running calls go on, new ones are refused, nothing is lost."""

import asyncio
import json
import resource
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from random import Random
from time import monotonic

import psutil
import pytest
import pytest_asyncio

from fakes.load import ASK, CHAT, CHUNK, HEAD, JSON, USAGE
from fakes.program import command
from fakes.stand import Stand, a_stand
from fakes.wire import Exchange, WireAnswer, WireClient, answer, post, talk, until
from fault_table import Fault, held, with_limits
from wellhead.ledger.spool import read

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUNNING = 10
LOCKED_S = 60.0
KEPT_S = 2.0
"""After this the end of a call is in the spool; before, it dies with its process, and its row says so."""
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stand]:
    async with a_stand() as made:
        yield made


@contextmanager
def locked(stand: Stand) -> Iterator[None]:
    """Another process holds the write lock."""
    with closing(sqlite3.connect(stand.wellhead.database_path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextmanager
def full(stand: Stand) -> Iterator[None]:
    """No file of the gateway process may grow any more, as if the disk were full."""
    worker = psutil.Process(stand.wellhead.pids[0])
    worker.rlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    yield
    worker.rlimit(resource.RLIMIT_FSIZE, UNLIMITED)


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(
            locked, marks=pytest.mark.fault("The disk", "another process holds the database's write lock")
        ),
        pytest.param(full, marks=pytest.mark.fault("The disk", "no file may grow any more")),
    ],
)
async def test_running_calls_finish_new_ones_are_refused_and_all_is_booked_afterwards(
    stand: Stand, fault: Fault, trouble: Callable[[Stand], AbstractContextManager[None]]
) -> None:
    go_on = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.send(HEAD + CHUNK)
        await go_on.wait()
        await exchange.send(b"0\r\n\r\n")

    stand.upstream.script = script
    clients = [await running(stand) for _ in range(RUNNING)]
    with trouble(stand):
        refused = await talk(stand.port, post(CHAT, ASK, JSON))
        assert (refused.status, refused.header(b"x-wellhead-error")) == (503, b"books_unavailable")
        assert refused.header(b"retry-after") is not None
        assert len(stand.upstream.requests) == RUNNING
        fault.client(refused, whose="new calls")
        go_on.set()
        for client in clients:
            assert (await client.reader.readuntil(b"0\r\n\r\n")).endswith(b"0\r\n\r\n")
        fault.client_sees("200, whole", "running calls")
        rows = stand.new_calls()
        assert Counter(row["state"] for row in rows) == {"pending": RUNNING}
        fault.books([], whose="new calls")
        fault.books(rows, whose="running calls")
    over_s = monotonic()
    rows = await stand.ended(RUNNING)
    assert {(row["state"], row["total_tokens"]) for row in rows} == {("completed", 10)}
    fault.over(monotonic() - over_s, 2, "what waited is booked")
    fault.books(rows, stand.wellhead.database_path, "then")
    stand.upstream.script = answer(USAGE, JSON)
    said = await talk(stand.port, post(CHAT, ASK, JSON))
    assert said.status == 200
    fault.next_call(said)
    await stand.the_call()
    for client in clients:
        client.close()


@pytest.mark.fault("The disk", "the gateway is killed while the database is locked")
async def test_ends_that_the_books_could_not_take_outlive_the_process(stand: Stand, fault: Fault) -> None:
    go_on = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.send(HEAD + CHUNK)
        await go_on.wait()
        await exchange.send(b"0\r\n\r\n")

    stand.upstream.script = script
    clients = [await running(stand) for _ in range(RUNNING)]
    spool = stand.wellhead.database_path.with_name("books.db.spool")
    deaths = len(stand.wellhead.events("worker.died"))
    with locked(stand):
        go_on.set()
        for client in clients:
            assert (await client.reader.readuntil(b"0\r\n\r\n")).endswith(b"0\r\n\r\n")
        fault.client_sees("200, whole", "calls that ended before it")
        await until(lambda: sum(len(read(path).records) for path in files(spool)) == RUNNING, 30)
        stand.worker.kill()
        await asyncio.to_thread(stand.wellhead.wait_for_event, "worker.died", deaths + 1, 30.0)
    rows = await stand.ended(RUNNING, 30)
    assert {(row["state"], row["total_tokens"]) for row in rows} == {("completed", 10)}
    await until(lambda: files(spool) == [])
    fault.books(rows, stand.wellhead.database_path)
    fault.over_when("the next gateway on this machine books the spool before it takes calls")
    stand.upstream.script = answer(USAGE, JSON)
    await until(lambda: bool(stand.wellhead.pids), 30)
    assert (await talk(stand.port, post(CHAT, ASK, JSON))).status == 200
    await stand.the_call()
    for client in clients:
        client.close()


def files(spool: Path) -> list[Path]:
    return list(spool.iterdir()) if spool.exists() else []


@pytest.mark.fault("The disk", "the database is locked, and `database_outage` is `open`")
async def test_where_outages_are_open_calls_go_on_without_the_books(fault: Fault) -> None:
    async with a_stand({"database_outage": "open"}) as stand:
        stand.upstream.script = answer(USAGE, JSON)
        with locked(stand):
            answers = [await talk(stand.port, post(CHAT, ASK, JSON)) for _ in range(RUNNING)]
            assert stand.new_calls() == []
            spool = command(
                stand.wellhead.directory,
                "db",
                "spool",
                "--json",
                "--database",
                str(stand.wellhead.database_path),
            )
            (shown,) = json.loads(spool.stdout)
        assert [said.status for said in answers] == [200] * RUNNING
        assert (shown["records"], shown["bytes_unread"]) == (2 * RUNNING, 0)
        over_s = monotonic()
        rows = await stand.ended(RUNNING)
        assert {(row["state"], row["total_tokens"]) for row in rows} == {("completed", 10)}
        fault.client(*answers)
        fault.books([], whose="meanwhile")
        fault.books(rows, whose="then")
        fault.over(monotonic() - over_s, 2, "what waits in the spool is booked, without any limit,")


@pytest.mark.soak
@pytest.mark.timeout(400)
async def test_no_answered_call_is_lost_in_a_minute_without_the_database() -> None:
    """Clients call and call; some answers end in the middle of it; a worker is killed."""
    chance = Random(60)

    async def script(exchange: Exchange) -> None:
        await exchange.send(HEAD + CHUNK)
        await asyncio.sleep(chance.choice((0, 0, 0, 5, LOCKED_S / 2, LOCKED_S)))
        await exchange.send(b"0\r\n\r\n")

    async with a_stand({"gateway": {"workers": 2}}) as stand:
        with_limits(stand.wellhead.database_path)
        stand.upstream.script = script
        statuses: Counter[int] = Counter()
        whole: set[int] = set()
        end = asyncio.Event()

        async def call_and_call() -> None:
            while not end.is_set():
                try:
                    said = await talk(stand.port, post(CHAT, ASK, JSON))
                except (ConnectionError, asyncio.IncompleteReadError):
                    continue
                statuses[said.status] += 1
                if said.status == 200 and said.complete:
                    whole.add(int(said.header(b"x-wellhead-call") or 0))
                elif said.status == 503:
                    await asyncio.sleep(0.2)

        calling = [asyncio.create_task(call_and_call()) for _ in range(64)]
        await until(lambda: len(whole) >= 100, 30)
        with locked(stand):
            await asyncio.sleep(LOCKED_S / 2)
            kept = set(whole)
            await asyncio.sleep(KEPT_S)
            stand.worker.kill()
            await asyncio.sleep(LOCKED_S / 2)
            answered = len(whole)
        await until(lambda: len(whole) >= answered + 100, 60)
        end.set()
        await asyncio.gather(*calling)
        await until(lambda: all(row["state"] != "pending" for row in stand.new_calls()), 30)
        rows = {row["id"]: row for row in stand.new_calls()}
        assert statuses.keys() == {200, 503}
        assert {rows[id_]["state"] for id_ in kept} == {"completed"}
        assert whole <= rows.keys()
        assert {row["state"] for row in rows.values()} == {"completed", "interrupted"}
        assert held(stand.wellhead.database_path) == 0
        assert stand.wellhead.events("books.settlements_lost") == []


async def running(stand: Stand) -> WireClient:
    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON))
    await client.reader.readuntil(CHUNK)
    return client


@pytest.mark.fault("The disk", "the gateway may open no further file")
async def test_a_gateway_without_free_files_serves_again_when_there_are_some(
    stand: Stand, fault: Fault
) -> None:
    async def stalling(exchange: Exchange) -> bool:
        await exchange.send(HEAD + CHUNK)
        await exchange.gone()
        return True

    stand.upstream.script = stalling
    worker = psutil.Process(stand.wellhead.pids[0])
    usual = worker.rlimit(resource.RLIMIT_NOFILE)
    worker.rlimit(resource.RLIMIT_NOFILE, (stand.files() + 20, usual[1]))
    try:
        clients = [await running(stand)]  # The others may be taken in all before one has its upstream.
        clients += [await stand.client() for _ in range(40)]
        for client in clients[1:]:
            await client.send(post(CHAT, ASK, JSON))
        told = await asyncio.gather(*(first_of(client) for client in clients[1:]))
        assert Counter(said for said in told if said != "200").keys() <= {"502", "nothing"}
        assert "502" in told or "nothing" in told
        for client in clients:
            client.close()
        await until(lambda: stand.upstream.open_connections == 0)
        stand.upstream.script = answer(USAGE, JSON)
        said = await talk(stand.port, post(CHAT, ASK, JSON))
        assert said.status == 200
        fault.next_call(said)
    finally:
        worker.rlimit(resource.RLIMIT_NOFILE, usual)
    await until(lambda: all(row["state"] != "pending" for row in stand.new_calls()))
    fault.client_sees("502, or it waits for its connection to be taken")
    assert {row["state"] for row in stand.new_calls()} <= {"aborted", "failed", "completed"}
    fault.books_say("each call that was begun as `failed`, or as its client left it")
    assert held(stand.wellhead.database_path) == 0


async def first_of(client: WireClient) -> str:
    """The status that a client is told, if it is told any."""
    try:
        return str(WireAnswer(await asyncio.wait_for(client.head(), 2), b"", complete=False).status)
    except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
        return "nothing"


@pytest.mark.fault("The disk", "the database's file is taken away")
async def test_nothing_is_booked_in_a_file_that_was_taken_away(stand: Stand, fault: Fault) -> None:
    stand.upstream.script = answer(USAGE, JSON)
    path = stand.wellhead.database_path
    away = path.with_suffix(".away")
    path.rename(away)
    refused = await talk(stand.port, post(CHAT, ASK, JSON))
    assert (refused.status, refused.header(b"x-wellhead-error")) == (503, b"books_unavailable")
    assert not path.exists()
    fault.client(refused)
    away.rename(path)
    fault.books(stand.new_calls())
    said = await talk(stand.port, post(CHAT, ASK, JSON))
    assert said.status == 200
    assert (await stand.the_call())["state"] == "completed"
    fault.over_when("when it is back")
    fault.next_call(said)
