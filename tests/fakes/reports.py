"""Reports without books: fixed answers, and the questions that were asked."""

import threading
from collections.abc import Mapping
from typing import Any

from wellhead.errors import BooksUnavailable

NO_CALLS: Mapping[str, Any] = {
    "totals": {"total_tokens": 0, "total_requests": 0},
    "by_model": [],
    "timeseries": [],
}


class FakeReports:
    """A `Reports` whose books can be taken away, or made to hang."""

    def __init__(self, metrics: Mapping[str, Any] = NO_CALLS) -> None:
        self.metrics = metrics
        self.asked: list[tuple[int | None, int | None, str | None]] = []
        self.checks = 0
        self.available = True
        self.broken = False
        """It raises what nobody expects."""
        self.answering = threading.Event()
        """Cleared: every question waits until it is set again."""
        self.answering.set()

    def qs_metrics(self, since_us: int | None, until_us: int | None, model: str | None) -> Mapping[str, Any]:
        self.asked.append((since_us, until_us, model))
        self._answer()
        return self.metrics

    def check(self) -> None:
        self.checks += 1
        self._answer()

    def _answer(self) -> None:
        self.answering.wait(30)
        if self.broken:
            raise RuntimeError("an unexpected mistake with the password canary-secret")
        if not self.available:
            raise BooksUnavailable("the database is gone: canary-secret")
