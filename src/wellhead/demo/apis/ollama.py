"""Ollama's own API: lines of JSON unless `stream` is false; the last line has `done` and the counts."""

from collections.abc import Iterator
from typing import Any

from wellhead.demo.answer import Answer, Ask, document, lines
from wellhead.demo.apis.openai_media import MODELS, vector
from wellhead.demo.speech import Speech, prompt_text, speech, tokens

SAID_AT = "2026-09-21T14:13:20.000000Z"
NS_PER_TOKEN = 9_000_000
DETAILS = {
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "3.2B",
    "quantization_level": "Q4_K_M",
}


def chat(ask: Ask) -> Answer:
    """`POST /api/chat`."""
    return _answer(ask, lambda text: {"message": {"role": "assistant", "content": text}})


def generate(ask: Ask) -> Answer:
    """`POST /api/generate`."""
    return _answer(ask, lambda text: {"response": text})


def embed(ask: Ask) -> Answer:
    """`POST /api/embed`."""
    given = ask.json.get("input", "")
    inputs = given if isinstance(given, list) else [given]
    read = tokens(prompt_text(ask.json))
    return document(
        {
            "model": ask.model,
            "embeddings": [vector(str(text)) for text in inputs],
            "total_duration": read * NS_PER_TOKEN,
            "load_duration": 1_000_000,
            "prompt_eval_count": read,
        }
    )


def tags(ask: Ask) -> Answer:  # noqa: ARG001 (every API takes the request)
    """`GET /api/tags`."""
    listed = [
        {
            "name": name,
            "model": name,
            "modified_at": SAID_AT,
            "size": 2_019_393_189,
            "digest": "a8" * 32,
            "details": DETAILS,
        }
        for name in MODELS
    ]
    return document({"models": listed})


def show(ask: Ask) -> Answer:  # noqa: ARG001 (every API takes the request)
    """`POST /api/show`."""
    return document(
        {
            "modelfile": "# simulated",
            "template": "{{ .Prompt }}",
            "details": DETAILS,
            "model_info": {"general.architecture": "llama"},
            "capabilities": ["completion", "tools"],
            "modified_at": SAID_AT,
        }
    )


def _answer(ask: Ask, form: Any) -> Answer:
    options = ask.json.get("options")
    limit = options.get("num_predict") if isinstance(options, dict) else None
    said = speech(ask.json, ask.model, limit if isinstance(limit, int) and limit > 0 else None, ask.wishes)
    head = {"model": said.model, "created_at": SAID_AT}
    if ask.json.get("stream") is False:
        return document(head | _with_tool(form(said.text), said) | _end(said))
    return lines(_lines(said, head, form))


def _with_tool(fields: dict[str, Any], said: Speech) -> dict[str, Any]:
    if said.tool and "message" in fields:
        call = {"function": {"name": said.tool.name, "arguments": said.tool.arguments}}
        return {"message": {"role": "assistant", "content": "", "tool_calls": [call]}}
    return fields


def _lines(said: Speech, head: dict[str, Any], form: Any) -> Iterator[dict[str, Any]]:
    if said.tool and "message" in form(""):
        yield head | _with_tool(form(""), said) | {"done": False}
    else:
        yield from (head | form(piece) | {"done": False} for piece in said.pieces)
    yield head | form("") | _end(said)


def _end(said: Speech) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": "length" if said.cut_short else "stop",
        "total_duration": (said.prompt_tokens + said.output_tokens) * NS_PER_TOKEN,
        "load_duration": 1_000_000,
        "prompt_eval_count": said.prompt_tokens,
        "prompt_eval_duration": said.prompt_tokens * NS_PER_TOKEN,
        "eval_count": said.output_tokens,
        "eval_duration": said.output_tokens * NS_PER_TOKEN,
    }
