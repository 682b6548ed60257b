"""OpenAI's Responses API.

A stream is a conversation of named events with a running `sequence_number`; the
usage is in the terminal event only (`response.completed` or `response.incomplete`).
"""

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec

from wellhead.demo.answer import Answer, Ask, document, event, events
from wellhead.demo.speech import SAID_AT_S, Speech


def responses(ask: Ask) -> Answer:
    """`POST /v1/responses`."""
    said = ask.answered("max_output_tokens")
    if ask.streamed:
        return events(_stream(said, ask.json))
    return document(_ended(said, ask.json))


def _response(said: Speech, body: dict[str, Any]) -> dict[str, Any]:
    """A response that has only begun."""
    return {
        "id": f"resp_{said.seed[:40]}",
        "object": "response",
        "created_at": SAID_AT_S,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "model": said.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": body.get("store", True),
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": body.get("tools", []),
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "metadata": {},
    }


def _ended(said: Speech, body: dict[str, Any]) -> dict[str, Any]:
    return _response(said, body) | {
        "status": "incomplete" if said.cut_short else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if said.cut_short else None,
        "output": [_item(said)],
        "usage": {
            "input_tokens": said.prompt_tokens,
            "input_tokens_details": {"cached_tokens": said.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": said.output_tokens,
            "output_tokens_details": {"reasoning_tokens": said.reasoning_tokens},
            "total_tokens": said.prompt_tokens + said.output_tokens,
        },
    }


def _item(said: Speech) -> dict[str, Any]:
    """The one output item, complete."""
    if said.tool:
        return {
            "id": f"fc_{said.seed[:40]}",
            "type": "function_call",
            "status": "completed",
            "call_id": f"call_{said.seed[:20]}",
            "name": said.tool.name,
            "arguments": msgspec.json.encode(said.tool.arguments).decode(),
        }
    return {
        "id": f"msg_{said.seed[:40]}",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [_part(said.text)],
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _stream(said: Speech, body: dict[str, Any]) -> Iterator[bytes]:
    numbers = itertools.count()
    begun = _response(said, body)
    steps = itertools.chain(
        [("created", {"response": begun}), ("in_progress", {"response": begun})],
        _tool_steps(said) if said.tool else _text_steps(said),
        [("incomplete" if said.cut_short else "completed", {"response": _ended(said, body)})],
    )
    for name, fields in steps:
        kind = f"response.{name}"
        yield event({"type": kind, "sequence_number": next(numbers)} | fields, kind)


def _text_steps(said: Speech) -> Iterator[tuple[str, dict[str, Any]]]:
    item = _item(said)
    at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    yield "output_item.added", {"output_index": 0, "item": item | {"status": "in_progress", "content": []}}
    yield "content_part.added", at | {"part": _part("")}
    for piece in said.pieces:
        yield "output_text.delta", at | {"delta": piece, "logprobs": []}
    yield "output_text.done", at | {"text": said.text, "logprobs": []}
    yield "content_part.done", at | {"part": _part(said.text)}
    yield "output_item.done", {"output_index": 0, "item": item}


def _tool_steps(said: Speech) -> Iterator[tuple[str, dict[str, Any]]]:
    item = _item(said)
    at = {"item_id": item["id"], "output_index": 0}
    yield "output_item.added", {"output_index": 0, "item": item | {"status": "in_progress", "arguments": ""}}
    yield "function_call_arguments.delta", at | {"delta": item["arguments"]}
    yield "function_call_arguments.done", at | {"name": item["name"], "arguments": item["arguments"]}
    yield "output_item.done", {"output_index": 0, "item": item}
