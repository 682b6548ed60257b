"""An outline: the few parts of a JSON document that a dialect names, as plain values.

The rest (text, tool calls, images, vectors) is skipped by the decoder and never
becomes a Python object, so a body of 64 MiB costs no more memory than its bytes.
What is named is decoded apart from the rest: a part of an unexpected form is
missing from the outline and spoils nothing else.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import msgspec

SMALL_MAX = 2 * 1024
"""Bytes: a document up to this is decoded whole, which is quicker than picking parts out of it."""
VALUE_MAX = 64 * 1024
"""Bytes: a named value longer than this is left out (an id, a usage object or an error is far shorter)."""
LIST_MAX = 4 * 1024 * 1024
"""Bytes: a list of which only some fields are named is left out above this."""

TOO_LONG = "value_too_long"
ODD_FORM = "value_of_odd_form"

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises: not JSON, not UTF-8, numbers out of range, nested too deeply."""

Steps = tuple[str, ...]
Trouble = dict[str, None]
"""What could not be read, each said once, in order."""
Reader = Callable[[Any, Trouble], Any]
Find = Callable[[Any], Sequence[Any]]
"""Gives all values that are there (and not null) at one path, in order."""


def steps(path: str) -> Steps:
    """The steps of a dotted path; `.` is the document itself."""
    return tuple(path.split(".")) if path != "." else ()


@cache
def finder(path: Steps) -> Find:
    """The way along a path, made once: a function for every step, the first calling the second."""
    if not path:
        return lambda value: (value,)
    step, below = path[0], finder(path[1:]) if path[1:] else None

    def each(value: Any) -> Sequence[Any]:
        elements = value if isinstance(value, list) else ()
        return [found for element in elements for found in below(element)] if below else elements

    def down(value: Any) -> Sequence[Any]:
        found = value.get(step) if isinstance(value, dict) else None
        if found is None:
            return ()
        return below(found) if below else (found,)

    return each if step == "*" else down


def reach(value: Any, path: Steps) -> Sequence[Any]:
    """All values that are there at a path that is not worth a `finder` of one's own."""
    return finder(path)(value)


class Outline:
    """Decodes the named paths of JSON objects."""

    def __init__(self, paths: Iterable[Steps]) -> None:
        rests: dict[str, list[Steps]] = {}
        for first, *rest in paths:
            rests.setdefault(first, []).append(tuple(rest))
        # A path that ends here wants the whole value, and that holds whatever deeper paths want.
        self._readers: list[tuple[str, Reader]] = [
            (name, _value if () in below else _List(below) if below[0][0] == "*" else Outline(below).nested)
            for name, below in rests.items()
        ]
        self.parts: Any = msgspec.defstruct("Parts", [(name, msgspec.Raw, None) for name in rests])
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self.parts)
        self._nested_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self.parts | None)

    def read(self, document: Any, trouble: Trouble) -> dict[str, Any]:
        """The named parts of a document (bytes-like); what had to be left out is said in `trouble`.

        Raises one of `UNREADABLE` for what is no JSON object.
        """
        if len(document) <= SMALL_MAX:
            try:
                whole = _any.decode(document)
                if isinstance(whole, dict):
                    return whole
            except UNREADABLE:
                pass  # Perhaps only a part of it that nobody asked for.
        return self.gather(self._decoder.decode(document), trouble)

    def nested(self, raw: Any, trouble: Trouble) -> dict[str, Any] | None:
        """The same for an object inside another, which may be null."""
        parts = self._nested_decoder.decode(raw)
        return None if parts is None else self.gather(parts, trouble)

    def gather(self, parts: Any, trouble: Trouble) -> dict[str, Any]:
        """The values of decoded parts."""
        outline: dict[str, Any] = {}
        for name, reader in self._readers:
            raw = getattr(parts, name)
            if raw is None:
                continue
            try:
                value = reader(raw, trouble)
            except UNREADABLE:
                trouble.setdefault(ODD_FORM)
                continue
            if value is not None:
                outline[name] = value
        return outline


class _List:
    """Decodes the named paths of each object in a list."""

    def __init__(self, paths: list[Steps]) -> None:
        self._element = Outline([tuple(rest) for _, *rest in paths])
        parts: Any = self._element.parts
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[parts] | None)

    def __call__(self, raw: Any, trouble: Trouble) -> list[dict[str, Any]] | None:
        if len(raw) > LIST_MAX:
            trouble.setdefault(TOO_LONG)
            return None
        elements = self._decoder.decode(raw)
        return elements and [self._element.gather(parts, trouble) for parts in elements]


_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def _value(raw: Any, trouble: Trouble) -> Any:
    if len(raw) > VALUE_MAX:
        trouble.setdefault(TOO_LONG)
        return None
    return _any.decode(raw)
