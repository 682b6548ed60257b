"""Sheets: many rows of sums in one short value, made for adding up.

::

    ids        lanes: 64 bits for each sum, all of a row one whole number
    17   4     3 │ 0 │ 0 │ 3 │ 3 │ 4210 │ ...
    17   9     1 │ 0 │ 0 │ 1 │ 1 │  310 │ ...

So two rows are added, or one is taken from the other, in one step, however many sums
they have.  In between a lane may be below zero (it borrows from its neighbour), in the
end none is; and none runs over, for all of time fits into a column of the database.

In the value the bytes stand by their place: all lowest ones of the first lane, then all
second ones.  Most places are zero in every row, which are left out, and the others
compress well: a row of sixteen sums takes about 30 bytes.  (zlib would make the same of
it, and take eight times as long to undo it.)
"""

import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, repeat

import msgspec
import zstandard

_HEAD = struct.Struct("<IBB")
"""Rows, columns of ids, lanes."""
_ID_BYTES, _LANE_BYTES = 4, 8
_LEVEL = 9


class _Own(threading.local):
    """To make one takes three times as long as to use it, and no two threads may use it at once."""

    def __init__(self) -> None:
        self.decompressor = zstandard.ZstdDecompressor()


_own = _Own()


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one value, column by column."""

    ids: Sequence[Sequence[int]]
    """Columns of whole numbers below 2³², by which the rows are told apart."""
    sums: Sequence[int]
    """The lanes of each row, as `joined` has them."""
    names: Sequence[Sequence[str]]
    """Texts that ids are the places of."""

    def __len__(self) -> int:
        return len(self.sums)


def joined(lanes: Sequence[int]) -> int:
    """Sums of one row as one number; each is from 0 to 2⁶⁴ - 1."""
    return int.from_bytes(struct.pack(f"<{len(lanes)}Q", *lanes), "little")


def parted(total: int, count: int) -> tuple[int, ...]:
    """The lanes of a sum of rows."""
    return struct.unpack(f"<{count}Q", total.to_bytes(count * _LANE_BYTES, "little"))


def compressed(value: bytes) -> bytes:
    """As small as it gets without taking long."""
    return zstandard.compress(value, _LEVEL)


def decompressed(value: bytes) -> bytes:
    """What `compressed` made one of."""
    return _own.decompressor.decompress(value)


def packed(
    ids: Sequence[Sequence[int]], rows: Sequence[Sequence[int]], names: Sequence[Sequence[str]] = ()
) -> bytes:
    """A sheet of columns of ids and as many rows of sums; the order of the rows stays."""
    count, lanes = len(rows), len(rows[0]) if rows else 0
    assert all(len(column) == count for column in ids)
    parts = [struct.pack(f"<{count}I", *column) for column in ids]
    parts.append(b"".join(struct.pack(f"<{lanes}Q", *row) for row in rows))
    widths = _widths(len(ids), lanes)
    planes = [plane for part, width in zip(parts, widths, strict=True) for plane in _planes(part, width)]
    told = bytes(any(plane) for plane in planes)
    body = told + b"".join(plane for plane in planes if any(plane)) + msgspec.json.encode(names)
    return _HEAD.pack(count, len(ids), lanes) + compressed(body)


def unpacked(value: bytes, wanted: Sequence[int] | None = None) -> Sheet:
    """What `packed` made one of; of the sums those lanes alone that are wanted, in that order."""
    count, columns, lanes = _HEAD.unpack_from(value)
    body = decompressed(value[_HEAD.size :])
    ids, place, start = [], 0, columns * _ID_BYTES + lanes * _LANE_BYTES
    for _ in range(columns):
        part = bytearray(count * _ID_BYTES)
        for byte in compress(range(_ID_BYTES), body[place : place + _ID_BYTES]):
            part[byte::_ID_BYTES] = body[start : start + count]
            start += count
        place += _ID_BYTES
        ids.append(struct.unpack(f"<{count}I", part))
    at_of = {lane: at for at, lane in enumerate(range(lanes) if wanted is None else wanted)}
    width = len(at_of) * _LANE_BYTES if lanes else 0
    sums = bytearray(count * width)
    for byte in compress(range(lanes * _LANE_BYTES), body[place : place + lanes * _LANE_BYTES]):
        at = at_of.get(byte // _LANE_BYTES)
        if at is not None:
            sums[at * _LANE_BYTES + byte % _LANE_BYTES :: width] = body[start : start + count]
        start += count
    whole = struct.unpack(f"{width}s" * count, sums) if width else ()
    return Sheet(
        ids,
        list(map(int.from_bytes, whole, repeat("little"))),  # type: ignore[arg-type]  # Its overloads.
        msgspec.json.decode(body[start:], type=list[list[str]]),
    )


def _widths(columns: int, lanes: int) -> list[int]:
    return [_ID_BYTES] * columns + [lanes * _LANE_BYTES]


def _planes(part: bytes, width: int) -> Iterator[bytes]:
    return (part[byte::width] for byte in range(width))
