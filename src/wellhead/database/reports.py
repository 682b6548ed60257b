"""What the control plane may ask of the books: implements `wellhead.ports.Reports`.

::

    since ──┐                                        ┌── until
            ▼                                        ▼
    ····|···▒▒▒▒|▓▓▓▓▓▓▓▓|▓▓▓▓▓▓▓▓|▓▓▓▓▓▓▓▓|▒▒▒▒▒▒···|····      ▓ from rollups   ▒ from calls

Whole hours and days come from rollups, the edges from the rows.  A range is
[since, until) over the moment a call ended.  Every call that ended counts, however
it ended; pending ones do not.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, select

from wellhead.database import (
    attempts,
    call_export,
    call_reports,
    costs,
    exchange_reports,
    figures,
    gauges,
    live,
    size,
    usage_names,
    usage_percentiles,
    usage_reports,
)
from wellhead.database.engine import outages
from wellhead.database.figures import IsUp, is_registered
from wellhead.database.schema import calls, models_hourly, usage_hourly
from wellhead.exporting.columns import Row
from wellhead.figures import BooksFigure, Figures, WorkerFigure
from wellhead.moments import HOUR_US, to_the_second
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
    Measure,
    Movement,
    Name,
    Question,
    Seen,
)
from wellhead.unmetered import Unmetered

END_HOUR = 2**31 - 1
"""Later than any hour in the books."""
MEASURES = (Measure.CALLS, Measure.TOTAL_TOKENS, Measure.TIMED_CALLS, Measure.LATENCY_US)
"""What system A shows, in the order of `_Sums`."""
MODELS_MAX = 10_000_000
"""No fewer than there are: its users expect all of them."""
MODEL_UNKNOWN = "unknown"
"""How a call without a model is shown, and asked for."""


@dataclass(slots=True)
class _Sums:
    """What system A shows of a number of calls."""

    requests: int = 0
    tokens: int = 0
    timed: int = 0
    latency_us: int = 0

    def add(self, requests: int, tokens: int | None, timed: int, latency_us: int | None) -> None:
        self.requests += requests
        self.tokens += tokens or 0
        self.timed += timed
        self.latency_us += latency_us or 0

    @property
    def avg_latency_ms(self) -> int:
        """Half rounded up; 0 when no call was timed."""
        return (self.latency_us + self.timed * 500) // (self.timed * 1000) if self.timed else 0


class DatabaseReports:
    """Reports over an engine of its own; blocking, safe in several threads."""

    def __init__(self, engine: Engine, is_up: IsUp = is_registered) -> None:
        self._engine = engine
        self._is_up = is_up

    def check(self) -> None:
        """Read from every part that a gateway writes; `BooksUnavailable` if that cannot be done."""
        with outages(), self._engine.connect() as connection:
            connection.execute(select(calls.c.id).limit(1))
            connection.execute(select(usage_hourly.c.hour).limit(1))

    def qs_metrics(self, since_us: int | None, until_us: int | None, model: str | None) -> Mapping[str, Any]:
        """System A's `/_qs/metrics`: totals, models (most tokens first), hours with data (oldest first)."""
        by_model: defaultdict[str, _Sums] = defaultdict(_Sums)
        by_hour: defaultdict[int, _Sums] = defaultdict(_Sums)
        edges = _edges(since_us, until_us)
        with outages(), self._engine.connect() as connection:  # One transaction, so one state of the books.
            if edges is not None:
                for line in usage_reports.answer(connection, _of_models(edges, model)):
                    by_model[str(line.keys[0] or MODEL_UNKNOWN)].add(*(line.sums[one] for one in MEASURES))
                for hour, requests, tokens in _hours(connection, edges, model):
                    by_hour[hour].add(requests, tokens, 0, 0)
        models = sorted(by_model.items(), key=lambda item: (-item[1].tokens, item[0]))
        return {
            "totals": {
                "total_tokens": sum(s.tokens for s in by_model.values()),
                "total_requests": sum(s.requests for s in by_model.values()),
            },
            "by_model": [
                {
                    "model": name,
                    "tokens": s.tokens,
                    "requests": s.requests,
                    "avg_latency_ms": s.avg_latency_ms,
                }
                for name, s in models
            ],
            "timeseries": [
                {"bucket_start": to_the_second(hour * HOUR_US), "tokens": s.tokens, "requests": s.requests}
                for hour, s in sorted(by_hour.items())
            ],
        }

    def usage(self, question: Question) -> Sequence[Line]:
        """Sums by slot and dimensions: see `wellhead.database.usage_reports`."""
        with outages(), self._engine.connect() as connection:
            return usage_reports.answer(connection, question)

    def percentiles(
        self, question: Question, percents: Sequence[int]
    ) -> Mapping[tuple[int, tuple[Key, ...]], Durations]:
        """How long the calls of each line took, by slot and keys."""
        with outages(), self._engine.connect() as connection:
            return usage_percentiles.percentiles(connection, question, percents)

    def names(self, dimension: Dimension, *, since_us: int, text: str, count: int) -> Sequence[Name]:
        """What the calls have in a dimension, the most used first."""
        with outages(), self._engine.connect() as connection:
            return usage_names.names(connection, dimension, since_us, text, count)

    def exchange(self, since_us: int | None, until_us: int | None) -> Exchange:
        """What system C tells apart, of the calls that ended in [since, until)."""
        with outages(), self._engine.connect() as connection:
            return exchange_reports.answer(connection, since_us, until_us)

    def figures(self, now_us: int) -> Figures:
        """What monitoring reads."""
        with outages():
            return figures.figures(self._engine, now_us, self._is_up)

    def unmetered(self, since_us: int, until_us: int) -> Sequence[Unmetered]:
        """What attempts may have cost of which nobody knows what they used."""
        with outages(), self._engine.connect() as connection:
            return attempts.unmetered(connection, since_us, until_us)

    def workers(self, now_us: int) -> Sequence[WorkerFigure]:
        """The gateway processes that are registered."""
        with outages(), self._engine.connect() as connection:
            return figures.workers_now(connection, now_us, self._is_up)

    def books(self) -> BooksFigure:
        """How large the books are, and where."""
        with outages():
            return size.books(self._engine)

    def gauges(self) -> Sequence[AccountGauge]:
        """How accounts last stood with their quotas."""
        with outages(), self._engine.connect() as connection:
            return gauges.listed(connection)

    def call_times(self) -> tuple[int | None, int | None]:
        """When the first and the last call in the books began."""
        with outages(), self._engine.connect() as connection:
            return call_reports.first_and_last_us(connection)

    def call(self, id_: int) -> CallRow | None:
        """A call by its id."""
        with outages(), self._engine.connect() as connection:
            return call_reports.one(connection, id_)

    def cost_audits(self, id_: int) -> Sequence[Mapping[str, Any]]:
        """Every pricing of a call."""
        with outages(), self._engine.connect() as connection:
            return costs.audits_of(connection, id_)

    def attempts(self, id_: int) -> Sequence[Mapping[str, Any]]:
        """The attempts of a call."""
        with outages(), self._engine.connect() as connection:
            return attempts.of_call(connection, id_)

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
        """Calls that match, the newest first."""
        with outages(), self._engine.connect() as connection:
            return call_reports.newest(
                connection,
                wanted,
                count=count,
                offset=offset,
                before=before,
                since_us=since_us,
                until_us=until_us,
            )

    def ended_calls(
        self,
        since_us: int | None,
        until_us: int | None,
        *,
        count: int,
        after: tuple[int, int] | None = None,
    ) -> Sequence[CallRow]:
        """Calls that ended in [since, until), the last first."""
        with outages(), self._engine.connect() as connection:
            return call_reports.ended(connection, since_us, until_us, count=count, after=after)

    def export(self, wanted: CallFilter, since_us: int, until_us: int) -> Iterator[Sequence[Row]]:
        """Calls that ended in [since, until), the first to end first, by pages."""
        return call_export.pages(self._engine, wanted, since_us, until_us)

    def movement(self, seen: Seen, count: int) -> Movement:
        """What opened and what ended since somebody looked."""
        with outages(), self._engine.connect() as connection:
            return live.movement(connection, seen, count)


def _edges(since_us: int | None, until_us: int | None) -> tuple[int, ...] | None:
    """The bounds of a range, none for all of time; `None` where nothing can be in it."""
    if since_us is None and until_us is None:
        return ()
    edges = (0 if since_us is None else since_us, END_HOUR * HOUR_US if until_us is None else until_us)
    return edges if edges[0] < edges[1] else None


def _of_models(edges: tuple[int, ...], model: str | None) -> Question:
    return Question(MEASURES, (Dimension.MODEL,), edges, _where(model), MODELS_MAX)


def _where(model: str | None) -> Mapping[Dimension, Key]:
    if model is None:
        return {}
    return {Dimension.MODEL: None if model == MODEL_UNKNOWN else model}


def _hours(
    connection: Connection, edges: tuple[int, ...], model: str | None
) -> Iterator[tuple[int, int, int]]:
    """Calls and tokens by hour: the whole hours of a range from the rollup, and what is cut of others."""
    t = models_hourly.c
    whole = select(t.hour, func.sum(t.calls), func.sum(t.total_tokens)).group_by(t.hour)
    if model is not None:
        whole = whole.where(_is_model(t.model, model))
    cut: list[tuple[int, int]] = []
    if edges:
        first, end = -(-edges[0] // HOUR_US), edges[1] // HOUR_US
        whole = whole.where(t.hour >= first, t.hour < end)
        cut = (
            [(edges[0], first * HOUR_US), (end * HOUR_US, edges[1])]
            if first <= end
            else [(edges[0], edges[1])]
        )
    yield from map(tuple, connection.execute(whole))
    for since_us, until_us in cut:
        if since_us < until_us:
            question = Question(MEASURES, (), (since_us, until_us), _where(model))
            for line in usage_reports.answer(connection, question):
                yield since_us // HOUR_US, line.sums[Measure.CALLS], line.sums[Measure.TOTAL_TOKENS]


def _is_model(column: ColumnElement[str | None], model: str) -> ColumnElement[bool]:
    if model == MODEL_UNKNOWN:
        return func.coalesce(column, "").in_(("", MODEL_UNKNOWN))
    return column == model
