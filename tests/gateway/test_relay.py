"""One response on its way: when the client has all of it."""

import pytest

from fakes.gateway import running_gateway, sole
from fakes.wire import Exchange, WireClient, WireServer, post
from wellhead.call import CallState
from wellhead.directory import OnDisconnect

JSON = b"content-type: application/json"
SSE = b"content-type: text/event-stream"
NDJSON = b"content-type: application/x-ndjson"
FINISHED = b'data: {"id":"c","choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
ENDS = {
    "openai chat": (b"/v1/chat/completions", SSE, FINISHED + b"data: [DONE]\n\n"),
    "openai responses": (
        b"/v1/responses",
        SSE,
        b'data: {"type":"response.completed","response":{"id":"r","status":"completed"}}\n\n',
    ),
    "anthropic": (b"/v1/messages", SSE, b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
    "ollama": (b"/api/chat", NDJSON, b'{"model":"m","done":true,"done_reason":"stop"}\n'),
}


async def _left_after(
    path: bytes, kind: bytes, told: bytes, leaving: OnDisconnect
) -> tuple[CallState, str | None]:
    """How a call is booked whose client leaves when it has these bytes, while the upstream has not ended."""

    async def script(exchange: Exchange) -> bool:
        await exchange.send(b"HTTP/1.1 200 OK\r\n" + kind + b"\r\ntransfer-encoding: chunked\r\n\r\n")
        await exchange.send(b"%x\r\n%s\r\n" % (len(told), told))
        await exchange.gone()
        return True

    directory = {"on_disconnect": leaving, "drain_s": 0.05}
    async with WireServer(script) as server, running_gateway(sole(server.url, **directory)) as gateway:
        client = await WireClient.connect(gateway.port)
        await client.send(post(path, b'{"model":"m","stream":true}', JSON))
        await client.reader.readuntil(told)
        client.close()
        _, settlement = await gateway.the_call()
        return settlement.state, settlement.error_code


@pytest.mark.parametrize("leaving", OnDisconnect)
@pytest.mark.parametrize("dialect", ENDS)
async def test_a_client_that_leaves_with_the_end_marker_has_all_of_it(
    dialect: str, leaving: OnDisconnect
) -> None:
    assert await _left_after(*ENDS[dialect], leaving) == (CallState.COMPLETED, None)


async def test_a_client_that_leaves_before_the_end_marker_has_not() -> None:
    """A finish reason is not the end: the usage comes after it."""
    path, kind, _ = ENDS["openai chat"]
    assert await _left_after(path, kind, FINISHED, OnDisconnect.CANCEL) == (CallState.ABORTED, "aborted")
