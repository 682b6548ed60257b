"""What is done while the database is not there.

::

    ends of calls       into the spool (see `spooling`); what it does not take stays in memory
    calls that begin    are refused, or go out uncounted and into the spool, where that is wanted
    back again          what was kept is booked before anything newer
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wellhead.call import Opening
from wellhead.database.calls import Settled
from wellhead.database.workers import Process
from wellhead.errors import BooksUnavailable
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.say import Say
from wellhead.ledger.spooling import Spooling

RETRY_S = 0.5
"""How long after a failure the database is tried again."""
PATIENCE_S = 0.2
"""How long such a try waits for other processes' locks: openings wait with it."""


@dataclass(frozen=True, slots=True)
class Outage:
    """What is wanted."""

    spool: Path | None = None
    """The directory of the spool; without one settlements are kept in memory alone."""
    spool_bytes_max: int = 256 << 20
    lets_calls_through: bool = False
    """Calls go out all the same, and no limit counts them; otherwise they are refused."""
    durable: bool = False
    """What is in the spool is on the disk, so that it is there after a loss of power."""


NO_SPOOL = Outage()
"""Calls are refused, and what ends is kept in memory."""


class Trouble:
    """Whether the books can be written just now, and what is kept until they can; for the books' thread."""

    def __init__(self, clerk: Clerk, outage: Outage, process: Process, say: Say) -> None:
        self._clerk = clerk
        self._say = say
        self.lets_through = outage.lets_calls_through
        self.fault: str | None = None
        """Why the books cannot be written just now; `None` when they can."""
        self._retry_s = 0.0
        self.has_kept = False
        """Some settlements are in memory that the spool did not take."""
        self._spooling: Spooling | None = None
        if outage.spool is not None:
            self._spooling = Spooling(
                outage.spool, outage.spool_bytes_max, process, say, durable=outage.durable
            )
            clerk.spared = self._spooling.spared

    @property
    def has_spooled(self) -> bool:
        """Something waits in the spool."""
        return self._spooling is not None and not self._spooling.is_empty

    @property
    def takes_ends(self) -> bool:
        """Ends of calls find a place: in the books, or in the spool."""
        return self.fault is None or (self._spooling is not None and not self.has_kept)

    def set(self, fault: str | None) -> None:
        """Take note of how it went with the database."""
        if fault is not None and self.fault is None:
            self._say("books_unavailable", reason=fault)
        if fault is None and self.fault is not None:
            self._say("books_available")
        if (fault is None) is not (self.fault is None):
            self._clerk.wait_for_locks(None if fault is None else PATIENCE_S)
        self.fault = fault

    def is_over(self) -> bool:
        """Book what was kept, which also shows whether the database is back; at most every `RETRY_S`."""
        if self.fault is not None and time.monotonic() < self._retry_s:
            return False
        try:
            self._clerk.refresh()
            booked = self._spooling.replay(self._clerk) if self._spooling is not None else 0
        except BooksUnavailable as error:
            self.set(str(error))
            self._retry_s = time.monotonic() + RETRY_S
            return False
        self.set(None)
        if booked:
            self._say("spool_replayed", count=booked)
        return True

    def begin_anew(self) -> None:
        """Try the spool again with whatever comes from here on."""
        self.has_kept = False

    def keeps(self, settled: Sequence[Settled]) -> bool:
        """Keep ends of calls in the spool; false where it takes no more."""
        if not settled or (self._spooling is not None and self._spooling.keep_ends(self._clerk, settled)):
            return True
        self.has_kept = True
        return False

    def rulings(self, openings: Sequence[Opening]) -> dict[int, Exception]:
        """Which calls may not go out, by their ids, and why; all others may."""
        if self.lets_through and self._spooling is not None:
            known = {opening.id: self._clerk.ruling(opening) for opening in openings}
            through = [opening for opening in openings if known[opening.id] is None]
            if self._spooling.keep_beginnings(self._clerk, through):
                return {id_: ruling for id_, ruling in known.items() if ruling is not None}
        away = BooksUnavailable(self.fault or "the books are not there")
        return {opening.id: away for opening in openings}

    def adopt(self, now_us: int) -> None:
        """Book what dead processes kept, before their calls are taken for interrupted."""
        if self._spooling is not None:
            booked = self._spooling.adopt(self._clerk, now_us)
            if booked:
                self._say("spool_replayed", count=booked)
                self._clerk.recover()
