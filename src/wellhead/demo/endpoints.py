"""Which API answers a request: the simulation as one plain function, without any I/O."""

import hashlib
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from wellhead.demo.answer import Answer, Api, Ask
from wellhead.demo.apis import anthropic, gemini, ollama, openai_chat, openai_media, openai_responses
from wellhead.demo.encoding import ENCODERS
from wellhead.demo.faults import Family, Fault, refusal, trouble
from wellhead.demo.speech import Wishes

Scope = dict[str, Any]

_GEMINI = r"/v1(?:beta)?/(?:models|tunedModels)/(?P<model>[^:]+):"
ROUTES: tuple[tuple[str, re.Pattern[str], Api, Family], ...] = tuple(
    (method, re.compile(pattern + "$"), api, family)
    for method, pattern, api, family in (
        ("POST", "/v1/chat/completions", openai_chat.chat, Family.OPENAI),
        ("POST", "/v1/completions", openai_chat.completions, Family.OPENAI),
        ("POST", "/v1/responses", openai_responses.responses, Family.OPENAI),
        ("POST", "/v1/embeddings", openai_media.embeddings, Family.OPENAI),
        ("POST", "/v1/images/generations", openai_media.images, Family.OPENAI),
        ("POST", "/v1/audio/transcriptions", openai_media.transcription, Family.OPENAI),
        ("GET", "/v1/models", openai_media.models, Family.OPENAI),
        ("POST", "/v1/messages", anthropic.messages, Family.ANTHROPIC),
        ("POST", "/v1/messages/count_tokens", anthropic.count_tokens, Family.ANTHROPIC),
        ("POST", _GEMINI + "generateContent", gemini.generate, Family.GEMINI),
        ("POST", _GEMINI + "streamGenerateContent", gemini.stream, Family.GEMINI),
        ("POST", _GEMINI + "embedContent", gemini.embed, Family.GEMINI),
        ("POST", _GEMINI + "batchEmbedContents", gemini.batch_embed, Family.GEMINI),
        ("POST", _GEMINI + "countTokens", gemini.count_tokens, Family.GEMINI),
        ("POST", "/api/chat", ollama.chat, Family.OLLAMA),
        ("POST", "/api/generate", ollama.generate, Family.OLLAMA),
        ("POST", "/api/embed", ollama.embed, Family.OLLAMA),
        ("GET", "/api/tags", ollama.tags, Family.OLLAMA),
        ("POST", "/api/show", ollama.show, Family.OLLAMA),
    )
)


def respond(scope: Scope, body: bytes) -> tuple[Ask, Answer, Family]:
    """The whole simulation without any I/O: what is answered to a request."""
    ask = _ask(scope, body)
    for method, pattern, api, family in ROUTES:
        found = pattern.search(ask.path)
        if found and scope["method"] == method:
            ask = replace(ask, model=found.groupdict().get("model") or ask.model)
            status = trouble(ask).status
            answer = refusal(family, status) if status else _tried(api, ask, family)
            return ask, replace(answer, headers=answer.headers | _request_id(family, ask)), family
    family = Family.OLLAMA if "/api/" in ask.path else Family.OPENAI
    return ask, refusal(family, 404), family


def _ask(scope: Scope, body: bytes) -> Ask:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        decoded = msgspec.json.decode(body) if body else {}
    except msgspec.DecodeError:
        decoded = None
    fields = decoded if isinstance(decoded, dict) else {}
    model = str(fields.get("model") or openai_media.form_model(body))
    pieces, chars = headers.get("x-sim-pieces"), headers.get("x-sim-piece-chars")
    fault = headers.get("x-sim-fault", model)
    endless = Fault.ENDLESS in (fault, unquote(scope["path"]).rpartition("/")[2].partition(":")[0])
    wishes = Wishes(int(pieces) if pieces else None, int(chars) if chars else None, endless)
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return Ask(unquote(scope["path"]), query, headers, body, fields, model, wishes)


def _tried(api: Api, ask: Ask, family: Family) -> Answer:
    """The API's answer, encoded if that was asked for; 400 for a body that should have been JSON."""
    is_form = ask.headers.get("content-type", "").startswith("multipart/")
    if not ask.json and ask.body and not is_form:
        return refusal(family, 400)
    answer = api(ask)
    encoding = ask.headers.get("x-sim-encoding")
    if encoding not in ENCODERS:
        return answer
    return replace(answer, headers=answer.headers | {"content-encoding": encoding, "vary": "accept-encoding"})


def _request_id(family: Family, ask: Ask) -> dict[str, str]:
    names = {Family.OPENAI: "x-request-id", Family.ANTHROPIC: "request-id"}
    digest = hashlib.sha256(ask.body).hexdigest()
    return {names[family]: f"req_{digest[:24]}"} if family in names else {}
