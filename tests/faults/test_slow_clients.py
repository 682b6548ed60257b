"""Clients that take their time: so long for a head, so long for each piece of a body; nobody else waits."""

import asyncio
import json
import resource
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from fakes.stand import MB, Stand, a_stand, steadily
from fakes.wire import Exchange, WireAnswer, WireClient, answer, post, talk, until
from fault_table import Fault
from wellhead.gateway.server import LINGER_BYTES

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","messages":[]}'
JSON = b"content-type: application/json"
TOLD = b'{"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
UPLOAD = b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: h\r\ncontent-type: application/octet-stream\r\n"
TIMEOUT_S = 0.4
LATE_S = 15.0
"""By when a timeout must have come on a machine that is busy."""
BODY_MAX = 64 * MB
IDLE = 5000
PER_IDLE_MAX = 16 * 1024
"""Bytes of the worker's memory that an idle connection may take."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stand]:
    settings = {"header_timeout_s": TIMEOUT_S, "body_timeout_s": TIMEOUT_S, "max_request_body": BODY_MAX}
    async with a_stand({"gateway": settings}) as made:
        made.upstream.script = answer(TOLD, JSON)
        for _ in range(20):
            await talk(made.port, post(CHAT, ASK, JSON))
        yield made


@pytest.fixture
def stand(stand: Stand) -> Stand:
    stand.upstream.script = answer(TOLD, JSON)
    return stand


async def refused(client: WireClient) -> WireAnswer:
    """The last answer of a connection, which ends after it."""
    said = await asyncio.wait_for(client.answer(), LATE_S)
    assert said.header(b"connection") == b"close"
    assert await asyncio.wait_for(client.reader.read(), LATE_S) == b""
    return said


async def drip(client: WireClient, data: bytes, pause_s: float) -> None:
    """Send byte by byte until the other side will have no more."""
    try:
        for byte in data:
            await client.send(bytes([byte]))
            await asyncio.sleep(pause_s)
    except ConnectionError:
        pass


HEADS = {
    "nothing but a first byte": b"P",
    "a target": b"POST " + CHAT,
    "lines": b"POST " + CHAT + b" HTTP/1.1\r\nhost: h\r\n",
}


@pytest.mark.fault("Clients", "a head that does not come to its end within `gateway.header_timeout_s`")
@pytest.mark.parametrize("start", HEADS.values(), ids=HEADS)
async def test_a_head_that_does_not_come_to_its_end_is_answered_with_408(
    stand: Stand, fault: Fault, start: bytes
) -> None:
    client = await stand.client()
    await client.send(start)
    said = await refused(client)
    assert (said.status, said.header(b"x-wellhead-error")) == (408, b"request_timeout")
    assert json.loads(said.body)["error"]["code"] == "request_timeout"
    assert stand.upstream.requests == []
    booked = stand.new_calls()
    assert booked == []
    fault.client(said)
    fault.books(booked)
    fault.over_when("its connection ends")


@pytest.mark.fault("Clients", "a head that comes byte by byte, for longer than that")
async def test_a_head_that_drips_has_no_more_time_than_one_that_stalls(stand: Stand, fault: Fault) -> None:
    client = await stand.client()
    dripping = asyncio.create_task(drip(client, b"POST /v1/messages HTTP/1.1\r\nx-a: " + b"a" * 4000, 0.02))
    said = await asyncio.wait_for(client.answer(), LATE_S)
    assert said.status == 408
    assert json.loads(said.body)["error"]["type"] == "timeout_error", "as Anthropic's clients know it"
    dripping.cancel()
    fault.client(said, path=b"/v1/messages")
    fault.books(stand.new_calls())
    fault.over_when("its connection ends")


async def test_a_head_that_drips_but_ends_in_time_is_served(stand: Stand) -> None:
    client = await stand.client()
    await drip(client, post(CHAT, ASK, JSON), 0)
    assert (await client.answer()).body == TOLD
    await stand.the_call()


BODIES = {
    # What the head says, what comes of the body, and whose form the answer has.
    "a length": (CHAT, b"content-length: 100\r\n\r\n{", "invalid_request_error"),
    "chunks": (CHAT, b"transfer-encoding: chunked\r\n\r\n5\r\n{", "invalid_request_error"),
    "the last chunk missing": (
        CHAT,
        b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
        "invalid_request_error",
    ),
    "nothing": (b"/v1/messages", b"content-length: 100\r\n\r\n", "timeout_error"),
}


@pytest.mark.fault("Clients", "a body of which nothing comes for `gateway.body_timeout_s`")
@pytest.mark.parametrize(("path", "sent", "kind"), BODIES.values(), ids=BODIES)
async def test_a_body_that_stalls_is_answered_with_408_in_the_callers_form(
    stand: Stand, fault: Fault, path: bytes, sent: bytes, kind: str
) -> None:
    client = await stand.client()
    await client.send(b"POST " + path + b" HTTP/1.1\r\nhost: h\r\n" + sent)
    said = await refused(client)
    assert (said.status, json.loads(said.body)["error"]["type"]) == (408, kind)
    assert stand.upstream.requests == []
    booked = stand.new_calls()
    assert booked == []
    fault.client(said, path=path)
    fault.books(booked)
    fault.over_when("its connection ends")


async def test_a_body_that_drips_does_not_hold_its_place_for_ever(stand: Stand) -> None:
    client = await stand.client()
    await client.send(b"POST " + CHAT + b" HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\n")
    dripping = asyncio.create_task(drip(client, b" " * 100_000, 0.01))
    assert (await asyncio.wait_for(client.answer(), LATE_S)).status == 408
    dripping.cancel()


async def test_a_long_upload_passes_as_long_as_it_comes_on(stand: Stand) -> None:
    """In several times the time that a single piece of it has."""
    piece, count = b"a" * 2048, 20
    client = await stand.client()
    await client.send(UPLOAD + b"content-length: %d\r\n\r\n" % (len(piece) * count))
    for _ in range(count):
        await client.send(piece)
        await asyncio.sleep(TIMEOUT_S / 5)
    assert (await client.answer()).body == TOLD
    row = await stand.the_call()
    assert (row["state"], row["request_bytes"]) == ("completed", len(piece) * count)


@pytest.mark.fault("Clients", "an upload that stalls when a part of it is with the upstream")
async def test_an_upload_that_stalls_ends_its_upstream_call_and_is_booked(stand: Stand, fault: Fault) -> None:
    client = await stand.client()
    await client.send(UPLOAD + b"content-length: 1000\r\n\r\nabc")
    said = await refused(client)
    assert said.status == 408
    await until(lambda: stand.upstream.open_connections == 0)
    row = await stand.the_call()
    assert (row["state"], row["error_code"]) == ("failed", "request_timeout")
    fault.client(said)
    fault.books([row], stand.wellhead.database_path)
    fault.over_when("its connections end, on both sides")


async def test_time_in_which_the_upstream_does_not_read_is_not_the_clients(stand: Stand) -> None:
    size, reads = 32 * MB, asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await reads.wait()
        left = size
        while left:
            left -= len(await exchange.reader.read(min(left, MB)))
        await answer(TOLD, JSON)(exchange)

    stand.upstream.reads_bodies, stand.upstream.script = False, script
    client, sent = await stand.client(), 0

    async def upload() -> None:
        nonlocal sent
        await client.send(UPLOAD + b"content-length: %d\r\n\r\n" % size)
        while sent < size:
            await client.send(b"a" * 65536)
            sent += 65536

    uploading, last = asyncio.create_task(upload()), -1

    def stands_still() -> bool:
        nonlocal last
        same, last = sent == last, sent
        return same and sent > 0

    await steadily(stands_still, 3 * TIMEOUT_S, 30)
    reads.set()
    assert (await client.answer()).body == TOLD
    await uploading
    assert (await stand.the_call())["state"] == "completed"


async def test_the_rest_of_a_body_that_nobody_waits_for_does_not_keep_the_connection(stand: Stand) -> None:
    client = await stand.client()
    await client.send(b"POST /v1/messages HTTP/1.1\r\nhost: h\r\nauthorization: Bearer wh_x\r\n")
    await client.send(b"content-length: 1000\r\n\r\nabc")
    assert (await client.answer()).status == 401
    assert await asyncio.wait_for(client.reader.read(), LATE_S) == b""


async def test_a_refusal_is_read_before_the_connection_ends(stand: Stand) -> None:
    """A client that sends all of it first must not lose the answer to a reset."""
    size = BODY_MAX + LINGER_BYTES // 2
    client = await stand.client()
    head = b"POST " + CHAT + b" HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % size
    await client.send(head + b"a" * (LINGER_BYTES // 2))
    said = await refused(client)
    assert (said.status, json.loads(said.body)["error"]["code"]) == (413, "request_too_large")


async def test_who_was_not_told_to_go_on_with_a_body_is_not_kept(stand: Stand) -> None:
    """Whether the body comes is for the client to say, so what follows could be it, or the next request."""
    client = await stand.client()
    await client.send(b"POST /v1/messages HTTP/1.1\r\nhost: h\r\nauthorization: Bearer wh_x\r\n")
    await client.send(b"expect: 100-continue\r\ncontent-length: 100\r\n\r\n")
    assert (await refused(client)).status == 401
    assert stand.upstream.requests == []


async def test_requests_that_are_sent_ahead_are_answered_in_their_order(stand: Stand) -> None:
    async def script(exchange: Exchange) -> None:
        await answer(exchange.request.body, JSON)(exchange)

    stand.upstream.script = script
    bodies = [b'{"n":%d}' % n for n in range(50)]
    client = await stand.client()
    await client.send(b"".join(post(CHAT, body, JSON) for body in bodies))
    assert [(await client.answer()).body for _ in bodies] == bodies
    await stand.ended(50)


@pytest.mark.fault("Clients", "more than 100 requests sent ahead of the answer to the first")
async def test_a_flood_of_requests_sent_ahead_is_cut_off_and_leaves_only_what_was_served(
    stand: Stand, fault: Fault
) -> None:
    async def script(exchange: Exchange) -> bool:
        await exchange.send(STREAM + b"2\r\nok\r\n")
        await exchange.gone()
        return True

    stand.upstream.script = script
    before = stand.rss()
    client = await stand.client()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        for _ in range(2000):
            await client.send(post(CHAT, ASK, JSON) * 10)
        await client.reader.readuntil(b"no such answer")
    assert stand.rss() - before < 8 * MB
    await until(lambda: stand.upstream.open_connections == 0)
    row = await stand.the_call()
    assert row["state"] == "aborted"
    fault.client_sees("its connection ends")
    fault.books([row], stand.wellhead.database_path, "the first")
    fault.over_when("its connections end, on both sides")


@pytest.mark.fault("Clients", "5,000 idle connections")
async def test_five_thousand_idle_connections_cost_little_and_delay_nobody(
    stand: Stand, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 3 * IDLE), hard))
    idle: list[WireClient] = []
    try:
        before = stand.rss()
        while len(idle) < IDLE:
            idle += await asyncio.gather(*(WireClient.connect(stand.port) for _ in range(100)))
        for client in idle[: IDLE // 2]:  # Half of them have been served once.
            await client.send(post(CHAT, ASK, JSON))
            assert (await client.answer()).body == TOLD
        grown = stand.rss() - before
        record_property("bytes_per_idle_connection", grown // IDLE)
        assert grown <= IDLE * PER_IDLE_MAX
        assert stand.files() >= IDLE
        for _ in range(20):
            said = await talk(stand.port, post(CHAT, ASK, JSON))
            assert said.body == TOLD
            fault.client(said, whose="others")
        rows = await stand.ended(IDLE // 2 + 20)
        assert {row["state"] for row in rows} == {"completed"}
        fault.books(rows, stand.wellhead.database_path)
        fault.over_when("nothing is to be waited for")
    finally:
        for client in idle:
            client.reset()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    await until(lambda: stand.files() < IDLE)
