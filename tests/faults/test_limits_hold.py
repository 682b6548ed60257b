"""Limits, budgets and revocations over several real gateway processes and many clients at once."""

import asyncio
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from random import Random
from time import monotonic, time_ns
from typing import Any

import pytest
import pytest_asyncio

from fakes.load import CHAT, JSON
from fakes.stand import Stand, a_stand
from fakes.wire import Exchange, WireClient, answer, chunked, post, talk, until
from wellhead.database import limit_windows
from wellhead.database.directory import load_directory
from wellhead.database.engine import make_engine, writing_connection
from wellhead.database.registry import DatabaseRegistry
from wellhead.limit import Action, Limit, Measure, Scope, ScopeKind, Window
from wellhead.registry import Actor, NewKey, NewLimit

pytestmark = pytest.mark.asyncio(loop_scope="module")

GATEWAYS = 4
CLIENTS_PER_GATEWAY = 64
REVOKED_CLIENTS = 32
BY = Actor("tests")
EVERYTHING = Scope(ScopeKind.GLOBAL)
ASK = b'{"model":"gpt-5","max_tokens":30,"messages":[]}'
INPUT_TOKENS = -(-len(ASK) // 4)
CALL_TOKENS = INPUT_TOKENS + 30
SAID = b'{"model":"gpt-5","choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":30,"total_tokens":%d}}'
USED_UP = SAID % (INPUT_TOKENS, CALL_TOKENS)
"""The upstream uses just what was reserved."""
SPARING = SAID % (1, 31)
EVENT = b'data: {"model":"gpt-5","choices":[{"delta":{"content":"so many words"}}]}\n\n'
SPARING_END = b"data: " + SPARING + b"\n\ndata: [DONE]\n\n"
PAUSE_S = 0.02


@contextmanager
def registry_of(stand: Stand) -> Iterator[DatabaseRegistry]:
    """The registry of the running program's books, in this process: it is one more that uses the file."""
    engine = make_engine(f"sqlite:///{stand.wellhead.database_path}", must_exist=True)
    try:
        yield DatabaseRegistry(engine, no_vault, lambda: time_ns() // 1000)
    finally:
        engine.dispose()


def no_vault() -> Any:
    raise AssertionError("nothing is sealed here")


@asynccontextmanager
async def gateways(count: int = GATEWAYS, **settings: Any) -> AsyncIterator[tuple[Stand, DatabaseRegistry]]:
    async with a_stand({"gateway": {"workers": count, **settings}}) as stand:
        with registry_of(stand) as registry:
            yield stand, registry


Gateways = tuple[Stand, DatabaseRegistry]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Gateways]:
    async with gateways() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_with_keys() -> AsyncIterator[Gateways]:
    async with gateways(require_key=True) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def four(shared: Gateways) -> Gateways:
    """The module's gateways, without a limit, and earlier calls are not looked at again."""
    return await _anew(*shared)


@pytest_asyncio.fixture(loop_scope="module")
async def four_with_keys(shared_with_keys: Gateways) -> Gateways:
    """The same where every call needs a key."""
    return await _anew(*shared_with_keys)


async def _anew(stand: Stand, registry: DatabaseRegistry) -> Gateways:
    for use in registry.limits().entries:
        registry.delete_limit(BY, use.limit.id)
    # Some refusals may not be booked yet, so that the last row is not that of the last call.
    stand.upstream.script = answer(b"")
    key = b"authorization: Bearer " + registry.create_key(BY, NewKey("mark")).secret.encode()
    last = (await talk(stand.port, post(CHAT, ASK, JSON, key))).header(b"x-wellhead-call")
    assert last is not None
    stand.seen = int(last)
    await until(lambda: all(row["state"] != "pending" for row in stand.wellhead.calls()))
    stand.upstream.requests.clear()
    return stand, registry


def pausing(body: bytes) -> Any:
    """An upstream that takes its time, so that calls overlap."""
    whole = answer(body, b"content-type: application/json")

    async def script(exchange: Exchange) -> bool | None:
        await asyncio.sleep(PAUSE_S)
        return await whole(exchange)

    return script


async def ask_until_refused(stand: Stand, refusals: int, statuses: Counter[int]) -> None:
    client = await WireClient.connect(stand.port)
    refused = 0
    while refused < refusals:
        await client.send(post(CHAT, ASK, JSON))
        said = await client.answer()
        statuses[said.status] += 1
        refused += said.status != 200
    client.close()


def differences(stand: Stand) -> list[limit_windows.Difference]:
    """Where the windows do not say what the calls say."""
    engine = make_engine(f"sqlite:///{stand.wellhead.database_path}", must_exist=True)
    try:
        with closing(writing_connection(engine)) as connection:
            limits = load_directory(connection).limits
            return limit_windows.differences(connection, limits, time_ns() // 1000)
    finally:
        engine.dispose()


def windows(path: Path, limit: Limit) -> tuple[int, int, int]:
    """Used, held and exceeded of a limit, in sum."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        query = "SELECT sum(used), sum(held), sum(exceeded) FROM limit_windows WHERE limit_id=?"
        used, held, exceeded = connection.execute(query, (limit.id,)).fetchone()
        return used or 0, held or 0, exceeded or 0


async def test_a_thousand_calls_are_a_thousand_over_all_processes(four: Gateways) -> None:
    stand, registry = four
    stand.upstream.script = answer(SPARING, b"content-type: application/json")
    earlier = sum(row["state"] != "refused" for row in stand.wellhead.calls())  # They are of this month.
    limit = registry.create_limit(BY, NewLimit(Measure.CALLS, Window.MONTH, earlier + 1000, EVERYTHING))
    statuses: Counter[int] = Counter()
    clients = GATEWAYS * CLIENTS_PER_GATEWAY

    await asyncio.gather(*[ask_until_refused(stand, 2, statuses) for _ in range(clients)])
    assert statuses == {200: 1000, 429: 2 * clients}
    assert len(stand.upstream.requests) == 1000
    rows = await stand.ended(1000 + 2 * clients)
    assert Counter(row["state"] for row in rows) == {"completed": 1000, "refused": 2 * clients}
    assert len({row["worker_id"] for row in rows if row["state"] == "completed"}) == GATEWAYS
    assert windows(stand.wellhead.database_path, limit) == (earlier + 1000, 0, 2 * clients)
    assert differences(stand) == []


async def test_a_budget_for_ten_calls_is_never_overdrawn_at_any_instant_by_one_process() -> None:
    async with gateways(1) as (stand, registry):
        await a_budget_is_never_overdrawn(stand, registry)


async def test_a_budget_for_ten_calls_is_never_overdrawn_at_any_instant_by_several(four: Gateways) -> None:
    await a_budget_is_never_overdrawn(*four)


async def a_budget_is_never_overdrawn(stand: Stand, registry: DatabaseRegistry) -> None:
    stand.upstream.script = pausing(USED_UP)
    amount = 10 * CALL_TOKENS + CALL_TOKENS // 2
    limit = registry.create_limit(BY, NewLimit(Measure.TOTAL_TOKENS, Window.TOTAL, amount, EVERYTHING))
    statuses: Counter[int] = Counter()
    seen: list[tuple[int, int]] = []
    over = asyncio.Event()

    async def look() -> None:
        while not over.is_set():
            used, held, _ = await asyncio.to_thread(windows, stand.wellhead.database_path, limit)
            seen.append((used, held))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await asyncio.gather(*[ask_until_refused(stand, 1, statuses) for _ in range(200)])
    over.set()
    await looking
    assert statuses[200] == 10
    assert max(used + held for used, held in seen) == 10 * CALL_TOKENS
    assert any(held for _, held in seen)
    assert windows(stand.wellhead.database_path, limit)[:2] == (10 * CALL_TOKENS, 0)


async def test_calls_that_use_less_than_they_reserve_leave_room_for_more(four: Gateways) -> None:
    stand, registry = four
    stand.upstream.script = pausing(SPARING)
    amount = 10 * CALL_TOKENS
    limit = registry.create_limit(BY, NewLimit(Measure.TOTAL_TOKENS, Window.TOTAL, amount, EVERYTHING))
    statuses: Counter[int] = Counter()

    async def ask_until_spent() -> None:
        client = await WireClient.connect(stand.port)
        while True:
            await client.send(post(CHAT, ASK, JSON))
            said = await client.answer()
            statuses[said.status] += 1
            if said.header(b"x-wellhead-error") == b"budget_exhausted":
                client.close()
                return

    await asyncio.gather(*[ask_until_spent() for _ in range(20)])
    used, held, _ = windows(stand.wellhead.database_path, limit)
    assert amount - CALL_TOKENS < used <= amount
    assert (held, used) == (0, 31 * statuses[200])


async def test_no_call_that_begins_after_a_revocation_gets_through(four_with_keys: Gateways) -> None:
    stand, registry = four_with_keys
    stand.upstream.script = answer(SPARING, b"content-type: application/json")
    issued = registry.create_key(BY, NewKey("laptop"))
    key = b"authorization: Bearer " + issued.secret.encode()
    listed = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n" + key + b"\r\n\r\n"
    begun: list[tuple[float, int, bytes | None]] = []

    async def call_and_call(number: int) -> None:
        lists = number % 4 == 0
        said: int | None = None
        while said in (None, 200):
            # Connections are shared out unevenly, so everybody changes often.
            client = await WireClient.connect(stand.port)
            for _ in range(10):
                at = monotonic()
                await client.send(listed if lists else post(CHAT, ASK, JSON, key))
                got = await client.answer("GET" if lists else "POST")
                said = got.status
                begun.append((at, said, got.header(b"x-wellhead-error")))
                if said != 200:
                    break
            client.close()

    def workers() -> set[int]:
        return {row["worker_id"] for row in stand.new_calls()}

    clients = [asyncio.create_task(call_and_call(n)) for n in range(REVOKED_CLIENTS)]
    await until(lambda: len(begun) >= 500 and len(workers()) == GATEWAYS, 60)
    await asyncio.to_thread(registry.revoke_key, BY, issued.key.id)
    revoked = monotonic()
    await asyncio.gather(*clients)
    assert Counter((status, code) for at, status, code in begun if at > revoked).keys() <= {
        (401, b"key_revoked")
    }
    # Whoever was refused, began around the revocation or after it.
    assert Counter(status for _, status, _ in begun)[401] == REVOKED_CLIENTS
    assert not any(issued.secret.encode() in request.head for request in stand.upstream.requests)


async def test_a_key_and_a_limit_hold_in_every_process_as_soon_as_they_are_made(
    four_with_keys: Gateways,
) -> None:
    stand, registry = four_with_keys
    stand.upstream.script = answer(SPARING, b"content-type: application/json")
    clients = [await stand.client() for _ in range(16)]

    for _ in range(10):
        issued = await asyncio.to_thread(registry.create_key, BY, NewKey("laptop"))
        key = b"x-api-key: " + issued.secret.encode()
        statuses = [await one_status(client, key) for client in clients]
        assert statuses == [200] * len(clients)
        none = NewLimit(Measure.CALLS, Window.HOUR, 0, Scope(ScopeKind.KEY, str(issued.key.id)))
        await asyncio.to_thread(registry.create_limit, BY, none)
        assert [await one_status(client, key) for client in clients] == [429] * len(clients)


async def one_status(client: WireClient, key: bytes) -> int:
    await client.send(post(CHAT, ASK, JSON, key))
    return (await client.answer()).status


def taking_any_time(random: Random) -> Any:
    """An upstream of which nobody knows when it answers, and how much it says."""
    whole, in_parts = answer(SPARING, JSON), chunked(*[EVENT] * 20, SPARING_END)

    async def script(exchange: Exchange) -> bool | None:
        await asyncio.sleep(random.expovariate(1 / PAUSE_S))
        return await random.choice((whole, in_parts))(exchange)

    return script


async def come_and_go(stand: Stand, random: Random, over: asyncio.Event, patience_s: float) -> None:
    """Call and call again; at some moments of some calls, leave."""
    while not over.is_set():
        client: WireClient | None = None
        try:
            client = await WireClient.connect(stand.port)
            while not over.is_set():
                await client.send(post(CHAT, ASK, JSON))
                # Most calls are waited for, others at most so long: every moment is one to leave.
                await asyncio.wait_for(
                    client.answer(), random.expovariate(1 / patience_s) if random.random() < 0.3 else None
                )
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            await asyncio.sleep(0)
        finally:
            if client is not None:
                client.reset()


EVERY_KIND = (
    NewLimit(Measure.TOTAL_TOKENS, Window.DAY, 10**9, EVERYTHING),
    NewLimit(Measure.CONCURRENT_CALLS, Window.TOTAL, 60, EVERYTHING),
    NewLimit(Measure.CALLS, Window.MINUTE, 2000, Scope(ScopeKind.MODEL), sliding=True),
    NewLimit(Measure.OUTPUT_TOKENS, Window.TOTAL, 10**9, Scope(ScopeKind.PROVIDER)),
    NewLimit(Measure.INPUT_TOKENS, Window.HOUR, 10, Scope(ScopeKind.CLIENT), Action.SHADOW),
)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("processes", "kills"), [(2, 3), pytest.param(4, 20, marks=pytest.mark.soak)], ids=["short", "long"]
)
async def test_killed_gateways_leave_no_hold_and_no_drift(processes: int, kills: int) -> None:
    random = Random(kills)
    async with gateways(processes) as (stand, registry):
        stand.upstream.script = taking_any_time(random)
        limits = [registry.create_limit(BY, new) for new in EVERY_KIND]
        over = asyncio.Event()
        clients = [
            asyncio.create_task(come_and_go(stand, random, over, PAUSE_S)) for _ in range(32 * processes)
        ]
        for round_ in range(1, kills + 1):
            await asyncio.sleep(random.uniform(0.1, 0.6))  # Calls in every state.
            os.kill(random.choice(stand.wellhead.pids), signal.SIGKILL)
            await asyncio.to_thread(stand.wellhead.wait_for_event, "worker.died", round_, 30.0)
            await until(lambda: len(stand.wellhead.pids) == processes, 30)
        over.set()
        await asyncio.gather(*clients)
        path = stand.wellhead.database_path
        await until(lambda: sum(windows(path, limit)[1] for limit in limits) == 0, 60)
        states = Counter(row["state"] for row in stand.wellhead.calls())
        assert states.keys() == {"completed", "aborted", "interrupted", "refused"}
        assert differences(stand) == []
        assert windows(path, limits[0])[0] > 0
        assert stand.wellhead.events("settlements_lost") == []
