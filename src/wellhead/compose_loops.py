"""Composition of what a control process does beside answering: its loops.

::

    pricing-refresh ─► price_lists ─► the PriceBook of every process
    cost-backfill ───► calls         prices those that have no price yet
    calls-retention ─► calls         removes those that are too old
    days-closing ────► closed_days   makes what reports read of days that are over

A part of `wellhead.compose`, which says how its modules hang together.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from wellhead.compose_pricing import fetched_prices, price_book, price_refresh, repricer
from wellhead.config.settings import Settings
from wellhead.directory import Directory
from wellhead.logs import Log
from wellhead.price_list import Refreshing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from wellhead.control.background import Background
    from wellhead.jobs.runner import Loop
    from wellhead.ledger.repricing import Repricing


class ControlLoops:
    """What a control process does beside answering."""

    def __init__(
        self,
        settings: Settings,
        providers: Directory,
        engine: "Engine",
        now_us: Callable[[], int],
        log: Log,
    ) -> None:
        from wellhead.jobs.runner import Runner

        self._pricing, self._now_us, self._log = settings.pricing, now_us, log
        self._engine, self._retention_days = engine, settings.database_retention_days
        self.book = price_book(settings, providers)
        self._fetched = fetched_prices(engine, self.book, log)
        self._refresh = price_refresh(settings, engine, now_us, log)
        self._repricer = repricer(settings, engine, self.book, now_us)
        # Made before the first list was read, which is when it is known how old that is.
        self._runner = Runner((), now_us=now_us, log=log)
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def told(self) -> "Background":
        """What answers tell of it."""
        from wellhead.control.background import Background

        return Background(self.book, self._refreshing, lambda: self._runner.states())

    async def start(self) -> None:
        """Go by the newest list, and begin."""
        from wellhead.jobs.runner import Runner

        await self._fetched.catch_up()
        self._runner = Runner(self._loops(), now_us=self._now_us, log=self._log)
        work = (self._fetched.follow(), self._said_if_it_breaks())
        self._tasks = tuple(asyncio.create_task(one) for one in work)

    async def end(self) -> None:
        """End at once, but for a transaction that is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _loops(self) -> "Iterator[Loop]":
        from wellhead.jobs import backfill, closing, prices, retention
        from wellhead.jobs.runner import Loop
        from wellhead.ledger.closing import close, last_day
        from wellhead.ledger.retention import remove

        pricing = self._pricing
        if pricing.refresh_interval_s:
            age_s = self._refreshing().age_s(self._now_us())
            yield Loop(
                prices.LOOP,
                pricing.refresh_interval_s,
                self._refresh_and_go_by,
                first_s=0.0 if age_s is None else max(pricing.refresh_interval_s - age_s, 0.0),
                retry_max_s=prices.RETRY_MAX_S,
                # A machine without the network is no reason to stop asking, nor to be out of order.
                failures_max=None,
            )
        if pricing.backfill_interval_s:
            job = backfill.CostBackfill(
                self._backfill,
                lambda: self._fetched.latest and self._fetched.latest.digest,
                lookback_us=round(pricing.backfill_lookback_s * 1_000_000),
                now_us=self._now_us,
                log=self._log,
            )
            yield Loop(backfill.LOOP, pricing.backfill_interval_s, job.run)
        if self._retention_days:
            keeping = retention.CallsRetention(
                lambda before_us, is_ending: remove(self._engine, before_us, is_ending=is_ending),
                days=self._retention_days,
                now_us=self._now_us,
                log=self._log,
            )
            yield Loop(retention.LOOP, retention.INTERVAL_S, keeping.run, first_s=retention.FIRST_S)
        days = closing.DaysClosing(
            lambda now_us, is_ending: close(self._engine, last_day(now_us), is_ending=is_ending),
            now_us=self._now_us,
            log=self._log,
        )
        yield Loop(closing.LOOP, closing.INTERVAL_S, days.run, first_s=closing.FIRST_S)

    async def _refresh_and_go_by(self) -> None:
        await self._refresh.refresh()
        await self._fetched.catch_up()

    def _backfill(self, since_us: int, until_us: int, is_ending: Callable[[], bool]) -> "Repricing":
        from wellhead.database.costs import Chosen
        from wellhead.ledger.repricing import BACKFILL

        chosen = Chosen(since_us, until_us, only_pending=True)
        return self._repricer.run(chosen, BACKFILL, is_ending=is_ending)

    def _refreshing(self) -> Refreshing:
        return Refreshing(
            self._pricing.refresh_interval_s,
            self._pricing.ready_max_age_s,
            self._fetched.latest,
            self._refresh.refused,
        )

    async def _said_if_it_breaks(self) -> None:
        try:
            await self._runner.run()
        except Exception:
            self._log.exception("loops.ended")
