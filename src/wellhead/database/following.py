"""Calls as they open and end, for whoever looks on: by polling, from the newest on.

::

    ended   ·····|··············x··x·x·|         calls are booked in about the order of their ends
                 ^ seen − LATE         ^ seen    so whatever is new is near the newest

What ended is looked for by an index that has all that is asked (when, and the id), and
only rows that nobody saw yet are read.  A call that is booked later than `LATE_US`
after its end is not seen, if newer ones were before.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, func, select, text

from wellhead.database.engine import file_of, outages
from wellhead.database.request_forms import SHOWN_COLUMNS
from wellhead.database.schema import calls, projects, whole_calls
from wellhead.errors import BooksUnavailable
from wellhead.report import CallRow

LATE_US = 60_000_000
CALLS_PER_LOOK = 1_000
IDS_PER_LOOK = 100_000
OPEN_MAX = 10_000

_PENDING = text("state = 'pending'")
"""As it is in the index; a bound value would not be recognised."""


class Following:
    """What is new since the last look.  After `BooksUnavailable` the next look may succeed."""

    def __init__(self, engine: Engine, now_us: Callable[[], int]) -> None:
        self._engine = engine
        self._now_us = now_us
        self._file = file_of(engine)
        self._newest_us = 0
        self._seen: dict[int, int] = {}
        """Ends of calls that were seen and are not long ago, by their ids."""
        self._open: set[int] = set()
        with outages(), engine.connect() as connection:
            newest = connection.execute(select(func.max(calls.c.finished_us))).scalar()
            self._newest_us = newest or 0
            self._seen = {id_: ended_us for ended_us, id_ in self._ended(connection)}

    def saw(self, rows: Sequence[CallRow]) -> None:
        """These were shown already."""
        for row in rows:
            if row["finished_us"] is None:
                self._open.add(row["id"])
            else:
                self._seen[row["id"]] = row["finished_us"]

    def ended(self) -> list[CallRow]:
        """Calls that ended since, in the order of their ends; the rest of very many with the next look."""
        self._look_at_the_file()
        with outages(), self._engine.connect() as connection:
            new = [(at, id_) for at, id_ in self._ended(connection) if id_ not in self._seen][:CALLS_PER_LOOK]
            rows = _rows(connection, [id_ for _, id_ in new])
        self._seen.update((id_, at) for at, id_ in new)
        self._newest_us = max([self._newest_us, *(at for at, _ in new)])
        since_us = self._since_us()
        self._seen = {id_: at for id_, at in self._seen.items() if at >= since_us}
        return sorted(rows, key=lambda row: (row["finished_us"], row["id"]))

    def opened(self) -> list[CallRow]:
        """Calls that are under way and were not before, in the order of their ids."""
        self._look_at_the_file()
        with outages(), self._engine.connect() as connection:
            query = select(calls.c.id).where(_PENDING).order_by(calls.c.id).limit(OPEN_MAX)
            now = {row.id for row in connection.execute(query)}
            rows = _rows(connection, sorted(now - self._open)[:CALLS_PER_LOOK])
        self._open = (self._open & now) | {row["id"] for row in rows}
        return sorted((row for row in rows if row["finished_us"] is None), key=lambda row: row["id"])

    def _ended(self, connection: Connection) -> list[tuple[int, int]]:
        t = calls.c
        query = (
            select(t.finished_us, t.id)
            .where(t.finished_us.is_not(None), t.finished_us >= self._since_us())
            .order_by(t.finished_us, t.id)
            .limit(IDS_PER_LOOK)
        )
        return [(row.finished_us, row.id) for row in connection.execute(query)]

    def _since_us(self) -> int:
        # One that ended in the future, by a clock that was set back since, hides none that end now.
        return min(self._newest_us, self._now_us()) - LATE_US

    def _look_at_the_file(self) -> None:
        """A connection goes on reading a file that was moved away; but no longer than until the next look."""
        file = file_of(self._engine)
        if file != self._file:
            self._engine.dispose()
            self._file = file
        if file is None:
            raise BooksUnavailable("the database cannot be used: its file is not there")


def project_names_by_number(engine: Engine) -> dict[int, tuple[str, str]]:
    """The uuids and names of all projects, by the numbers that calls have them by."""
    with outages(), engine.connect() as connection:
        rows = connection.execute(select(projects.c.id, projects.c.uuid, projects.c.name))
        return {row.id: (row.uuid, row.name) for row in rows}


def _rows(connection: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    if not ids:
        return []
    query = select(*SHOWN_COLUMNS).select_from(whole_calls).where(calls.c.id.in_(ids))
    found = connection.execute(query).mappings()
    return [dict(row) for row in found]
