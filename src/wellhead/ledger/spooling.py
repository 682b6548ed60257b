"""What becomes of the spool: filled while the books cannot be written, emptied into them afterwards.

::

    books away     ends of calls ──► spool            (and, where that is wanted, calls that begin)
    books back     spool ──► books                    in order, before anything newer
    process died   its spool ──► whoever looks next   on this host, before its calls are taken for interrupted

Belongs to the books' thread.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from wellhead.call import Opening
from wellhead.database.calls import Settled
from wellhead.database.workers import Process, Worker
from wellhead.ledger import spool
from wellhead.ledger.processes import is_running, is_there
from wellhead.ledger.recovery import interrupted
from wellhead.ledger.say import Say
from wellhead.ledger.spool import Record, Spool, SpoolFull

RECORDS_AT_ONCE = 500
"""So that other workers wait only shortly for their turn."""


class Books(Protocol):
    """What a clerk can do for a spool."""

    @property
    def worker(self) -> Worker: ...

    def as_booked(self, opening: Opening) -> Opening: ...

    def enter(self, openings: Sequence[Opening]) -> None: ...

    def book(self, openings: Sequence[Opening], settled: Sequence[Settled]) -> object: ...


class Spooling:
    """The spool of one worker, and those that dead ones left."""

    def __init__(self, directory: Path, bytes_max: int, process: Process, say: Say, *, durable: bool) -> None:
        self._directory = directory
        self._process = process
        self._say = say
        self._spool = Spool(directory, bytes_max, durable=durable)
        self._refuses = False

    @property
    def is_empty(self) -> bool:
        return not self._spool.size

    def spared(self) -> Collection[int]:
        """Slots whose calls nobody may take for interrupted: their ends wait in a spool."""
        return {found.slot for found in spool.found_in(self._directory, self._process.host)}

    def keep_ends(self, books: Books, settled: Sequence[Settled]) -> bool:
        """Keep ends of calls; false if they cannot be kept."""
        return self._keep(books, [(books.as_booked(opening), end) for opening, end in settled])

    def keep_beginnings(self, books: Books, openings: Sequence[Opening]) -> bool:
        """Keep calls that begin, or turn to another provider, although nobody can book that.

        No limit counts them.
        """
        return self._keep(books, [(uncounted(opening), None) for opening in openings])

    def replay(self, books: Books) -> int:
        """Book what was kept, in its order; how many records that were.  `BooksUnavailable` as ever."""
        found = self._spool.records()
        _book(books, found.records)
        if self._spool.path is not None and found.bytes_unread:
            self._put_aside(self._spool.path, found.bytes_unread)
        self._spool.clear()
        self._refuses = False
        return len(found.records)

    def adopt(self, books: Books, now_us: int) -> int:
        """Book what dead processes of this host kept; how many records that were."""
        booked = 0
        for found in spool.found_in(self._directory, self._process.host):
            if not self._is_orphan(found):
                continue
            path = spool.take_over(found, self._process.pid)
            if path is None:
                continue
            contents = spool.read(path)
            _book(books, _ended(contents.records, now_us))
            if contents.bytes_unread:
                self._put_aside(path, contents.bytes_unread)
            path.unlink(missing_ok=True)
            booked += len(contents.records)
        return booked

    def _keep(self, books: Books, records: list[Record]) -> bool:
        worker = books.worker
        try:
            self._spool.append(spool.name_of(worker.slot, worker.started_us, worker.process), records)
        except SpoolFull as error:
            if not self._refuses:  # Once, until it is empty again.
                self._refuses = True
                self._say("spool_full", reason=str(error))
            return False
        return True

    def _is_orphan(self, found: spool.Found) -> bool:
        if found.path == self._spool.path:
            return False
        if found.taken_by is not None and found.taken_by != os.getpid():
            # Whoever took it over may be at it; a number that is somebody else's by now makes it wait.
            return not is_there(found.taken_by)
        return found.taken_by is not None or is_running(found.process) is False

    def _put_aside(self, path: Path, bytes_unread: int) -> None:
        aside = spool.put_aside(path)
        self._say("spool_damaged", path=str(aside), bytes_unread=bytes_unread)


def uncounted(opening: Opening) -> Opening:
    """A call as no limit counts it."""
    return replace(
        opening, admitted_us=None, hold_input_tokens=None, hold_output_tokens=None, hold_nanousd=None
    )


def _book(books: Books, records: Sequence[Record]) -> None:
    for start in range(0, len(records), RECORDS_AT_ONCE):
        some = records[start : start + RECORDS_AT_ONCE]
        begun = [opening for opening, end in some if end is None]
        if begun:
            books.enter(begun)
        books.book((), [(opening, end) for opening, end in some if end is not None])


def _ended(records: Sequence[Record], now_us: int) -> list[Record]:
    """The records of a process that died: what it began and did not end, ended with it."""
    over = {opening.id for opening, end in records if end is not None}
    lost: list[Record] = [
        (opening, interrupted(opening, now_us))
        for opening, end in records
        if end is None and opening.id not in over
    ]
    return [*records, *lost]
