"""What is written down along with batches, now and then: which keys were used, what was told of quotas."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wellhead.call import Opening
from wellhead.database import gauges, key_use
from wellhead.ledger.gauges import Gauges
from wellhead.ledger.say import Say
from wellhead.quota import Gauge

KEY_USE_US = 1_000_000
"""A key's last use is written down at most this often."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What was written with one batch."""

    at_us: int
    keys: Mapping[int, int]
    """When each was used."""
    gauges: Mapping[gauges.Place, Gauge]
    dropped: int
    """Gauges that there was no room for."""


class Notes:
    """Of one worker."""

    def __init__(self, told: Gauges, say: Say) -> None:
        self._told = told
        self._say = say
        self._keys_used: dict[int, int] = {}
        self._dropped_some = False

    def write(self, connection: sqlite3.Connection, admitted: Iterable[Opening], now_us: int) -> Noted:
        """Part of the transaction that admits these calls; `wrote` follows when that is over."""
        keys = {call.key_id for call in admitted if call.key_id is not None}
        used = {key: now_us for key in sorted(keys) if now_us - self._keys_used.get(key, 0) >= KEY_USE_US}
        key_use.note(connection, list(used.items()))
        told = self._told.due(now_us)
        return Noted(now_us, used, told, gauges.keep(connection, told, now_us))

    def wrote(self, noted: Noted) -> None:
        """They are in the books."""
        self._keys_used.update(noted.keys)
        self._told.wrote(noted.gauges, noted.at_us)
        if noted.dropped and not self._dropped_some:  # Once: they come with every response.
            self._dropped_some = True
            self._say("quota_gauges_full", kept=gauges.GAUGES_MAX)
