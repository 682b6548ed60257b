"""More calls than there is room for: the next one is refused at once; those that are in keep their pace."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from fakes.stand import MB, Stand, a_stand
from fakes.wire import Exchange, WireAnswer, WireClient, answer, post, talk, until
from fault_table import Fault, with_limits

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","messages":[]}'
JSON = b"content-type: application/json"
TOLD = b'{"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
ROOM = 4
ANSWER_S = 0.1
"""How long the upstream takes, so that there is room for `ROOM / ANSWER_S` calls a second."""
MEASURED_S = 2.0
GOODPUT_MIN = 0.8
ROUNDS = 4
"""What else the machine does may strike either half of one; a gateway that collapses does so in each."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stand]:
    async with a_stand({"gateway": {"max_concurrent_calls": ROOM}}) as made:
        made.upstream.script = answer(TOLD, JSON)
        yield made


class Held:
    """An upstream that answers when it is told to."""

    def __init__(self, stand: Stand) -> None:
        self.go_on = asyncio.Event()
        self._stand = stand
        stand.upstream.script = self

    async def __call__(self, exchange: Exchange) -> None:
        await self.go_on.wait()
        await answer(TOLD, JSON)(exchange)

    async def full_house(self) -> list[WireClient]:
        clients = [await self._stand.client() for _ in range(ROOM)]
        for client in clients:
            await client.send(post(CHAT, ASK, JSON))
        await until(lambda: len(self._stand.upstream.requests) == ROOM)
        return clients


def get(path: bytes) -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nhost: h\r\n\r\n"


def refused(said: WireAnswer) -> None:
    assert (said.status, said.header(b"x-wellhead-error")) == (503, b"overloaded")
    assert said.header(b"retry-after") == b"1"


@pytest.mark.fault("Clients", "more calls at once than `gateway.max_concurrent_calls`")
async def test_one_call_too_many_is_refused_and_leaves_no_trace(stand: Stand, fault: Fault) -> None:
    held = Held(stand)
    clients = await held.full_house()
    said = await talk(stand.port, post(CHAT, ASK, JSON))
    refused(said)
    fault.client(said, whose="the one too many")
    held.go_on.set()
    for client in clients:
        said = await client.answer()
        assert said.body == TOLD
        fault.client(said, whose="the others")
    said = await talk(stand.port, post(CHAT, ASK, JSON))
    assert said.body == TOLD
    fault.next_call(said)
    rows = await stand.ended(ROOM + 1)
    assert {row["state"] for row in rows} == {"completed"}
    fault.books([], whose="the one too many")
    fault.books(rows, stand.wellhead.database_path, "the others")
    assert len(stand.upstream.requests) == ROOM + 1


FORMS: dict[bytes, Callable[[dict[str, object]], object]] = {
    CHAT: lambda body: body["error"]["type"] == "server_error",  # type: ignore[index]
    b"/v1/messages": lambda body: body["error"]["type"] == "overloaded_error",  # type: ignore[index]
    b"/v1beta/models/g:generateContent": lambda body: body["error"]["status"] == "UNAVAILABLE",  # type: ignore[index]
    b"/api/chat": lambda body: isinstance(body["error"], str),
}


async def test_the_refusal_has_the_form_that_the_caller_knows(stand: Stand) -> None:
    held = Held(stand)
    clients = await held.full_house()
    for path, is_known in FORMS.items():
        said = await talk(stand.port, post(path, ASK, JSON))
        refused(said)
        assert is_known(json.loads(said.body)), path
    held.go_on.set()
    for client in clients:
        await client.answer()
    await stand.ended(ROOM)


async def test_nothing_of_a_call_is_read_that_there_is_no_room_for(stand: Stand) -> None:
    held = Held(stand)
    clients = await held.full_house()
    late = await stand.client()
    # A body that is announced and never comes is not waited for; its client is not told to go on, either.
    await late.send(b"POST " + CHAT + b" HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\n")
    await late.send(b"content-length: 1000\r\n\r\n")
    refused(await late.answer())
    held.go_on.set()
    for client in clients:
        await client.answer()
    await stand.ended(ROOM)


async def test_the_connection_of_a_call_that_was_refused_serves_the_next_one(stand: Stand) -> None:
    held = Held(stand)
    clients = await held.full_house()
    late = await stand.client()
    for size in (0, 100, 100_000):
        await late.send(post(CHAT, b" " * size, JSON))
        refused(await late.answer())
    held.go_on.set()
    for client in clients:
        await client.answer()
    await late.send(post(CHAT, ASK, JSON))
    assert (await late.answer()).body == TOLD
    await stand.ended(ROOM + 1)


async def test_a_body_that_nobody_reads_is_dropped_up_to_a_limit(stand: Stand) -> None:
    held = Held(stand)
    clients = await held.full_house()
    before, late = stand.rss(), await stand.client()
    await late.send(b"POST " + CHAT + b" HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % 10**9)
    refused(await late.answer())
    with pytest.raises(ConnectionError):
        for _ in range(10**9 // MB):
            await late.send(b" " * MB)
    assert stand.rss() - before < 4 * MB
    held.go_on.set()
    for client in clients:
        await client.answer()
    await stand.ended(ROOM)


async def test_odd_calls_are_refused_like_all_others(stand: Stand) -> None:
    """Those of HTTP/1.0, with other methods, and behind another one on the same connection."""
    held = Held(stand)
    clients = await held.full_house()
    old = post(CHAT, ASK, JSON).replace(b"HTTP/1.1", b"HTTP/1.0")
    for sent in (old, get(b"/v1/models"), post(CHAT, ASK, JSON, b"connection: close")):
        refused(await talk(stand.port, sent))
    ahead = await stand.client()
    await ahead.send(get(b"/v1/models") + post(CHAT, ASK, JSON) + get(b"/health"))
    refused(await ahead.answer())
    refused(await ahead.answer())
    assert (await ahead.answer()).status == 200
    held.go_on.set()
    for client in clients:
        await client.answer()
    await stand.ended(ROOM)


async def test_health_and_readiness_are_told_in_a_full_house(stand: Stand) -> None:
    held = Held(stand)
    clients = await held.full_house()
    assert (await talk(stand.port, get(b"/health"))).status == 200
    assert (await talk(stand.port, get(b"/ready"))).status == 200
    held.go_on.set()
    for client in clients:
        await client.answer()
    await stand.ended(ROOM)


async def test_the_log_says_how_many_were_refused_and_not_each_of_them(stand: Stand) -> None:
    held = Held(stand)
    clients = await held.full_house()
    for _ in range(20):
        refused(await talk(stand.port, post(CHAT, ASK, JSON)))
    held.go_on.set()
    for client in clients:
        await client.answer()
    await stand.ended(ROOM)
    # Earlier tests had calls refused as well, and the time may come in the middle of this one.
    await until(lambda: bool(stand.wellhead.events("gateway.overloaded")), 15)
    told = stand.wellhead.events("gateway.overloaded")
    assert len(told) <= 3
    assert {line["calls_max"] for line in told} == {ROOM}


async def goodput(stand: Stand, clients: int) -> tuple[int, int]:
    """How many calls were answered well in `MEASURED_S`, and how many were refused.

    Each client calls again and again; who is refused comes back after as long as an answer takes.
    """
    good = bad = 0
    end = asyncio.get_running_loop().time() + MEASURED_S

    async def call_and_call() -> None:
        nonlocal good, bad
        client = await WireClient.connect(stand.port)
        while asyncio.get_running_loop().time() < end:
            await client.send(post(CHAT, ASK, JSON))
            said = await client.answer()
            if said.status == 200:
                good += 1
            else:
                refused(said)
                bad += 1
                await asyncio.sleep(ANSWER_S)
        client.close()

    await asyncio.gather(*(call_and_call() for _ in range(clients)))
    return good, bad


@pytest.mark.fault("Clients", "three times as many calls as there is room for, again and again")
async def test_three_times_as_many_calls_as_fit_leave_most_of_the_goodput(stand: Stand, fault: Fault) -> None:
    async def script(exchange: Exchange) -> None:
        await asyncio.sleep(ANSWER_S)
        await answer(TOLD, JSON)(exchange)

    stand.upstream.script = script
    served, ratio = 0, 0.0
    for _ in range(ROUNDS):
        peak, none = await goodput(stand, ROOM)
        held, refused_ = await goodput(stand, 3 * ROOM)
        assert none == 0
        assert refused_ > 0
        served, ratio = served + peak + held, max(ratio, held / peak)
        if ratio >= GOODPUT_MIN:
            break
    assert ratio >= GOODPUT_MIN
    rows = await stand.ended(served, 20)
    assert {row["state"] for row in rows} == {"completed"}
    fault.client_sees(
        f"{GOODPUT_MIN:.0%} or more of the calls that fit are answered; others 503 `overloaded`"
    )
    fault.books(rows, stand.wellhead.database_path, "those that were answered")
    fault.over_when("with the load")


BODIES_MAX = 4 * MB
STREAMS = 20


@pytest_asyncio.fixture(loop_scope="module")
async def narrow() -> AsyncIterator[Stand]:
    config = {"gateway": {"max_request_body": 3 * MB, "max_held_bodies": BODIES_MAX}}
    async with a_stand(config) as made:
        with_limits(made.wellhead.database_path)
        yield made


def long_ask(size: int) -> bytes:
    return b'{"model":"gpt-5","messages":[],"user":"%s"}' % (b"u" * size)


@pytest.mark.fault("Clients", "bodies that wait for an answer fill `gateway.max_held_bodies`")
async def test_a_body_that_there_is_no_room_for_is_refused(narrow: Stand, fault: Fault) -> None:
    held = Held(narrow)
    waiting = await narrow.client()
    await waiting.send(post(CHAT, long_ask(3 * MB - 100), JSON))
    await until(lambda: len(narrow.upstream.requests) == 1)
    said = await talk(narrow.port, post(CHAT, long_ask(2 * MB), JSON))
    refused(said)
    fault.client(said, whose="the one too many")
    small = await narrow.client()
    await small.send(post(CHAT, ASK, JSON))
    await until(lambda: len(narrow.upstream.requests) == 2)
    held.go_on.set()
    for client in (waiting, small):
        said = await client.answer()
        assert said.body == TOLD
        fault.client(said, whose="the others")
    said = await talk(narrow.port, post(CHAT, long_ask(3 * MB - 100), JSON))
    assert said.body == TOLD
    fault.next_call(said)
    rows = await narrow.ended(3)
    fault.books([], whose="the one too many")
    fault.books(rows, narrow.wellhead.database_path, "the others")


async def test_what_was_refused_or_broken_off_leaves_its_room_to_others(narrow: Stand) -> None:
    narrow.upstream.script = answer(TOLD, JSON)
    for _ in range(4):
        gone = await narrow.client()
        await gone.send(b"POST " + CHAT + b" HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % (3 * MB))
        await gone.send(b" " * (2 * MB))
        gone.close()
        assert (await talk(narrow.port, post(CHAT, b" " * (4 * MB), JSON))).status == 413
    deadline = asyncio.get_running_loop().time() + 5
    while (await talk(narrow.port, post(CHAT, long_ask(3 * MB - 100), JSON))).status != 200:
        assert asyncio.get_running_loop().time() < deadline


async def test_a_stream_that_has_begun_holds_nothing_of_its_request(narrow: Stand) -> None:
    go_on = asyncio.Event()

    async def stream(exchange: Exchange) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        await exchange.send(head + b"8\r\n: begun\n\r\n")
        await go_on.wait()
        await exchange.send(b"0\r\n\r\n")

    narrow.upstream.script = stream
    clients, before = [], narrow.rss()
    for _ in range(STREAMS):
        client = await narrow.client()
        await client.send(post(CHAT, long_ask(2 * MB), JSON))
        await client.reader.readuntil(b": begun")
        clients.append(client)
    assert narrow.rss() - before < STREAMS * 2 * MB // 4
    go_on.set()
    await narrow.ended(STREAMS)
