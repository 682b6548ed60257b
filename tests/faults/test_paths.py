"""Paths that lead up: where a base URL has a path, none of them reaches the upstream."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from fakes.program import Wellhead
from fakes.wire import WireClient, WireServer, answer, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINES = b"host: h\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n" + b'{"model":"gpt"}'
UP = [
    b"/v1/../admin",
    b"/../admin",
    b"/v1/..",
    b"/v1/%2e%2e/admin",
    b"/v1/..%2fadmin",
    b"/v1/..%5cadmin",
    b"/v1\\..\\admin",
    b"/v1/%252e%252e/admin",
    b"/v1/..;/admin",
    b"/v1/..%00/admin",
    b"/v1/x/../../admin/chat/completions",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[WireServer]:
    async with WireServer(answer(b"{}", b"content-type: application/json")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program(upstream: WireServer) -> AsyncIterator[Wellhead]:
    with Wellhead(command="gateway", upstream=f"{upstream.url}/v1") as made:
        yield made


async def ask(program: Wellhead, target: bytes) -> tuple[int, bytes | None, bytes]:
    client = await WireClient.connect(int(program.gateway_url.rpartition(":")[2]))
    await client.send(b"POST " + target + b" HTTP/1.1\r\n" + LINES)
    said = await client.answer()
    client.reset()
    return said.status, said.header(b"x-wellhead-error"), said.body


@pytest.mark.parametrize("target", UP)
async def test_a_path_that_may_lead_out_of_the_base_url_is_refused_and_nothing_is_sent(
    program: Wellhead, upstream: WireServer, target: bytes
) -> None:
    upstream.requests.clear()
    status, code, body = await ask(program, target)
    assert (status, code) == (400, b"path_outside")
    assert json.loads(body)["error"]["type"] == "invalid_request_error"
    assert upstream.requests == []


async def test_the_refusal_is_in_the_dialect_of_the_path(program: Wellhead) -> None:
    _, _, openai = await ask(program, b"/v1/../x/chat/completions")
    _, _, anthropic = await ask(program, b"/v1/messages/../../x")
    _, _, gemini = await ask(program, b"/v1beta/models/../../x:generateContent")
    assert json.loads(openai)["error"]["code"] == "path_outside"
    assert json.loads(anthropic)["type"] == "error"
    assert json.loads(gemini)["error"]["status"] == "INVALID_ARGUMENT"


async def test_every_other_path_goes_through_byte_for_byte(program: Wellhead, upstream: WireServer) -> None:
    upstream.requests.clear()
    for target in (b"/v1/chat/completions", b"/v1/./models/a..b%2fc", b"/other//%41?x=/../y"):
        assert (await ask(program, target))[0] == 200
    await until(lambda: len(upstream.requests) == 3)
    assert [request.line.split()[1] for request in upstream.requests] == [
        b"/v1/chat/completions",
        b"/v1/./models/a..b%2fc",
        b"/v1/other//%41?x=/../y",
    ]
