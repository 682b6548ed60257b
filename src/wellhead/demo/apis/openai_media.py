"""OpenAI's endpoints without a conversation: embeddings, images, transcriptions and the model list."""

import base64
import random
import re
import struct
from typing import Any

from wellhead.demo.answer import Answer, Ask, document
from wellhead.demo.speech import SAID_AT_S, prompt_text, speech, tokens

DIMENSIONS = 8
"""Vectors are short: nobody measures distances here."""
MODELS = (
    "gpt-5-mini",
    "gpt-4o",
    "o3",
    "claude-sonnet-5",
    "gemini-2.5-flash",
    "llama3.2",
    "text-embedding-3-small",
)
IMAGE_TOKENS = 1056
AUDIO_BYTES_PER_S = 4_000
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
"""A PNG of one pixel, the whole of every picture drawn here."""


def vector(text: str) -> list[float]:
    """A fixed vector per text."""
    chance = random.Random(text)
    return [round(chance.uniform(-1, 1), 6) for _ in range(DIMENSIONS)]


def embeddings(ask: Ask) -> Answer:
    """`POST /v1/embeddings`; the SDK asks for base64 unless told otherwise."""
    given = ask.json.get("input", "")
    inputs = given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
    used = tokens(prompt_text(ask.json)) or len(inputs)
    return document(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": i, "embedding": _embedding(str(text), ask)}
                for i, text in enumerate(inputs)
            ],
            "model": ask.model,
            "usage": {"prompt_tokens": used, "total_tokens": used},
        }
    )


def _embedding(text: str, ask: Ask) -> list[float] | str:
    numbers = vector(text)
    if ask.json.get("encoding_format") == "base64":
        return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    return numbers


def images(ask: Ask) -> Answer:
    """`POST /v1/images/generations`, billed by tokens as the gpt-image models are."""
    count = ask.json.get("n") or 1
    read = tokens(prompt_text(ask.json))
    drawn = count * IMAGE_TOKENS
    return document(
        {
            "created": SAID_AT_S,
            "data": [{"b64_json": PIXEL}] * count,
            "output_format": "png",
            "quality": "medium",
            "size": "1024x1024",
            "usage": {
                "input_tokens": read,
                "input_tokens_details": {"text_tokens": read, "image_tokens": 0},
                "output_tokens": drawn,
                "output_tokens_details": {"text_tokens": 0, "image_tokens": drawn},
                "total_tokens": read + drawn,
            },
        }
    )


def transcription(ask: Ask) -> Answer:
    """`POST /v1/audio/transcriptions`: whisper is billed by the second, the newer models by tokens."""
    text = speech({"prompt": str(len(ask.body))}, ask.model).text
    seconds = max(1, len(ask.body) // AUDIO_BYTES_PER_S)
    heard, written = seconds * 10, tokens(text)
    by_tokens: dict[str, Any] = {
        "type": "tokens",
        "input_tokens": heard,
        "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
        "output_tokens": written,
        "total_tokens": heard + written,
    }
    by_time = {"type": "duration", "seconds": seconds}
    return document({"text": text, "usage": by_time if ask.model.startswith("whisper") else by_tokens})


def form_model(body: bytes) -> str:
    """The field `model` of a multipart form."""
    found = re.search(rb'name="model"[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)', body)
    return found.group(1).decode("utf-8", "replace") if found else ""


def models(ask: Ask) -> Answer:
    """`GET /v1/models`, in Anthropic's form for its SDK and in OpenAI's for all others."""
    if "anthropic-version" in ask.headers:
        shown = [
            {
                "type": "model",
                "id": id_,
                "display_name": id_,
                "created_at": "2026-09-21T00:00:00Z",
                "lifecycle": "active",
            }
            for id_ in MODELS
        ]
        return document({"data": shown, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})
    listed = [
        {"id": id_, "object": "model", "created": SAID_AT_S, "owned_by": "wellhead-demo"} for id_ in MODELS
    ]
    return document({"object": "list", "data": listed})
