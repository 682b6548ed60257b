"""`kill -9` and SIGTERM under load: no call whose client saw an answer is lost, and the figures stay true."""

import asyncio
import os
import signal
import sys
from collections import Counter
from random import Random
from typing import Any

import pytest

from fakes.books import rollups_of
from fakes.load import CHUNK, HEAD, Told, in_parts, load, one_call
from fakes.stand import Stand, a_stand
from fakes.wire import Exchange, WireClient, until
from fault_table import Fault, with_limits
from wellhead.database.engine import make_engine

WORKERS = {"gateway": {"workers": 2}}
CLIENTS = 16
KILLS, LIVES, MORE_LIVES = 5, 3, 20
"""Fifteen rounds in three lives of the program, as a worker that dies often is started later and later."""
BETWEEN_KILLS_S = 0.4
SOAK = (pytest.mark.soak, pytest.mark.timeout(400))


async def kill_a_worker(stand: Stand, random: Random) -> None:
    started = len(stand.wellhead.events("worker.started"))
    await asyncio.sleep(random.uniform(0, BETWEEN_KILLS_S))
    os.kill(random.choice(stand.wellhead.pids), signal.SIGKILL)
    await until(lambda: len(stand.wellhead.events("worker.started")) > started, 20)


async def kill_everything(stand: Stand) -> None:
    for pid in [*stand.wellhead.pids, stand.wellhead.pid]:
        os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(stand.wellhead.wait)


async def is_served(stand: Stand, told: Told) -> None:
    """All clients get answers again."""
    whole = len(told.whole)
    await until(lambda: len(told.whole) >= whole + CLIENTS, 20)


async def rebuild(stand: Stand) -> None:
    command = ("-m", "wellhead", "db", "rebuild", "--database", str(stand.wellhead.database_path))
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    await process.communicate()
    assert process.returncode == 0


async def the_books_are_true(stand: Stand, told: Told) -> list[dict[str, Any]]:
    """To be asked when the program has ended in good order; says how the calls are booked."""
    rows = {row["id"]: row for row in stand.wellhead.calls()}
    assert told.seen <= set(rows)
    assert len(stand.upstream.requests) <= len(rows), "a row is there before its request leaves"
    assert {row["state"] for row in rows.values()} == {"completed", "interrupted"}
    assert all(row["total_tokens"] == 10 for row in rows.values() if row["state"] == "completed")
    engine = make_engine(f"sqlite:///{stand.wellhead.database_path}")
    try:
        before = rollups_of(engine)
        assert sum(sums["calls"] for sums in before["usage_total"]) == len(rows)
        tokens = sum(row["total_tokens"] or 0 for row in rows.values())
        assert sum(sums["total_tokens"] for sums in before["usage_total"]) == tokens
        await rebuild(stand)
        assert rollups_of(engine) == before
    finally:
        engine.dispose()
    return list(rows.values())


@pytest.mark.fault("Processes", "gateways, or all processes with the supervisor, are killed again and again")
@pytest.mark.parametrize("lives", [LIVES, pytest.param(MORE_LIVES, marks=SOAK)])
async def test_kills_at_random_moments_lose_no_call_that_a_client_saw_an_answer_to(
    lives: int, fault: Fault
) -> None:
    random = Random(lives)
    async with a_stand(WORKERS) as stand:
        with_limits(stand.wellhead.database_path)
        stand.upstream.script = in_parts
        async with load(stand, clients=CLIENTS) as told:
            for life in range(lives):
                if life:
                    await kill_everything(stand)
                    await stand.start_again()
                for _ in range(KILLS):
                    await kill_a_worker(stand, random)
                await is_served(stand, told)
        await asyncio.to_thread(stand.wellhead.stop)
        assert told.lost >= CLIENTS
        rows = await the_books_are_true(stand, told)
        fault.client_sees("connections break; every answer that was seen is in the books")
        fault.books(sorted(rows, key=lambda row: str(row["state"])), stand.wellhead.database_path)
        fault.over_when("calls of the dead are booked by the next process")


async def test_streams_of_all_workers_finish_after_sigterm() -> None:
    go_on = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.send(HEAD + CHUNK)
        await go_on.wait()
        await exchange.send(b"0\r\n\r\n")

    settings = {"gateway": {"workers": 2, "shutdown_grace_s": 30}}
    async with a_stand(settings) as stand:
        stand.upstream.script = script
        told = Told()
        clients = [await WireClient.connect(stand.port) for _ in range(4 * CLIENTS)]
        calls = [asyncio.create_task(one_call(client, told)) for client in clients]
        await until(lambda: len(stand.upstream.requests) == len(clients))
        stand.wellhead.signal(signal.SIGTERM)
        await until(lambda: len(stand.wellhead.events("shutdown.drain")) == 2)
        drained = stand.wellhead.events("shutdown.drain")
        assert sum(line["pending_requests"] for line in drained) == len(clients)
        go_on.set()
        await asyncio.gather(*calls)
        assert await asyncio.to_thread(stand.wellhead.wait) == 143
        assert Counter(row["state"] for row in stand.wellhead.calls()) == {"completed": len(clients)}
        for client in clients:
            client.close()
