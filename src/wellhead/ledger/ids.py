"""Gives call ids out: see `wellhead.call_id` for what is in them.

Milliseconds and sequence are counted as one number that only grows: when the
clock goes back, or a millisecond is used up, the next ids are borrowed from the
time to come.
"""

from collections.abc import Callable

from wellhead.call_id import EPOCH_MS, MS_SHIFT, SEQUENCE_BITS, SEQUENCE_MASK, SLOT_MASK


class Ids:
    """The ids of one worker; for one thread."""

    def __init__(self, slot: int, now_us: Callable[[], int], after: int = 0) -> None:
        """`after` is an id that all new ones shall be greater than, whatever the clock says."""
        assert 0 <= slot <= SLOT_MASK
        self._slot = slot << SEQUENCE_BITS
        self._now_us = now_us
        self._tick = (after >> MS_SHIFT) << SEQUENCE_BITS | SEQUENCE_MASK if after else 0

    def next(self) -> int:
        tick = self._tick + 1
        now = self._now_us() // 1000 - EPOCH_MS << SEQUENCE_BITS
        self._tick = tick = max(tick, now)
        return (tick >> SEQUENCE_BITS) << MS_SHIFT | self._slot | tick & SEQUENCE_MASK
