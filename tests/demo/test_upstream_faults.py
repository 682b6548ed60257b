"""The simulated upstream fails on demand, and says what it saw of its clients."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import brotli  # type: ignore[import-untyped]
import httpx
import pytest
import zstandard

from fakes.simulated import Simulated, simulated_process, simulated_thread
from wellhead.demo.accounts import Account, Plan
from wellhead.demo.faults import RETRY_AFTER_S
from wellhead.demo.upstream import SimulatedUpstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Simulated]:
    with simulated_thread() as running:
        yield running


@pytest.fixture
def client(upstream: Simulated) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=upstream.url, timeout=5) as http:
        yield http


def chat(model: str, *, stream: bool = True) -> dict[str, object]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello, well!"}]}


def chat_bytes(model: str) -> bytes:
    body = json.dumps(chat(model)).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


def connection(upstream: Simulated) -> socket.socket:
    parts = urlsplit(upstream.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=5)


def read_all(sock: socket.socket) -> bytes:
    received = b""
    while part := sock.recv(65536):
        received += part
    return received


def test_answers_and_refusals_to_an_account_tell_of_its_quotas_and_others_do_not() -> None:
    known = {"sk-of-wells": Account("wells", "openai", Plan.OPENAI_API)}
    with (
        simulated_thread(upstream=SimulatedUpstream(known=known)) as running,
        httpx.Client(base_url=running.url) as http,
    ):
        for model, secret, account in (
            ("gpt-4o", "sk-of-wells", "wells"),
            ("fail-429", "sk-of-wells", "wells"),
            ("gpt-4o", "sk-of-others", None),
        ):
            headers = {"authorization": f"Bearer {secret}"}
            told = http.post("/v1/chat/completions", json=chat(model), headers=headers).headers
            assert told.get("openai-organization") == account
            assert ("x-ratelimit-remaining-tokens" in told) is (account is not None)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat"])
def test_the_same_request_gets_the_same_bytes(client: httpx.Client, path: str) -> None:
    assert (
        client.post(path, json=chat("gpt-5-mini")).content
        == client.post(path, json=chat("gpt-5-mini")).content
    )


def test_another_process_gives_the_same_answer(client: httpx.Client) -> None:
    with simulated_process() as other:
        theirs = httpx.post(f"{other.url}/v1/messages", json=chat("claude-sonnet-5"))
    ours = client.post("/v1/messages", json=chat("claude-sonnet-5"))
    assert theirs.content == ours.content
    assert theirs.headers["request-id"] == ours.headers["request-id"]


def test_endpoints_are_found_below_any_prefix(client: httpx.Client) -> None:
    assert client.post("/some/where/v1/chat/completions", json=chat("gpt-4o")).status_code == 200


@pytest.mark.parametrize(
    ("path", "message_at"),
    [
        ("/v1/chat/completions", ("error", "message")),
        ("/v1/messages", ("error", "message")),
        ("/v1beta/models/fail-429:generateContent", ("error", "message")),
        ("/api/chat", ("error",)),
    ],
)
def test_a_status_on_demand_in_each_form_of_errors(
    client: httpx.Client, path: str, message_at: tuple[str, ...]
) -> None:
    answer = client.post(path, json=chat("fail-429"))
    found = answer.json()
    for name in message_at:
        found = found[name]
    assert (answer.status_code, found.rstrip(".").lower()) == (429, "too many requests")
    assert answer.headers["retry-after"] == str(RETRY_AFTER_S)


def test_a_header_asks_for_a_fault_of_any_model(client: httpx.Client) -> None:
    answer = client.post("/v1/chat/completions", json=chat("gpt-4o"), headers={"x-sim-fault": "fail-503"})
    assert answer.status_code == 503


def test_a_body_that_is_not_json_is_refused(client: httpx.Client) -> None:
    assert client.post("/v1/chat/completions", content=b"{nonsense").status_code == 400


def test_an_unknown_path_is_404(client: httpx.Client) -> None:
    assert client.get("/v1/nothing").status_code == 404


def test_a_cut_stream_has_no_end(upstream: Simulated) -> None:
    with connection(upstream) as sock:
        sock.sendall(chat_bytes("cut"))
        received = read_all(sock)
    assert received.count(b"data: ") == 3
    assert not received.endswith(b"0\r\n\r\n")


def test_a_cut_document_is_shorter_than_announced(client: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/v1/chat/completions", json=chat("cut", stream=False))


def test_a_reset_stream_ends_in_a_reset(upstream: Simulated) -> None:
    with connection(upstream) as sock:
        sock.sendall(chat_bytes("reset"))
        with pytest.raises(ConnectionResetError):
            read_all(sock)


def test_not_http_is_not_http(client: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/v1/chat/completions", json=chat("not-http"))


def test_garbage_is_answered_with_200(client: httpx.Client) -> None:
    answer = client.post("/v1/chat/completions", json=chat("garbage", stream=False))
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        answer.json()


@pytest.mark.parametrize("model", ["hang", "head-only", "stall"])
def test_a_hanging_answer_never_comes_and_the_leaving_client_is_seen(
    upstream: Simulated, client: httpx.Client, model: str
) -> None:
    before = upstream.stats()["cut_by_client"]
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=chat(model), timeout=0.2)
    upstream.wait_for(lambda seen: seen["cut_by_client"] == before + 1 and seen["open"] == 0)


def test_an_endless_stream_goes_on_until_the_client_leaves(upstream: Simulated, client: httpx.Client) -> None:
    headers = {"x-sim-pieces": "50", "x-sim-piece-chars": "1000"}
    with client.stream("POST", "/v1/chat/completions", json=chat("endless"), headers=headers) as answer:
        parts, read = answer.iter_raw(), 0  # kept: an iterator that is dropped closes its connection
        while read <= 1_000_000:
            read += len(next(parts))
        assert upstream.stats()["streams_open"] == 1
    upstream.wait_for(lambda seen: seen["streams_open"] == 0, timeout_s=1)


def test_gemini_is_endless_by_its_path(upstream: Simulated, client: httpx.Client) -> None:
    with client.stream(
        "POST", "/v1beta/models/endless:streamGenerateContent?alt=sse", json={"contents": []}
    ) as answer:
        assert len([line for line, _ in zip(answer.iter_lines(), range(500), strict=False)]) == 500
    upstream.wait_for(lambda seen: seen["streams_open"] == 0, timeout_s=1)


def test_a_failing_stream_says_so_in_its_own_words(client: httpx.Client) -> None:
    for path in (
        "/v1/chat/completions",
        "/v1/messages",
        "/v1beta/models/error-event:streamGenerateContent?alt=sse",
    ):
        assert '"error":{' in client.post(path, json=chat("error-event")).text.splitlines()[-2]
    assert "error" in json.loads(client.post("/api/chat", json=chat("error-event")).text.splitlines()[-1])


def test_gemini_without_sse_streams_one_json_array(client: httpx.Client) -> None:
    chunks = client.post(
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent", json={"contents": []}
    ).json()
    assert len(chunks) > 2
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_an_encoding_on_demand(client: httpx.Client, encoding: str, stream: bool) -> None:
    plain = client.post("/v1/messages", json=chat("claude-sonnet-5", stream=stream)).content
    headers = {"x-sim-encoding": encoding}
    with client.stream(
        "POST", "/v1/messages", json=chat("claude-sonnet-5", stream=stream), headers=headers
    ) as answer:
        assert answer.headers["content-encoding"] == encoding
        packed = b"".join(answer.iter_raw())
    undo = {
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        "br": brotli.decompress,
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    }
    assert undo[encoding](packed) == plain


def test_pieces_and_their_size_on_demand(client: httpx.Client) -> None:
    headers = {"x-sim-pieces": "100", "x-sim-piece-chars": "7"}
    answer = client.post("/api/generate", json={"model": "m", "prompt": "x"}, headers=headers)
    parts = [json.loads(line)["response"] for line in answer.text.splitlines()]
    assert [len(part) for part in parts] == [7] * 100 + [0]


def test_it_waits_as_long_as_it_was_told(client: httpx.Client) -> None:
    headers = {"x-sim-ttft-ms": "60", "x-sim-interval-ms": "20", "x-sim-pieces": "4"}
    answer = client.post("/api/generate", json={"model": "m", "prompt": "x"}, headers=headers)
    assert answer.elapsed.total_seconds() >= 0.060 + 4 * 0.020


def test_stats_show_the_requests_as_they_came(upstream: Simulated, client: httpx.Client) -> None:
    body = b'{"model":"gpt-4o",  "messages":[], "x":"\xc3\xa9"}'
    client.post("/v1/chat/completions?a=%20b", content=body, headers={"x-mark": "canary"})
    seen = upstream.stats()["last"][-1]
    assert seen["body"].encode("latin-1") == body
    assert ["x-mark", "canary"] in seen["headers"]
    assert (seen["path"], seen["query"]) == ("/v1/chat/completions", "a=%20b")
