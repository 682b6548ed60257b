"""What the simulated model has to say to a request, before any API gives it a form.

Everything follows from the request alone: the same bytes get the same words, ids
and counts, in every process.  A token is four characters, rounded up, so a test can
work out the usage it must see.
"""

import hashlib
import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

CHARS_PER_TOKEN = 4
SAID_AT_S = 1_790_000_000
"""The moment every answer claims to be from: a clock would make answers differ."""
CACHEABLE_TOKENS_MIN = 1024
"""OpenAI and Gemini cache prompts from this size on, in steps of `CACHE_STEP_TOKENS`."""
CACHE_STEP_TOKENS = 128
PROMPT_FIELDS = (
    "system",
    "systemInstruction",
    "instructions",
    "messages",
    "contents",
    "content",
    "requests",
    "input",
    "prompt",
)
REASONING_MODELS = ("o1", "o3", "o4", "gpt-5", "gemini-2.5", "gemini-3", "deepseek-reasoner", "qwq")
SENTENCE = """
    the well gives water to all who come by day and night its meter turns without a sound each drop is
    counted once then written in the book beside the valve a careful hand keeps pressure even while clouds
    drift over long dry hills"""
WORDS = tuple(SENTENCE.split())


def tokens(text: str) -> int:
    """How many tokens a text is."""
    return -(-len(text) // CHARS_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The one tool that the model decides to call."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Speech:
    """One answer, independent of any API."""

    seed: str
    """Hex digits that ids are made of."""
    model: str
    prompt_tokens: int
    """All that was read, cached or not."""
    cached_tokens: int
    reasoning_tokens: int
    """Beside the spoken ones."""
    words: tuple[str, ...]
    """The text, in the pieces a stream sends."""
    cut_short: bool
    """The caller's token limit ended it."""
    tool: ToolCall | None = None
    endless: bool = False

    @property
    def text(self) -> str:
        return "".join(self.words)

    @property
    def pieces(self) -> Iterable[str]:
        """The text as a stream sends it; without end when that was asked for."""
        return itertools.cycle(self.words) if self.endless else self.words

    @property
    def spoken_tokens(self) -> int:
        return tokens(self.tool.name + str(self.tool.arguments)) if self.tool else tokens(self.text)

    @property
    def output_tokens(self) -> int:
        """Spoken and thought."""
        return self.spoken_tokens + self.reasoning_tokens


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a request's `x-sim-…` headers and model name ask of the answer's form."""

    pieces: int | None = None
    piece_chars: int | None = None
    endless: bool = False


NO_WISHES = Wishes()


def speech(
    body: dict[str, Any], model: str, limit_tokens: int | None = None, wishes: Wishes = NO_WISHES
) -> Speech:
    """The answer to a request body; `limit_tokens` is the caller's own limit on the output."""
    seed = hashlib.sha256(repr((model, body)).encode()).hexdigest()
    chance = random.Random(seed)
    prompt = tokens(prompt_text(body))
    words = _words(chance, wishes)
    text_tokens = tokens("".join(words))
    cut_short = limit_tokens is not None and limit_tokens < text_tokens and not wishes.pieces
    if cut_short:
        words = _shortened(words, (limit_tokens or 1) * CHARS_PER_TOKEN)
    thinks = model.removeprefix("models/").startswith(REASONING_MODELS)
    return Speech(
        seed=seed,
        model=model,
        prompt_tokens=prompt,
        cached_tokens=prompt * 3 // 4 // CACHE_STEP_TOKENS * CACHE_STEP_TOKENS
        if prompt >= CACHEABLE_TOKENS_MIN
        else 0,
        reasoning_tokens=chance.randrange(8, 96) if thinks else 0,
        words=words,
        cut_short=cut_short,
        tool=_tool_call(body, chance),
        endless=wishes.endless,
    )


def prompt_text(body: dict[str, Any]) -> str:
    """Every text in the parts of a request that a model reads."""
    return "".join(text for field in PROMPT_FIELDS for text in _texts(body.get(field)))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in ("role", "type", "id", "model"):
                yield from _texts(item)


def _words(chance: random.Random, wishes: Wishes) -> tuple[str, ...]:
    count = wishes.pieces or chance.randrange(6, 40)
    words = [chance.choice(WORDS) for _ in range(count)]
    words[0] = words[0].capitalize()
    spaced = [words[0], *(" " + word for word in words[1:-1]), *([f" {words[-1]}."] if count > 1 else [])]
    if wishes.piece_chars:
        spaced = [(word * wishes.piece_chars)[: wishes.piece_chars] for word in spaced]
    return tuple(spaced)


def _shortened(words: tuple[str, ...], chars_max: int) -> tuple[str, ...]:
    kept: list[str] = []
    for word in words:
        kept.append(word[:chars_max])
        chars_max -= len(word)
        if chars_max <= 0:
            break
    return tuple(kept)


def _tool_call(body: dict[str, Any], chance: random.Random) -> ToolCall | None:
    """A tool is called whenever one is offered and no result of a tool is in the conversation yet."""
    offered = [tool for tool in map(_tool, _list(body.get("tools"))) if tool is not None]
    if not offered or body.get("tool_choice") == "none" or _has_tool_result(body):
        return None
    name, schema = offered[0]
    properties = schema.get("properties")
    fields = properties if isinstance(properties, dict) else {}
    return ToolCall(name, {field: _example(kind, chance) for field, kind in fields.items()})


def _tool(tool: object) -> tuple[str, dict[str, Any]] | None:
    """Name and parameters of an offered tool, in the form of any of the APIs."""
    if not isinstance(tool, dict):
        return None
    declarations = _list(tool.get("functionDeclarations") or tool.get("function_declarations"))
    inner = declarations[0] if declarations else tool.get("function", tool)
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        return None
    schema = inner.get("parameters") or inner.get("input_schema") or inner.get("parametersJsonSchema")
    return inner["name"], schema if isinstance(schema, dict) else {}


def _has_tool_result(body: dict[str, Any]) -> bool:
    turns = [*_list(body.get("messages")), *_list(body.get("input")), *_list(body.get("contents"))]
    marks = (
        "'role': 'tool'",
        "'type': 'tool_result'",
        "'type': 'function_call_output'",
        "'functionResponse'",
    )
    return bool(turns) and any(mark in repr(turns[-1]) for mark in marks)


def _example(kind: object, chance: random.Random) -> Any:
    name = str(kind.get("type", "string")).lower() if isinstance(kind, dict) else "string"
    examples: dict[str, Any] = {
        "integer": chance.randrange(1, 9),
        "number": 1.5,
        "boolean": True,
        "array": [],
        "object": {},
    }
    return examples.get(name, chance.choice(WORDS))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
