"""Hides the one chunk of a stream that the client did not ask for."""

import pytest

from wellhead.gateway.hiding import HELD_MAX, Hiding

USAGE = b'data: {"id":"x","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
TEXT = b'data: {"id":"x","choices":[{"delta":{"content":"a \\"usage\\""}}],"usage":null}'


def through(chunks: list[bytes]) -> bytes:
    hiding = Hiding()
    return b"".join(hiding.feed(c) for c in chunks) + hiding.finish()


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_only_the_usage_chunk_is_hidden_however_the_stream_is_cut(end: bytes) -> None:
    before, after = b": ping" + end + TEXT + end, b"data: [DONE]" + end
    stream = before + USAGE + end + after
    for cut in range(len(stream) + 1):
        assert through([stream[:cut], stream[cut:]]) == before + after
    assert through([stream[i : i + 1] for i in range(len(stream))]) == before + after


def test_a_usage_chunk_without_its_blank_line_is_hidden_too() -> None:
    assert through([TEXT + b"\n\n" + USAGE]) == TEXT + b"\n\n"


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[],"usage":null}\n\n',
        b'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}\n\n',
        b'data: {"choices":[],"prompt_filter_results":[]}\n\n',
        b'data: {"choices":[], "usage" broken\n\n',
        b"event: x\ndata: y\n\n",
    ],
)
def test_every_other_event_goes_on_as_it_came(event: bytes) -> None:
    assert through([event]) == event
    assert through([event[i : i + 1] for i in range(len(event))]) == event


def test_nesting_of_any_depth_breaks_no_stream() -> None:
    # How deep the decoder goes differs between versions of Python; nobody asked for this usage either way.
    event = b'data: {"choices":[],"usage":{"a":' + b"[" * 7000 + b"]" * 7000 + b"}}\n\n"
    assert through([event, TEXT + b"\n\n"]).removeprefix(event) == TEXT + b"\n\n"


def test_a_whole_event_goes_on_at_once() -> None:
    assert Hiding().feed(TEXT + b"\n\n") == TEXT + b"\n\n"


def test_an_event_too_large_to_be_the_usage_chunk_is_not_held() -> None:
    hiding = Hiding()
    large = b'data: {"choices":[{"delta":{"content":"' + b"a" * HELD_MAX
    assert hiding.feed(large) == large
    assert hiding.feed(b"b" * 100) == b"b" * 100
    assert hiding.feed(b'"}}]}\n\n' + USAGE + b"\n\n") == b'"}}]}\n\n'
    assert hiding.finish() == b""
