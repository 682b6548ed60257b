"""Calls as JSON: one array, or one object per line.

Ids are text, since they do not fit a JavaScript number; what nobody said is `null`.
`cost_usd` is a number whose digits are exact: a call costs less than a million dollars,
so its nano-dollars have fewer digits than a float keeps.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from wellhead.exporting.columns import NAMES, Kind, Row, places
from wellhead.moments import to_the_microsecond
from wellhead.money import usd

_IDS = places(Kind.ID)
_FLAGS = places(Kind.FLAG)
_MOMENTS = places(Kind.MOMENT)
_DOLLARS = places(Kind.DOLLARS)
_encoder = msgspec.json.Encoder()


def lines(pages: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """One object per line, a page at a time."""
    for page in pages:
        if page:
            yield _encoder.encode_lines([as_object(row) for row in page])


def array(pages: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """One array, a page at a time, with a call on each line."""
    before = b"[\n"
    for page in pages:
        if page:
            yield before + b",\n".join(_encoder.encode(as_object(row)) for row in page)
            before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def as_object(row: Row) -> Mapping[str, Any]:
    """A call by the names of its columns, with values that JSON takes."""
    values = list(row)
    for place in _IDS:
        values[place] = str(values[place])
    for place in _FLAGS:
        if values[place] is not None:
            values[place] = bool(values[place])
    for place in _MOMENTS:
        if values[place] is not None:
            values[place] = to_the_microsecond(values[place])
    for place in _DOLLARS:
        if values[place] is not None:
            values[place] = usd(values[place])
    return dict(zip(NAMES, values, strict=True))
