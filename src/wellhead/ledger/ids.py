"""Call ids: 63 bits, unique over all workers, ordered by time::

    | milliseconds since 2020: 41 | worker slot: 10 | sequence: 12 |

Milliseconds and sequence are counted as one number that only grows: when the
clock goes back, or a millisecond is used up, the next ids are borrowed from the
time to come.
"""

from collections.abc import Callable

EPOCH_MS = 1_577_836_800_000
"""2020-01-01T00:00:00Z; 41 bits last until 2089."""
SLOT_BITS = 10
SEQUENCE_BITS = 12
_SLOT_MASK = (1 << SLOT_BITS) - 1
_SEQUENCE_MASK = (1 << SEQUENCE_BITS) - 1
_MS_SHIFT = SLOT_BITS + SEQUENCE_BITS


class Ids:
    """The ids of one worker; for one thread."""

    def __init__(self, slot: int, now_us: Callable[[], int], after: int = 0) -> None:
        """`after` is an id that all new ones shall be greater than, whatever the clock says."""
        assert 0 <= slot <= _SLOT_MASK
        self._slot = slot << SEQUENCE_BITS
        self._now_us = now_us
        self._tick = (after >> _MS_SHIFT) << SEQUENCE_BITS | _SEQUENCE_MASK if after else 0

    def next(self) -> int:
        tick = self._tick + 1
        now = self._now_us() // 1000 - EPOCH_MS << SEQUENCE_BITS
        self._tick = tick = max(tick, now)
        return (tick >> SEQUENCE_BITS) << _MS_SHIFT | self._slot | tick & _SEQUENCE_MASK


def slot_of(call_id: int) -> int:
    """The worker slot inside an id."""
    return call_id >> SEQUENCE_BITS & _SLOT_MASK


def started_ms_of(call_id: int) -> int:
    """The millisecond (since the epoch) inside an id."""
    return (call_id >> _MS_SHIFT) + EPOCH_MS
