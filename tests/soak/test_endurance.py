"""A long day at once: every dialect, limits, upstreams that fail, clients that leave, killed workers.

The short form is part of the normal suite; `make soak` runs it for a quarter of an hour, or for as many
seconds as `WELLHEAD_SOAK_S` says.  One gateway is never killed, to show that its memory stays what it was.
It ends with what must hold whatever happened::

    an answer that a client saw has its row        every row is in a terminal state
    no hold is left, windows equal the calls       rollups equal the calls
    memory is flat, no file stays open             nothing is lost, and nobody says so
"""

import asyncio
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, time

import aiohttp
import psutil
import pytest

from fakes.keyed import BY
from fakes.program import Wellhead, command
from fakes.simulated import simulated_process
from fakes.stand import MB
from fakes.wire import until
from wellhead.clock import Clock
from wellhead.database.engine import make_engine
from wellhead.database.registry import DatabaseRegistry
from wellhead.demo.habits import a_turn
from wellhead.demo.requests import request
from wellhead.ledger.check import check
from wellhead.limit import Action, Measure, Scope, ScopeKind, Window
from wellhead.registry import NewLimit
from wellhead.vault import Vault

LONG_S = int(os.environ.get("WELLHEAD_SOAK_S", "900"))
SHORT_S, HASTE = 25, 2
"""A short day has its troubles twice as often, so that it has the same ones."""
WORKERS = 2
CLIENTS = 24
LEAVING = 0.15
"""Of the calls: the client goes away some time before the end."""
PACE = 0.02
"""Answers take a fiftieth of the time that models take."""
PATIENCE_S = 0.05
"""How long a client waits that was refused."""
KILL_EVERY_S = 12.0
LOCK_EVERY_S = 17.0
LOCKED_S = 2.0
SETTLED_S = 30.0
"""How long after the last call everything may take to come to rest."""
WARM = 2 / 3
"""Of the time, the tenth minute of a quarter of an hour: memory grows until every kind of call was there."""
GROWTH_MAX = 0.10
SPARE_BYTES = 6 * MB
"""A short run is judged less by shares than by this."""
SPARE_FILES = 24

LIMITS = (
    NewLimit(Measure.TOTAL_TOKENS, Window.DAY, 10**12, Scope(ScopeKind.GLOBAL)),
    NewLimit(Measure.COST, Window.MONTH, 10**15, Scope(ScopeKind.GLOBAL)),
    NewLimit(Measure.CONCURRENT_CALLS, Window.TOTAL, 22, Scope(ScopeKind.GLOBAL)),
    NewLimit(Measure.CALLS, Window.MINUTE, 3000, Scope(ScopeKind.MODEL), sliding=True),
    NewLimit(Measure.INPUT_TOKENS, Window.HOUR, 1000, Scope(ScopeKind.CLIENT), Action.SHADOW),
)


NEVER = ("books.settlements_lost", "books.record_refused", "gateway.internal_error", "worker.crashed")
"""Events that no trouble of this kind may bring about."""


@dataclass
class Told:
    """What the clients saw."""

    whole: set[int] = field(default_factory=set)
    """Calls whose answer came to its end, by the number in their head."""
    begun: set[int] = field(default_factory=set)
    """Calls of which the head of an answer came, and perhaps no end."""
    statuses: Counter[int] = field(default_factory=Counter)
    left: int = 0
    broken: int = 0


async def come_and_go(told: Told, gateway: str, seed: int, until_s: float) -> None:
    chance = random.Random(seed)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while monotonic() < until_s:
            asked = request(a_turn(chance, int(time()), awake=1.0), PACE)
            leaves_s = chance.expovariate(20) if chance.random() < LEAVING else None
            try:
                async with asyncio.timeout(leaves_s):
                    await one_call(told, session, gateway + asked.path, asked.body, asked.headers)
            except TimeoutError:
                told.left += 1
            except (aiohttp.ClientError, OSError):
                told.broken += 1
                await asyncio.sleep(0.02)


async def one_call(
    told: Told, session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]
) -> None:
    async with session.post(url, data=body, headers=headers) as answer:
        told.statuses[answer.status] += 1
        call = int(answer.headers.get("x-wellhead-call", "0"))
        booked = answer.headers.get("x-wellhead-error") not in ("books_unavailable", "shutting_down")
        if call and booked:
            told.begun.add(call)
        async for _ in answer.content.iter_any():
            pass
        if answer.status == 429:
            await asyncio.sleep(PATIENCE_S)
        if call and booked:
            told.whole.add(call)


async def kill_workers(program: Wellhead, spared: int, every_s: float, until_s: float) -> None:
    """All but one of the gateways, again and again."""
    kills = 0
    while monotonic() + every_s < until_s:
        await asyncio.sleep(every_s)
        (other,) = (pid for pid in program.pids if pid != spared)
        os.kill(other, signal.SIGKILL)
        kills += 1
        await asyncio.to_thread(program.wait_for_event, "worker.died", kills, 30.0)
        await until(lambda: len(program.pids) == WORKERS, 30)


async def lock_books(program: Wellhead, every_s: float, until_s: float) -> None:
    while monotonic() + every_s < until_s:
        await asyncio.sleep(every_s)
        with locked(program.database_path):
            await asyncio.sleep(LOCKED_S)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def held(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        (sum_,) = connection.execute("SELECT coalesce(sum(held), 0) FROM limit_windows").fetchone()
    return int(sum_)


def rows(path: Path) -> dict[int, str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return dict(connection.execute("SELECT id, state FROM calls"))


@dataclass(frozen=True)
class Weight:
    """What the processes weigh that live as long as the program: bytes of memory, and open files."""

    rss: dict[str, int]
    files: dict[str, int]

    @classmethod
    def of(cls, program: Wellhead, gateway: int) -> "Weight":
        (control,) = program.pids_of("control")
        pids = {"supervisor": program.pid, "control": control, "gateway": gateway}
        found = {name: psutil.Process(pid) for name, pid in pids.items()}
        return cls(
            {name: one.memory_info().rss for name, one in found.items()},
            {name: one.num_fds() for name, one in found.items()},
        )


@pytest.mark.timeout(LONG_S + 300)
@pytest.mark.parametrize("for_s", [SHORT_S, pytest.param(LONG_S, marks=pytest.mark.soak)])
async def test_after_a_long_day_everything_holds(for_s: int, tmp_path: Path) -> None:
    told = Told()
    with (
        simulated_process() as upstream,
        Wellhead(
            upstream=upstream.url,
            config={"gateway": {"workers": WORKERS, "shutdown_grace_s": 5}},
            directory=tmp_path,
        ) as program,
    ):
        engine = make_engine(f"sqlite:///{program.database_path}")
        registry = DatabaseRegistry(engine, _no_vault, Clock().now_us)
        for limit in LIMITS:
            registry.create_limit(BY, limit)
        began_s = monotonic()
        until_s = began_s + for_s
        gateway = program.gateway_url
        clients = [come_and_go(told, gateway, number, until_s) for number in range(CLIENTS)]
        spared = program.pids[0]
        haste = HASTE if for_s == SHORT_S else 1
        mess = [
            kill_workers(program, spared, KILL_EVERY_S / haste, until_s - 5),
            lock_books(program, LOCK_EVERY_S / haste, until_s - 5),
        ]
        running = asyncio.gather(*clients, *mess)
        await asyncio.sleep(for_s * WARM)
        warm = Weight.of(program, spared)
        await running
        path = program.database_path
        await until(lambda: "pending" not in rows(path).values() and held(path) == 0, SETTLED_S)

        booked = rows(path)
        assert told.begun <= booked.keys()
        states = Counter(booked[call] for call in told.whole)
        assert states.keys() <= {"completed", "failed", "refused", "interrupted"}
        assert check(engine, Clock().now_us()) == []
        cold = Weight.of(program, spared)
        for name, rss in warm.rss.items():
            assert cold.rss[name] <= max(rss * (1 + GROWTH_MAX), rss + SPARE_BYTES), name
            assert cold.files[name] <= warm.files[name] + SPARE_FILES, name
        assert max(psutil.Process(pid).num_fds() for pid in program.pids) <= 3 * SPARE_FILES + CLIENTS
        for event in NEVER:
            assert program.events(event) == [], event
        assert min(told.statuses[200], told.left, len(told.whole)) > for_s
        engine.dispose()
        deaths = len(program.events("worker.died"))
    checked = command(tmp_path, "db", "check", "--database", str(program.database_path))
    assert checked.stdout.startswith("All figures"), checked.stdout
    sys.stdout.write(f"""
{len(booked)} calls in {for_s} s: {dict(Counter(booked.values()))}
answers {dict(sorted(told.statuses.items()))}; {told.left} left, {told.broken} connections broken
{deaths} gateways killed
of {len(told.begun)} answers that began and {len(told.whole)} that came to their end none is without its row
holds left: 0; calls that are pending: 0
MB of memory after two thirds of the time: {in_mb(warm.rss)}; in the end: {in_mb(cold.rss)}
open files after two thirds of the time: {warm.files}; in the end: {cold.files}
wellhead db check: {checked.stdout}""")


def in_mb(sizes: dict[str, int]) -> dict[str, float]:
    return {name: round(size / MB, 1) for name, size in sizes.items()}


def _no_vault() -> Vault:
    raise AssertionError("nothing is sealed here")
