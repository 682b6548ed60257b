"""Everything at once for a while: good calls, broken upstreams, clients that leave; and nothing remains.

The short run belongs to the normal suite, the long one to `make soak`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random

import pytest
import pytest_asyncio

from fakes.load import ASK, CHAT, CHUNK, HEAD, JSON, USAGE, brief, in_parts, load
from fakes.stand import MB, Stand, a_stand
from fakes.wire import Exchange, Script, WireAnswer, WireClient, answer, post, talk, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLERS, LEAVERS = 16, 6
LARGE = b'{"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10},"pad":"%s"}' % (b"a" * MB)
GROWTH_MAX = 8 * MB
SPARE_FILES = 8


@pytest_asyncio.fixture(loop_scope="module")
async def stand() -> AsyncIterator[Stand]:
    # Five failures in a row are chance here; breakers have tests of their own.
    async with a_stand({"breaker": {"failures": 0}}) as made:
        yield made


async def closes_at_once(exchange: Exchange) -> bool:
    return True


async def resets_mid_stream(exchange: Exchange) -> bool:
    await exchange.send(HEAD + CHUNK)
    await asyncio.sleep(0.01)
    exchange.reset()
    return True


async def is_cut(exchange: Exchange) -> bool:
    await exchange.send(HEAD + CHUNK)
    return True


async def talks_nonsense(exchange: Exchange) -> bool:
    await exchange.send(HEAD + CHUNK)
    await asyncio.sleep(0.01)
    await exchange.send(b"this is no chunk\r\n")
    await exchange.gone()
    return True


async def hangs(exchange: Exchange) -> bool:
    await asyncio.sleep(0.2)
    exchange.reset()
    return True


GOOD: tuple[Script, ...] = (brief, in_parts, answer(USAGE, JSON), answer(LARGE, JSON))
BAD: tuple[Script, ...] = (closes_at_once, resets_mid_stream, is_cut, talks_nonsense, hangs)


def mixture(random: Random) -> Callable[[Exchange], Awaitable[bool | None]]:
    async def script(exchange: Exchange) -> bool | None:
        return await random.choice(GOOD if random.random() < 0.7 else BAD)(exchange)

    return script


async def ask(stand: Stand, random: Random, outcomes: Counter[str], end: asyncio.Event) -> None:
    """Calls to the end of the answer, whatever it is."""
    while not end.is_set():
        client = await WireClient.connect(stand.port)
        said = WireAnswer(b"", b"", complete=True)
        while said.complete and not end.is_set():
            await client.send(post(CHAT, ASK, JSON))
            said = await client.answer()
            assert said.status in (200, 502)
            outcomes["completed" if said.status == 200 and said.complete else "failed"] += 1
        client.close()


async def leave(stand: Stand, random: Random, outcomes: Counter[str], end: asyncio.Event) -> None:
    """Calls and does not wait for the end; some have it all the same by then."""
    while not end.is_set():
        client = await WireClient.connect(stand.port)
        await client.send(post(CHAT, ASK, JSON))
        await asyncio.sleep(random.choice((0, 0.005, 0.03)))
        client.reset() if random.random() < 0.5 else client.close()
        outcomes["left"] += 1
        await asyncio.sleep(0.01)


async def all_of_them(stand: Stand, random: Random, for_s: float) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    end = asyncio.Event()
    tasks = [asyncio.create_task(ask(stand, random, outcomes, end)) for _ in range(CALLERS)]
    tasks += [asyncio.create_task(leave(stand, random, outcomes, end)) for _ in range(LEAVERS)]
    try:
        await asyncio.sleep(for_s)
    finally:
        end.set()
        await asyncio.gather(*tasks)
    return outcomes


@pytest.mark.timeout(400)
@pytest.mark.parametrize("for_s", [3, pytest.param(60, marks=pytest.mark.soak)])
async def test_nothing_is_left_of_a_mixture_of_everything(stand: Stand, for_s: int) -> None:
    random = Random(for_s)
    stand.upstream.script = answer(USAGE, JSON, b"connection: close")
    await talk(stand.port, post(CHAT, ASK, JSON))
    await until(lambda: stand.upstream.open_connections == 0)
    files = stand.files()
    stand.upstream.script = mixture(random)
    outcomes = await all_of_them(stand, random, for_s)
    before = stand.rss()  # What a crowd needs is kept for the next one.
    outcomes += await all_of_them(stand, random, for_s)
    rows = await all_rows(stand)
    states = Counter(row["state"] for row in rows)
    assert set(states) <= {"completed", "failed", "aborted"}
    # Those that left may have ended in any way, or left before they were booked.
    assert outcomes["completed"] < states["completed"] <= outcomes["completed"] + outcomes["left"] + 1
    assert outcomes["failed"] <= states["failed"] <= outcomes["failed"] + outcomes["left"]
    assert len(rows) <= outcomes.total() + 1
    assert all(row["total_tokens"] == 10 for row in rows if row["state"] == "completed")
    assert stand.rss() - before <= GROWTH_MAX
    await until(lambda: stand.files() - stand.upstream.open_connections <= files + SPARE_FILES)
    assert stand.wellhead.events("gateway.internal_error") == []
    assert stand.wellhead.events("worker.died") == []


async def all_rows(stand: Stand) -> list[dict[str, object]]:
    """Once all have ended."""
    await until(lambda: all(row["state"] != "pending" for row in stand.new_calls()), 20)
    return stand.new_calls()


@pytest.mark.soak
@pytest.mark.timeout(400)
async def test_memory_stays_flat_over_many_good_calls(stand: Stand) -> None:
    stand.upstream.script = brief
    async with load(stand, clients=CALLERS) as told:
        await until(lambda: len(told.whole) >= 10_000, 120)
        before = stand.rss()
        await until(lambda: len(told.whole) >= 60_000, 240)
        assert stand.rss() - before <= GROWTH_MAX
