"""Google's Gemini API, under `/v1beta` and `/v1`.

`promptTokenCount` includes the cached ones; thoughts are *beside* the candidates'
tokens.  Every chunk of a stream carries the running usage; without `alt=sse` a stream
is one JSON array that arrives piece by piece.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from wellhead.demo.answer import JSON, Answer, Ask, document, event, events
from wellhead.demo.apis.openai_media import vector
from wellhead.demo.speech import CHARS_PER_TOKEN, Speech, prompt_text, speech, tokens


def generate(ask: Ask) -> Answer:
    """`POST …/models/M:generateContent`."""
    said = _said(ask)
    return document(_chunk(said, _part(said), said.spoken_tokens, last=True))


def stream(ask: Ask) -> Answer:
    """`POST …/models/M:streamGenerateContent`."""
    chunks = _chunks(_said(ask))
    if ask.query.get("alt") == "sse":
        return events(event(chunk) for chunk in chunks)
    return Answer(JSON, _array(chunks), streamed=True)


def embed(ask: Ask) -> Answer:
    """`POST …/models/M:embedContent`."""
    return document({"embedding": {"values": vector(prompt_text(ask.json))}})


def batch_embed(ask: Ask) -> Answer:
    """`POST …/models/M:batchEmbedContents`."""
    return document(
        {"embeddings": [{"values": vector(prompt_text(one))} for one in ask.json.get("requests", [])]}
    )


def count_tokens(ask: Ask) -> Answer:
    """`POST …/models/M:countTokens`."""
    return document({"totalTokens": tokens(prompt_text(ask.json))})


def _said(ask: Ask) -> Speech:
    settings = ask.json.get("generationConfig")
    limit = settings.get("maxOutputTokens") if isinstance(settings, dict) else None
    return speech(ask.json, ask.model, limit if isinstance(limit, int) else None, ask.wishes)


def _part(said: Speech) -> dict[str, Any]:
    if said.tool:
        return {"functionCall": {"name": said.tool.name, "args": said.tool.arguments}}
    return {"text": said.text}


def _usage(said: Speech, spoken_tokens: int) -> dict[str, Any]:
    """Counts of zero are left out, as the real one does."""
    counts: dict[str, Any] = {
        "promptTokenCount": said.prompt_tokens,
        "candidatesTokenCount": spoken_tokens,
        "totalTokenCount": said.prompt_tokens + spoken_tokens + said.reasoning_tokens,
        "cachedContentTokenCount": said.cached_tokens,
        "thoughtsTokenCount": said.reasoning_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": said.prompt_tokens}],
    }
    return {name: count for name, count in counts.items() if count}


def _chunk(said: Speech, part: dict[str, Any], spoken_tokens: int, *, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [part], "role": "model"}, "index": 0}
    if last:
        candidate["finishReason"] = "MAX_TOKENS" if said.cut_short else "STOP"
    return {
        "candidates": [candidate],
        "usageMetadata": _usage(said, spoken_tokens),
        "modelVersion": said.model,
        "responseId": said.seed[:22],
    }


def _chunks(said: Speech) -> Iterator[dict[str, Any]]:
    if said.tool:
        yield _chunk(said, _part(said), said.spoken_tokens, last=True)
        return
    chars = 0
    for piece in said.pieces:
        chars += len(piece)
        yield _chunk(said, {"text": piece}, -(-chars // CHARS_PER_TOKEN), last=False)
    yield _chunk(said, {"text": ""}, said.spoken_tokens, last=True)


def _array(chunks: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    before = b"["
    for chunk in chunks:
        yield before + msgspec.json.encode(chunk)
        before = b",\r\n"
    yield b"]"
