"""Books in memory: the same promises as the ledger's writer, and faults on demand."""

import asyncio

from wellhead.call import CallState, Opening, Settlement
from wellhead.errors import BooksUnavailable


class FakeBooks:
    """Implements `wellhead.ports.Books`; tests read what was booked from its dictionaries."""

    def __init__(self) -> None:
        self.openings: dict[int, Opening] = {}
        """By call id, in the order they were booked."""
        self.settlements: dict[int, Settlement] = {}
        """The first settlement of each booked call."""
        self.unavailable: str | None = None
        """Set a reason to have `open` refuse."""
        self.gate = asyncio.Event()
        """Clear it to have `open` wait."""
        self.gate.set()
        self._id = 0

    def next_id(self) -> int:
        self._id += 1
        return self._id

    async def open(self, opening: Opening) -> None:
        await self.gate.wait()
        if self.unavailable is not None:
            raise BooksUnavailable(self.unavailable)
        self.openings[opening.id] = opening

    def settle(self, opening: Opening, settlement: Settlement) -> None:
        if opening.id in self.openings:
            self.settlements.setdefault(opening.id, settlement)

    def pending(self) -> list[Opening]:
        """Calls that are open, the oldest first."""
        return [opening for id_, opening in self.openings.items() if id_ not in self.settlements]

    def state(self, call_id: int) -> CallState | None:
        """Where a call stands; `None` if it is not in the books."""
        if call_id not in self.openings:
            return None
        settlement = self.settlements.get(call_id)
        return CallState.PENDING if settlement is None else settlement.state
