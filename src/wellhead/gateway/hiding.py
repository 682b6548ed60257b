"""Hides the one chunk of a stream that the client did not ask for.

Where Wellhead asked for usage on the client's behalf (`ask_stream_usage`), an
OpenAI-style stream gains one event: `"choices": []` with a `usage`.  The meter
reads it; the client never sees it.  Every other byte goes on as it came.

Only an event that may still turn out to be that one is held back, and it is
small: an event that has grown past `HELD_MAX` goes on at once.
"""

import re
from typing import Any

import msgspec

HELD_MAX = 16 * 1024
"""Bytes held back at most; a usage chunk has a few hundred."""

_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_OPENS_LIKE_DATA = b"data:"


class _Chunk(msgspec.Struct):
    choices: list[msgspec.Raw] | None = None
    usage: dict[str, Any] | None = None


_CHUNK = msgspec.json.Decoder(_Chunk)


class Hiding:
    """A filter over one stream's bytes."""

    def __init__(self) -> None:
        self._held = b""
        self._passing = False
        """The event under way is known to be another one; its rest goes on at once."""

    def feed(self, chunk: bytes) -> bytes:
        """What may go on now."""
        data = self._held + chunk
        out, start = [], 0
        for end in _EVENT_END.finditer(data):
            event = data[start : end.end()]
            if self._passing or not _is_usage_chunk(event):
                out.append(event)
            self._passing = False
            start = end.end()
        rest = data[start:]
        if self._passing or _is_other(rest):
            # A line end at the very end may be half of a blank line: keep it for the match.
            keep = len(rest) - len(rest.rstrip(b"\r\n"))
            cut = len(rest) - keep
            out.append(rest[:cut])
            self._passing = cut > 0 or self._passing
            rest = rest[cut:]
        self._held = rest
        return b"".join(out)

    def finish(self) -> bytes:
        """What is left when the stream has ended (its last event may lack the blank line)."""
        held, self._held = self._held, b""
        return b"" if not self._passing and _is_usage_chunk(held) else held


def _is_other(event: bytes) -> bool:
    """The event under way cannot be the usage chunk any more."""
    start = event.lstrip(b"\xef\xbb\xbf\r\n")
    if len(event) > HELD_MAX:
        return True
    return bool(start) and not (start.startswith(_OPENS_LIKE_DATA) or _OPENS_LIKE_DATA.startswith(start))


def _is_usage_chunk(event: bytes) -> bool:
    if b'"usage"' not in event or b'"choices"' not in event:
        return False
    lines = event.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    data = b"\n".join(line[5:] for line in lines if line.startswith(b"data:"))
    try:
        chunk = _CHUNK.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return chunk.choices == [] and chunk.usage is not None
