"""What a proxy's HTTP server must do differently, spoken raw over sockets."""

import asyncio

import pytest

from fakes.gateway import running_gateway, sole
from fakes.wire import WireClient, WireServer, answer, post, talk
from wellhead.gateway import server as under_test
from wellhead.gateway.server import OVERHEAD_MAX
from wellhead.gateway.terms import Pace, Terms

PATH = b"/v1/chat/completions"
BODY = b'{"model":"m"}'
UPGRADE = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAMAAABk")
CHUNKED = b"\r\n".join(
    [
        b"POST " + PATH + b" HTTP/1.1",
        b"host: h",
        *UPGRADE,
        b"transfer-encoding: chunked",
        b"",
        b"%x" % len(BODY),
        BODY,
        b"0",
        b"",
        b"",
    ]
)


async def test_trailers_of_a_request_never_become_its_headers() -> None:
    async with WireServer(answer(b"ok")) as server, running_gateway(sole(server.url)) as gateway:
        head = b"POST " + PATH + b" HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
        trailers = b"0\r\nauthorization: Bearer other\r\nx-provider: other\r\nx-late: 1\r\n\r\n"
        said = await talk(gateway.port, head + b"%x\r\n%s\r\n" % (len(BODY), BODY) + trailers)
        assert said.status == 200
        assert [name for name, _ in server.requests[0].lines] == [b"host", b"content-length"]
        opening, _ = await gateway.the_call()
        assert opening.credential_hash is None


@pytest.mark.parametrize("request_", [post(PATH, BODY, *UPGRADE), CHUNKED], ids=["length", "chunks"])
async def test_the_body_of_a_request_that_offers_an_upgrade_is_its_body(request_: bytes) -> None:
    """Java's HTTP client offers HTTP/2 with every first request, and its body follows."""
    head_end = request_.index(b"\r\n\r\n") + 4
    async with WireServer(answer(b"ok")) as server, running_gateway(sole(server.url)) as gateway:
        for cut in range(head_end - 1, len(request_) + 1):
            client = await WireClient.connect(gateway.port)
            await client.send(request_[:cut])
            await asyncio.sleep(0)
            await client.send(request_[cut:] + post(PATH, b'{"model":"next"}'))
            assert [(await client.answer()).body for _ in range(2)] == [b"ok", b"ok"]
            assert [request.body for request in server.requests] == [BODY, b'{"model":"next"}']
            server.requests.clear()
            client.close()


async def test_what_follows_an_offered_upgrade_without_a_body_is_the_next_request() -> None:
    async with WireServer(answer(b"ok")) as server, running_gateway(sole(server.url)) as gateway:
        client = await WireClient.connect(gateway.port)
        offer = b"\r\n".join([b"GET /v1/models HTTP/1.1", b"host: h", *UPGRADE, b"", b""])
        await client.send(offer + post(PATH, BODY))
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]
        assert [request.body for request in server.requests] == [b"", BODY]
        client.close()


async def test_a_large_head_passes() -> None:
    async with WireServer(answer(b"ok")) as server, running_gateway(sole(server.url)) as gateway:
        said = await talk(gateway.port, post(PATH, BODY, b"x-large: " + b"a" * (OVERHEAD_MAX // 4)))
        assert said.status == 200
        assert len(server.requests[0].head) > OVERHEAD_MAX // 4


class House:
    """A process that cannot keep up, and how many calls it has."""

    def __init__(self) -> None:
        self.calls = 1
        self.terms = Terms(calls_max=1, open_calls=lambda: self.calls, pace=Pace(is_late=True))


async def test_a_process_that_cannot_keep_up_does_not_hear_at_once_whom_it_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rest_s = 0.2
    monkeypatch.setattr(under_test, "RETRY_AFTER_S", rest_s)
    loop, house = asyncio.get_running_loop(), House()
    async with (
        WireServer(answer(b"ok")) as upstream,
        running_gateway(sole(upstream.url), terms=house.terms) as gateway,
    ):
        client = await WireClient.connect(gateway.port)
        for status in (503, 503):
            asked_s = loop.time()
            await client.send(post(PATH, b" " * 100_000))
            assert (await client.answer()).status == status
        assert loop.time() - asked_s > rest_s / 2
        house.calls = 0
        await client.send(post(PATH, BODY))
        assert (await client.answer()).body == b"ok"
        client.close()


async def test_who_was_refused_and_leaves_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "RETRY_AFTER_S", 0.05)
    house = House()
    async with (
        WireServer(answer(b"ok")) as upstream,
        running_gateway(sole(upstream.url), terms=house.terms) as gateway,
    ):
        for _ in range(3):
            assert (await talk(gateway.port, post(PATH, BODY))).status == 503
        assert (await talk(gateway.port, b"GET /health HTTP/1.1\r\nhost: h\r\n\r\n")).status == 200
