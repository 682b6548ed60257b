"""What is inside a call id."""

from wellhead.call_id import EPOCH_MS, MS_SHIFT


def started_ms_of(call_id: int) -> int:
    """The millisecond (since the epoch) inside an id."""
    return (call_id >> MS_SHIFT) + EPOCH_MS
