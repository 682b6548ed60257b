"""Clears windows of limits away that count no more: now and then, some rows at a time."""

from collections.abc import Iterable

from wellhead.database import limit_windows
from wellhead.ledger.connection import HeldConnection
from wellhead.limit import Limit

PRUNE_US = 600_000_000
"""How often it is begun..."""
PRUNE_ROWS = 500
"""...how many rows are looked at in one transaction..."""
PRUNE_STEPS = 40
"""...and how many transactions there are at a time, until all rows were looked at."""


class Pruning:
    """How far a worker is with it; belongs to one thread."""

    def __init__(self, held: HeldConnection) -> None:
        self._held = held
        self._begun_us = 0
        self._after: limit_windows.Place | None = None
        """`None`: nothing is being cleared away."""

    def go_on(self, limits: Iterable[Limit], now_us: int) -> None:
        """Clear away some, if it is time; the rest comes the next times."""
        by_id = {limit.id: limit for limit in limits}
        if by_id and abs(now_us - self._begun_us) >= PRUNE_US:
            self._begun_us, self._after = now_us, limit_windows.THE_BEGINNING
        for _ in range(PRUNE_STEPS):
            after = self._after
            if after is None:
                return
            with self._held.transaction() as connection:
                after = limit_windows.prune(connection, by_id, now_us, after, PRUNE_ROWS)
            self._after = after
