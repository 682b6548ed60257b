"""Anthropic's Messages API.

`input_tokens` leaves out what came from or went into the cache.  A stream states
the input side in `message_start` and the running total of the output in
`message_delta`; nothing is to be added up.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from wellhead.demo.answer import Answer, Ask, document, event, events
from wellhead.demo.speech import Speech, prompt_text, tokens


def messages(ask: Ask) -> Answer:
    """`POST /v1/messages`."""
    said = ask.answered("max_tokens")
    read = _input_usage(said, ask.json)
    if ask.streamed:
        return events(_stream(said, read))
    return document(
        _message(said)
        | {
            "content": [_block(said)],
            "stop_reason": _stop_reason(said),
            "usage": read | _output_usage(said),
        }
    )


def count_tokens(ask: Ask) -> Answer:
    """`POST /v1/messages/count_tokens`."""
    return document({"input_tokens": tokens(prompt_text(ask.json))})


def _input_usage(said: Speech, body: dict[str, Any]) -> dict[str, Any]:
    """With a `cache_control` mark three quarters of the prompt are written by the first turn, then read."""
    text = repr(body)
    marked = "'cache_control'" in text
    kept = said.prompt_tokens * 3 // 4 if marked else 0
    first_turn = len(body.get("messages", ())) <= 1
    written, read = (kept, 0) if first_turn else (0, kept)
    long_lived = "'ttl': '1h'" in text
    return {
        "input_tokens": said.prompt_tokens - kept,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 0 if long_lived else written,
            "ephemeral_1h_input_tokens": written if long_lived else 0,
        },
        "service_tier": "standard",
    }


def _output_usage(said: Speech) -> dict[str, Any]:
    return {"output_tokens": said.output_tokens}


def _message(said: Speech) -> dict[str, Any]:
    return {
        "id": f"msg_{said.seed[:24]}",
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _block(said: Speech) -> dict[str, Any]:
    if said.tool:
        return {
            "type": "tool_use",
            "id": f"toolu_{said.seed[:24]}",
            "name": said.tool.name,
            "input": said.tool.arguments,
        }
    return {"type": "text", "text": said.text}


def _stop_reason(said: Speech) -> str:
    if said.tool:
        return "tool_use"
    return "max_tokens" if said.cut_short else "end_turn"


def _deltas(said: Speech) -> Iterator[dict[str, Any]]:
    if not said.tool:
        yield from ({"type": "text_delta", "text": piece} for piece in said.pieces)
        return
    arguments = msgspec.json.encode(said.tool.arguments).decode()
    yield {"type": "input_json_delta", "partial_json": ""}
    for start in range(0, len(arguments), 8):
        yield {"type": "input_json_delta", "partial_json": arguments[start : start + 8]}


def _stream(said: Speech, read: dict[str, Any]) -> Iterator[bytes]:
    begun = _message(said) | {"usage": read | {"output_tokens": 1}}
    yield _event("message_start", message=begun)
    nothing: dict[str, Any] = {"input": {}} if said.tool else {"text": ""}
    yield _event("content_block_start", index=0, content_block=_block(said) | nothing)
    yield _event("ping")
    for delta in _deltas(said):
        yield _event("content_block_delta", index=0, delta=delta)
    yield _event("content_block_stop", index=0)
    cumulative = {
        name: read[name]
        for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    }
    end = {"stop_reason": _stop_reason(said), "stop_sequence": None}
    yield _event("message_delta", delta=end, usage=cumulative | _output_usage(said))
    yield _event("message_stop")


def _event(kind: str, **fields: Any) -> bytes:
    return event({"type": kind} | fields, kind)
