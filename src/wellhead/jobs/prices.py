"""The price list of models.dev: fetched, looked at, and kept where everybody finds it.

::

    fetch ─► the same as before: only noted
          ─► not to be believed: the one before goes on to count, and a warning says why
          ─► news: the history with it is kept, and every process goes by it soon

Whoever fetches at the same time (another host, a command) is no danger: a history is
only kept if it was made of the newest one.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Engine

from wellhead.database import price_lists
from wellhead.errors import BooksUnavailable
from wellhead.logs import Log
from wellhead.price_list import FetchedList, Refusal
from wellhead.pricing import models_dev

LOOP = "pricing-refresh"
RETRY_MAX_S = 900.0
"""A source that does not answer is asked this often."""
ATTEMPTS_MAX = 5
"""How often a history is made anew since somebody else was quicker."""


class Outcome(StrEnum):
    """What became of a fetched list."""

    NEW = "new"
    SAME = "same"
    REFUSED = "refused"


class PriceRefresh:
    """Keeps one source's list up to date."""

    def __init__(
        self,
        engine: Engine,
        fetch: Callable[[], Awaitable[bytes]],
        *,
        now_us: Callable[[], int],
        log: Log,
    ) -> None:
        """`fetch` asks the source."""
        self._engine, self._fetch, self._now_us, self._log = engine, fetch, now_us, log
        self.refused: Refusal | None = None
        """The list that was fetched last, if it is not believed."""

    async def refresh(self, *, anew: bool = False) -> Outcome:
        """Fetch and judge; raises what `fetch` does, and `BooksUnavailable`.

        With `anew` the list is not compared with the one before, which may have been the bad one.
        """
        return await asyncio.to_thread(self._take, await self._fetch(), anew)

    def _take(self, said: bytes, anew: bool) -> Outcome:
        digest = hashlib.sha256(said).digest()
        for _ in range(ATTEMPTS_MAX):
            latest = price_lists.newest(self._engine)
            if latest is not None and latest.digest == digest:
                price_lists.check_off(self._engine, latest.id, self._now_us())
                self.refused = None
                return Outcome.SAME
            history = None if latest is None else self._history(latest)
            document = _read(said)
            before = None if history is None or anew else models_dev.newest(history)
            reasons = models_dev.accepted(document, before)
            if reasons:
                return self._refuse(reasons)
            if self._keep(digest, document, history, latest):
                self.refused = None
                return Outcome.NEW
        raise BooksUnavailable("the price list is being changed all the time")

    def _history(self, latest: FetchedList) -> dict[str, Any] | None:
        said = price_lists.document(self._engine, latest.id)
        return None if said is None else msgspec.json.decode(said, type=dict[str, Any])

    def _keep(
        self, digest: bytes, document: object, history: dict[str, Any] | None, latest: FetchedList | None
    ) -> bool:
        now_us = self._now_us()
        made = models_dev.with_list(history, document, now_us)
        kept = price_lists.keep(
            self._engine,
            models_dev.SOURCE,
            digest,
            msgspec.json.encode(made),
            now_us,
            after=None if latest is None else latest.id,
        )
        if kept is None:
            return False
        changed = sum(
            entry["costs"][-1][0] == now_us for models in made["models"].values() for entry in models.values()
        )
        self._log.info("prices.refreshed", source=kept.source, list=kept.id, changed=changed)
        return True

    def _refuse(self, reasons: tuple[str, ...]) -> Outcome:
        self.refused = Refusal(self._now_us(), reasons)
        self._log.warning("prices.refused", source=models_dev.SOURCE, reasons=list(reasons))
        return Outcome.REFUSED


def _read(said: bytes) -> object:
    try:
        return msgspec.json.decode(said)
    except (msgspec.DecodeError, RecursionError):
        return None
