"""A request as the simulated APIs see it, and an answer as they give it.

An API is a plain function from `Ask` to `Answer`; sending it, timing it and
spoiling it is `upstream.py`'s business.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wellhead.demo.speech import NO_WISHES, Speech, Wishes, speech

JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, read whole."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    json: dict[str, Any]
    """The body when it is a JSON object, else empty."""
    model: str
    wishes: Wishes = NO_WISHES

    @property
    def streamed(self) -> bool:
        return self.json.get("stream") is True

    def answered(self, *limit_fields: str) -> Speech:
        """What the model says to it, within the first limit on the output that the body names."""
        limits = (self.json.get(name) for name in limit_fields)
        return speech(
            self.json, self.model, next((n for n in limits if isinstance(n, int)), None), self.wishes
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: every item of `chunks` is sent by itself."""

    content_type: str
    chunks: Iterable[bytes]
    streamed: bool = False
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Api = Callable[[Ask], Answer]


def document(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """One JSON document."""
    return Answer(JSON, [msgspec.json.encode(value)], status=status, headers=headers or {})


def event(value: object, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"data: " + msgspec.json.encode(value) + b"\n\n"


def events(chunks: Iterable[bytes]) -> Answer:
    """A stream of server-sent events."""
    return Answer(SSE, chunks, streamed=True, headers={"cache-control": "no-cache"})


def lines(values: Iterable[object]) -> Answer:
    """A stream of JSON documents, one a line."""
    return Answer(NDJSON, (msgspec.json.encode(value) + b"\n" for value in values), streamed=True)
