"""OpenAI's chat completions and the older text completions.

`prompt_tokens` includes the cached ones and `completion_tokens` the reasoning.
A stream says its usage in one extra chunk without choices, and only when
`stream_options.include_usage` asks for it; the other chunks then carry `usage: null`.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from wellhead.demo.answer import Answer, Ask, document, event, events
from wellhead.demo.speech import SAID_AT_S, Speech, ToolCall

DONE = b"data: [DONE]\n\n"


def chat(ask: Ask) -> Answer:
    """`POST /v1/chat/completions`."""
    said = ask.answered("max_completion_tokens", "max_tokens")
    if ask.streamed:
        return events(_chat_stream(said, wants_usage(ask)))
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if said.tool else said.text,
        "refusal": None,
        "annotations": [],
    }
    if said.tool:
        message["tool_calls"] = [tool_call(said, said.tool)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(said)}
    return document(head(said, "chat.completion") | {"choices": [choice], "usage": usage(said)})


def completions(ask: Ask) -> Answer:
    """`POST /v1/completions`."""
    said = ask.answered("max_tokens")
    if ask.streamed:
        return events(_completion_stream(said, wants_usage(ask)))
    choice = {"text": said.text, "index": 0, "logprobs": None, "finish_reason": finish_reason(said)}
    return document(head(said, "text_completion") | {"choices": [choice], "usage": usage(said)})


def wants_usage(ask: Ask) -> bool:
    options = ask.json.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def head(said: Speech, kind: str) -> dict[str, Any]:
    """The fields that every object and every chunk begins with."""
    prefix = "cmpl" if kind == "text_completion" else "chatcmpl"
    return {
        "id": f"{prefix}-{said.seed[:24]}",
        "object": kind,
        "created": SAID_AT_S,
        "model": said.model,
        "service_tier": "default",
        "system_fingerprint": f"fp_{said.seed[:10]}",
    }


def usage(said: Speech) -> dict[str, Any]:
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.output_tokens,
        "total_tokens": said.prompt_tokens + said.output_tokens,
        "prompt_tokens_details": {"cached_tokens": said.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": said.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def finish_reason(said: Speech) -> str:
    if said.tool:
        return "tool_calls"
    return "length" if said.cut_short else "stop"


def tool_call(said: Speech, tool: ToolCall) -> dict[str, Any]:
    arguments = msgspec.json.encode(tool.arguments).decode()
    return {
        "id": f"call_{said.seed[:20]}",
        "type": "function",
        "function": {"name": tool.name, "arguments": arguments},
    }


def _deltas(said: Speech) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": None if said.tool else "", "refusal": None}
    if not said.tool:
        yield from ({"content": piece} for piece in said.pieces)
        return
    call = tool_call(said, said.tool)
    arguments = call["function"]["arguments"]
    yield {"tool_calls": [{"index": 0, **call, "function": {"name": said.tool.name, "arguments": ""}}]}
    for start in range(0, len(arguments), 8):
        yield {"tool_calls": [{"index": 0, "function": {"arguments": arguments[start : start + 8]}}]}


def _chat_stream(said: Speech, with_usage: bool) -> Iterator[bytes]:
    shared = head(said, "chat.completion.chunk") | ({"usage": None} if with_usage else {})
    for delta in _deltas(said):
        yield event(
            shared | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]}
        )
    last = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish_reason(said)}
    yield event(shared | {"choices": [last]})
    if with_usage:
        yield event(shared | {"choices": [], "usage": usage(said)})
    yield DONE


def _completion_stream(said: Speech, with_usage: bool) -> Iterator[bytes]:
    shared = head(said, "text_completion")
    for piece in said.pieces:
        yield event(
            shared | {"choices": [{"text": piece, "index": 0, "logprobs": None, "finish_reason": None}]}
        )
    yield event(
        shared
        | {"choices": [{"text": "", "index": 0, "logprobs": None, "finish_reason": finish_reason(said)}]}
    )
    if with_usage:
        yield event(shared | {"choices": [], "usage": usage(said)})
    yield DONE
