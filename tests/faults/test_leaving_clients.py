"""Clients that leave, many at once: every upstream is told at once, every row ends, nothing is left over."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio

from fakes.stand import MB, Stand, a_stand
from fakes.wire import Exchange, WireClient, answer, post, talk, until
from fault_table import Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","stream":true,"messages":[]}'
JSON = b"content-type: application/json"
TOLD = b'{"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}\n\n'
FIRST = b"%x\r\n%s\r\n" % (len(USAGE), USAGE)
SILENT = b"x-silent: 1"
MID_STREAM, BEFORE_HEAD = 200, 50
SEEN_GONE_S = 1.0
SPARE_FILES = 8
"""The database's, and a connection or two that is being closed."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stand]:
    async with a_stand() as made:
        yield made


async def stalling(exchange: Exchange) -> bool:
    """The usage so far, and then nothing until the client is gone; or nothing at all."""
    if exchange.request.header(b"x-silent") is None:
        await exchange.send(STREAM + FIRST)
    await exchange.gone()
    return True


async def calling(stand: Stand, count: int, *lines: bytes) -> list[WireClient]:
    """Clients that all have asked; those that are to get a stream have its first event."""
    clients = [await stand.client() for _ in range(count)]
    for client in clients:
        await client.send(post(CHAT, ASK, JSON, *lines))
    if SILENT not in lines:
        for client in clients:
            await client.reader.readuntil(FIRST)
    return clients


async def leaving(clients: list[WireClient]) -> None:
    for number, client in enumerate(clients):
        client.reset() if number % 2 else client.close()
    for client in clients:
        with suppress(ConnectionError):
            await client.writer.wait_closed()


@pytest.mark.fault("Clients", "250 leave at once, in the middle of their streams or before the head")
async def test_a_crowd_that_leaves_is_gone_from_the_upstream_at_once_and_leaves_nothing_behind(
    stand: Stand, fault: Fault
) -> None:
    stand.upstream.script = answer(TOLD, JSON, b"connection: close")
    await talk(stand.port, post(CHAT, ASK, JSON))
    await stand.the_call()
    files = stand.files()
    stand.upstream.script = stalling
    streaming = await calling(stand, MID_STREAM)
    waiting = await calling(stand, BEFORE_HEAD, SILENT)
    await until(lambda: stand.upstream.open_connections == MID_STREAM + BEFORE_HEAD)
    await leaving(streaming + waiting)
    left_s = monotonic()
    await until(lambda: stand.upstream.open_connections == 0)
    fault.over(monotonic() - left_s, SEEN_GONE_S, "their upstream calls end")
    rows = await stand.ended(MID_STREAM + BEFORE_HEAD)
    fault.client_sees("nothing: they are gone")
    fault.books([row for row in rows if row["status_code"] == 200], whose="mid-stream")
    fault.books([r for r in rows if r["status_code"] == 499], stand.wellhead.database_path, "before the head")
    assert Counter((r["state"], r["status_code"], r["total_tokens"], r["usage_source"]) for r in rows) == {
        ("aborted", 200, 10, "reported"): MID_STREAM,
        ("aborted", 499, None, "absent"): BEFORE_HEAD,
    }
    await until(lambda: stand.files() <= files + SPARE_FILES)
    stand.upstream.script = answer(TOLD, JSON)
    assert (await talk(stand.port, post(CHAT, ASK, JSON))).body == TOLD


@pytest.mark.parametrize(
    ("rounds", "size"),
    [(10, 200), pytest.param(50, 200, marks=(pytest.mark.soak, pytest.mark.timeout(400)))],
    ids=["2000", "10000"],
)
async def test_memory_comes_back_after_thousands_of_aborted_streams(
    stand: Stand, rounds: int, size: int
) -> None:
    stand.upstream.script = stalling
    for _ in range(2):  # What the first crowds take is kept for the next.
        await leave_mid_stream(stand, size)
    before = stand.rss()
    for _ in range(rounds):
        await leave_mid_stream(stand, size)
    assert stand.rss() <= before * 1.05 + 5 * MB


async def test_connections_that_are_reset_after_their_answer_are_forgotten_at_once(stand: Stand) -> None:
    stand.upstream.script = answer(TOLD, JSON)
    await answered_and_reset(stand, 400)
    before = stand.rss()
    await answered_and_reset(stand, 2000)
    assert stand.rss() - before <= 3 * MB


async def answered_and_reset(stand: Stand, count: int) -> None:
    for _ in range(count):
        client = await WireClient.connect(stand.port)
        await client.send(post(CHAT, ASK, JSON))
        assert (await client.answer()).body == TOLD
        client.reset()
    await stand.ended(count)


async def leave_mid_stream(stand: Stand, count: int) -> None:
    await leaving(await calling(stand, count))
    await until(lambda: stand.upstream.open_connections == 0)
    assert {row["state"] for row in await stand.ended(count, 30)} == {"aborted"}


async def test_a_client_that_pipelined_requests_and_left_is_noticed(stand: Stand) -> None:
    stand.upstream.script = stalling
    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON) * 3)
    await client.reader.readuntil(FIRST)
    await leaving([client])
    await until(lambda: stand.upstream.open_connections == 0)
    assert (await stand.the_call())["state"] == "aborted"


@pytest.mark.fault("Clients", "one leaves a stream that it had not read for a while")
async def test_a_client_that_leaves_an_endless_stream_it_did_not_read_is_noticed(
    stand: Stand, fault: Fault
) -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.send(STREAM)
        while True:
            await exchange.send(FIRST * 100)

    stand.upstream.script = endless
    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON))
    await client.head()
    await asyncio.sleep(0.5)  # Until every buffer on the way is full.
    await leaving([client])
    left_s = monotonic()
    await until(lambda: stand.upstream.open_connections == 0)
    fault.over(monotonic() - left_s, SEEN_GONE_S, "its upstream call ends")
    row = await stand.the_call()
    assert (row["state"], row["total_tokens"]) == ("aborted", 10)
    fault.client_sees("nothing: it is gone")
    fault.books([row], stand.wellhead.database_path)


async def drained(on_disconnect: str, script: Any) -> list[dict[str, Any]]:
    """What is booked of ten calls whose clients left mid-stream."""
    async with a_stand({"gateway": {"on_disconnect": on_disconnect}}) as stand:
        stand.upstream.script = script
        await leaving(await calling(stand, 10))
        rows = await stand.ended(10)
        await until(lambda: stand.upstream.open_connections == 0)
        return rows


@pytest.mark.fault("Clients", "one leaves, and `gateway.on_disconnect` is `drain`")
async def test_drained_calls_are_read_to_their_end(fault: Fault) -> None:
    last = USAGE.replace(b"10}", b"12}")

    async def script(exchange: Exchange) -> bool:
        await exchange.send(STREAM + FIRST)
        await asyncio.sleep(0.3)  # Meanwhile the clients have left.
        await exchange.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last))
        return True

    rows = await drained("drain", script)
    assert {(row["state"], row["total_tokens"]) for row in rows} == {("aborted", 12)}
    fault.client_sees("nothing: it is gone")
    fault.books(rows)
    fault.over_when("its upstream call is read to its end")


async def test_drained_calls_are_cut_when_their_time_is_up() -> None:
    rows = await drained("drain 300ms", stalling)
    assert {(row["state"], row["total_tokens"]) for row in rows} == {("aborted", 10)}
    assert all(300_000 <= row["latency_us"] < 5_000_000 for row in rows)


async def test_nothing_is_open_any_more_when_it_is_asked_to_end() -> None:
    async with a_stand() as stand:
        stand.upstream.script = stalling
        await leaving(await calling(stand, 20))
        await stand.ended(20)
        await asyncio.to_thread(stand.wellhead.stop)
        assert stand.wellhead.events("shutdown.drain")[0]["pending_requests"] == 0
