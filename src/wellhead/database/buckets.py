"""The buckets of `wellhead.histogram`, of many durations at once.

::

    calls       2 0 0 3 1   1 4   5      one place after the other
    ends                5     7   8
    ranks       3: ──────┘                of the first place, the third call is in its fourth bucket
"""

from collections.abc import Sequence

import numpy as np

from wellhead.database.sheet import Numbers
from wellhead.histogram import MANTISSA_BITS, bucket
from wellhead.usage import COUNT_MAX

BUCKETS = bucket(COUNT_MAX) + 1


def buckets(us: Numbers) -> Numbers:
    """The same as `wellhead.histogram.bucket`, of many."""
    shifts = np.maximum(np.frexp(us.astype(np.float64))[1] - MANTISSA_BITS - 1, 0).astype(np.int64)
    found: Numbers = (shifts << MANTISSA_BITS) + (us >> shifts)
    return found


def middles_us(numbers: Numbers) -> Numbers:
    """Of each bucket the middle of its durations, which none of them is further from than 3.1 %."""
    numbers = numbers.astype(np.int64)  # Durations are longer than their buckets.
    shifts = np.maximum((numbers >> MANTISSA_BITS) - 1, 0)
    lows = numbers - (shifts << MANTISSA_BITS) << shifts
    found: Numbers = lows + ((1 << shifts) - 1 >> 1)
    return found


def ranked(calls: Numbers, ends: Numbers, percents: Sequence[int]) -> tuple[Numbers, Numbers]:
    """How many calls each place has; and by percent and place, which bucket has the call of that rank.

    `calls` are those of the buckets of all places, in their order, and `ends` tells where each
    place has no more of them.  Ranks are nearest ranks: so many percent of the calls are no
    later.  Of a place without calls the bucket means nothing.
    """
    assert all(0 < percent <= 100 for percent in percents)
    passed = np.concatenate([[0], np.cumsum(calls, dtype=np.int64)])
    passed_at_end = passed[ends]
    totals = np.diff(passed_at_end, prepend=0)
    ranks = -(-totals * np.array(percents, np.int64)[:, np.newaxis] // 100)
    return totals, np.searchsorted(passed, passed_at_end - totals + ranks) - 1
