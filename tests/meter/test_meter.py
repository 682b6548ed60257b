import gzip
import json
import tracemalloc
import zlib
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.meter.bodies import BODY_MAX
from wellhead.meter.catalogue import DIALECTS
from wellhead.meter.dialect import Dialect
from wellhead.meter.meter import FAULT, Meter
from wellhead.usage import Reading, UsageSource

CHAT = DIALECTS["openai_chat"]
ANSWER = (
    b'{"id":"c1","model":"m","choices":[{"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":2}}'
)
EVENTS = (
    b'data: {"id":"c1","model":"m","choices":[{"delta":{"content":"Hi"}}]}\n\n'
    b'data: {"id":"c1","model":"m","choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"c1","model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}\n\n'
    b"data: [DONE]\n\n"
)
LINES = b'{"model":"m","done":false}\n{"model":"m","done":true,"prompt_eval_count":9,"eval_count":2}\n'


def a_meter(content_type: str, *, dialect: Dialect = CHAT, status: int = 200, **more: Any) -> Meter:
    return Meter(dialect, status=status, content_type=content_type, **more)


def read(content_type: str, *chunks: bytes, **more: Any) -> Reading:
    meter = a_meter(content_type, **more)
    for chunk in chunks:
        meter.feed(chunk)
    return meter.finish()


@pytest.mark.parametrize(
    ("content_type", "body", "streamed"),
    [
        ("application/json", ANSWER, False),
        ("Application/JSON; charset=utf-8", ANSWER, False),
        ("application/problem+json", ANSWER, False),
        ("", ANSWER, False),
        ("text/plain", ANSWER, False),
        ("text/event-stream", ANSWER, False),
        ("text/event-stream", EVENTS, True),
        ("text/event-stream;charset=utf-8", b"\n\n: hi\n\n" + EVENTS, True),
        ("application/json", EVENTS, True),
        ("", EVENTS, True),
        ("application/x-ndjson", EVENTS, True),
        ("application/json", b"[" + ANSWER + b"]", True),
        ("text/event-stream", b"[" + ANSWER + b"]", True),
        ("application/json", b"\xef\xbb\xbf \r\n" + ANSWER, False),
        ("text/event-stream", b"\xef\xbb\xbf" + EVENTS, True),
        ("text/event-stream", EVENTS.replace(b"data: ", b"data:"), True),
        ("text/event-stream", EVENTS.removesuffix(b"data: [DONE]\n\n"), True),
        ("text/event-stream", EVENTS.removesuffix(b"\n\ndata: [DONE]\n\n"), True),
        ("text/event-stream", EVENTS.replace(b',"model"', b',\ndata: "model"'), True),
    ],
)
def test_framing_is_told_by_label_and_first_bytes(content_type: str, body: bytes, streamed: bool) -> None:
    for size in (len(body), 1, 7):
        meter = a_meter(content_type)
        for n in range(0, len(body), size):
            meter.feed(body[n : n + size])
        reading = meter.finish()
        assert meter.streamed is streamed
        assert (reading.usage.input_tokens, reading.usage.output_tokens) == (9, 2)
        assert (reading.model_served, reading.finish_reason, reading.ended) == ("m", "stop", True)
        assert reading.trouble == ()


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/json", ""])
def test_lines_are_read_with_and_without_their_label(content_type: str) -> None:
    meter = a_meter(content_type, dialect=DIALECTS["ollama_chat"])
    meter.feed(LINES)
    reading = meter.finish()
    assert (reading.usage.total_tokens, reading.ended, meter.streamed) == (11, True, True)


def test_streamed_is_told_by_the_label_until_bytes_came() -> None:
    assert a_meter("text/event-stream").streamed
    assert a_meter("application/x-ndjson").streamed
    assert not a_meter("application/json").streamed
    assert not a_meter("audio/mpeg").streamed


@pytest.mark.parametrize("content_type", ["audio/mpeg", "image/png", "text/html", "text/plain"])
def test_what_is_no_json_is_not_read_and_cannot_lack_an_end(content_type: str) -> None:
    assert read(content_type, b"<html>\xff\x00 nothing here") == Reading(ended=True)


@pytest.mark.parametrize(
    ("status", "ended"), [(200, False), (204, True), (205, True), (304, True), (429, True), (500, True)]
)
def test_an_empty_body_has_ended_where_none_was_due(status: int, ended: bool) -> None:
    assert read("application/json", status=status) == Reading(ended=ended)


@pytest.mark.parametrize("body", [ANSWER[:-1], b"{", b"nonsense", b'{"a":NaN}'])
def test_a_broken_document_is_said(body: bytes) -> None:
    reading = read("application/json", body)
    assert (reading.trouble, reading.ended) == (("broken_json",), False)


def test_a_stream_that_was_cut_has_not_ended() -> None:
    reading = read("text/event-stream", EVENTS[:70])
    assert (reading.model_served, reading.ended, reading.usage_source) == ("m", False, UsageSource.ABSENT)


@pytest.mark.parametrize(
    ("dialect", "content_type", "begun", "error"),
    [
        ("openai_chat", "text/event-stream", EVENTS[:70], b'data: {"error":{"message":"overloaded"}}\n\n'),
        (
            "anthropic_messages",
            "text/event-stream",
            b'event: message_start\ndata: {"type":"message_start","message":{"id":"m1"}}\n\n',
            b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n',
        ),
        (
            "gemini",
            "text/event-stream",
            b'data: {"candidates":[{"content":{}}]}\n\n',
            b'data: {"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}\n\n',
        ),
        ("ollama_chat", "application/x-ndjson", LINES[:27], b'{"error":"overloaded"}\n'),
    ],
)
def test_a_stream_has_its_end_with_an_error_since_clients_leave_then(
    dialect: str, content_type: str, begun: bytes, error: bytes
) -> None:
    meter = a_meter(content_type, dialect=DIALECTS[dialect])
    meter.feed(begun)
    assert not meter.has_end
    meter.feed(error)
    assert meter.has_end


def test_an_event_cut_off_in_the_middle_is_said() -> None:
    assert read("text/event-stream", EVENTS[:30]).trouble == ("broken_json",)


def test_a_broken_event_spoils_no_other() -> None:
    reading = read("text/event-stream", b'data: {"model":\n\n', EVENTS)
    assert reading.usage.input_tokens == 9
    assert reading.trouble == ("broken_json",)


def test_an_event_that_is_too_long_is_said_and_the_next_is_read() -> None:
    flood = b'data: {"choices":[{"delta":{"content":"' + b"x" * 5_000_000 + b'"}}]}\n\n'
    reading = read("text/event-stream", flood, EVENTS)
    assert (reading.usage.input_tokens, reading.trouble) == (9, ("event_too_long",))


def test_a_document_that_is_too_long_is_said() -> None:
    chunk = b" " * 2**20
    meter = a_meter("application/json")
    meter.feed(b"{")
    for _ in range(BODY_MAX // len(chunk)):
        meter.feed(chunk)
    meter.feed(ANSWER)
    assert meter.finish() == Reading(trouble=("body_too_long",))


def test_a_reading_is_made_once_and_later_bytes_are_not_read() -> None:
    meter = a_meter("application/json")
    meter.feed(ANSWER)
    reading = meter.finish()
    meter.feed(ANSWER)
    assert meter.finish() is reading


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(EVENTS)),
        ("deflate", zlib.compress(EVENTS)),
        ("br", brotli.compress(EVENTS)),
        ("zstd", zstandard.compress(EVENTS)),
        ("gzip, br", brotli.compress(gzip.compress(EVENTS))),
    ],
)
def test_a_packed_stream_is_read_and_its_truncation_said(encoding: str, packed: bytes) -> None:
    whole = read("text/event-stream", packed, content_encoding=encoding)
    assert whole == read("text/event-stream", EVENTS)
    for end in range(1, len(packed)):
        reading = read("text/event-stream", packed[:end], content_encoding=encoding)
        assert "encoding_truncated" in reading.trouble
        assert not reading.ended


def test_a_bomb_is_said() -> None:
    reading = read("application/json", gzip.compress(b" " * 50_000_000 + ANSWER), content_encoding="gzip")
    assert reading == Reading(trouble=("encoding_ratio_exceeded",))


def test_a_fault_of_ours_is_said_and_not_raised() -> None:
    meter = a_meter("application/json", headers=[b"no pair"])
    meter.feed("no bytes")  # type: ignore[arg-type]
    assert meter.finish() == Reading(trouble=(FAULT,))
    assert meter.finish().trouble == (FAULT,)


@pytest.mark.parametrize("status", [200, 500])
def test_an_encoding_that_broke_before_the_first_byte_leaves_no_end(status: int) -> None:
    reading = read("application/json", gzip.compress(ANSWER)[:5], content_encoding="gzip", status=status)
    assert reading == Reading(trouble=("encoding_truncated",))


def test_the_id_in_the_body_comes_before_headers() -> None:
    headers = [(b"x-request-id", b"req_x"), (b"request-id", b"req_r")]
    assert read("application/json", ANSWER, headers=headers).upstream_request_id == "c1"
    assert read("application/json", b"{}", headers=headers).upstream_request_id == "req_x"
    anthropic = DIALECTS["anthropic_messages"]
    assert read("application/json", b"{}", headers=headers, dialect=anthropic).upstream_request_id == "req_r"


@pytest.mark.parametrize("value", [b"-1", b"", b"1.5", b"9" * 40, b"x"])
def test_a_count_in_a_header_that_is_none_is_passed_over(value: bytes) -> None:
    headers = [(b"fireworks-cached-prompt-tokens", value)]
    assert read("application/json", ANSWER, headers=headers).usage.cache_read_tokens is None


def test_text_that_looks_like_usage_is_text() -> None:
    text = json.dumps('{"usage":{"prompt_tokens":5}} data: [DONE] "finish_reason":"stop" "error":')
    event = b'data: {"choices":[{"delta":{"content":' + text.encode() + b"}}]}\n\n"
    reading = read("text/event-stream", event * 9)
    assert reading == Reading()


def test_a_stream_keeps_no_text() -> None:
    """Memory per stream does not grow with its length."""
    event = b'data: {"id":"c1","model":"m","choices":[{"delta":{"content":"' + b"x" * 900 + b'"}}]}\n\n'
    chunk = (event * 20)[7:] + event[:7]
    meter = a_meter("text/event-stream")
    meter.feed(event[:7] + chunk)
    tracemalloc.start()
    for _ in range(500):
        meter.feed(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(chunk)


def test_an_array_stream_keeps_no_text() -> None:
    element = json.dumps({"candidates": [{"content": {"parts": [{"text": "x" * 900}]}}]}).encode() + b",\n"
    meter = a_meter("application/json", dialect=DIALECTS["gemini"])
    meter.feed(b"[")
    tracemalloc.start()
    for _ in range(2000):
        meter.feed(element)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * len(element)


def test_a_long_document_costs_little_more_than_its_bytes() -> None:
    """Vectors, pictures and texts never become Python objects."""
    vector = b"0.1234567," * 800_000 + b"1"
    body = b'{"data":[{"embedding":[' + vector + b']}],"model":"m","usage":{"prompt_tokens":8}}'
    meter = a_meter("application/json", dialect=DIALECTS["openai_embeddings"])
    tracemalloc.start()
    for n in range(0, len(body), 65536):
        meter.feed(body[n : n + 65536])
    reading = meter.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reading.usage.input_tokens == 8
    assert peak < 1.6 * len(body)


@pytest.mark.parametrize("name", ["usage", "model", "error", "choices", "id"])
def test_a_named_part_of_monstrous_size_is_left_out(name: str) -> None:
    body = b'{"%b":[' % name.encode() + b"[]," * 2_000_000 + b'[]],"service_tier":"t"}'
    tracemalloc.start()
    reading = read("application/json", body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (reading.service_tier, reading.trouble) == ("t", ("value_too_long",))
    assert peak < 2 * len(body)


def test_nesting_without_end_is_said() -> None:
    for body in (
        b'{"usage":' * 100_000,
        b'{"usage":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b"[{" * 100_000,
    ):
        assert FAULT not in read("application/json", body).trouble


ENCODINGS = st.sampled_from(["", "gzip", "deflate", "br", "zstd", "gzip, br", "odd"])
TYPES = st.sampled_from(["", "application/json", "text/event-stream", "application/x-ndjson", "text/html"])
ALL = st.sampled_from(sorted(DIALECTS))


@settings(max_examples=300, deadline=None)
@given(ALL, TYPES, ENCODINGS, st.sampled_from([200, 400]), st.lists(st.binary(max_size=60), max_size=6))
def test_arbitrary_bytes_never_raise(
    name: str, content_type: str, encoding: str, status: int, chunks: list[bytes]
) -> None:
    reading = read(content_type, *chunks, dialect=DIALECTS[name], content_encoding=encoding, status=status)
    assert FAULT not in reading.trouble


KEYS = [
    "usage", "usageMetadata", "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details",
    "cached_tokens", "input_tokens", "output_tokens", "cache_read_input_tokens", "error", "message", "type",
    "code", "model", "id", "choices", "candidates", "finish_reason", "response", "status", "done", "cost",
    "eval_count", "promptTokensDetails", "modality", "tokenCount", "delta", "x_groq", "seconds", "output",
]  # fmt: skip
WORDS = st.sampled_from(
    ["message_start", "error", "AUDIO", "web_search_call", "response.completed", "", "stop"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6)


@settings(max_examples=300, deadline=None)
@given(ALL, st.sampled_from([200, 400]), st.lists(DOCUMENTS, min_size=1, max_size=4))
def test_arbitrary_documents_never_raise_and_counts_are_sound(
    name: str, status: int, documents: list[dict[str, Any]]
) -> None:
    texts = [json.dumps(document).encode() for document in documents]
    forms = {
        "text/event-stream": b"".join(b"data: " + text + b"\n\n" for text in texts),
        "application/x-ndjson": b"\n".join(texts),
        "application/json": b"[" + b",".join(texts) + b"]",
    }
    for content_type, body in forms.items():
        reading = read(content_type, body, dialect=DIALECTS[name], status=status)
        assert FAULT not in reading.trouble
        usage = reading.usage
        for figure in usage.__struct_fields__:
            count = getattr(usage, figure)
            assert count is None or (type(count) is int and count >= 0)
        assert (usage.cache_read_tokens or 0) <= (usage.input_tokens or 2**60)
        assert len(reading.error_message or "") <= 500


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(min_value=1, max_value=40), max_size=60), st.sampled_from([b"\n", b"\r\n", b"\r"])
)
def test_any_chunking_gives_the_same_reading(sizes: list[int], line_end: bytes) -> None:
    body = EVENTS.replace(b"\n", line_end)
    chunks = []
    for size in sizes:
        chunks.append(body[:size])
        body = body[size:]
    assert read("text/event-stream", *chunks, body) == read("text/event-stream", EVENTS)
