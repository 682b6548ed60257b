"""Has a price book go by the newest list in the books, without a pause of what is priced meanwhile.

Whoever fetches a list writes it into the books, and every process that prices calls
looks there: none needs to be told, and one that starts later goes by the same list.
Without the database the list that was taken up last goes on to count.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from sqlalchemy import Engine

from wellhead.database import price_lists
from wellhead.logs import Log
from wellhead.price_list import FetchedList
from wellhead.pricing import models_dev
from wellhead.pricing.book import PriceBook

LOOK_S = 10.0
"""How often it is looked whether there is a newer list."""


class FetchedPrices:
    """What one price book knows of fetched lists."""

    def __init__(self, engine: Engine, book: PriceBook, log: Log, look_s: float = LOOK_S) -> None:
        self._engine = engine
        self._book = book
        self._log = log
        self._look_s = look_s
        self._in_trouble = False
        self.latest: FetchedList | None = None
        """The one that is gone by."""

    def look(self) -> bool:
        """Take up the newest list; says whether there was a newer one.  Blocks: call it in a thread.

        Raises `BooksUnavailable`.
        """
        found, before = price_lists.newest(self._engine), self.latest
        # The file may be another one by now, with numbers of its own.
        known = None if before is None else (before.id, before.digest)
        is_new = found is not None and (found.id, found.digest) != known
        if is_new and found is not None:
            said = price_lists.document(self._engine, found.id)
            if said is None:  # Cleared away between the two questions: there is a newer one still.
                return self.look()
            self._book.go_by(models_dev.layer(msgspec.json.decode(said)))
            self._log.info("prices.taken_up", source=found.source, list=found.id)
        self.latest = found
        return is_new

    async def catch_up(self) -> None:
        """Look once; what goes wrong is said the first time, and pricing goes on as before."""
        try:
            await asyncio.to_thread(self.look)
            self._in_trouble = False
        except Exception as error:
            if not self._in_trouble:
                self._log.warning("prices.not_taken_up", reason=type(error).__name__)
            self._in_trouble = True

    async def follow(self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        """Look again and again, until cancelled."""
        while True:
            await sleep(self._look_s)
            await self.catch_up()
