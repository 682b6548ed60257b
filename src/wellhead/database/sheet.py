"""Sheets: many rows of sums in one short value, made for adding up.

::

    ids        sums
    17   4     3   0   0   3   3   4210   ...
    17   9     1   0   0   1   1    310   ...

In the value the bytes stand by their place: all lowest ones of the first column, then all
second ones.  Most places are zero in every row, which are left out, and the others
compress well: a row of sixteen sums takes about 30 bytes.  (zlib would make the same of
it, and take eight times as long to undo it.)
"""

import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from wellhead.errors import BooksUnavailable

Numbers = NDArray[np.int64]
_Bytes = NDArray[np.uint8]

_HEAD = struct.Struct("<IBB")
"""Rows, columns of ids, columns of sums."""
_NUMBER = np.dtype("<u2")
_ID, _SUM = np.dtype("<u4"), np.dtype("<i8")
_LEVEL = 9
DAMAGED = "what was made of a day is damaged; wellhead db rebuild makes it anew where its calls are there"
_names = msgspec.json.Decoder(list[list[str]])


class _Own(threading.local):
    """To make one takes three times as long as to use it, and no two threads may use it at once."""

    def __init__(self) -> None:
        self.decompressor = zstandard.ZstdDecompressor()


_own = _Own()


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one value."""

    ids: Numbers
    """By column and row: whole numbers below 2³², by which the rows are told apart."""
    sums: Numbers
    """By row and column."""
    names: Sequence[Sequence[str]]
    """Texts that ids are the places of."""

    def __len__(self) -> int:
        return len(self.sums)


@dataclass(frozen=True, slots=True)
class Joined:
    """The rows of several sheets with the same columns, one after the other."""

    ids: Numbers
    """The first column says which sheet a row is of."""
    sums: Numbers
    names: Sequence[Sequence[Sequence[str]]]
    """Of each sheet."""


def compressed(value: bytes) -> bytes:
    """As small as it gets without taking long."""
    return zstandard.compress(value, _LEVEL)


def decompressed(value: bytes) -> bytes:
    """What `compressed` made one of; `BooksUnavailable` if it is damaged."""
    try:
        return _own.decompressor.decompress(value)
    except zstandard.ZstdError as error:
        raise BooksUnavailable(f"the database cannot be used: {DAMAGED}") from error


def packed(
    ids: Sequence[Sequence[int]], rows: Sequence[Sequence[int]], names: Sequence[Sequence[str]] = ()
) -> bytes:
    """A sheet of columns of ids and as many rows of sums; the order of the rows stays."""
    count, width = len(rows), len(rows[0]) if rows else 0
    assert all(len(column) == count for column in ids)
    columns = np.array(ids, _ID).reshape(len(ids), count).T
    sums = np.array(rows, _SUM).reshape(count, width)
    places = np.concatenate([_places(columns), _places(sums)])
    told = places.any(axis=1)
    body = told.tobytes() + places[told].tobytes() + msgspec.json.encode(names)
    return _HEAD.pack(count, len(ids), width) + compressed(body)


def unpacked(value: bytes) -> Sheet:
    """What `packed` made one of."""
    sheet = joined((value,))
    return Sheet(sheet.ids[1:], sheet.sums, sheet.names[0])


def joined(values: Sequence[bytes], wanted: tuple[int, ...] | None = None) -> Joined:
    """The rows of several; of the sums those columns alone that are wanted, in that order."""
    heads = [_HEAD.unpack_from(value) for value in values]
    counts = [count for count, _, _ in heads]
    _, columns, width = max(heads, default=(0, 0, 0))
    layout = _layout(columns, width, wanted)
    rows = np.zeros((sum(counts), layout.size), np.uint8)
    names, first = [], 0
    for value, (count, *shape) in zip(values, heads, strict=True):
        names.append(_unpack(value, shape, rows[first : first + count], layout))
        first += count
    which = np.repeat(np.arange(len(values)), counts)
    ids = rows[:, : columns * _ID.itemsize].view(_ID)
    return Joined(np.concatenate([which[np.newaxis], ids.T]), rows[:, layout.sums :].view(_SUM), names)


def packed_numbers(some: Sequence[int]) -> bytes:
    """Whole numbers below 2¹⁶, of which those beside each other are much alike."""
    return compressed(_places(np.array(some, _NUMBER).reshape(len(some), 1)).tobytes())


def unpacked_numbers(value: bytes) -> Numbers:
    """What `packed_numbers` made one of."""
    places = np.frombuffer(decompressed(value), np.uint8)
    return np.ascontiguousarray(places.reshape(_NUMBER.itemsize, -1).T).view(_NUMBER)[:, 0].astype(np.int64)


def rows_in(value: bytes) -> int:
    """How many rows it has."""
    count: int = _HEAD.unpack_from(value)[0]
    return count


def _unpack(value: bytes, shape: Sequence[int], rows: _Bytes, layout: "_Layout") -> list[list[str]]:
    """Put the bytes of a value into rows, and say its names."""
    columns, width = shape
    body = decompressed(value[_HEAD.size :])
    size = columns * _ID.itemsize + width * _SUM.itemsize
    told = np.frombuffer(body, np.bool_, size).nonzero()[0]
    places = np.frombuffer(body, np.uint8, len(told) * len(rows), size).reshape(len(told), len(rows))
    at = layout.at[told]
    if layout.is_part and not (is_wanted := at >= 0).all():
        at, places = at[is_wanted], places[is_wanted]
    rows[:, at] = places.T
    return _names.decode(memoryview(body)[size + len(told) * len(rows) :])


@dataclass(frozen=True, slots=True)
class _Layout:
    """An unpacked row: ids, and the wanted sums."""

    at: NDArray[np.intp]
    """Where the bytes of a value stand in it; -1: nowhere."""
    sums: int
    """Where they begin."""
    size: int
    is_part: bool


@lru_cache(maxsize=64)
def _layout(columns: int, width: int, wanted: tuple[int, ...] | None) -> _Layout:
    wanted = tuple(range(width)) if wanted is None else wanted
    ids = columns * _ID.itemsize
    start = -(-ids // _SUM.itemsize) * _SUM.itemsize  # So that sums lie as the processor likes them.
    at = np.full(ids + width * _SUM.itemsize, -1)
    at[:ids] = np.arange(ids)
    for place, column in enumerate(wanted if width else ()):
        first = ids + column * _SUM.itemsize
        at[first : first + _SUM.itemsize] = start + place * _SUM.itemsize + np.arange(_SUM.itemsize)
    return _Layout(at, start, start + len(wanted) * _SUM.itemsize, len(wanted) < width)


def _places(table: NDArray[np.generic]) -> _Bytes:
    """The bytes of each number, by their place and by row."""
    whole = np.ascontiguousarray(table)
    return whole.view(np.uint8).reshape(len(whole), whole.shape[1] * whole.itemsize).T
