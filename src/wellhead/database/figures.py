"""What monitoring reads, in one state of the books: see `wellhead.figures`.

All of it comes from rollups and small tables, so that what it takes depends on how
many models, tools and projects there are, not on how many calls.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, FromClause, Select, case, func, select, text, true

from wellhead.breaker import Shared, parts_of
from wellhead.database import breakers, call_reports, gauges, limits, metric_names, workers
from wellhead.database.schema import calls, latency_total, projects, usage_daily, usage_total
from wellhead.database.workers import Worker
from wellhead.figures import NOBODYS, BreakerFigure, Durations, Figures, LimitFigure, WorkerFigure
from wellhead.moments import DAY_US
from wellhead.report import Key, Line, Measure

LIMITS_MAX = 100
"""Limits that are shown, the oldest first."""

IsUp = Callable[[Worker, bool, int], bool]
"""Whether a worker, which has open calls or not, does its work at this moment."""


def is_registered(_worker: Worker, _has_calls: bool, _now_us: int) -> bool:
    """Believes all that are in the table."""
    return True


_ALL = (
    *(Measure.CALLS, Measure.METERED_CALLS, Measure.PRICED_CALLS, Measure.COST_NANOUSD),
    *(Measure.INPUT_TOKENS, Measure.OUTPUT_TOKENS, Measure.TOTAL_TOKENS),
    *(Measure.CACHE_READ_TOKENS, Measure.CACHE_WRITE_TOKENS, Measure.REASONING_TOKENS),
)
_BRIEF = (Measure.CALLS, Measure.TOTAL_TOKENS, Measure.COST_NANOUSD)
_TO_A_DOUBLING = 16
"""Buckets of a histogram."""


def figures(engine: Engine, now_us: int, is_up: IsUp) -> Figures:
    """All of it, as it stands at this moment."""
    metric_names.give(engine)
    with engine.connect() as connection:  # One transaction, so one state of the books.
        latency, ttft = _durations(connection)
        named = select(projects.c.uuid, projects.c.name).where(
            metric_names.shown(metric_names.PROJECT, projects.c.uuid) == projects.c.uuid
        )
        return Figures(
            usage=_usage(connection),
            tools=_tools(connection),
            projects=_projects(connection),
            project_names={uuid: name for uuid, name in connection.execute(named)},  # noqa: C416
            today=_today(connection, now_us // DAY_US),
            latency=latency,
            ttft=ttft,
            answers=_answers(connection),
            limits=_limits(connection, now_us),
            workers=workers_now(connection, now_us, is_up),
            breakers=[_breaker(one, now_us) for one in breakers.listed(connection)],
            gauges=gauges.listed(connection),
            database_bytes=_size(connection),
            last_call_us=call_reports.first_and_last_us(connection)[1],
        )


def _breaker(found: Shared, now_us: int) -> BreakerFigure:
    provider, credential_id = parts_of(found.subject)
    return BreakerFigure(provider, credential_id, found.state_at(now_us))


def _usage(connection: Connection) -> list[Line]:
    t = usage_total.c
    model = metric_names.shown(metric_names.MODEL, t.model, t.provider)
    return _lines(connection, usage_total, (t.provider, model, t.outcome, t.streamed), _ALL)


def _tools(connection: Connection) -> list[Line]:
    tool = metric_names.shown(metric_names.TOOL, usage_total.c.tool)
    return _lines(connection, usage_total, (tool,), _BRIEF)


def _projects(connection: Connection) -> list[Line]:
    source = usage_total.outerjoin(projects, projects.c.id == usage_total.c.project_id)
    uuid = projects.c.uuid
    project = case((uuid.is_(None), NOBODYS), else_=metric_names.shown(metric_names.PROJECT, uuid))
    return _lines(connection, source, (project,), _BRIEF)


def _today(connection: Connection, day: int) -> list[Line]:
    t = usage_daily.c
    model = metric_names.shown(metric_names.MODEL, t.model, t.provider)
    return _lines(connection, usage_daily, (t.provider, model), _BRIEF, t.day == day)


def _lines(
    connection: Connection,
    source: FromClause,
    keys: tuple[ColumnElement[Any], ...],
    measures: tuple[Measure, ...],
    wanted: ColumnElement[bool] | None = None,
) -> list[Line]:
    table = usage_daily if source is usage_daily else usage_total
    sums = [func.sum(table.c[measure.value]) for measure in measures]
    labelled, grouped = _grouped(keys)
    query = (
        select(*labelled, *sums)
        .select_from(source)
        .where(true() if wanted is None else wanted)
        .group_by(*grouped)
        .order_by(*grouped)
    )
    end = len(keys)
    return [
        Line(0, tuple(row[:end]), dict(zip(measures, map(int, row[end:]), strict=True)))
        for row in connection.execute(query)
    ]


def _grouped(keys: tuple[ColumnElement[Any], ...]) -> tuple[list[Any], list[Any]]:
    """Columns under names of their own, and those names: what is computed is computed once."""
    labelled = [key.label(f"key_{place}") for place, key in enumerate(keys)]
    return labelled, [text(f"key_{place}") for place in range(len(keys))]


def _durations(connection: Connection) -> tuple[list[Durations], list[Durations]]:
    """Latency by provider, model and outcome; time to first byte by provider and model."""
    t = latency_total.c
    model = metric_names.shown(metric_names.MODEL, t.model, t.provider)
    labelled, grouped = _grouped((t.provider, model, t.outcome, t.bucket.op("/")(_TO_A_DOUBLING)))
    sums = (func.sum(t.latency_calls), func.sum(t.latency_us), func.sum(t.ttft_calls), func.sum(t.ttft_us))
    latency, ttft = _Histograms(), _Histograms()
    query: Select[Any] = select(*labelled, *sums).group_by(*grouped).order_by(*grouped)
    for row in connection.execute(query):
        provider, named, outcome, bucket, calls_, us, first_calls, first_us = row
        latency.add((provider, named, outcome), bucket, calls_, us)
        ttft.add((provider, named), bucket, first_calls, first_us)
    return latency.all(), ttft.all()


def _answers(connection: Connection) -> list[Durations]:
    t = latency_total.c
    keys = t.outcome, t.provider, t.status_code, t.streamed
    found = _Histograms()
    for outcome, provider, status, streamed, bucket, calls_, us in connection.execute(
        select(*keys, t.bucket, func.sum(t.latency_calls), func.sum(t.latency_us))
        .group_by(*keys, t.bucket)
        .order_by(*keys, t.bucket)
    ):
        found.add((outcome, provider, status, int(streamed)), bucket, calls_, us)
    return found.all()


class _Histograms:
    """Histograms as they are added up; of calls that were not timed there is none."""

    def __init__(self) -> None:
        self._calls: defaultdict[tuple[Key, ...], dict[int, int]] = defaultdict(dict)
        self._us: defaultdict[tuple[Key, ...], int] = defaultdict(int)

    def add(self, keys: tuple[Key, ...], bucket: int, count: int, us: int) -> None:
        if count:
            counts = self._calls[keys]
            counts[bucket] = counts.get(bucket, 0) + count
            self._us[keys] += us

    def all(self) -> list[Durations]:
        return [Durations(keys, counts, self._us[keys]) for keys, counts in self._calls.items()]


def _limits(connection: Connection, now_us: int) -> list[LimitFigure]:
    found = limits.listed(connection, now_us, 0, LIMITS_MAX, standings_max=1).entries
    return [
        LimitFigure(use.limit, sum(one.used for one in use.standings), sum(one.held for one in use.standings))
        for use in found
    ]


def workers_now(connection: Connection, now_us: int, is_up: IsUp) -> list[WorkerFigure]:
    """The gateway processes that are registered, by their slots."""
    t = calls.c
    # As the partial index wants it said.
    pending = select(t.worker_id, func.count()).where(text("state = 'pending'")).group_by(t.worker_id)
    calls_open = {slot: count for slot, count in connection.execute(pending)}  # noqa: C416
    found = workers.loads(limits.driver(connection))
    return [
        WorkerFigure(
            slot=worker.slot,
            is_up=is_up(worker, worker.slot in calls_open, now_us),
            heartbeat_us=worker.heartbeat_us,
            calls_open=calls_open.get(worker.slot, 0),
            queued=load.queued,
            commits=load.commits,
            commit_us=load.commit_us,
            settlements_lost=load.settlements_lost,
            # The host as people call it, without what tells its boots apart.
            host=worker.process.host.partition("/")[0],
            pid=worker.process.pid,
            started_us=worker.started_us,
        )
        for worker, load in found
    ]


def _size(connection: Connection) -> int:
    size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    return int(connection.execute(text(size)).scalar_one())
