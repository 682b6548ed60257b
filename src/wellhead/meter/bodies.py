"""Bodies that are JSON as a whole: one document, or an array of documents.

::

    [{"candidates": ...}\\n,\\r\\n{"candidates": ...}]      Gemini's stream without `alt=sse`
     `---- element ----'        `---- element ----'       each is read as soon as it is whole
"""

import re

from wellhead.meter.lines import PIECE_MAX

BODY_MAX = 64 * 1024 * 1024
"""Bytes: a longer document is not read."""

TOO_LONG = "body_too_long"

_STRUCTURE = re.compile(rb'["\[\]{}]')
_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)


class Document:
    """Gathers a body up to its end."""

    __slots__ = ("_body", "too_long")

    def __init__(self) -> None:
        self._body: bytes | bytearray = b""
        self.too_long = False

    def feed(self, chunk: bytes) -> None:
        if self.too_long:
            return
        if len(self._body) + len(chunk) > BODY_MAX:
            self.too_long = True
            self._body = b""
        elif not self._body:
            self._body = chunk
        else:
            # Grows in place; joining pieces at the end would need the memory twice.
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += chunk

    def finish(self) -> bytes | bytearray:
        """The whole body; empty if there was none or it was too long."""
        body, self._body = self._body, b""
        return body


class Elements:
    """Hands out the objects of one JSON array as they become whole; anything else in it passes."""

    __slots__ = ("_depth", "_held", "_in_string", "_scanned", "_skipping", "_start", "closed", "too_long")

    def __init__(self) -> None:
        self._held = bytearray()
        self._scanned = 0
        self._depth = 0
        self._in_string = False
        self._start: int | None = None
        self._skipping = False
        self.closed = False
        self.too_long = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The elements that this chunk completes."""
        if self.closed:
            return []
        self._held += chunk
        elements: list[bytes] = []
        while self._step(elements):
            pass
        self._let_go()
        return elements

    def _step(self, elements: list[bytes]) -> bool:
        """Scan up to the next place of structure; false when there is none left in what is held."""
        held = self._held
        if self._in_string:
            match = _STRING.match(held, self._scanned)
            assert match is not None, "the pattern matches the empty string"
            self._scanned = match.end()
            # What stops it is the closing quote, a backslash whose partner is to come, or the end.
            if held[self._scanned : self._scanned + 1] != b'"':
                return False
            self._scanned += 1
            self._in_string = False
        match = _STRUCTURE.search(held, self._scanned)
        if match is None:
            self._scanned = len(held)
            return False
        self._scanned = match.end()
        self._take(match[0], elements)
        return not self.closed

    def _take(self, mark: bytes, elements: list[bytes]) -> None:
        if mark == b'"':
            self._in_string = True
        elif mark in b"[{":
            self._depth += 1
            if self._depth == 2:
                self._start = self._scanned - 1
        else:
            self._depth -= 1
            if self._depth == 1:
                self._complete(elements)
            self.closed = self._depth <= 0

    def _complete(self, elements: list[bytes]) -> None:
        start, self._start = self._start, None
        if self._skipping or start is None or self._scanned - start > PIECE_MAX:
            self._skipping = False
            self.too_long = True
        else:
            elements.append(bytes(self._held[start : self._scanned]))

    def _let_go(self) -> None:
        """Forget what is scanned and is not part of an unfinished element, or of one too long."""
        if self._start is not None and len(self._held) - self._start > PIECE_MAX:
            self._skipping = True
            self._start = None
        keep_from = self._scanned if self._start is None else self._start
        if keep_from:
            del self._held[:keep_from]
            self._scanned -= keep_from
            if self._start is not None:
                self._start = 0
