"""Gauges of quotas on their way: told by the event loop, written down by the books' thread.

However often a quota is told of, only its newest value waits, and a gateway writes
at most once per `WRITE_US`: what comes in between goes along the next time.
"""

from collections.abc import Iterable, Mapping
from threading import Lock

from wellhead.database.gauges import GAUGES_MAX, Place
from wellhead.moments import SECOND_US
from wellhead.quota import Gauge

WRITE_US = SECOND_US
"""Gauges are written at most this often."""


class Gauges:
    """The newest value of each quota that is not in the books yet; at most `GAUGES_MAX` of them."""

    def __init__(self) -> None:
        self._newest: dict[Place, Gauge] = {}
        self._written_us = 0
        # Held for some dictionary look-ups on either side, never over a transaction.
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._newest)

    def note(self, provider: str, gauges: Iterable[Gauge]) -> None:
        """Take what a response told; for the event loop.  Never raises and never waits for the database."""
        with self._lock:
            for gauge in gauges:
                place = provider, gauge.account or "", gauge.name
                before = self._newest.get(place)
                if before is None:
                    if len(self._newest) < GAUGES_MAX:
                        self._newest[place] = gauge
                elif gauge.at_us >= before.at_us:
                    self._newest[place] = gauge

    def due(self, now_us: int) -> Mapping[Place, Gauge]:
        """What is to be written now, maybe nothing; `wrote` says when it is."""
        # A clock that was set back must not stop it.
        if not self._newest or abs(now_us - self._written_us) < WRITE_US:
            return {}
        return self.all()

    def all(self) -> Mapping[Place, Gauge]:
        """Everything that waits."""
        with self._lock:
            return dict(self._newest)

    def wrote(self, told: Mapping[Place, Gauge], now_us: int) -> None:
        """These are in the books; what came meanwhile stays."""
        if not told:
            return
        self._written_us = now_us
        with self._lock:
            for place, gauge in told.items():
                if self._newest.get(place) is gauge:
                    del self._newest[place]
