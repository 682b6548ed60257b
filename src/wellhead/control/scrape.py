"""The text of a scrape: made in a thread, once for all who ask at about the same time.

However many ask, at most one look at the books is under way, what it found serves
everybody for `FRESH_S`, and nobody waits longer than `WAIT_MAX_S` for it.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from wellhead.background import LoopState
from wellhead.control import prometheus, prometheus_aliases
from wellhead.control.prometheus_aliases import ReadyChecks
from wellhead.errors import BooksUnavailable
from wellhead.figures import SpoolFigure
from wellhead.ports import Reports

FRESH_S = 1.0
WAIT_MAX_S = 9.0
"""Prometheus itself waits ten seconds unless told otherwise."""
TEXT = CONTENT_TYPE_PLAIN_0_0_4
OPENMETRICS = openmetrics.CONTENT_TYPE_LATEST


class _Look:
    """One look at the books under way, or done."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self.task = asyncio.create_task(asyncio.to_thread(make))
        self.task.add_done_callback(self._ended)
        self._fresh_until_s = 0.0

    @property
    def is_fresh(self) -> bool:
        """Whether it serves whoever asks now; one that failed does not."""
        return not self.task.done() or time.monotonic() < self._fresh_until_s

    def _ended(self, task: asyncio.Task[bytes]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._fresh_until_s = time.monotonic() + FRESH_S


class _Found(Collector):
    """Metrics, in the form in which the library takes them."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class Scrape:
    """What Prometheus reads, in either of its forms."""

    def __init__(
        self,
        reports: Reports,
        checks: ReadyChecks,
        version: str,
        now_us: Callable[[], int],
        loops: Callable[[], Sequence[LoopState]] = tuple,
        spool: Callable[[], SpoolFigure] = SpoolFigure,
        wait_max_s: float = WAIT_MAX_S,
    ) -> None:
        self._reports = reports
        self._checks = checks
        self._version = version
        self._now_us = now_us
        self._loops = loops
        self._spool = spool
        self._wait_max_s = wait_max_s
        self._looks: dict[str, _Look] = {}

    async def text(self, form: str) -> bytes:
        """The text in a form, `TEXT` or `OPENMETRICS`; raises `BooksUnavailable`."""
        look = self._looks.get(form)
        if look is None or not look.is_fresh:
            look = self._looks[form] = _Look(lambda: self.made(form))
        try:
            return await asyncio.wait_for(asyncio.shield(look.task), self._wait_max_s)
        except TimeoutError:
            raise BooksUnavailable(f"no answer within {self._wait_max_s} s") from None

    def made(self, form: str) -> bytes:
        """The text, made now; blocks."""
        now_us = self._now_us()
        figures = self._reports.figures(now_us)
        ours = prometheus.families(figures, self._version)
        aliases = prometheus_aliases.families(figures, self._checks)
        spool = prometheus.spool(self._spool(), now_us)
        found = _Found(chain(ours, spool, prometheus.loops(self._loops()), aliases))
        if form == OPENMETRICS:
            text: bytes = openmetrics.generate_latest(found)  # type: ignore[no-untyped-call]
            return text
        return prometheus_aliases.as_counters(generate_latest(found))
