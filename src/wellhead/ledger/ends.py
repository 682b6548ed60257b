"""Ends of calls in the forms that the tables take: worked out before the lock, booked under it."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wellhead.call import CallState
from wellhead.cost import Costed
from wellhead.database import attempts, calls, costs, limit_windows, rollups
from wellhead.database.bulk import Row
from wellhead.database.calls import Settled
from wellhead.database.rollups import Rollup
from wellhead.database.room import Room
from wellhead.ledger.admission import Admission, WindowRow
from wellhead.ledger.costing import Costing
from wellhead.ledger.rollup import tally


@dataclass(frozen=True, slots=True)
class Ends:
    """What a batch of ends adds to each table."""

    rows: Sequence[Row]
    windows: Sequence[WindowRow]
    rollup: Rollup
    audits: Sequence[Row]
    attempts: Sequence[Row]

    def make_room(self, connection: sqlite3.Connection) -> None:
        """Give back what the calls had of their limits."""
        limit_windows.add(connection, self.windows)

    def book(self, connection: sqlite3.Connection) -> bool:
        """Book them; false if not every call was pending, and then all of it is to be taken back."""
        if calls.settle(connection, self.rows) != len(self.rows):
            return False
        rollups.add(connection, self.rollup)
        costs.note(connection, self.audits)
        attempts.note(connection, self.attempts)
        return True


def ends_of(
    settled: Sequence[Settled],
    costed: Mapping[int, Costed],
    admission: Admission,
    costing: Costing,
    room: Room,
) -> Ends:
    """Those of a batch; the room for ends of calls learns from it."""
    rows = calls.settled_rows(settled)
    if settled and settled[0][1].state is CallState.COMPLETED and room.is_due():
        room.learn(settled[0][0], calls.added(rows[0]))
    return Ends(
        rows,
        admission.settled(settled),
        tally(settled),
        costing.audit_rows(settled, costed),
        attempts.rows(settled),
    )
