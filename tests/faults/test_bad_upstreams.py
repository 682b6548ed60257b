"""Upstreams that reset, hang, lie or flood: each has a defined outcome, and the next call is served.

The real program in a process of its own; its upstream is a raw socket of the test.
"""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import anthropic
import openai
import pytest
import pytest_asyncio

from fakes.stand import MB, Stand, a_stand
from fakes.wire import Exchange, Script, WireAnswer, answer, post, talk, until
from fault_table import Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","stream":true,"messages":[]}'
JSON = b"content-type: application/json"
TOLD = b'{"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
DELTA = b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
CHUNK = b"%x\r\n%s\r\n" % (len(DELTA), DELTA)
SIZED = OK + b"content-length: 2\r\n\r\nok"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
END = b"0\r\n\r\n"
CUT = r"incomplete|closed|peer|Connection"
STEP_S = 0.05
"""So that each part arrives by itself."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stand]:
    async with a_stand() as made:
        yield made


def saying(*parts: bytes, then: str = "close") -> Script:
    """These bytes, each in a segment of its own; then the connection is closed, reset or kept."""

    async def script(exchange: Exchange) -> bool:
        for part in parts:
            await exchange.send(part)
            await asyncio.sleep(STEP_S)
        if then == "reset":
            exchange.reset()
        return then != "keep"

    return script


async def next_call_is_served_on_a_fresh_connection(stand: Stand) -> WireAnswer:
    before = stand.upstream.connections
    stand.upstream.script = answer(TOLD, JSON)
    said = await talk(stand.port, post(CHAT, ASK, JSON))
    assert said.body == TOLD
    assert (await stand.the_call())["total_tokens"] == 10
    assert stand.upstream.connections == before + 1
    # Leave no good connection behind, for the next case must make its own.
    stand.upstream.script = answer(TOLD, JSON, b"connection: close")
    await talk(stand.port, b"GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n")
    return said


NO_HEAD = {
    "nothing": (b"",),
    "half a head": (b"HTTP/1.1 200 OK\r\ncontent-ty",),
    "half a status line": (b"HTTP/1.1 2",),
    "another protocol": (b"\x16\x03\x01 not HTTP\r\n\r\n",),
    "noise": (bytes(range(256)) * 64,),
    "a version from the future": (b"HTTP/9.9 200 OK\r\ncontent-length: 0\r\n\r\n",),
    "a status of two digits": (b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n",),
    "a switch of protocols": (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nraw",),
    "a line without a colon": (OK + b"no colon\r\n\r\n",),
    "a NUL in a line": (OK + b"x: a\0b\r\n\r\n",),
    "a huge line": (OK + b"x: " + b"a" * MB + b"\r\n\r\n",),
    "too many lines": (OK + b"x-a: b\r\n" * 20_000 + b"\r\n",),
    "two lengths": (OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nabc",),
    "a length that is no number": (OK + b"content-length: x\r\n\r\nabc",),
    "a negative length": (OK + b"content-length: -1\r\n\r\nabc",),
    "a length beyond all bounds": (OK + b"content-length: 99999999999999999999999\r\n\r\nabc",),
    "a length and chunks": (OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNK + END,),
    "interim answers only": (INTERIM * 20_000,),
}


@pytest.mark.fault(
    "Upstreams", "no head that can be read: nothing, half of one, noise, two lengths, another protocol"
)
@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("said", NO_HEAD.values(), ids=NO_HEAD)
async def test_what_has_no_readable_head_is_a_502(
    stand: Stand, fault: Fault, said: tuple[bytes, ...], then: str
) -> None:
    stand.upstream.script = saying(*said, then=then)
    got = await talk(stand.port, post(b"/v1/messages", ASK, JSON))
    assert (got.status, got.header(b"x-wellhead-error"), got.complete) == (502, b"bad_gateway", True)
    row = await stand.the_call()
    assert (row["state"], row["status_code"], row["error_code"]) == ("failed", 502, "bad_gateway")
    assert row["total_tokens"] is None
    fault.client(got, path=b"/v1/messages")
    fault.books([row], stand.wellhead.database_path)
    await until(lambda: stand.upstream.open_connections == 0)
    fault.next_call(await next_call_is_served_on_a_fresh_connection(stand))


BROKEN = {
    "a length and nothing": (OK + b"content-length: 9\r\n\r\n",),
    "chunks to come and nothing": (CHUNKED,),
    "less than its length": (OK + b"content-length: 999\r\n\r\n", DELTA),
    "half a chunk": (CHUNKED, CHUNK, b"9\r\nabc"),
    "no last chunk": (CHUNKED, CHUNK),
    "half a last chunk": (CHUNKED, CHUNK, b"0\r\n\r"),
    "a chunk size that is no number": (CHUNKED, CHUNK, b"zz\r\nabc\r\n" + END),
    "a negative chunk size": (CHUNKED, CHUNK, b"-5\r\nabc\r\n" + END),
    "a chunk size beyond all bounds": (CHUNKED, CHUNK, b"f" * 40 + b"\r\nabc\r\n" + END),
    "a chunk longer than its size": (CHUNKED, CHUNK, b"3\r\nabcdef\r\n" + END),
}


# What is no HTTP any more is broken even if the connection stays; all else might still go on.
BREAKS = [
    pytest.param(said, then, id=f"{name}, {then}")
    for name, said in BROKEN.items()
    for then in ("close", "reset", "keep")
    if then != "keep" or END in said[-1]
]


@pytest.mark.fault("Upstreams", "its answer breaks off or is reset, or its chunks are none")
@pytest.mark.parametrize(("said", "then"), BREAKS)
async def test_a_body_that_breaks_never_looks_complete(
    stand: Stand, fault: Fault, said: tuple[bytes, ...], then: str
) -> None:
    stand.upstream.script = saying(*said, then=then)
    got = await asyncio.wait_for(talk(stand.port, post(CHAT, ASK, JSON)), 10)
    assert (got.status, got.complete) == (200, False)
    assert got.body.startswith(DELTA if len(said) > 1 else b"")
    row = await stand.the_call()
    assert (row["state"], row["status_code"], row["error_code"]) == ("failed", 200, "stream_error")
    assert row["incomplete"]
    fault.client(got)
    fault.books([row], stand.wellhead.database_path)
    await until(lambda: stand.upstream.open_connections == 0)
    fault.next_call(await next_call_is_served_on_a_fresh_connection(stand))


@pytest.mark.parametrize("said", [(OK + b"\r\n",), (OK + b"\r\n", DELTA)], ids=["no body", "some"])
async def test_a_body_without_a_length_is_complete_at_a_close_but_not_at_a_reset(
    stand: Stand, said: tuple[bytes, ...]
) -> None:
    outcomes = []
    for then in ("close", "reset"):
        stand.upstream.script = saying(*said, then=then)
        got = await talk(stand.port, post(CHAT, ASK, JSON))
        row = await stand.the_call()
        outcomes.append((got.complete, got.body, row["state"], row["error_code"]))
    body = b"".join(said[1:])
    assert outcomes == [(True, body, "completed", None), (False, body, "failed", "stream_error")]
    await next_call_is_served_on_a_fresh_connection(stand)


ODD = {
    # What it says, what it does then, and the body that the client is to get.
    "more than its length": ((SIZED, b" and more"), "keep", b"ok"),
    "a second answer at once": ((SIZED + SIZED,), "keep", b"ok"),
    "a second answer later": ((SIZED, OK + b"content-length: 5\r\n\r\nstale"), "keep", b"ok"),
    "a second answer after chunks": ((CHUNKED + CHUNK + END, SIZED), "keep", DELTA),
    "noise after the answer": ((SIZED, b"\0\xff" * 100), "keep", b"ok"),
    "fifty interim answers": ((INTERIM * 50 + SIZED,), "close", b"ok"),
    "HTTP/1.0": ((b"HTTP/1.0 200 OK\r\n\r\n", b"ok"), "close", b"ok"),
    "its end announced": ((OK + b"connection: close\r\ncontent-length: 2\r\n\r\nok",), "keep", b"ok"),
}


@pytest.mark.fault("Upstreams", "it goes on after the end of its answer, with noise or a second answer")
@pytest.mark.parametrize(("said", "then", "body"), ODD.values(), ids=ODD)
async def test_what_comes_after_an_answer_never_reaches_another_call(
    stand: Stand, fault: Fault, said: tuple[bytes, ...], then: str, body: bytes
) -> None:
    stand.upstream.script = saying(*said, then=then)
    got = await talk(stand.port, post(CHAT, ASK, JSON))
    assert (got.status, got.body, got.complete) == (200, body, True)
    row = await stand.the_call()
    assert row["state"] == "completed"
    fault.client(got)
    fault.books([row], stand.wellhead.database_path)
    await asyncio.sleep(STEP_S * len(said) + STEP_S)  # Until the upstream has said it all.
    fault.next_call(await next_call_is_served_on_a_fresh_connection(stand))


@pytest.mark.parametrize("parts", [(SIZED,), (SIZED[:-2], b"ok")], ids=["at once", "later"])
async def test_a_body_in_answer_to_head_never_reaches_another_call(
    stand: Stand, parts: tuple[bytes, ...]
) -> None:
    stand.upstream.script = saying(*parts, then="keep")
    got = await talk(stand.port, b"HEAD /v1/models HTTP/1.1\r\nhost: h\r\n\r\n")
    assert (got.status, got.header(b"content-length")) in ((200, b"2"), (502, got.header(b"content-length")))
    await asyncio.sleep(2 * STEP_S)
    await next_call_is_served_on_a_fresh_connection(stand)


@pytest.mark.fault("Upstreams", "a head or interim answers without end")
@pytest.mark.parametrize("line", [b"x-more: and more\r\n", INTERIM], ids=["header lines", "interim answers"])
async def test_a_head_without_end_is_cut_off_and_holds_no_memory(
    stand: Stand, fault: Fault, line: bytes
) -> None:
    async def script(exchange: Exchange) -> bool:
        await exchange.send(b"" if line == INTERIM else OK)
        while True:
            await exchange.send(line * 1000)

    before = stand.rss()
    stand.upstream.script = script
    got = await asyncio.wait_for(talk(stand.port, post(CHAT, ASK, JSON)), 10)
    assert got.status == 502
    assert stand.rss() - before < 10 * MB
    row = await stand.the_call()
    assert row["error_code"] == "bad_gateway"
    fault.client(got)
    fault.books([row], stand.wellhead.database_path)
    await until(lambda: stand.upstream.open_connections == 0)
    fault.next_call(await next_call_is_served_on_a_fresh_connection(stand))


@pytest.mark.fault("Upstreams", "it hangs, no timeout is set, and the client leaves")
@pytest.mark.parametrize("said", [(), (CHUNKED,), (CHUNKED, CHUNK)], ids=["nothing", "a head", "a chunk"])
async def test_an_upstream_that_hangs_is_let_go_when_the_client_leaves(
    stand: Stand, fault: Fault, said: tuple[bytes, ...]
) -> None:
    async def hang(exchange: Exchange) -> bool:
        for part in said:
            await exchange.send(part)
        await exchange.gone()
        return True

    stand.upstream.script = hang
    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON))
    await until(lambda: stand.upstream.requests)
    if said:
        await client.head()
    client.close()
    left_s = monotonic()
    await until(lambda: stand.upstream.open_connections == 0)
    fault.over(monotonic() - left_s, 1, "its upstream call ends")
    row = await stand.the_call()
    assert (row["state"], row["status_code"]) == ("aborted", 200 if said else 499)
    fault.client_sees("nothing: it is gone")
    fault.books([row], stand.wellhead.database_path)
    await next_call_is_served_on_a_fresh_connection(stand)


async def test_no_sdk_takes_a_cut_stream_for_a_whole_one(stand: Stand) -> None:
    started = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message",'
    started += (
        b'"role":"assistant","content":[],"model":"c","usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
    )
    url = f"http://127.0.0.1:{stand.port}"
    for then in ("close", "reset"):
        stand.upstream.script = saying(CHUNKED, CHUNK, then=then)
        async with openai.AsyncOpenAI(base_url=url + "/v1", api_key="k", max_retries=0) as chat:
            stream = await chat.chat.completions.create(model="m", messages=[], stream=True)
            with pytest.raises(Exception, match=CUT):
                async for _ in stream:
                    pass
        stand.upstream.script = saying(CHUNKED, b"%x\r\n%s\r\n" % (len(started), started), then=then)
        async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as messages:
            with pytest.raises(Exception, match=CUT):
                async with messages.messages.stream(
                    model="c", max_tokens=1, messages=[{"role": "user", "content": "x"}]
                ) as events:
                    await events.get_final_message()
    assert {row["error_code"] for row in await stand.ended(4)} == {"stream_error"}
