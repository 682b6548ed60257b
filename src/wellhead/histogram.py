"""Log-scale histograms of durations, packed as the rollups keep them.

Buckets are exact below 32 µs, then sixteen to each doubling, so that a duration
seen from the middle of its bucket is off by 3.1 % at most.  A packed histogram is
one short run of counts::

    width (1 byte)   first bucket (2 bytes)   count, count, ...   (width bytes each, little-endian)

from the first bucket that was counted to the last, as narrow as its largest count
allows, and nothing at all without calls.  So the same counts give the same bytes,
in whatever order they were added up.
"""

import sys
from array import array
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from operator import add
from typing import NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)

MANTISSA_BITS = 4
"""So many bits of a duration after its first one tell the bucket."""
_HEAD_BYTES = 3
_KINDS = {array(kind).itemsize: kind for kind in "BHIQ"}
_NARROW = 2**8, 2**16, 2**32
_LANE_WIDTHS = 4, 8
assert set(_KINDS) == {1, 2, 4, 8}


def bucket(us: int) -> int:
    """The bucket of a duration."""
    shift = max(us.bit_length() - MANTISSA_BITS - 1, 0)
    return (shift << MANTISSA_BITS) + (us >> shift)


def bounds(number: int) -> tuple[int, int]:
    """The durations of a bucket: from, inclusive, and to, exclusive."""
    shift = max((number >> MANTISSA_BITS) - 1, 0)
    low = number - (shift << MANTISSA_BITS)
    return low << shift, low + 1 << shift


def packed(counts: Mapping[int, int]) -> bytes:
    """Calls by their bucket, packed."""
    if not counts:
        return b""
    first, last = min(counts), max(counts)
    if first == last and counts[first] < 256:
        return bytes((1, first & 0xFF, first >> 8, counts[first]))  # As most often, when few calls end.
    lanes = [0] * (last - first + 1)
    for number, count in counts.items():
        lanes[number - first] = count
    return _of_lanes(first, lanes, 1 << sum(max(lanes) >= most for most in _NARROW))


def histograms_of(took: Iterable[tuple[K, int | None, int | None]]) -> dict[K, tuple[bytes, bytes]]:
    """Packed histograms of latency and time to first byte by a key; what is not known is in neither."""
    counts: defaultdict[K, tuple[dict[int, int], dict[int, int]]] = defaultdict(lambda: ({}, {}))
    for key, latency_us, ttft_us in took:
        for some, us in zip(counts[key], (latency_us, ttft_us), strict=True):
            if us is not None:
                number = bucket(us)
                some[number] = some.get(number, 0) + 1
    return {key: (packed(latency), packed(ttft)) for key, (latency, ttft) in counts.items()}


def unpacked(histogram: bytes) -> dict[int, int]:
    """Calls by their bucket, those that have any."""
    first, lanes = _lanes(histogram)
    return {first + place: count for place, count in enumerate(lanes) if count}


def merged(histogram: bytes, more: bytes) -> bytes:
    """The sum of two packed histograms; quickest where the second one lies within the first."""
    if not histogram or not more:
        return histogram or more
    start, added = _lanes(more)
    if len(added) == 1 and (found := _with_one(histogram, start, added[0])):
        return found
    first, lanes = _lanes(histogram)
    width, place = histogram[0], start - first
    if 0 <= place <= len(lanes) - len(added) and max(lanes) + max(added) < 256**width:
        # No count runs over into its neighbour, so that all of them are added as one number.
        whole = int.from_bytes(histogram[_HEAD_BYTES:], "little")
        whole += int.from_bytes(_of_lanes(0, added, width)[_HEAD_BYTES:], "little") << 8 * width * place
        return histogram[:_HEAD_BYTES] + whole.to_bytes(width * len(lanes), "little")
    return packed(summed((histogram, more)))


def summed(histograms: Iterable[bytes]) -> dict[int, int]:
    """Calls by their bucket over any number of packed histograms."""
    some = [_lanes(one) for one in histograms if one]
    if not some:
        return {}
    start = min(first for first, _ in some)
    total = [0] * (max(first + len(lanes) for first, lanes in some) - start)
    for first, lanes in some:
        place = first - start
        end = place + len(lanes)
        total[place:end] = map(add, total[place:end], lanes)
    return {start + place: count for place, count in enumerate(total) if count}


class Lanes(NamedTuple):
    """Where widened histograms have the count of each bucket, so that they add up as numbers."""

    base: int
    """The bucket of the first lane."""
    width: int
    """In bytes."""


def lanes_for(histograms: Iterable[bytes], count: int) -> Lanes:
    """Lanes no wider than need be, which no sum of so many of these runs over."""
    heads = {one[:_HEAD_BYTES] for one in histograms if one}
    most = count << 8 * max((head[0] for head in heads), default=0)
    width = next((width for width in _LANE_WIDTHS if most <= 256**width), _LANE_WIDTHS[-1])
    return Lanes(min(map(_first_of, heads), default=0), width)


def widened(histogram: bytes, lanes: Lanes) -> int:
    """One whole number with a lane for each bucket: such numbers add up in one step.

    Taken from each other they may be below zero in some bucket in between, as long as in the end none is.
    """
    if not histogram:
        return 0
    width, counts = histogram[0], histogram[_HEAD_BYTES:]
    wide = bytearray(len(counts) // width * lanes.width)
    if width == 1:
        wide[:: lanes.width] = counts
    else:
        for byte in range(width):
            wide[byte :: lanes.width] = counts[byte::width]
    return int.from_bytes(wide, "little") << 8 * lanes.width * (_first_of(histogram) - lanes.base)


def narrowed(total: int, lanes: Lanes) -> bytes:
    """The lanes of a sum of widened histograms, little-endian, to the last that has any calls."""
    return total.to_bytes(-(-total.bit_length() // (8 * lanes.width)) * lanes.width, "little")


def _first_of(histogram: bytes) -> int:
    return histogram[1] | histogram[2] << 8


def _with_one(histogram: bytes, number: int, more: int) -> bytes:
    """With so many calls more in one bucket; nothing where they do not fit into what is there."""
    width = histogram[0]
    at = _HEAD_BYTES + (number - _first_of(histogram)) * width
    if not _HEAD_BYTES <= at < len(histogram):
        return b""
    count = int.from_bytes(histogram[at : at + width], "little") + more
    if count >> 8 * width:
        return b""
    return histogram[:at] + count.to_bytes(width, "little") + histogram[at + width :]


def _lanes(histogram: bytes) -> tuple[int, list[int]]:
    if not histogram:
        return 0, []
    return _first_of(histogram), _array(histogram[0], histogram[_HEAD_BYTES:]).tolist()


def _array(width: int, lanes: bytes) -> "array[int]":
    found = array(_KINDS[width], lanes)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def _of_lanes(first: int, lanes: list[int], width: int) -> bytes:
    found = array(_KINDS[width], lanes)
    if sys.byteorder == "big":
        found.byteswap()
    return bytes((width, first & 0xFF, first >> 8)) + found.tobytes()
