"""The whole path of a call, over real sockets: what goes on, what is booked, what the client is told."""

import asyncio
import hashlib
import json

import pytest

from fakes.access import a_credential, a_key, a_limit, a_secret, knowing
from fakes.books import FakeBooks
from fakes.gateway import running_gateway, sole
from fakes.wire import Exchange, WireClient, WireServer, answer, chunked, post, raw, talk, until
from wellhead.access import Credential, Key
from wellhead.call import CallState
from wellhead.directory import Auth, AuthType, Directory, OnDisconnect, Provider, ProviderType
from wellhead.errors import Quota, Refused
from wellhead.gateway.app import GatewayOptions
from wellhead.limit import Limit
from wellhead.policy.attribution import How, Rule, Sign
from wellhead.usage import UsageSource

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}'
ASK_STREAM = b'{"model":"gpt-5","stream":true,"messages":[]}'
TOLD = (
    b'{"id":"chatcmpl-1","model":"gpt-5-2026","choices":[{"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
)
JSON = b"content-type: application/json"
SSE = b"content-type: text/event-stream"
DELTA = b'data: {"id":"chatcmpl-1","choices":[{"delta":{"content":"a"}}]}\n\n'
USAGE = (
    b'data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,'
    b'"total_tokens":10}}\n\n'
)
DONE = b"data: [DONE]\n\n"
FORM = b"content-type: multipart/form-data; boundary=b"
FORM_HEAD = (
    b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
)


async def test_a_call_is_booked_before_it_leaves_and_settled_with_what_the_upstream_reported() -> None:
    books = FakeBooks()

    async def script(exchange: Exchange) -> None:
        assert len(books.openings) == 1
        assert not books.settlements
        await answer(TOLD, JSON)(exchange)

    async with WireServer(script) as server, running_gateway(sole(server.url), books=books) as gateway:
        said = await talk(gateway.port, post(CHAT, ASK, JSON, b"authorization: Bearer sk-test"))
        assert (said.status, said.body) == (200, TOLD)
        opening, settlement = await gateway.the_call()
        assert said.header(b"x-wellhead-call") == str(opening.id).encode()
        assert (opening.provider, opening.dialect, opening.model) == ("upstream", "openai_chat", "gpt-5")
        assert opening.credential_hash == hashlib.sha256(b"sk-test").digest()
        assert (opening.path, opening.method, opening.request_bytes) == (CHAT.decode(), "POST", len(ASK))
        assert (opening.message_count, opening.client_address) == (1, "127.0.0.1")
        assert (settlement.state, settlement.status_code) == (CallState.COMPLETED, 200)
        usage = settlement.usage
        assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (7, 3, 10)
        assert settlement.usage_source is UsageSource.REPORTED
        assert (settlement.model_served, settlement.finish_reason) == ("gpt-5-2026", "stop")
        assert settlement.response_bytes == len(TOLD)
        assert settlement.attempts == 1
        assert settlement.latency_us is not None
        assert settlement.upstream_latency_us is not None
        assert 0 <= settlement.upstream_latency_us <= settlement.latency_us
        assert not settlement.incomplete


async def test_request_and_response_pass_unchanged() -> None:
    lines = (b"X-One: caf\xe9", b"x-one: 2", b"Connection: x-hop", b"X-Hop: 1")
    async with WireServer(answer(b"\x1f\x8bnot gzip", *lines, status=b"418 Teapot")) as server:
        async with running_gateway(sole(server.url)) as gateway:
            sent = post(b"/v1//x/%2e%2E/?a=%20&a", b"\x00\xff", b"X-Dup: 1", b"X-Dup: \xe9", b"TE: trailers")
            said = await talk(gateway.port, sent)
            assert said.status == 418
            assert said.body == b"\x1f\x8bnot gzip"
            passed = [line for line in said.lines if line[0] != b"x-wellhead-call"]
            assert passed == [(b"x-one", b"caf\xe9"), (b"x-one", b"2"), (b"content-length", b"10")]
            request = server.requests[0]
            assert request.line == b"POST /v1//x/%2e%2E/?a=%20&a HTTP/1.1"
            assert request.body == b"\x00\xff"
            assert request.lines == [
                (b"host", server.url[7:].encode()),
                (b"x-dup", b"1"),
                (b"x-dup", b"\xe9"),
                (b"content-length", b"2"),
            ]
            assert gateway.books.openings == {}


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH", "OPTIONS", "PUT"])
async def test_every_method_passes(method: str) -> None:
    async with WireServer(answer(b"ok")) as server, running_gateway(sole(server.url)) as gateway:
        said = await talk(gateway.port, method.encode() + b" /v1/files/1 HTTP/1.1\r\nhost: h\r\n\r\n")
        assert said.body == b"ok"
        assert server.requests[0].line.startswith(method.encode())


async def test_head_204_and_304_keep_their_headers_and_the_connection() -> None:
    heads = iter(
        [
            b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b'HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\netag: "x"\r\n\r\n',
            b"HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n",
        ]
    )

    async def script(exchange: Exchange) -> None:
        await exchange.send(next(heads))

    async with WireServer(script) as server, running_gateway(sole(server.url)) as gateway:
        client = await WireClient.connect(gateway.port)
        await client.send(b"HEAD / HTTP/1.1\r\nhost: h\r\n\r\n")
        assert (await client.answer("HEAD")).header(b"content-length") == b"12"
        statuses = []
        for _ in range(3):
            await client.send(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            said = await client.answer()
            statuses.append((said.status, said.header(b"content-length"), said.header(b"connection")))
        assert statuses == [(204, None, None), (304, b"7", None), (302, b"0", None)]
        client.close()


async def test_expect_100_is_answered_here() -> None:
    async with WireServer(answer(TOLD, JSON)) as server, running_gateway(sole(server.url)) as gateway:
        client = await WireClient.connect(gateway.port)
        whole = post(CHAT, ASK, JSON, b"expect: 100-continue")
        head, _, body = whole.partition(b"\r\n\r\n")
        await client.send(head + b"\r\n\r\n")
        assert await client.head() == b"HTTP/1.1 100 Continue"
        await client.send(body)
        assert (await client.answer()).body == TOLD
        assert server.requests[0].header(b"expect") is None
        client.close()


async def test_a_chunked_json_body_is_read_whole_and_sent_with_its_length() -> None:
    async with WireServer(answer(TOLD, JSON)) as server, running_gateway(sole(server.url)) as gateway:
        head = b"POST " + CHAT + b" HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
        halves = ASK[:20], ASK[20:]
        data = b"".join(b"%x\r\n%s\r\n" % (len(half), half) for half in halves) + b"0\r\nx-trailer: 1\r\n\r\n"
        assert (await talk(gateway.port, head + data)).body == TOLD
        assert server.requests[0].body == ASK
        assert server.requests[0].header(b"content-length") == str(len(ASK)).encode()


async def test_a_multipart_body_streams_through_without_being_held() -> None:
    arrived = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"filename")
        arrived.set()
        await reader.readuntil(b"last")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, running_gateway(sole(url)) as gateway:
        client = await WireClient.connect(gateway.port)
        head = b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: h\r\n"
        size = len(FORM_HEAD) + 4
        await client.send(head + FORM + b"\r\ncontent-length: %d\r\n\r\n" % size + FORM_HEAD)
        await asyncio.wait_for(arrived.wait(), 5)
        await client.send(b"last")
        assert (await client.answer()).body == b"{}"
        opening, settlement = await gateway.the_call()
        assert (opening.dialect, opening.model) == ("openai_transcription", "whisper-1")
        assert (opening.request_bytes, settlement.request_bytes) == (None, size)
        client.close()


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (b"/v1/chat/completions", lambda b: b["error"]["code"] == "request_too_large"),
        (b"/v1/messages", lambda b: b["error"]["type"] == "request_too_large"),
        (b"/v1beta/models/g:generateContent", lambda b: b["error"]["status"] == "INVALID_ARGUMENT"),
        (b"/api/chat", lambda b: "limit of 10 bytes" in b["error"]),
    ],
)
async def test_a_body_over_the_limit_is_refused_in_the_callers_dialect(path: bytes, form: object) -> None:
    async with WireServer(answer(b"never")) as server:
        async with running_gateway(sole(server.url), options=GatewayOptions(max_request_body=10)) as gateway:
            announced = await talk(gateway.port, post(path, b"x" * 11, JSON))
            head = b"POST " + path + b" HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
            counted = await talk(gateway.port, head + b"b\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n")
            for said in (announced, counted):
                assert said.status == 413
                assert said.header(b"x-wellhead-error") == b"request_too_large"
                assert form(json.loads(said.body))  # type: ignore[operator]
            assert server.requests == []
            assert gateway.books.openings == {}


async def test_an_upload_over_the_limit_is_cut_while_it_streams() -> None:
    async with WireServer(answer(b"never")) as server:
        options = GatewayOptions(max_request_body=len(FORM_HEAD) + 5)
        async with running_gateway(sole(server.url), options=options) as gateway:
            head = b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n"
            client = await WireClient.connect(gateway.port)
            await client.send(head + FORM + b"\r\n\r\n%x\r\n%s\r\n" % (len(FORM_HEAD), FORM_HEAD))
            await until(lambda: server.connections)
            await client.send(b"6\r\nsecond\r\n0\r\n\r\n")
            assert (await client.answer()).status == 413
            await until(lambda: server.open_connections == 0)
            assert (await gateway.the_call())[1].error_code == "request_too_large"
            client.close()


async def test_chunks_pass_one_by_one_and_end_as_they_ended() -> None:
    go_on = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\n" + SSE + b"\r\ntransfer-encoding: chunked\r\n\r\n")
        await exchange.send(b"%x\r\n%s\r\n" % (len(DELTA), DELTA))
        await go_on.wait()
        rest = USAGE + DONE
        await exchange.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(rest), rest))

    async with WireServer(script) as server, running_gateway(sole(server.url)) as gateway:
        client = await WireClient.connect(gateway.port)
        await client.send(post(CHAT, ASK_STREAM, JSON))
        assert b"text/event-stream" in await client.head()
        assert await client.reader.readuntil(b"}\n\n\r\n") == b"%x\r\n%s\r\n" % (len(DELTA), DELTA)
        go_on.set()
        assert (await client.reader.readuntil(b"0\r\n\r\n")).endswith(b"[DONE]\n\n\r\n0\r\n\r\n")
        opening, settlement = await gateway.the_call()
        assert opening.streamed
        assert settlement.streamed
        assert settlement.usage.total_tokens == 10
        assert settlement.ttft_us is not None
        client.close()


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("framing", [b"transfer-encoding: chunked\r\n\r\n", b"content-length: 9999\r\n\r\n"])
async def test_a_stream_cut_upstream_never_looks_complete(framing: bytes, reset: bool) -> None:
    start = b"HTTP/1.1 200 OK\r\n" + SSE + b"\r\n" + framing
    part = b"%x\r\n%s\r\n" % (len(DELTA), DELTA) if b"chunked" in framing else DELTA
    cut = asyncio.Event()

    async def script(exchange: Exchange) -> bool:
        await exchange.send(start + part)
        await cut.wait()
        if reset:
            exchange.reset()
        return True

    async with WireServer(script) as server, running_gateway(sole(server.url)) as gateway:
        client = await WireClient.connect(gateway.port)
        await client.send(post(CHAT, ASK_STREAM, JSON))
        asyncio.get_running_loop().call_later(0.05, cut.set)
        said = await client.answer()
        assert (said.body, said.complete) == (DELTA, False)
        _, settlement = await gateway.the_call()
        assert (settlement.state, settlement.error_code) == (CallState.FAILED, "stream_error")
        assert settlement.status_code == 200
        assert settlement.incomplete
        client.close()


async def test_an_error_answer_passes_and_is_booked_as_failed() -> None:
    body = b'{"error":{"message":"slow down","type":"rate_limit","code":"429"}}'
    async with WireServer(answer(body, JSON, b"retry-after: 7", status=b"429 Too Many Requests")) as server:
        async with running_gateway(sole(server.url)) as gateway:
            said = await talk(gateway.port, post(CHAT, ASK, JSON))
            assert (said.status, said.body, said.header(b"retry-after")) == (429, body, b"7")
            _, settlement = await gateway.the_call()
            assert (settlement.state, settlement.status_code) == (CallState.FAILED, 429)
            assert (settlement.error_code, settlement.error_message) == ("upstream_error", "slow down")
            assert settlement.usage.input_tokens is None


async def test_an_error_event_in_a_stream_is_booked_as_failed() -> None:
    event = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n'
    async with WireServer(chunked(event)) as server, running_gateway(sole(server.url)) as gateway:
        said = await talk(gateway.port, post(b"/v1/messages", b'{"model":"c","stream":true}', JSON))
        assert said.complete
        _, settlement = await gateway.the_call()
        assert (settlement.state, settlement.error_message) == (CallState.FAILED, "busy")


async def test_an_upstream_that_is_not_there_is_a_502_in_the_callers_dialect() -> None:
    async with WireServer(answer(b"")) as server:
        url = server.url
    async with running_gateway(sole(url)) as gateway:
        said = await talk(gateway.port, post(b"/v1/messages", b'{"model":"c"}', JSON))
        assert said.status == 502
        assert json.loads(said.body)["error"]["type"] == "api_error"
        assert said.header(b"x-wellhead-error") == b"bad_gateway"
        _, settlement = await gateway.the_call()
        assert (settlement.state, settlement.error_code) == (CallState.FAILED, "bad_gateway")
        assert settlement.status_code == 502


async def test_a_call_tells_its_way_in_the_log() -> None:
    async with WireServer(answer(TOLD, JSON)) as server, running_gateway(sole(server.url)) as gateway:
        await talk(gateway.port, post(CHAT, ASK, JSON))
        await gateway.the_call()
        assert [event for event, _ in gateway.log.events] == [
            "lifecycle.pre_logged",
            "passthrough.upstream_headers",
            "passthrough.stream_first_chunk",
            "lifecycle.finalized",
        ]


async def test_an_upstream_that_sends_garbage_is_a_502() -> None:
    async with WireServer(raw(b"\x16\x03\x01garbage\r\n\r\n")) as server:
        async with running_gateway(sole(server.url)) as gateway:
            assert (await talk(gateway.port, post(CHAT, ASK, JSON))).status == 502


async def _endless(exchange: Exchange) -> bool:
    await exchange.send(b"HTTP/1.1 200 OK\r\n" + SSE + b"\r\ntransfer-encoding: chunked\r\n\r\n")
    await exchange.send(b"%x\r\n%s\r\n" % (len(USAGE), USAGE))
    await exchange.gone()
    return True


@pytest.mark.parametrize("reset", [False, True])
async def test_a_client_that_leaves_stops_its_upstream_call_and_is_no_upstream_failure(reset: bool) -> None:
    async with WireServer(_endless) as server, running_gateway(sole(server.url)) as gateway:
        client = await WireClient.connect(gateway.port)
        await client.send(post(CHAT, ASK_STREAM, JSON))
        await client.reader.readuntil(b"total_tokens")
        client.reset() if reset else client.close()
        _, settlement = await gateway.the_call()
        assert (settlement.state, settlement.error_code) == (CallState.ABORTED, "aborted")
        assert settlement.usage.total_tokens == 10
        assert settlement.tried == ()
        assert settlement.status_code == 200
        await until(lambda: server.open_connections == 0)
        assert gateway.app.open_calls == 0


async def test_a_client_that_leaves_before_the_head_stops_its_upstream_call() -> None:
    async def hang(exchange: Exchange) -> bool:
        await exchange.gone()
        return True

    async with WireServer(hang) as server, running_gateway(sole(server.url)) as gateway:
        client = await WireClient.connect(gateway.port)
        await client.send(post(CHAT, ASK, JSON))
        await until(lambda: server.requests)
        client.close()
        _, settlement = await gateway.the_call()
        assert (settlement.state, settlement.status_code) == (CallState.ABORTED, 499)
        # It was sent, so it may have been worked on.
        (one,) = settlement.tried
        assert (one.unmetered, one.input_tokens_max) == (True, -(-len(ASK) // 4))
        await until(lambda: server.open_connections == 0)


@pytest.mark.parametrize("drain_s", [None, 0.1])
async def test_a_drained_call_is_read_to_its_end_or_as_long_as_allowed(drain_s: float | None) -> None:
    left = asyncio.Event()

    async def script(exchange: Exchange) -> bool:
        await exchange.send(b"HTTP/1.1 200 OK\r\n" + SSE + b"\r\ntransfer-encoding: chunked\r\n\r\n")
        await exchange.send(b"%x\r\n%s\r\n" % (len(DELTA), DELTA))
        await left.wait()
        if drain_s is None:
            rest = USAGE + DONE
            await exchange.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(rest), rest))
        await exchange.gone()
        return True

    directory = None
    async with WireServer(script) as server:
        directory = sole(server.url, on_disconnect=OnDisconnect.DRAIN, drain_s=drain_s)
        async with running_gateway(directory) as gateway:
            client = await WireClient.connect(gateway.port)
            await client.send(post(CHAT, ASK_STREAM, JSON))
            await client.reader.readuntil(b"content")
            client.reset()
            await asyncio.sleep(0.05)
            left.set()
            _, settlement = await gateway.the_call()
            assert settlement.state is CallState.ABORTED
            assert settlement.usage.total_tokens == (10 if drain_s is None else None)


async def test_an_upstream_that_breaks_while_it_is_drained_leaves_the_call_the_clients_abort() -> None:
    left = asyncio.Event()

    async def script(exchange: Exchange) -> bool:
        await exchange.send(b"HTTP/1.1 200 OK\r\n" + SSE + b"\r\ncontent-length: 999\r\n\r\n" + DELTA)
        await left.wait()
        return True

    async with WireServer(script) as server:
        async with running_gateway(sole(server.url, on_disconnect=OnDisconnect.DRAIN)) as gateway:
            client = await WireClient.connect(gateway.port)
            await client.send(post(CHAT, ASK_STREAM, JSON))
            await client.reader.readuntil(b"content")
            client.reset()
            await asyncio.sleep(0.1)  # long enough for the watch to begin; either order is an abort
            left.set()
            assert (await gateway.the_call())[1].state is CallState.ABORTED


async def test_a_status_nobody_knows_passes() -> None:
    async with WireServer(answer(b"?", status=b"999 Odd")) as server:
        async with running_gateway(sole(server.url)) as gateway:
            assert (await talk(gateway.port, post(b"/x", b""))).status == 999


async def test_a_client_that_leaves_while_it_uploads_cuts_the_upload() -> None:
    async with WireServer(answer(b"never")) as server, running_gateway(sole(server.url)) as gateway:
        client = await WireClient.connect(gateway.port)
        head = b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: h\r\ncontent-length: 999\r\n"
        await client.send(head + FORM + b"\r\n\r\n" + FORM_HEAD)
        await until(lambda: server.requests)
        client.reset()
        _, settlement = await gateway.the_call()
        assert settlement.state is CallState.ABORTED
        await until(lambda: server.open_connections == 0)


async def test_books_that_take_no_call_let_none_leave() -> None:
    books = FakeBooks()
    books.unavailable = "locked"
    async with WireServer(answer(b"never")) as server:
        async with running_gateway(sole(server.url), books=books) as gateway:
            said = await talk(gateway.port, post(CHAT, ASK, JSON))
            assert said.status == 503
            assert said.header(b"retry-after") == b"2"
            assert said.header(b"x-wellhead-error") == b"books_unavailable"
            assert server.requests == []


@pytest.mark.parametrize("path", [b"/", b"/metrics", b"/admin/usage", b"/_qs/metrics", b"/favicon.ico"])
async def test_the_gateway_serves_nothing_else(path: bytes) -> None:
    async with running_gateway(Directory()) as gateway:
        said = await talk(gateway.port, b"GET " + path + b" HTTP/1.1\r\nhost: h\r\n\r\n")
        assert said.status == 404
        health = await talk(gateway.port, b"GET /health HTTP/1.1\r\nhost: h\r\n\r\n")
        assert (health.status, health.body) == (200, b'{"status":"ok"}')


async def test_a_websocket_upgrade_is_answered_with_426() -> None:
    async with running_gateway(sole("http://127.0.0.1:1")) as gateway:
        lines = b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n"
        said = await talk(gateway.port, b"GET /v1/responses HTTP/1.1\r\nhost: h\r\n" + lines)
        assert said.status == 426
        assert json.loads(said.body)["error"]["code"] == "websocket_unsupported"


async def test_usage_is_asked_for_and_its_chunk_is_hidden_where_a_provider_says_so() -> None:
    async with WireServer(chunked(DELTA, USAGE, DONE)) as server:
        async with running_gateway(sole(server.url, ask_stream_usage=True)) as gateway:
            said = await talk(gateway.port, post(CHAT, ASK_STREAM, JSON, b"accept-encoding: gzip"))
            assert said.body == DELTA + DONE
            request = server.requests[0]
            assert request.body == b'{"stream_options":{"include_usage":true},' + ASK_STREAM[1:]
            assert request.header(b"accept-encoding") == b"identity"
            assert (await gateway.the_call())[1].usage.total_tokens == 10


async def test_a_client_that_asked_for_usage_itself_is_left_alone() -> None:
    body = b'{"model":"gpt-5","stream":true,"stream_options":{"include_usage":true}}'
    async with WireServer(chunked(DELTA, USAGE, DONE)) as server:
        async with running_gateway(sole(server.url, ask_stream_usage=True)) as gateway:
            assert (await talk(gateway.port, post(CHAT, body, JSON))).body == DELTA + USAGE + DONE
            assert server.requests[0].body == body


async def test_the_provider_field_is_stripped_where_a_provider_says_so() -> None:
    async with WireServer(answer(TOLD, JSON)) as server:
        provider = Provider("mine", ProviderType.OPENAI, server.url, strip_provider_field=True)
        async with running_gateway(Directory((provider,))) as gateway:
            await talk(gateway.port, post(CHAT, b'{"provider":"mine","model":"m"}', JSON))
            assert server.requests[0].body == b'{"model":"m"}'


async def test_an_http_1_0_client_gets_no_chunks() -> None:
    async with WireServer(chunked(DELTA, DONE)) as server, running_gateway(sole(server.url)) as gateway:
        head = b"POST " + CHAT + b" HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % len(ASK_STREAM)
        said = await talk(gateway.port, head + ASK_STREAM)
        assert said.header(b"transfer-encoding") is None
        assert said.body == DELTA + DONE


async def test_a_shutdown_lets_calls_finish_and_cuts_the_rest() -> None:
    async with WireServer(_endless) as server, running_gateway(sole(server.url)) as gateway:
        client = await WireClient.connect(gateway.port)
        await client.send(post(CHAT, ASK_STREAM, JSON))
        await client.reader.readuntil(b"total_tokens")
        assert await gateway.app.drain(0.05) == 1
        _, settlement = await gateway.the_call()
        assert (settlement.state, settlement.error_code) == (CallState.ABORTED, "shutdown")
        assert not (await client.reader.read()).endswith(b"0\r\n\r\n")
        client.close()


async def test_what_a_shutdown_cuts_before_its_answer_is_told_so() -> None:
    async def hang(exchange: Exchange) -> bool:
        await exchange.gone()
        return True

    async with WireServer(hang) as server, running_gateway(sole(server.url)) as gateway:
        waiting, sending = [await WireClient.connect(gateway.port) for _ in range(2)]
        await waiting.send(post(CHAT, ASK, JSON))
        await sending.send(post(CHAT, ASK, JSON)[:-1])
        await until(lambda: server.requests and gateway.app.open_calls == 2)
        assert await gateway.app.drain(0) == 2
        for client in (waiting, sending):
            said = await client.answer()
            assert (said.status, said.header(b"x-wellhead-error")) == (503, b"shutting_down")
            client.close()
        _, settlement = await gateway.the_call()
        assert (settlement.state, settlement.status_code) == (CallState.ABORTED, 503)


@pytest.mark.parametrize("path", [b"/own%2Fmodels", b"/%6Fwn/models"])
async def test_a_prefix_in_disguise_leads_nowhere(path: bytes) -> None:
    async with WireServer(answer(b"ok")) as server:
        own = Directory((Provider("own", ProviderType.OPENAI, server.url + "/base"),))
        async with running_gateway(own) as gateway:
            said = await talk(gateway.port, b"GET " + path + b" HTTP/1.1\r\nhost: h\r\n\r\n")
            assert (said.status, server.requests) == (404, [])


async def test_an_upload_that_grows_too_large_ends_the_answer_that_has_begun() -> None:
    async def begin(exchange: Exchange) -> bool:
        await exchange.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await exchange.gone()
        return True

    options = GatewayOptions(max_request_body=1000)
    async with WireServer(begin, reads_bodies=False) as server:
        async with running_gateway(sole(server.url), options=options) as gateway:
            client = await WireClient.connect(gateway.port)
            head = b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: h\r\ncontent-type: audio/wav\r\n"
            await client.send(head + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n")
            await until(lambda: server.requests)
            assert (await client.head()).startswith(b"HTTP/1.1 200 ")
            await client.send(b"400\r\n%s\r\n" % (b"a" * 1024))
            assert not (await client.reader.read()).endswith(b"0\r\n\r\n")
            _, settlement = await gateway.the_call()
            assert (settlement.state, settlement.error_code) == (CallState.FAILED, "request_too_large")
            await until(lambda: server.open_connections == 0)
            client.close()


async def test_one_stuck_upstream_does_not_stop_another() -> None:
    async def hang(exchange: Exchange) -> bool:
        await exchange.gone()
        return True

    async with WireServer(hang) as stuck, WireServer(answer(TOLD, JSON)) as healthy:
        directory = Directory(
            (
                Provider("stuck", ProviderType.OPENAI, stuck.url),
                Provider("healthy", ProviderType.OPENAI, healthy.url),
            )
        )
        async with running_gateway(directory) as gateway:
            clients = [await WireClient.connect(gateway.port) for _ in range(100)]
            for client in clients:
                await client.send(post(b"/stuck" + CHAT, ASK, JSON))
            await until(lambda: len(stuck.requests) == 100)
            assert (await talk(gateway.port, post(b"/healthy" + CHAT, ASK, JSON))).body == TOLD
            for client in clients:
                client.close()


# By key.

KEY = a_secret().encode()
BY_KEY = b"authorization: Bearer " + KEY
MODELS = b"GET /v1/models HTTP/1.1\r\nhost: h\r\n" + BY_KEY + b"\r\n\r\n"
ACCOUNT = a_credential(provider="upstream", secret="upstream-secret-1")
SECOND_ACCOUNT = a_credential(2, provider="upstream", secret="upstream-secret-2")


def books_with(*known: Key | Credential) -> FakeBooks:
    return FakeBooks(knowing(Directory(), *known))


def credentials_sent(server: WireServer) -> list[bytes | None]:
    """What the upstream was shown, request by request."""
    assert all(b"wh_" not in request.head for request in server.requests)
    return [request.header(b"authorization") for request in server.requests]


@pytest.mark.parametrize(
    "line",
    [BY_KEY, b"x-api-key: " + KEY, b"x-goog-api-key: " + KEY, b"x-wellhead-key: " + KEY, b"x-query: key"],
)
async def test_a_call_by_key_goes_on_with_its_projects_credential(line: bytes) -> None:
    own = a_credential(3, provider="upstream", project_id=3, secret="of-the-project")
    books = books_with(a_key(project_id=3), ACCOUNT, own)
    async with WireServer(answer(TOLD, JSON)) as server:
        async with running_gateway(sole(server.url), books=books) as gateway:
            target = CHAT + b"?key=" + KEY if b"query" in line else CHAT
            assert (await talk(gateway.port, post(target, ASK, JSON, line))).body == TOLD
            assert credentials_sent(server) == [b"Bearer of-the-project"]
            opening, _ = await gateway.the_call()
            assert (opening.key_id, opening.project_id, opening.credential_hash) == (7, 3, None)
            assert (opening.hold_input_tokens, opening.hold_output_tokens) == (-(-len(ASK) // 4), 4096)


async def test_beside_a_key_in_its_own_header_the_clients_credential_goes_through() -> None:
    books = books_with(a_key(), ACCOUNT)
    async with WireServer(answer(TOLD, JSON)) as server:
        async with running_gateway(sole(server.url), books=books) as gateway:
            lines = b"x-wellhead-key: " + KEY, b"authorization: Bearer sk-test"
            await talk(gateway.port, post(CHAT, ASK, JSON, *lines))
            assert credentials_sent(server) == [b"Bearer sk-test"]
            opening, _ = await gateway.the_call()
            assert opening.key_id == 7
            assert opening.credential_hash == hashlib.sha256(b"sk-test").digest()


@pytest.mark.parametrize(("limits", "expected"), [((a_limit(),), 77), ((), -(-len(ASK) // 4))])
async def test_a_vocabulary_counts_what_is_reserved_where_there_are_limits(
    limits: tuple[Limit, ...], expected: int
) -> None:
    counted: list[bytes] = []

    def count(body: bytes) -> int:
        counted.append(body)
        return 77

    books = FakeBooks(Directory(limits=limits))
    options = GatewayOptions(count_tokens=count)
    async with WireServer(answer(TOLD, JSON)) as server:
        async with running_gateway(sole(server.url), books=books, options=options) as gateway:
            await talk(gateway.port, post(CHAT, ASK, JSON))
            opening, _ = await gateway.the_call()
            assert opening.hold_input_tokens == expected
            assert counted == [ASK] * len(limits)


async def test_by_key_every_post_passes_the_gate_and_a_list_of_models_leaves_no_row() -> None:
    async with WireServer(answer(b"{}", JSON)) as server:
        async with running_gateway(sole(server.url), books=books_with(a_key())) as gateway:
            await talk(gateway.port, post(b"/v1/batches", b'{"input_file_id":"f"}', JSON))
            await talk(gateway.port, MODELS)
            assert gateway.books.openings == {}
            await talk(gateway.port, post(b"/v1/batches", b'{"input_file_id":"f"}', JSON, BY_KEY))
            opening, settlement = await gateway.the_call()
            assert (opening.path, opening.model, opening.key_id) == ("/v1/batches", None, 7)
            assert (opening.hold_input_tokens, opening.hold_output_tokens) == (0, 0)
            assert settlement.state is CallState.COMPLETED


@pytest.mark.parametrize("request_", [MODELS, post(CHAT, ASK, JSON, BY_KEY)], ids=["models", "call"])
async def test_a_key_that_was_revoked_a_moment_ago_is_worth_nothing_at_once(request_: bytes) -> None:
    books = books_with(a_key())
    async with WireServer(answer(b"{}", JSON)) as server:
        async with running_gateway(sole(server.url), books=books) as gateway:
            assert (await talk(gateway.port, request_)).status == 200
            books.registry = knowing(Directory(), a_key(revoked_us=1))
            said = await talk(gateway.port, request_)
            assert (said.status, said.header(b"x-wellhead-error")) == (401, b"key_revoked")
            assert said.header(b"cache-control") == b"no-store"
            assert len(server.requests) == 1


async def test_where_a_key_is_needed_nothing_but_health_is_served_without_one() -> None:
    options = GatewayOptions(require_key=True)
    async with WireServer(answer(b"{}", JSON)) as server:
        books = books_with(a_key())
        async with running_gateway(sole(server.url), books=books, options=options) as gateway:
            for request in (
                post(CHAT, ASK, JSON),
                b"GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n",
                b"OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: h\r\n\r\n",
            ):
                said = await talk(gateway.port, request)
                assert (said.status, said.header(b"x-wellhead-error")) == (401, b"key_missing")
            assert server.requests == []
            for path in (b"/health", b"/ready"):
                open_ = await talk(gateway.port, b"GET " + path + b" HTTP/1.1\r\nhost: h\r\n\r\n")
                assert open_.status == 200
            assert (await talk(gateway.port, post(CHAT, ASK, JSON, BY_KEY))).status == 200


@pytest.mark.parametrize(
    ("trouble", "status", "body"),
    [(None, 200, b'{"status":"pass"}'), ("locked", 503, b'{"status":"fail"}')],
)
async def test_ready_says_whether_a_call_could_be_booked(
    trouble: str | None, status: int, body: bytes
) -> None:
    books = FakeBooks()
    books.unavailable = trouble
    async with running_gateway(sole("http://127.0.0.1:1"), books=books) as gateway:
        ready = await talk(gateway.port, b"GET /ready HTTP/1.1\r\nhost: h\r\n\r\n")
        assert (ready.status, ready.body) == (status, body)
        assert ready.header(b"cache-control") == b"no-store"


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (CHAT, lambda b: b["error"]["code"] == "rate_limited"),
        (b"/v1/messages", lambda b: b["error"]["type"] == "rate_limit_error"),
        (b"/v1beta/models/g:generateContent", lambda b: b["error"]["status"] == "RESOURCE_EXHAUSTED"),
        (b"/api/chat", lambda b: b["error"] == "full"),
    ],
)
async def test_a_call_that_a_limit_keeps_out_is_told_so_and_never_leaves(path: bytes, form: object) -> None:
    books = FakeBooks()
    quotas = (Quota("hourly", 200, 0, 3600, 30),)
    books.full = Refused("rate_limited", 429, "full", retry_after_s=30, quotas=quotas)
    async with WireServer(answer(b"never")) as server:
        async with running_gateway(sole(server.url), books=books) as gateway:
            said = await talk(gateway.port, post(path, ASK, JSON))
            assert said.status == 429
            assert form(json.loads(said.body))  # type: ignore[operator]
            assert said.header(b"x-wellhead-error") == b"rate_limited"
            assert said.header(b"retry-after") == b"30"
            assert said.header(b"ratelimit-policy") == b'"hourly";q=200;w=3600'
            assert said.header(b"ratelimit") == b'"hourly";r=0;t=30'
            opening, settlement = await gateway.the_call()
            assert said.header(b"x-wellhead-call") == str(opening.id).encode()
            assert settlement.state is CallState.REFUSED
            assert server.requests == []


async def test_a_key_that_does_not_allow_a_model_is_told_so_and_its_call_is_booked() -> None:
    books = books_with(a_key(allowed_models=("claude-*",)))
    async with running_gateway(sole("http://127.0.0.1:1"), books=books) as gateway:
        said = await talk(gateway.port, post(CHAT, ASK, JSON, BY_KEY))
        assert (said.status, said.header(b"x-wellhead-error")) == (403, b"model_not_allowed")
        assert (await gateway.the_call())[1].state is CallState.REFUSED


async def test_a_body_that_may_mean_another_model_passes_by_no_key_that_is_held_to_one() -> None:
    body = b'{"model":"claude-4","Model":"gpt-5","messages":[]}'
    books = books_with(a_key(allowed_models=("claude-*",)))
    async with WireServer(answer(TOLD, JSON)) as server:
        async with running_gateway(sole(server.url), books=books) as gateway:
            said = await talk(gateway.port, post(CHAT, body, JSON, BY_KEY))
            assert (said.status, said.header(b"x-wellhead-error")) == (400, b"model_ambiguous")
            assert (await talk(gateway.port, post(CHAT, body, JSON))).status == 200
            assert len(server.requests) == 1


@pytest.mark.parametrize("retry_after", [b"1", b"9" * 5000], ids=["short", "absurd"])
async def test_an_account_that_the_upstream_limits_is_passed_over(retry_after: bytes) -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.request.header(b"authorization") == b"Bearer upstream-secret-1":
            limited = b"retry-after: " + retry_after
            told = b'{"error":{"message":"upstream-secret-1 is limited"}}'
            await answer(told, JSON, limited, status=b"429 Too Many")(exchange)
        else:
            await answer(TOLD, JSON)(exchange)

    books = books_with(a_key(), ACCOUNT, SECOND_ACCOUNT)
    async with WireServer(script) as server, running_gateway(sole(server.url), books=books) as gateway:
        statuses = [(await talk(gateway.port, post(CHAT, ASK, JSON, BY_KEY))).status for _ in range(4)]
        assert statuses == [200, 200, 200, 200]
        _, settlement = (await gateway.settled(4))[0]
        assert settlement.attempts == 2
        assert [one.credential_id for one in settlement.tried] == [1, 2]
        assert len(server.requests) == 5
        cooling = [fields for event, fields in gateway.log.events if event == "credential.cooling"]
        assert cooling == [{"credential_id": 1, "status": 429}]


async def test_what_a_limited_upstream_says_is_booked_without_the_account() -> None:
    told = b'{"error":{"message":"upstream-secret-1 is limited"}}'
    books = books_with(a_key(), ACCOUNT)
    async with WireServer(answer(told, JSON, status=b"429 Too Many")) as server:
        async with running_gateway(sole(server.url), books=books) as gateway:
            assert (await talk(gateway.port, post(CHAT, ASK, JSON, BY_KEY))).body == told
            _, settlement = await gateway.the_call()
            assert settlement.state is CallState.FAILED
            assert settlement.error_message == "[REDACTED] is limited"


async def test_an_account_that_cannot_be_opened_lets_no_call_leave() -> None:
    books = books_with(a_key(), a_credential(provider="upstream", secret=None))
    async with WireServer(answer(b"never")) as server:
        async with running_gateway(sole(server.url), books=books) as gateway:
            said = await talk(gateway.port, post(CHAT, ASK, JSON, BY_KEY))
            assert (said.status, said.header(b"x-wellhead-error")) == (503, b"credential_unreadable")
            _, settlement = await gateway.the_call()
            assert (settlement.state, settlement.error_code) == (CallState.FAILED, "credential_unreadable")
            assert settlement.attempts == 0
            assert server.requests == []


async def test_pages_of_others_do_not_spend_the_gateways_own_account() -> None:
    async with WireServer(answer(TOLD, JSON)) as server:
        directory = sole(server.url, auth=Auth(AuthType.BEARER, "provider-secret"))
        async with running_gateway(directory, books=books_with(a_key())) as gateway:
            foreign = b"origin: https://evil.example"
            said = await talk(gateway.port, post(CHAT, ASK, b"content-type: text/plain", foreign))
            assert (said.status, said.header(b"x-wellhead-error")) == (403, b"origin_not_allowed")
            assert server.requests == []
            for line in (b"origin: http://localhost:3000", b"x-origin: none", foreign + b"\r\n" + BY_KEY):
                assert (await talk(gateway.port, post(CHAT, ASK, JSON, line))).status == 200


async def test_no_key_is_ever_logged_booked_or_repeated() -> None:
    misspelt = KEY[:-1] + (b"0" if KEY[-1:] != b"0" else b"1")
    async with WireServer(answer(b'{"error":{"message":"bad"}}', JSON, status=b"400 Bad")) as server:
        async with running_gateway(sole(server.url), books=books_with(a_key(), ACCOUNT)) as gateway:
            requests = [
                post(CHAT, ASK, JSON, BY_KEY),
                post(CHAT, ASK, JSON, b"x-wellhead-key: " + KEY, b"authorization: Bearer " + KEY),
                post(CHAT + b"?key=" + KEY, ASK, JSON),
                post(CHAT, ASK, JSON, b"x-api-key: " + misspelt),
                post(CHAT, ASK, JSON, b"x-api-key: " + a_secret(9).encode()),
                post(b"/v1/" + KEY, ASK, JSON, BY_KEY),
                post(b"/" + KEY + CHAT, ASK, JSON),
                MODELS,
            ]
            answers = [await talk(gateway.port, request) for request in requests]
            assert [said.status for said in answers] == [400, 400, 400, 401, 401, 400, 400, 400]
            told = repr((gateway.log.events, gateway.books.openings, gateway.books.settlements))
            shown = b"".join(said.head + said.body for said in answers)
            for secret in (KEY, misspelt, a_secret(9).encode(), b"upstream-secret"):
                assert secret.decode() not in told
                assert secret not in shown
            assert "wh_" not in told
            assert all(b"wh_" not in request.head for request in server.requests)


# Who made the call.


async def test_who_made_a_call_is_booked_with_it() -> None:
    body = b'{"model":"gpt-5","messages":[],"prompt_cache_key":"of-the-body"}'
    agent = b"x-agent-name: nora"
    async with WireServer(answer(TOLD, JSON)) as server, running_gateway(sole(server.url)) as gateway:
        await talk(gateway.port, post(CHAT, body, JSON, b"user-agent: claude-cli/2", agent))
        await talk(gateway.port, post(CHAT, body, JSON, b"user-agent: own", b"x-session-id: s-1"))
        first, second = [opening for opening, _ in await gateway.settled(2)]
        assert (first.tool, first.client, first.agent) == ("openclaw", "openclaw-nora", "nora")
        assert first.session == "of-the-body"
        assert (second.tool, second.client, second.agent, second.session) == (None, None, None, "s-1")
        # What tells who calls is the client's own affair, and goes on.
        assert agent in server.requests[0].head.lower()


async def test_operators_rules_and_names_come_first() -> None:
    options = GatewayOptions(
        rules=(Rule("nightly", (Sign(b"x-team", How.MATCHES, "res*"),), client="batch"),),
        client_names={hashlib.sha256(b"sk-alice").digest(): "alice"},
    )
    async with WireServer(answer(TOLD, JSON)) as server:
        async with running_gateway(sole(server.url), options=options) as gateway:
            team = b"x-team: Research"
            await talk(gateway.port, post(CHAT, ASK, JSON, team, b"x-agent-name: nora"))
            await talk(gateway.port, post(CHAT, ASK, JSON, team, b"authorization: Bearer sk-alice"))
            first, second = [opening for opening, _ in await gateway.settled(2)]
            assert (first.tool, first.client, first.agent) == ("nightly", "batch", "nora")
            assert (second.tool, second.client) == ("nightly", "alice")


async def test_no_key_becomes_a_name() -> None:
    told = [b"x-agent-name: " + KEY, b"x-session-id: Bearer " + KEY, b"originator: " + KEY]
    async with WireServer(answer(TOLD, JSON)) as server:
        async with running_gateway(sole(server.url), books=books_with(a_key())) as gateway:
            await talk(gateway.port, post(CHAT, ASK, JSON, BY_KEY, *told))
            opening, _ = await gateway.the_call()
            assert (opening.tool, opening.client, opening.session) == ("openclaw", None, None)
            assert "wh_" not in repr(opening)


@pytest.mark.parametrize(
    ("trusted", "header", "address"),
    [
        (False, b"x-forwarded-for: 203.0.113.9", "127.0.0.1"),
        (True, b"x-forwarded-for: 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (True, b"cf-connecting-ip: 2001:db8::1", "2001:db8::1"),
        (True, b"x-forwarded-for: unknown", "127.0.0.1"),
        (True, b"x-real-ip: 203.0.113.9", "127.0.0.1"),
    ],
)
async def test_a_forwarded_address_is_booked_only_where_a_proxy_is_trusted(
    trusted: bool, header: bytes, address: str
) -> None:
    options = GatewayOptions(trust_proxy_headers=trusted)
    async with WireServer(answer(TOLD, JSON)) as server:
        async with running_gateway(sole(server.url), options=options) as gateway:
            await talk(gateway.port, post(CHAT, ASK, JSON, header))
            assert (await gateway.the_call())[0].client_address == address


async def test_wrong_keys_are_held_against_the_same_address() -> None:
    wrong = b"x-api-key: " + a_secret(9).encode()
    for trusted in (False, True):
        options = GatewayOptions(trust_proxy_headers=trusted)
        async with running_gateway(sole("http://127.0.0.1:1"), options=options) as gateway:
            for n in (1, 2):
                said = await talk(
                    gateway.port, post(CHAT, ASK, JSON, wrong, b"x-forwarded-for: 203.0.113.%d" % n)
                )
                assert said.status == 401
            addresses = {fields["ip"] for event, fields in gateway.log.events if event == "gateway.refused"}
            assert addresses == ({"203.0.113.1", "203.0.113.2"} if trusted else {"127.0.0.1"})
            assert set(gateway.app._door._failures) == addresses


QUOTAS = (
    b"anthropic-organization-id: org-1",
    b"Anthropic-Ratelimit-Unified-5h-Utilization: 0.42",
    b"anthropic-ratelimit-unified-5h-status: allowed",
)


@pytest.mark.parametrize("status", [b"200 OK", b"429 Too Many Requests"])
async def test_the_account_and_its_quotas_are_read_from_the_head_of_every_response(status: bytes) -> None:
    async with (
        WireServer(answer(TOLD, JSON, *QUOTAS, status=status)) as server,
        running_gateway(sole(server.url)) as gateway,
    ):
        await talk(gateway.port, post(CHAT, ASK, JSON))
        _, settlement = await gateway.the_call()
        assert settlement.account == "org-1"
        (gauge,) = gateway.books.gauges.values()
        assert (gauge.name, gauge.account, gauge.used_ratio) == ("anthropic_5h", "org-1", 0.42)
        assert gauge.at_us <= settlement.finished_us


async def test_quotas_that_a_stream_tells_in_passing_are_read_and_reach_the_client_all_the_same() -> None:
    told = b'data: {"type":"codex.rate_limits","rate_limits":{"primary":{"used_percent":42}}}\n\n'
    end = b'data: {"type":"response.completed","response":{"usage":{"input_tokens":3,"output_tokens":4}}}\n\n'
    stream = chunked(told, end)
    async with WireServer(stream) as server, running_gateway(sole(server.url)) as gateway:
        said = await talk(gateway.port, post(b"/v1/responses", ASK, JSON, b"chatgpt-account-id: acc-1"))
        assert said.body == told + end
        _, settlement = await gateway.the_call()
        (gauge,) = gateway.books.gauges.values()
        assert (gauge.name, gauge.account, gauge.used_ratio) == ("codex_primary", "acc-1", 0.42)
        assert settlement.usage.total_tokens == 7


async def test_quotas_are_read_where_nothing_is_booked() -> None:
    async with (
        WireServer(answer(b"{}", JSON, *QUOTAS)) as server,
        running_gateway(sole(server.url)) as gateway,
    ):
        await talk(gateway.port, b"GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n")
        assert not gateway.books.openings
        assert [place[:2] for place in gateway.books.gauges] == [("upstream", "org-1")]


async def test_a_response_that_tells_nothing_leaves_nothing() -> None:
    async with WireServer(answer(TOLD, JSON)) as server, running_gateway(sole(server.url)) as gateway:
        await talk(gateway.port, post(CHAT, ASK, JSON))
        _, settlement = await gateway.the_call()
        assert (settlement.account, gateway.books.gauges) == (None, {})


async def test_an_account_that_is_a_part_of_the_clients_key_is_none() -> None:
    echo = answer(TOLD, JSON, b"openai-organization: secret-part", b"x-ratelimit-remaining-requests: 9")
    async with WireServer(echo) as server, running_gateway(sole(server.url)) as gateway:
        await talk(gateway.port, post(CHAT, ASK, JSON, b"authorization: Bearer my-secret-part-1"))
        _, settlement = await gateway.the_call()
        assert settlement.account is None
        assert list(gateway.books.gauges) == [("upstream", None, "requests")]
