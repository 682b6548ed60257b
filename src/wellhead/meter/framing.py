"""Framing: which form a body has, and its JSON documents given to the findings one by one.

The form is told by the Content-Type *and* the first bytes, since either may lie:
an error may come as plain JSON labelled `text/event-stream`, Gemini's array
stream is labelled `application/json`, and some servers label nothing.

============================  =========  ======================  =====================
Content-Type \\ first byte     ``{``      ``[``                   anything else
============================  =========  ======================  =====================
text/event-stream             document   array                   events
application/x-ndjson, ...     lines      array                   events if they look so
application/json, none, ...   document   array                   events if they look so
audio/*, text/html, ...       not read   not read                not read
============================  =========  ======================  =====================
"""

import re
from functools import lru_cache
from typing import Literal

from wellhead.meter.bodies import TOO_LONG as BODY_TOO_LONG
from wellhead.meter.bodies import Document, Elements
from wellhead.meter.findings import Findings
from wellhead.meter.lines import TOO_LONG as EVENT_TOO_LONG
from wellhead.meter.lines import Pieces
from wellhead.meter.sse import BLANK_LINE, parse_event

BROKEN_JSON = "broken_json"

SNIFF_BYTES = 6
"""So many bytes tell an event stream (`event:`) from anything else."""

_FIRST_LINE = re.compile(rb"[^\r\n]++(?=[\r\n])")
_EVENT_FIELD = re.compile(rb"(?:data|event|id|retry)?:")


Label = Literal["events", "lines", "json", "unclear", "opaque"]
"""What a Content-Type promises."""

_LABELS: dict[str, Label] = {
    "text/event-stream": "events",
    "application/x-ndjson": "lines",
    "application/ndjson": "lines",
    "application/jsonl": "lines",
    "application/x-jsonlines": "lines",
    "application/json": "json",
    "text/json": "json",
    "": "unclear",
    "text/plain": "unclear",
    "application/octet-stream": "unclear",
}


@lru_cache(maxsize=256)
def label_of(content_type: str) -> Label:
    """What this Content-Type promises."""
    media_type = content_type.partition(";")[0].strip().lower()
    return _LABELS.get(media_type) or ("json" if media_type.endswith("+json") else "opaque")


class Framing:
    """One form of body; this one, for what is no JSON at all, reads nothing."""

    streamed = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes (never empty)."""

    def finish(self) -> None:
        """Take the end of the body."""


def choose(label: Label, head: bytes, findings: Findings, *, final: bool) -> Framing | None:
    """The framing of a body that begins with `head`, white space aside.

    `None` while that is too little to tell.
    """
    first = head[:1]
    if label == "opaque" or not first:
        return Opaque(findings) if first else None
    if first == b"[":
        return Array(findings)
    if first == b"{":
        return Lines(findings) if label == "lines" else Whole(findings)
    if label == "events":
        return Events(findings)
    if len(head) < SNIFF_BYTES and not final:
        return None
    if _EVENT_FIELD.match(head):
        return Events(findings)
    return Opaque(findings) if label == "unclear" else Whole(findings)


class Opaque(Framing):
    """A body that is no JSON (speech, an HTML page): it has no end marker that could be missing."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def finish(self) -> None:
        self._findings.ended = True


class Events(Framing):
    """Server-sent events."""

    streamed = True

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._pieces = Pieces(BLANK_LINE, findings.dialect.hints)

    def feed(self, data: bytes) -> None:
        for event in self._pieces.feed(data):
            self._read(event)

    def finish(self) -> None:
        for event in self._pieces.finish():
            self._read(event)
        if self._pieces.too_long:
            self._findings.trouble.setdefault(EVENT_TOO_LONG)

    def _read(self, event: bytes) -> None:
        name, data = parse_event(event)
        findings = self._findings
        if data.startswith(b"{"):
            if not findings.read(data, name):
                findings.trouble.setdefault(BROKEN_JSON)
        elif data.strip() == findings.dialect.end_data:
            findings.mark_end()


class Lines(Framing):
    """NDJSON: a document per line."""

    streamed = True

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._pieces = Pieces(b"\n", findings.dialect.hints)

    def feed(self, data: bytes) -> None:
        for line in self._pieces.feed(data):
            self._read(line)

    def finish(self) -> None:
        for line in self._pieces.finish():
            self._read(line)
        if self._pieces.too_long:
            self._findings.trouble.setdefault(EVENT_TOO_LONG)

    def _read(self, line: bytes) -> None:
        if not self._findings.read(line):
            self._findings.trouble.setdefault(BROKEN_JSON)


class Array(Framing):
    """A JSON array of documents."""

    streamed = True

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._elements = Elements()

    def feed(self, data: bytes) -> None:
        for element in self._elements.feed(data):
            if element.startswith(b"{") and not self._findings.read(element):
                self._findings.trouble.setdefault(BROKEN_JSON)

    def finish(self) -> None:
        if self._elements.closed:
            self._findings.ended = True
        if self._elements.too_long:
            self._findings.trouble.setdefault(EVENT_TOO_LONG)


class Whole(Framing):
    """One document; or NDJSON that nobody labelled, which shows only at the end."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._document = Document()

    def feed(self, data: bytes) -> None:
        self._document.feed(data)

    def finish(self) -> None:
        body = self._document.finish()
        findings = self._findings
        if self._document.too_long:
            findings.trouble.setdefault(BODY_TOO_LONG)
        elif findings.read(body):
            findings.ended = True
        elif (line := _FIRST_LINE.match(body)) and findings.read(line[0]):
            self.streamed = True
            lines = Lines(findings)
            lines.feed(bytes(body))
            lines.finish()
        else:
            findings.trouble.setdefault(BROKEN_JSON)
