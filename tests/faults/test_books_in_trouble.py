"""Books that are locked or cannot grow: running calls go on, new ones are refused, nothing is lost."""

import asyncio
import json
import resource
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from fakes.load import ASK, CHAT, CHUNK, HEAD, JSON, USAGE
from fakes.program import command
from fakes.stand import Stand, a_stand
from fakes.wire import Exchange, WireAnswer, WireClient, answer, post, talk, until
from wellhead.ledger.spool import read

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUNNING = 10
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


@pytest.mark.parametrize("trouble", [locked, full])
async def test_running_calls_finish_new_ones_are_refused_and_all_is_booked_afterwards(
    stand: Stand, trouble: Callable[[Stand], AbstractContextManager[None]]
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
        go_on.set()
        for client in clients:
            assert (await client.reader.readuntil(b"0\r\n\r\n")).endswith(b"0\r\n\r\n")
        assert Counter(row["state"] for row in stand.new_calls()) == {"pending": RUNNING}
    rows = await stand.ended(RUNNING)
    assert {(row["state"], row["total_tokens"]) for row in rows} == {("completed", 10)}
    stand.upstream.script = answer(USAGE, JSON)
    assert (await talk(stand.port, post(CHAT, ASK, JSON))).status == 200
    await stand.the_call()
    for client in clients:
        client.close()


async def test_ends_that_the_books_could_not_take_outlive_the_process(stand: Stand) -> None:
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
        await until(lambda: sum(len(read(path).records) for path in files(spool)) == RUNNING, 30)
        stand.worker.kill()
        await asyncio.to_thread(stand.wellhead.wait_for_event, "worker.died", deaths + 1, 30.0)
    rows = await stand.ended(RUNNING, 30)
    assert {(row["state"], row["total_tokens"]) for row in rows} == {("completed", 10)}
    await until(lambda: files(spool) == [])
    stand.upstream.script = answer(USAGE, JSON)
    await until(lambda: bool(stand.wellhead.pids), 30)
    assert (await talk(stand.port, post(CHAT, ASK, JSON))).status == 200
    await stand.the_call()
    for client in clients:
        client.close()


def files(spool: Path) -> list[Path]:
    return list(spool.iterdir()) if spool.exists() else []


async def test_where_outages_are_open_calls_go_on_without_the_books() -> None:
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
        rows = await stand.ended(RUNNING)
        assert {(row["state"], row["total_tokens"]) for row in rows} == {("completed", 10)}


async def running(stand: Stand) -> WireClient:
    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON))
    await client.reader.readuntil(CHUNK)
    return client


async def test_a_gateway_without_free_files_serves_again_when_there_are_some(stand: Stand) -> None:
    async def stalling(exchange: Exchange) -> bool:
        await exchange.send(HEAD + CHUNK)
        await exchange.gone()
        return True

    stand.upstream.script = stalling
    worker = psutil.Process(stand.wellhead.pids[0])
    usual = worker.rlimit(resource.RLIMIT_NOFILE)
    worker.rlimit(resource.RLIMIT_NOFILE, (stand.files() + 20, usual[1]))
    try:
        clients = [await stand.client() for _ in range(40)]
        for client in clients:
            await client.send(post(CHAT, ASK, JSON))
        told = await asyncio.gather(*(first_of(client) for client in clients))
        assert Counter(said for said in told if said != "200").keys() <= {"502", "nothing"}
        assert "200" in told
        for client in clients:
            client.close()
        await until(lambda: stand.upstream.open_connections == 0)
        stand.upstream.script = answer(USAGE, JSON)
        assert (await talk(stand.port, post(CHAT, ASK, JSON))).status == 200
    finally:
        worker.rlimit(resource.RLIMIT_NOFILE, usual)
    await until(lambda: all(row["state"] != "pending" for row in stand.new_calls()))


async def first_of(client: WireClient) -> str:
    """The status that a client is told, if it is told any."""
    try:
        return str(WireAnswer(await asyncio.wait_for(client.head(), 2), b"", complete=False).status)
    except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
        return "nothing"


async def test_nothing_is_booked_in_a_file_that_was_taken_away(stand: Stand) -> None:
    stand.upstream.script = answer(USAGE, JSON)
    path = stand.wellhead.database_path
    away = path.with_suffix(".away")
    path.rename(away)
    refused = await talk(stand.port, post(CHAT, ASK, JSON))
    assert (refused.status, refused.header(b"x-wellhead-error")) == (503, b"books_unavailable")
    assert not path.exists()
    away.rename(path)
    assert (await talk(stand.port, post(CHAT, ASK, JSON))).status == 200
    assert (await stand.the_call())["state"] == "completed"
