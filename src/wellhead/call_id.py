"""Call ids: 63 bits, unique over all workers, ordered by time::

| milliseconds since 2020: 41 | worker slot: 10 | sequence: 12 |
"""

EPOCH_MS = 1_577_836_800_000
"""2020-01-01T00:00:00Z; 41 bits last until 2089."""
SLOT_BITS = 10
SEQUENCE_BITS = 12
SLOT_MASK = (1 << SLOT_BITS) - 1
SEQUENCE_MASK = (1 << SEQUENCE_BITS) - 1
MS_SHIFT = SLOT_BITS + SEQUENCE_BITS


def slot_of(call_id: int) -> int:
    """The worker slot inside an id."""
    return call_id >> SEQUENCE_BITS & SLOT_MASK


def first_of(ms: int) -> int:
    """No id of that millisecond (since the epoch), or of a later one, is lower."""
    return max(ms - EPOCH_MS, 0) << MS_SHIFT
