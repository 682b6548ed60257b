"""Clients that are no better than bad upstreams: nothing of theirs passes for what it is not, or piles up."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from fakes.stand import MB, Stand, a_stand
from fakes.wire import Exchange, WireAnswer, WireClient, WireRequest, answer, post, talk, until
from fault_table import Fault
from faults.request_forms import KEYS, NEXT_PATH, RULES, Form
from wellhead.policy.identify import HEADERS

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","stream":true,"messages":[]}'
JSON = b"content-type: application/json"
TOLD = b'{"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
POST = b"POST " + CHAT + b" HTTP/1.1\r\nhost: h\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(ASK), ASK)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FLOOD = 16 * MB
GROWTH_MAX = 5 * MB


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stand]:
    async with a_stand() as made:
        made.upstream.script = answer(TOLD, JSON)
        for _ in range(20):
            await talk(made.port, post(CHAT, ASK, JSON))
        yield made


@pytest.fixture
def stand(stand: Stand) -> Stand:
    stand.upstream.script = answer(TOLD, JSON)
    return stand


TWO_WAYS = pytest.mark.fault(
    "Clients", "its request can be read in two ways, or not at all ([every form](#what-is-a-request))"
)
UNKNOWN = pytest.mark.fault(
    "Clients",
    "a tunnel, another protocol ([every form](#what-is-a-request))",
)
CODING = pytest.mark.fault(
    "Clients", "a transfer coding other than `chunked` ([every form](#what-is-a-request))"
)


def shown(form: Form) -> tuple[pytest.MarkDecorator, ...]:
    """The row that a form belongs to, if it is refused."""
    if form.refused is None:
        return ()
    unknown = CODING if b"transfer-encoding" in form.sent.lower() else UNKNOWN
    return ({400: TWO_WAYS, 501: unknown}[form.refused],)


FORMS = [
    pytest.param(form, id=f"{rule}: {name}", marks=shown(form))
    for rule, forms in RULES.items()
    for name, form in forms.items()
]
NEXT = post(NEXT_PATH, b'{"model":"next","input":"x"}', JSON)


async def everything(client: WireClient) -> tuple[list[WireAnswer], bool]:
    """All answers of a connection until it is silent or ends, and whether it has ended."""
    answers: list[WireAnswer] = []
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while len(answers) < 2:
            answers.append(await asyncio.wait_for(client.answer(), 10))
        return answers, False
    return answers, True


@pytest.mark.parametrize("form", FORMS)
async def test_a_request_reaches_the_upstream_as_the_client_meant_it_or_not_at_all(
    stand: Stand, fault: Fault, form: Form
) -> None:
    client = await stand.client()
    await client.send(form.sent + NEXT)
    answers, has_ended = await everything(client)
    reached = stand.upstream.requests
    if form.refused is not None:
        (answer_,) = answers
        assert (answer_.status, answer_.header(b"connection")) == (form.refused, b"close")
        assert answer_.header(b"x-wellhead-error") is not None
        assert has_ended
        assert reached == []
        none = await asyncio.to_thread(stand.new_calls)
        assert none == []
        fault.client(answer_)
        fault.books(none)
        fault.over_when("its connection ends")
        return
    first, *others = reached
    assert (first.line, first.body) == (form.line, form.body)
    passed = {b"host", b"content-length", b"x-a", b"authorization", b"x-api-key"}
    # What comes behind a body is no line of a head.
    assert {name for name, _ in first.lines} <= passed - (set() if form in KEYS.values() else set(HEADERS))
    assert [(other.line, other.body) for other in others] == (
        [(b"POST " + NEXT_PATH + b" HTTP/1.1", b'{"model":"next","input":"x"}')] if form.stays else []
    )
    assert [answer.status for answer in answers] == [200] * len(reached)
    assert has_ended is not form.stays
    booked = sum(request.line.startswith(b"POST") for request in reached)
    if booked:
        assert {row["state"] for row in await stand.ended(booked)} == {"completed"}


async def test_the_manual_has_the_rules_and_no_others() -> None:
    manual = (Path(__file__).parents[2] / "docs/reliability.md").read_text()
    section = manual.split("### What is a request", 1)[1].split("\n#", 1)[0]
    assert re.findall(r"^\| ([A-Z][^|]*?) \|", section, re.MULTILINE) == list(RULES)


FLOODS = {
    # How it begins, and what then comes for ever.
    "a target": (b"POST /v1/", b"a" * 1000),
    "a line": (POST + b"x-a: ", b"a" * 1000),
    "lines": (POST, b"x-a: b\r\n" * 100),
    "a chunk's extension": (POST + b"transfer-encoding: chunked\r\n\r\n5;", b"a" * 1000),
    "lines after the body": (CHUNKED + b"0\r\n", b"x-a: b\r\n" * 100),
}


@pytest.mark.fault("Clients", "a head, a chunk's extension or lines after the body that never end")
@pytest.mark.parametrize(("start", "more"), FLOODS.values(), ids=FLOODS)
async def test_a_head_that_never_ends_is_cut_off_and_holds_no_memory(
    stand: Stand, fault: Fault, start: bytes, more: bytes
) -> None:
    before = stand.rss()
    client = await stand.client()
    await client.send(start)
    with pytest.raises(ConnectionError):
        for _ in range(FLOOD // len(more)):
            await asyncio.wait_for(client.send(more), 10)
    assert stand.rss() - before <= GROWTH_MAX
    assert stand.upstream.requests == []
    fault.client_sees("its connection ends")
    fault.books(await asyncio.to_thread(stand.new_calls))
    said = await talk(stand.port, post(CHAT, ASK, JSON))
    assert said.body == TOLD
    fault.next_call(said)


@pytest.mark.fault("Clients", "noise while an answer is under way")
async def test_noise_after_a_request_does_not_get_into_the_answer_under_way(
    stand: Stand, fault: Fault
) -> None:
    async def script(exchange: Exchange) -> bool:
        await exchange.send(STREAM + b"2\r\nok\r\n")
        await exchange.gone()
        return True

    stand.upstream.script = script
    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON))
    await client.reader.readuntil(b"ok\r\n")
    await client.send(b"\x00 this is no request\r\n\r\n")
    with suppress(ConnectionError):
        assert await client.reader.read() == b""
    await until(lambda: stand.upstream.open_connections == 0)
    row = await stand.the_call()
    assert row["state"] == "aborted"
    fault.client_sees("its answer is *cut*")
    fault.books([row], stand.wellhead.database_path)
    fault.over_when("its connection ends")


@pytest.mark.parametrize("size", [0, 17, 300_000])
async def test_an_offer_of_http_2_is_passed_over_and_the_connection_goes_on(stand: Stand, size: int) -> None:
    """As Java's own client offers it with every first request."""
    offer = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAAB\r\n"
    body = b" " * size
    client = await stand.client()
    for lines in (offer, b"", offer):
        await client.send(POST + lines + b"x-a: b\r\ncontent-length: %d\r\n\r\n" % size + body)
        assert (await client.answer()).body == TOLD
    await client.send((POST + offer + b"content-length: %d\r\n\r\n" % size + body) * 2)
    for _ in range(2):
        assert (await client.answer()).body == TOLD
    client.close()
    assert [request.body for request in stand.upstream.requests] == [body] * 5
    assert not any(offered(request) for request in stand.upstream.requests)


def offered(request: WireRequest) -> set[bytes]:
    return {name for name, _ in request.lines} & {b"upgrade", b"http2-settings", b"connection"}
