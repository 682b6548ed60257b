"""Upstreams that are not there, went away meanwhile, or hang with all their calls: what clients see of it.

The real program; one provider for each way of not being there, chosen by the path's prefix.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from math import inf
from time import perf_counter

import pytest
import pytest_asyncio

from fakes.load import ASK, JSON
from fakes.stand import Stand, a_stand
from fakes.wire import Exchange, WireClient, WireServer, answer, post, talk, until
from fault_table import Fault, load_per_core

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = b"/v1/chat/completions"
TOLD = b'{"model":"gpt-5","usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
WAITING, AT_ONCE = 1000, 100
CALLS, ROUNDS = 200, 4
"""What else the machine does may show in the p99 of one; a queue would show in each."""
LATER_S_MAX = 0.010


async def hang(exchange: Exchange) -> bool:
    await exchange.gone()
    return True


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stand]:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
        silent, unsafe = [await asyncio.start_server(one, "127.0.0.1", 0) for one in (mute, plain)]
        async with silent, unsafe, WireServer(hang) as stuck, WireServer(answer(TOLD, JSON)) as well:
            places = {
                "well": well.url,
                "refusing": nobody,
                "unnamed": "http://nowhere.invalid",
                "silent": f"https://127.0.0.1:{silent.sockets[0].getsockname()[1]}",
                "unsafe": f"https://127.0.0.1:{unsafe.sockets[0].getsockname()[1]}",
                "stuck": stuck.url,
            }
            patience = {"silent": {"connect_s": 0.3}}
            config = {
                "providers": [
                    {
                        "id": id_,
                        "type": "openai-compatible",
                        "base_url": url,
                        "timeouts": patience.get(id_, {}),
                    }
                    for id_, url in places.items()
                ],
                "timeouts": {"connect_s": 30},
                "retries": {"max": 1},
                "breaker": {"failures": 0},
            }
            async with a_stand(config) as made:
                made.upstream = well
                yield made


REFUSING = pytest.mark.fault("Upstreams", "its connections are refused")
UNNAMED = pytest.mark.fault("Upstreams", "its name cannot be resolved")
UNSAFE = pytest.mark.fault("Upstreams", "it speaks no TLS where it should")
SILENT = pytest.mark.fault("Upstreams", "it is not connected within `timeouts.connect_s`")


@pytest.mark.parametrize(
    ("provider", "status"),
    [
        pytest.param(b"refusing", 502, marks=REFUSING),
        pytest.param(b"unnamed", 502, marks=UNNAMED),
        pytest.param(b"unsafe", 502, marks=UNSAFE),
        pytest.param(b"silent", 504, marks=SILENT),
    ],
)
async def test_what_was_never_sent_is_tried_again_and_then_told(
    stand: Stand, fault: Fault, provider: bytes, status: int
) -> None:
    said = await talk(stand.port, post(b"/" + provider + CHAT, ASK, JSON))
    row = await stand.the_call()
    assert (said.status, row["attempts"], row["total_tokens"]) == (status, 2, None)
    fault.client(said)
    fault.books([row], stand.wellhead.database_path)
    fault.over_when("nothing was sent, so each call is tried up to `retries.max` times more")


@pytest.mark.fault("Upstreams", "it closed a kept connection while it was idle")
async def test_a_kept_connection_that_was_closed_is_not_used(stand: Stand, fault: Fault) -> None:
    async def then_close(exchange: Exchange) -> bool:
        await answer(TOLD, JSON)(exchange)
        return True

    for connections in range(1, 4):
        before = stand.upstream.connections
        stand.upstream.script = then_close
        said = await talk(stand.port, post(CHAT, ASK, JSON))
        assert (said.body, stand.upstream.connections) == (TOLD, before + 1)
        await until(lambda: stand.upstream.open_connections == 0)
        fault.client(said)
        row = await stand.the_call()
        assert row["attempts"] == 1, connections
        fault.books([row], stand.wellhead.database_path)
    fault.over_when("at once: another connection is taken, for nothing was sent")


@pytest.mark.timeout(120)
@pytest.mark.fault("Upstreams", "it hangs with 1,000 calls, and others are asked for, too")
async def test_a_thousand_calls_that_wait_for_one_hold_nobody_else_up(stand: Stand, fault: Fault) -> None:
    stand.upstream.script = answer(TOLD, JSON)

    async def p99_s() -> float:
        client, took = await stand.client(), list[float]()
        while len(took) < CALLS:
            began = perf_counter()
            await client.send(post(CHAT, ASK, JSON))
            said = await client.answer()
            if said.header(b"x-wellhead-error") == b"overloaded":
                await asyncio.sleep(0.2)  # A worker that does not keep up, for the machine is too busy.
                continue
            took.append(perf_counter() - began)
            assert said.body == TOLD, said
            fault.client(said, whose="calls to others")
        client.close()
        return sorted(took)[CALLS * 99 // 100 - 1]

    alone_s = await p99_s()
    waiting: list[WireClient] = []
    while len(waiting) < WAITING:  # So many at a time that the gateway keeps up with its events.
        waiting += [await stand.client() for _ in range(AT_ONCE)]
        for client in waiting[-AT_ONCE:]:
            await client.send(post(b"/stuck" + CHAT, ASK, JSON))
        await until(lambda: stuck_calls(stand) == len(waiting), 30)  # noqa: B023 - it ends in here
    rounds, beside_s = 0, inf
    while beside_s - alone_s >= LATER_S_MAX and rounds < ROUNDS:
        rounds, beside_s = rounds + 1, min(beside_s, await p99_s())
    assert beside_s - alone_s < LATER_S_MAX * (1 + 2 * load_per_core())
    fault.client_sees(f"at p99 not {LATER_S_MAX * 1000:g} ms later", "calls to others")
    for client in waiting:
        client.reset()
    rows = await stand.ended(WAITING + (1 + rounds) * CALLS, 60)
    fault.books([row for row in rows if row["provider"] != "stuck"], whose="calls to others")
    fault.books(
        [row for row in rows if row["provider"] == "stuck"], stand.wellhead.database_path, "when they leave"
    )
    fault.over_when("a timeout or its breaker ends it")


def stuck_calls(stand: Stand) -> int:
    return sum(row["provider"] == "stuck" for row in stand.new_calls())
