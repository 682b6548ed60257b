"""The named rewrites of a request body: splices that leave every other byte as it was.

A JSON object's members are found by walking its text, never by writing the
object anew, so spacing, key order and number forms stay the client's own.
"""

import re

import msgspec

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SPACE = re.compile(rb"[ \t\r\n]*")
_KEY = re.compile(rb'[ \t\r\n]*"((?:[^"\\]|\\.)*)"[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)

INCLUDE_USAGE = b'"stream_options":{"include_usage":true}'


def with_stream_usage(body: bytes) -> bytes:
    """The body asking for usage in its stream; unchanged where it already does, or cannot be spliced."""
    members = _members(body)
    if members is None:
        return body
    opened = body.index(b"{") + 1
    if "stream_options" not in members:
        return body[:opened] + INCLUDE_USAGE + (b"," if members else b"") + body[opened:]
    _, start, end = members["stream_options"]
    options = body[start:end]
    inner = _members(options)
    if inner is None:  # `null`, or no object at all: the upstream reads ours instead
        return body[:start] + b'{"include_usage":true}' + body[end:]
    if "include_usage" in inner:
        _, value, value_end = inner["include_usage"]
        return body[: start + value] + b"true" + body[start + value_end :]
    return body[: start + 1] + b'"include_usage":true' + (b"," if inner else b"") + body[start + 1 :]


def without_member(body: bytes, name: str) -> bytes:
    """The body without one top-level member and its comma; unchanged where it has none."""
    members = _members(body)
    if members is None or name not in members:
        return body
    start, _, end = members[name]
    after = _SPACE.match(body, end).end()  # type: ignore[union-attr]  # it matches the empty string
    if body[after : after + 1] == b",":
        return body[:start] + body[after + 1 :]
    before = body.rindex(b"{", 0, start) if len(members) == 1 else body.rindex(b",", 0, start)
    return body[: before + (len(members) == 1)] + body[end:]


def names_once(body: bytes, name: str) -> bool:
    """Whether a JSON object has a member at most once, whatever the case of its letters.

    Readers differ in which of two they take, and some take `Model` for `model`.
    """
    members = _members(body)
    return members is not None and sum(found.lower() == name for found in members) <= 1


def _members(body: bytes) -> dict[str, tuple[int, int, int]] | None:
    """Each member's (start of key, start of value, end of value); `None` if this is no plain object.

    An object that names a key twice is left alone: which one counts is the reader's choice.
    """
    try:
        values = _MEMBERS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    found: dict[str, tuple[int, int, int]] = {}
    at = body.index(b"{") + 1
    for name, raw in values.items():
        key = _KEY.match(body, at)
        if key is None:
            return None
        end = key.end() + len(bytes(raw))
        if body[key.end() : end] != bytes(raw):
            return None
        start = _SPACE.match(body, at).end()  # type: ignore[union-attr]
        found[name] = (start, key.end(), end)
        at = _SPACE.match(body, end).end() + 1  # type: ignore[union-attr]
    return found if not values or body[at - 1 : at] == b"}" else None
