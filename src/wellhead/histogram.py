"""Percentiles from the log-scale histograms of `latency_hourly`.

Buckets are exact below 32 µs, then sixteen to each doubling, so that a duration
seen from the middle of its bucket is off by 3.1 % at most.
"""

from collections.abc import Mapping

_MANTISSA_BITS = 4


def bucket(us: int) -> int:
    """The bucket of a duration."""
    shift = max(us.bit_length() - _MANTISSA_BITS - 1, 0)
    return (shift << _MANTISSA_BITS) + (us >> shift)


def bounds(number: int) -> tuple[int, int]:
    """The durations of a bucket: from, inclusive, and to, exclusive."""
    shift = max((number >> _MANTISSA_BITS) - 1, 0)
    low = number - (shift << _MANTISSA_BITS)
    return low << shift, low + 1 << shift


def percentile_us(histogram: Mapping[int, int], percent: int) -> int | None:
    """The duration that so many percent of the calls do not pass (nearest rank); `None` without calls."""
    assert 0 < percent <= 100
    total = sum(histogram.values())
    if not total:
        return None
    rank = -(-total * percent // 100)
    for number in sorted(histogram):
        rank -= histogram[number]
        if rank <= 0:
            low, end = bounds(number)
            return (low + end - 1) // 2
    raise AssertionError("the ranks of a histogram end with its calls")
