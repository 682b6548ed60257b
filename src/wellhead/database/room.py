"""Room: what is kept free in the row of a call that has begun, for what its end will add.

::

    a page of the books   │ row + room │ row + room │ row + room │    as they begin
                          │ whole row  │ whole row  │ whole row  │    when they have ended

A page is full when its calls have begun.  Where their ends find too little room it is split, and
both halves stay half empty; where they find too much, what is too much stays free for good.  What an
end adds is much the same for all calls of one model at one provider, so it is learnt from them.
"""

from collections.abc import Iterable

from wellhead.call import CallState, Opening

RESERVE_CHARS = 108
"""About what the end of a call adds to its row, where none like it has ended yet."""
RESERVE_CHARS_MAX = 1024
SEEN_BATCHES = 16
"""It looks at one call in so many batches of ends: a look takes some microseconds."""
LEARNT_MAX = 1024
"""Kinds of calls that are remembered; when there are more, all are learnt anew."""
SHARE = 8
"""What is remembered moves by so much of the difference: an eighth."""
HEAD_ONE = 57
"""Bytes of the longest text whose length takes a single byte; that of a longer one takes two."""

_WIDTHS = (0, 0, *((0, 1, 2, 3, 4, 6, 6, 8, 8)[bits // 8 + 1] for bits in range(2, 64)))
"""Bytes of an integer, by its bits; that it is 0 or 1 its kind says already."""
_USUAL = " " * RESERVE_CHARS
_KEPT_ALREADY = len(CallState.PENDING)
"""Bytes that are in the row of a pending call in the place of what its end says."""

_Kind = tuple[str, str, str | None]


class Room:
    """How much it is, by the kind of a call; for one thread."""

    def __init__(self) -> None:
        self._learnt: dict[_Kind, float] = {}
        self._kept: dict[_Kind, str] = {}
        self._unseen = SEEN_BATCHES

    def is_due(self) -> bool:
        """Asked once for a batch of ends: whether to look at one of it."""
        self._unseen += 1
        is_due = self._unseen > SEEN_BATCHES
        if is_due:
            self._unseen = 1
        return is_due

    def kept_for(self, opening: Opening) -> str:
        """What to fill the row of a new call with."""
        return self._kept.get((opening.provider, opening.dialect, opening.model), _USUAL)

    def learn(self, opening: Opening, added: Iterable[object]) -> None:
        """See what the end of a call added: the values that are written into its row, its state among them.

        Only ends of the usual kind are worth learning from: what failed has little to say.
        """
        size = sum(map(_size, added)) - _KEPT_ALREADY - sum(map(_size, _given_up(opening)))
        size = min(max(size - (size > HEAD_ONE), 0), RESERVE_CHARS_MAX)
        kind = (opening.provider, opening.dialect, opening.model)
        before = self._learnt.get(kind)
        if before is None and len(self._learnt) >= LEARNT_MAX:
            self._learnt.clear()
            self._kept.clear()
        learnt = size if before is None else before + (size - before) / SHARE
        self._learnt[kind], self._kept[kind] = learnt, " " * round(learnt)


NOTHING_LEARNT = Room()
"""For rows that are booked and settled at once."""


def _given_up(opening: Opening) -> tuple[int | None, ...]:
    """What is in the row of the pending call, and not any more, or written again, when it has ended."""
    return (
        opening.request_bytes,
        opening.hold_input_tokens,
        opening.hold_output_tokens,
        opening.hold_nanousd,
    )


def _size(value: object) -> int:
    """Bytes of a value in a row of SQLite's, beside the one for its kind."""
    if not value:
        return 0
    if isinstance(value, int):
        return _WIDTHS[value.bit_length()]
    assert isinstance(value, str), "numbers and texts are all that an end writes"
    return len(value) if value.isascii() else len(value.encode())
