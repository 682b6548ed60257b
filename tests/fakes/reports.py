"""Reports without books: fixed answers, and the questions that were asked."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from fakes.books import NOON_US
from wellhead.errors import BooksUnavailable
from wellhead.exporting.columns import Row
from wellhead.figures import BooksFigure, Figures, WorkerFigure
from wellhead.quota import AccountGauge
from wellhead.report import (
    CallFilter,
    CallPage,
    CallRow,
    Dimension,
    Durations,
    Exchange,
    Key,
    Line,
    Movement,
    Name,
    Question,
    Seen,
)
from wellhead.unmetered import Unmetered

NO_CALLS: Mapping[str, Any] = {
    "totals": {"total_tokens": 0, "total_requests": 0},
    "by_model": [],
    "timeseries": [],
}
NO_FIGURES = Figures(
    usage=(),
    tools=(),
    projects=(),
    project_names={},
    today=(),
    latency=(),
    ttft=(),
    answers=(),
    limits=(),
    workers=(),
    breakers=(),
    gauges=(),
    database_bytes=4096,
    last_call_us=None,
)

A_WORKER = WorkerFigure(
    slot=0,
    is_up=True,
    heartbeat_us=NOON_US - 4_100_000,
    calls_open=3,
    queued=1,
    commits=812,
    commit_us=334_544,
    settlements_lost=0,
)


class FakeReports:
    """A `Reports` whose books can be taken away, or made to hang."""

    def __init__(self, metrics: Mapping[str, Any] = NO_CALLS) -> None:
        self.metrics = metrics
        self.asked: list[tuple[int | None, int | None, str | None]] = []
        self.questions: list[Question] = []
        self.lines: Sequence[Line] = ()
        """What every question is answered with."""
        self.ranges: list[tuple[int | None, int | None]] = []
        self.listings: list[tuple[CallFilter, int, int, int | None]] = []
        self.listed = CallPage([])
        """What every listing has."""
        self.exports: list[tuple[CallFilter, int, int]] = []
        self.pages: Iterable[Sequence[Row]] = ()
        """What every export has."""
        self.looks: list[Seen] = []
        self.moved: Callable[[Seen], Movement] = lambda seen: Movement(
            seen.open, seen.ended, seen.since_us, [], 0
        )
        """What is found to have moved, whenever somebody looks."""
        self.checks = 0
        self.scrapes = 0
        self.found = NO_FIGURES
        """What monitoring reads."""
        self.estimates: Sequence[Unmetered] = ()
        """Of attempts whose usage nobody knows."""
        self.present: Sequence[WorkerFigure] = (A_WORKER,)
        """The gateway processes that are there."""
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

    def usage(self, question: Question) -> Sequence[Line]:
        self.questions.append(question)
        self._answer()
        return self.lines

    def percentiles(
        self, question: Question, percents: Sequence[int]
    ) -> Mapping[tuple[int, tuple[Key, ...]], Durations]:
        self._answer()
        return {}

    def names(self, dimension: Dimension, *, since_us: int, text: str, count: int) -> Sequence[Name]:
        self._answer()
        return []

    def exchange(self, since_us: int | None, until_us: int | None) -> Exchange:
        self.ranges.append((since_us, until_us))
        self._answer()
        return Exchange([], {}, {})

    def figures(self, now_us: int) -> Figures:
        self.scrapes += 1
        self._answer()
        return self.found

    def unmetered(self, since_us: int, until_us: int) -> Sequence[Unmetered]:
        self.ranges.append((since_us, until_us))
        self._answer()
        return self.estimates

    def workers(self, now_us: int) -> Sequence[WorkerFigure]:
        self._answer()
        return self.present

    def books(self) -> BooksFigure:
        self._answer()
        return BooksFigure("sqlite", "/books.db", "v0001", 0, 4096)

    def gauges(self) -> Sequence[AccountGauge]:
        self._answer()
        return self.found.gauges

    def call_times(self) -> tuple[int | None, int | None]:
        self._answer()
        return None, None

    def call(self, id_: int) -> CallRow | None:
        self._answer()
        return None

    def cost_audits(self, id_: int) -> Sequence[Mapping[str, Any]]:
        return ()

    def attempts(self, id_: int) -> Sequence[Mapping[str, Any]]:
        return ()

    def calls(
        self,
        wanted: CallFilter,
        *,
        count: int,
        offset: int = 0,
        before: int | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
    ) -> CallPage:
        self.listings.append((wanted, count, offset, before))
        self.ranges.append((since_us, until_us))
        self._answer()
        return self.listed

    def ended_calls(
        self,
        since_us: int | None,
        until_us: int | None,
        *,
        count: int,
        after: tuple[int, int] | None = None,
    ) -> Sequence[CallRow]:
        self.ranges.append((since_us, until_us))
        self._answer()
        return []

    def export(self, wanted: CallFilter, since_us: int, until_us: int) -> Iterator[Sequence[Row]]:
        self.exports.append((wanted, since_us, until_us))
        for page in self.pages:
            self._answer()
            yield page
        self._answer()

    def movement(self, seen: Seen, count: int) -> Movement:
        self.looks.append(seen)
        self._answer()
        return self.moved(seen)

    def check(self) -> None:
        self.checks += 1
        self._answer()

    def _answer(self) -> None:
        self.answering.wait(30)
        if self.broken:
            raise RuntimeError("an unexpected mistake with the password canary-secret")
        if not self.available:
            raise BooksUnavailable("the database is gone: canary-secret")
