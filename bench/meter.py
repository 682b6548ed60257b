"""The meter alone, on one core: bytes in, reading out, no I/O.

`meter_search_ratio` sets its speed against one `bytes.find` over the same bytes in
the same run: machines differ, that ratio hardly does.  Best of several rounds,
since whatever disturbs a round only ever makes it slower.
"""

import json
import time
from collections.abc import Callable

from wellhead.meter.catalogue import DIALECTS
from wellhead.meter.meter import Meter
from wellhead.meter.request import read_request

ROUNDS = 7
CHUNK = 16 * 1024
EVENTS = 20_000

HEADERS = [
    (b"date", b"Fri, 20 Nov 2026 21:31:14 GMT"),
    (b"content-type", b"application/json"),
    (b"content-length", b"785"),
    (b"x-request-id", b"req_1"),
]


def best_s(work: Callable[[], object], times: int = 1) -> float:
    """Seconds that one run of the work takes, in the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, (time.perf_counter() - began) / times)
    return best


def chat_event(text: str = " word", finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-CkT1dd1b4505", "object": "chat.completion.chunk", "created": 1795210274}
    event = {**head, "model": "gpt-5.6-2026-08-01", "choices": [choice], "usage": None}
    return b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"


def gemini_event() -> bytes:
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 18, "totalTokenCount": 27}
    candidate = {"content": {"parts": [{"text": " several words at a time"}], "role": "model"}, "index": 0}
    event = {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": "gemini-3-pro",
        "responseId": "Zm9v",
    }
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def read_stream(dialect: str, chunks: list[bytes]) -> None:
    meter = Meter(DIALECTS[dialect], status=200, content_type="text/event-stream")
    for chunk in chunks:
        meter.feed(chunk)
    assert not meter.finish().trouble


def read_answer(body: bytes) -> None:
    meter = Meter(DIALECTS["openai_chat"], status=200, content_type="application/json", headers=HEADERS)
    meter.feed(body)
    assert meter.finish().usage.total_tokens == 38


def answer() -> bytes:
    """A chat completion of 785 bytes."""
    parts = {
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    usage = {"prompt_tokens": 18, "completion_tokens": 20, "total_tokens": 38, **parts}
    choice = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1795210274, "model": "gpt-5.6"}
    body = json.dumps({**head, "choices": [choice], "usage": usage, "service_tier": "default"})
    return body.replace('"content": ""', f'"content": "{"x" * (785 - len(body))}"').encode()


def request(text: str, messages: int) -> bytes:
    """A chat request of about 400 KB."""
    content = [{"role": "user", "content": [{"type": "text", "text": text}]} for _ in range(messages)]
    return json.dumps({"model": "gpt-5.6", "stream": True, "messages": content, "max_tokens": 4096}).encode()


def measure() -> dict[str, float]:
    """Figure -> value, as named in `bench.targets` and below."""
    event = chat_event()
    stream = event * EVENTS
    chunks = [stream[n : n + CHUNK] for n in range(0, len(stream), CHUNK)]
    stream_s = best_s(lambda: read_stream("openai_chat", chunks))
    gemini = [gemini_event()] * 5000
    body = answer()
    long_texts = request("several words at a time " * 1350, 12)
    many_quotes = request('a "word" in quotes\n' * 30, 560)
    return {
        "meter_mb_per_s": len(stream) / stream_s / 1e6,
        "meter_search_ratio": best_s(lambda: stream.find(b'_tokens"')) / stream_s,
        "meter_event_us": best_s(lambda: read_stream("openai_chat", [event] * EVENTS)) / EVENTS * 1e6,
        "meter_gemini_event_us": best_s(lambda: read_stream("gemini", gemini)) / len(gemini) * 1e6,
        "meter_answer_us": best_s(lambda: read_answer(body), 5000) * 1e6,
        "meter_request_us": best_s(lambda: read_request(long_texts, None), 100) * 1e6,
        "meter_quoted_request_us": best_s(lambda: read_request(many_quotes, None), 100) * 1e6,
    }


if __name__ == "__main__":
    for figure, value in measure().items():
        print(f"{figure:26} {value:10.2f}")
