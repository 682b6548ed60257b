"""`wellhead report`: what was used and what it cost, as a table.

::

    --by day,model      ->  Question  ->  lines  ->  sorted, the longest left out  ->  table, JSON or CSV
    --since --until                                  as one line, a total below

The lines always add up to the total, whatever they are told apart by and however few
are shown.
"""

import shutil
import sys
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from wellhead.cli import cells, printing, ranges, report_lines
from wellhead.cli.options import Config, Database, Json, configured
from wellhead.cli.reading import reading
from wellhead.cli.report_lines import Report, average_us, total_of
from wellhead.cli.wanted import NAMED, UNKNOWN, names, wanted
from wellhead.clock import wall_us
from wellhead.intervals import Interval, edges_us
from wellhead.moments import DAY_US
from wellhead.report import Dimension, Line, Measure, Question

if TYPE_CHECKING:
    from sqlalchemy import Engine

INTERVALS = (Interval.HOUR, Interval.DAY, Interval.WEEK, Interval.MONTH)
DAYS = {None: 7, Interval.HOUR: 1, Interval.DAY: 7, Interval.WEEK: 56, Interval.MONTH: 365}
"""How far back a report goes that does not say so, by what it is cut into."""
SLOTS_MAX = 10_000


class Sort(StrEnum):
    """What lines are ordered by."""

    TIME = "time"
    NAME = "name"
    COST = "cost"
    CALLS = "calls"
    ERRORS = "errors"
    TOKENS = "tokens"
    INPUT = "input"
    OUTPUT = "output"
    LATENCY = "latency"


MEASURED = {
    Sort.COST: Measure.COST_NANOUSD,
    Sort.CALLS: Measure.CALLS,
    Sort.ERRORS: Measure.ERROR_CALLS,
    Sort.TOKENS: Measure.TOTAL_TOKENS,
    Sort.INPUT: Measure.INPUT_TOKENS,
    Sort.OUTPUT: Measure.OUTPUT_TOKENS,
}


def _filter(dimension: str, what: str = "") -> Any:
    said = f"Only this {dimension}{what}; `{UNKNOWN}`: calls without one."
    return typer.Option(f"--{dimension}", metavar=dimension.upper(), help=said)


By = Annotated[
    list[str] | None,
    typer.Option(
        "--by", metavar="WHAT", help="day, week, month, hour, or one of the filters' names; repeatable."
    ),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="A day, a moment, 7d, 12h, yesterday, this-month, all."),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="WHEN", help="The same; a day or month is included.")
]
Zone = Annotated[
    str, typer.Option("--tz", metavar="ZONE", help="Whose days: UTC, Europe/Berlin, ..., or local.")
]


def report(
    by: By = None,
    since: Since = None,
    until: Until = None,
    tz: Zone = "UTC",
    model: Annotated[str | None, _filter("model")] = None,
    tool: Annotated[str | None, _filter("tool")] = None,
    client: Annotated[str | None, _filter("client")] = None,
    project: Annotated[str | None, _filter("project", " (name or id)")] = None,
    key: Annotated[str | None, _filter("key", " (number or name)")] = None,
    provider: Annotated[str | None, _filter("provider")] = None,
    account: Annotated[str | None, _filter("account")] = None,
    session: Annotated[str | None, _filter("session")] = None,
    agent: Annotated[str | None, _filter("agent")] = None,
    outcome: Annotated[
        str | None,
        typer.Option(
            "--outcome", metavar="OUTCOME", help="completed, failed, aborted, refused or interrupted."
        ),
    ] = None,
    sort: Annotated[Sort | None, typer.Option("--sort", help="What comes first.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="So many lines; the rest as one.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show what was used and what it cost, by day, model, tool, project, ...

    Example: wellhead report --by day --by model --since this-month --tz Europe/Berlin
    """
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    interval, dimensions = _cut_by(by)
    zone = ranges.zone(tz)
    sent = {
        Dimension.MODEL: model,
        Dimension.TOOL: tool,
        Dimension.CLIENT: client,
        Dimension.PROJECT: project,
        Dimension.KEY: key,
        Dimension.PROVIDER: provider,
        Dimension.ACCOUNT: account,
        Dimension.SESSION: session,
        Dimension.AGENT: agent,
        Dimension.OUTCOME: outcome,
    }
    settings = configured(config, database=database).settings
    now_us = wall_us()
    since_us, until_us = ranges.range_us(since, until, DAYS[interval], zone, now_us)
    with reading(settings.database) as engine:
        where = {one: wanted(engine, one, value) for one, value in sent.items() if value is not None}
        first_us = _first_us(engine, since_us, until_us)
        edges = edges_us(first_us, until_us, interval, zone)
        if len(edges) > SLOTS_MAX + 1:
            raise typer.BadParameter(f"a report has {SLOTS_MAX} intervals at most: ask for a shorter range")
        question = Question(tuple(Measure), dimensions, edges, where)
        found = _answer(engine, question, interval, zone, sort, limit)
    if as_json:
        printing.as_json(report_lines.document(found))
    elif as_csv:
        report_lines.print_csv(found)
    elif not found.lines:
        path = settings.database.removeprefix("sqlite:///")
        print(cells.printed(f"No such calls ended in {found.range}, says {path}."))
    else:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        report_lines.print_table(found, columns)


def _cut_by(by: Iterable[str] | None) -> tuple[Interval | None, tuple[Dimension, ...]]:
    """What `--by` says, whether repeated or with commas."""
    names = [name.strip() for one in by or ("day",) for name in one.split(",")]
    known = (*INTERVALS, *Dimension)
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"--by must be some of {', '.join(sorted(known))}, not {name!r}")
    intervals = [name for name in names if name in INTERVALS]
    if len(intervals) > 1 or len(set(names)) < len(names):
        raise typer.BadParameter("--by takes each thing once, and one of hour, day, week and month")
    interval = Interval(intervals[0]) if intervals else None
    return interval, tuple(Dimension(name) for name in names if name not in intervals)


def _first_us(engine: "Engine", since_us: int, until_us: int) -> int:
    """Where the range begins, but not long before the first call."""
    from wellhead.database.reports import DatabaseReports

    if since_us != ranges.BEGINNING_US:
        return since_us
    first_us, _ = DatabaseReports(engine).call_times()
    # A call that ended did so after it began, unless the clock was set back meanwhile: by no more than a day.
    return min(max((first_us or until_us) - DAY_US, since_us), until_us - 1)


def _answer(
    engine: "Engine",
    question: Question,
    interval: Interval | None,
    zone: ZoneInfo,
    sort: Sort | None,
    limit: int | None,
) -> Report:
    from wellhead.database.reports import DatabaseReports

    lines = DatabaseReports(engine).usage(question)
    named = {one: names(engine, one) for one in NAMED if one in question.by}
    whole = Report(question, interval, zone, lines, total_of(lines), named)
    order = sort or (Sort.COST if interval is None else Sort.TIME)
    ordered = sorted(lines, key=lambda line: _place(whole, line, order))
    others: list[Line] = []
    if limit is not None and len(ordered) > limit:
        ordered, others = ordered[:limit], ordered[limit:]
        ordered.append(Line(others[0].slot, (None,) * len(question.by), total_of(others)))
    return replace(whole, lines=ordered, others=len(others))


def _place(found: Report, line: Line, order: Sort) -> tuple[Any, ...]:
    """Largest first, but times and names as they follow; the rest decides where they are alike."""
    sums = line.sums
    called = tuple(found.name(one, key) for one, key in zip(found.question.by, line.keys, strict=True))
    rest = (line.slot, -sums[Measure.COST_NANOUSD], -sums[Measure.TOTAL_TOKENS], called)
    match order:
        case Sort.TIME:
            return rest
        case Sort.NAME:
            return called, rest
        case Sort.LATENCY:
            return -(-1 if (average := average_us(sums)) is None else average), rest
    return -sums[MEASURED[order]], rest
