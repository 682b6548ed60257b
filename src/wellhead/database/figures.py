"""What monitoring reads, in one state of the books: see `wellhead.figures`.

All of it comes from rollups and small tables, so that what it takes depends on how
many models, tools and projects there are, not on how many calls.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, FromClause, and_, case, func, select, text, true

from wellhead.breaker import Shared, parts_of
from wellhead.database import breakers, call_reports, gauges, limits, metric_names, workers
from wellhead.database.schema import calls, latency_total, projects, usage_hourly, usage_total
from wellhead.database.workers import Worker
from wellhead.figures import NOBODYS, BreakerFigure, Durations, Figures, LimitFigure, WorkerFigure
from wellhead.histogram import summed
from wellhead.moments import DAY_US, HOUR_US
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
_HOURS = DAY_US // HOUR_US
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
    t = usage_hourly.c
    model = metric_names.shown(metric_names.MODEL, t.model, t.provider)
    hours = and_(t.hour >= day * _HOURS, t.hour < (day + 1) * _HOURS)
    return _lines(connection, usage_hourly, (t.provider, model), _BRIEF, hours)


def _lines(
    connection: Connection,
    source: FromClause,
    keys: tuple[ColumnElement[Any], ...],
    measures: tuple[Measure, ...],
    wanted: ColumnElement[bool] | None = None,
) -> list[Line]:
    table = usage_hourly if source is usage_hourly else usage_total
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
    model = metric_names.shown(metric_names.MODEL, t.model, t.provider).label("named")
    latency, ttft = _Histograms(), _Histograms()
    query = select(t.provider, model, t.outcome, t.latency_us, t.latency, t.ttft_us, t.ttft)
    for provider, named, outcome, us, histogram, first_us, first in connection.execute(
        query.order_by(t.provider, text("named"), t.outcome)
    ):
        latency.add((provider, named, outcome), histogram, us)
        ttft.add((provider, named), first, first_us)
    return latency.all(_TO_A_DOUBLING), ttft.all(_TO_A_DOUBLING)


def _answers(connection: Connection) -> list[Durations]:
    t = latency_total.c
    keys = t.outcome, t.provider, t.status_code, t.streamed
    found = _Histograms()
    for outcome, provider, status, streamed, us, histogram in connection.execute(
        select(*keys, t.latency_us, t.latency).order_by(*keys)
    ):
        found.add((outcome, provider, status, int(streamed)), histogram, us)
    return found.all()


class _Histograms:
    """Histograms as they are added up; of calls that were not timed there is none."""

    def __init__(self) -> None:
        self._some: defaultdict[tuple[Key, ...], list[bytes]] = defaultdict(list)
        self._us: defaultdict[tuple[Key, ...], int] = defaultdict(int)

    def add(self, keys: tuple[Key, ...], histogram: bytes, us: int) -> None:
        if histogram:
            self._some[keys].append(histogram)
            self._us[keys] += us

    def all(self, width: int = 1) -> list[Durations]:
        """With so many buckets taken as one."""
        return [
            Durations(keys, _coarse(summed(some), width), self._us[keys]) for keys, some in self._some.items()
        ]


def _coarse(counts: Mapping[int, int], width: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for bucket, count in counts.items():
        found[bucket // width] = found.get(bucket // width, 0) + count
    return found


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
