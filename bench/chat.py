"""The one call that is measured: a chat completion, as bytes."""

import json

PATH = "/v1/chat/completions"
MODEL = "gpt-4o-mini"
ANSWER_SIZE = 785
"""Bytes of the answer's body."""


def body(*, stream: bool = False) -> bytes:
    """A request body of usual shape and size."""
    messages = [
        {"role": "system", "content": "You are a helpful assistant. Answer briefly and precisely."},
        {
            "role": "user",
            "content": "What does a wellhead do, and why does it need both a meter and a valve?",
        },
    ]
    request: dict[str, object] = {"model": MODEL, "messages": messages, "temperature": 0.2, "max_tokens": 200}
    if stream:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(request).encode()


HEADERS = {
    "Content-Type": "application/json",
    "Authorization": "Bearer sk-bench",
    "User-Agent": "bench/1",
    "Accept": "*/*",
}


def request(target: str = PATH, *, stream: bool = False) -> bytes:
    """The request as it goes over the wire."""
    sent = body(stream=stream)
    lines = [f"POST {target} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in HEADERS.items()]
    lines += [f"Content-Length: {len(sent)}", "", ""]
    return "\r\n".join(lines).encode() + sent


def answer() -> bytes:
    """A chat completion of exactly `ANSWER_SIZE` bytes."""

    def filled(size: int) -> bytes:
        message = {"role": "assistant", "content": ("It controls and measures what flows. " * 30)[:size]}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        details = {"cached_tokens": 0, "audio_tokens": 0}
        usage = {"prompt_tokens": 41, "completion_tokens": 97, "total_tokens": 138}
        whole = {
            "id": "chatcmpl-benchbenchbenchbench",
            "object": "chat.completion",
            "created": 1_750_000_000,
            "model": f"{MODEL}-2024-07-18",
            "choices": [choice],
            "usage": usage | {"prompt_tokens_details": details},
            "system_fingerprint": "fp_0000000000",
        }
        return json.dumps(whole, separators=(",", ":")).encode()

    padded = filled(ANSWER_SIZE - len(filled(0)))
    assert len(padded) == ANSWER_SIZE
    return padded


def event(number: int) -> bytes:
    """One chunk of a streamed chat completion, as an SSE event."""
    choice = {"index": 0, "delta": {"content": f" word{number}"}, "logprobs": None, "finish_reason": None}
    chunk = {
        "id": "chatcmpl-benchbenchbenchbench",
        "object": "chat.completion.chunk",
        "created": 1_750_000_000,
        "model": f"{MODEL}-2024-07-18",
        "system_fingerprint": "fp_0000000000",
        "choices": [choice],
        "usage": None,
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def last_events() -> bytes:
    """The end of a stream: its usage, then the mark."""
    chunk = {
        "id": "chatcmpl-benchbenchbenchbench",
        "object": "chat.completion.chunk",
        "created": 1_750_000_000,
        "model": f"{MODEL}-2024-07-18",
        "choices": [],
        "usage": {"prompt_tokens": 41, "completion_tokens": 97, "total_tokens": 138},
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\ndata: [DONE]\n\n"
