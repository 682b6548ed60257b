"""A turn of the demo as a request on the wire: what that program would send, and wishes for the upstream."""

import json
from dataclasses import dataclass
from typing import Any

from wellhead.demo.habits import PROMPT_TOKENS_MAX, Mishap, Turn
from wellhead.demo.speech import CHARS_PER_TOKEN, SENTENCE

TOKENS_PER_PIECE = 4
"""A stream sends several tokens at a time, so that the demo is easy on the processor."""
FILLER = SENTENCE * (PROMPT_TOKENS_MAX * CHARS_PER_TOKEN // len(SENTENCE) + 1)
"""Long enough for the longest prompt."""
QUESTION = "What does the meter say, and who read it last?"


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """One POST."""

    path: str
    headers: dict[str, str]
    body: bytes


def request(turn: Turn, pace: float = 1.0, key: str | None = None) -> DemoRequest:
    """The request that makes a turn come about as it is meant to; a pace of 0 waits for nothing.

    Without a key its client sends a credential of its own, which goes on to the upstream.
    """
    body = json.dumps(BODIES[turn.habit.dialect](turn)).encode()
    headers = {
        "content-type": "application/json",
        "user-agent": turn.habit.user_agent,
        **turn.habit.headers,
        **_identity(turn, key or f"demo-{turn.client}"),
        **_wishes(turn, pace),
    }
    query = "?alt=sse" if turn.habit.dialect == "gemini" else ""
    return DemoRequest(turn.path + query, headers, body)


def _identity(turn: Turn, key: str) -> dict[str, str]:
    habit = turn.habit
    named = {habit.session_header: turn.session} if habit.session_header else {}
    if turn.agent is not None:
        named[habit.agent_header] = turn.agent
    match habit.dialect:
        case "anthropic_messages":
            return {"x-api-key": key, **named}
        case "gemini":
            return {"x-goog-api-key": key, **named}
        case _:
            return {"authorization": f"Bearer {key}", **named}


def _wishes(turn: Turn, pace: float) -> dict[str, str]:
    """What the simulated upstream is told, so that the answer has this size and this pace."""
    spoken = turn.answer_tokens - turn.reasoning_tokens
    pieces = max(1, -(-spoken // TOKENS_PER_PIECE))
    piece_ms = TOKENS_PER_PIECE * 1000 / (turn.model.tokens_per_s or 1)
    thought_ms = turn.reasoning_tokens * 1000 / (turn.model.tokens_per_s or 1)
    wait_ms = turn.model.ttft_ms + thought_ms + (0 if turn.streamed or not spoken else pieces * piece_ms)
    wishes = {
        "x-sim-ttft-ms": f"{wait_ms * pace:.0f}",
        "x-sim-interval-ms": f"{piece_ms * pace:.0f}",
        "x-sim-pieces": str(pieces),
        "x-sim-piece-chars": str(TOKENS_PER_PIECE * CHARS_PER_TOKEN),
    }
    if turn.mishap is not None and turn.mishap is not Mishap.LEAVE:
        wishes["x-sim-fault"] = turn.mishap.value
    return wishes


def _context(turn: Turn) -> str:
    return FILLER[: max(0, turn.prompt_tokens * CHARS_PER_TOKEN - len(QUESTION))]


def _messages(turn: Turn) -> list[dict[str, Any]]:
    return [{"role": "system", "content": _context(turn)}, {"role": "user", "content": QUESTION}]


def _anthropic(turn: Turn) -> dict[str, Any]:
    context = {"type": "text", "text": _context(turn), "cache_control": {"type": "ephemeral"}}
    # A first question writes the cache, a later one reads it.
    earlier = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello."}]
    return {
        "model": turn.model.name,
        "max_tokens": 8192,
        "stream": turn.streamed,
        "system": [context],
        "messages": [*(earlier if turn.cached_tokens > 0 else []), {"role": "user", "content": QUESTION}],
        "metadata": {"user_id": json.dumps({"session_id": turn.session})},
    }


def _openai_chat(turn: Turn) -> dict[str, Any]:
    streaming = {"stream": True, "stream_options": {"include_usage": True}} if turn.streamed else {}
    return {"model": turn.model.name, "messages": _messages(turn), **streaming}


def _openai_responses(turn: Turn) -> dict[str, Any]:
    return {
        "model": turn.model.name,
        "instructions": _context(turn),
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": QUESTION}]}],
        "stream": turn.streamed,
        "store": False,
        "prompt_cache_key": turn.session,
    }


def _openai_embeddings(turn: Turn) -> dict[str, Any]:
    return {"model": turn.model.name, "input": _context(turn), "encoding_format": "float"}


def _gemini(turn: Turn) -> dict[str, Any]:
    return {
        "systemInstruction": {"parts": [{"text": _context(turn)}]},
        "contents": [{"role": "user", "parts": [{"text": QUESTION}]}],
    }


def _ollama_chat(turn: Turn) -> dict[str, Any]:
    return {"model": turn.model.name, "messages": _messages(turn), "stream": turn.streamed}


BODIES = {
    "anthropic_messages": _anthropic,
    "openai_chat": _openai_chat,
    "openai_responses": _openai_responses,
    "openai_embeddings": _openai_embeddings,
    "gemini": _gemini,
    "ollama_chat": _ollama_chat,
}
