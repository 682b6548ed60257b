"""The parts of a usage that are kept as they came: JSON text, cut to what there is room for.

What was cut says so, since nothing may be priced by half of what was used::

    {"iterations": [{...}, {...}], "speed": "fast"}   ->   {"cut_short": true, "iterations": [{...}], ...}
"""

from collections.abc import Mapping
from typing import Any

import msgspec

CUT_SHORT = "cut_short"
"""The member that says so, the first one."""
_CUT = f'{{"{CUT_SHORT}":true'


def text_of(extra: Mapping[str, Any], bytes_max: int) -> str:
    """The text of all of it, or of as much as fits: small members whole, lists from their beginning."""
    whole = msgspec.json.encode(extra)
    if len(whole) <= bytes_max:
        return whole.decode()
    kept: dict[str, Any] = {CUT_SHORT: True}
    room = bytes_max - len(msgspec.json.encode(kept))
    # A member in braces of its own is longer by one byte than with a comma before it.
    sizes = {name: len(msgspec.json.encode({name: value})) for name, value in extra.items()}
    for name in sorted(sizes, key=sizes.__getitem__):
        value = extra[name]
        if sizes[name] > room:
            value = _beginning(value, room - len(msgspec.json.encode({name: []})))
        if value is not None:
            kept[name] = value
            room -= len(msgspec.json.encode({name: value}))
    return msgspec.json.encode(kept).decode()


def is_cut(text: str) -> bool:
    """Whether there was more than `text_of` had room for."""
    return text.startswith(_CUT)


def cut(text: str, bytes_max: int) -> str | None:
    """Text of this kind, shortened; `None` where it is none."""
    try:
        extra = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    return text_of(extra, bytes_max) if isinstance(extra, dict) else None


def _beginning(value: Any, room: int) -> list[Any] | None:
    if not isinstance(value, list):
        return None
    found = []
    for one in value:
        room -= len(msgspec.json.encode(one)) + 1
        if room < 0:
            break
        found.append(one)
    return found or None
