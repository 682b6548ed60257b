"""`wellhead tail`: calls as they end, a line for each, until Ctrl-C.

::

    12:31:07     200  claude-code   claude-sonnet-5         14,003    320   0.0462    4.1s
    ended        what  tool          model                    input output      USD  latency

It looks at the database a few times a second; nothing needs to run for it, and it goes
on by itself where the database is away for a moment.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from wellhead.call import CallState
from wellhead.cli import cells, ranges
from wellhead.cli.books import say
from wellhead.cli.options import Config, Database, configured
from wellhead.cli.reading import reading
from wellhead.cli.wanted import UNKNOWN, wanted
from wellhead.errors import BooksUnavailable
from wellhead.moments import at, to_the_millisecond
from wellhead.money import usd
from wellhead.report import CallRow, Dimension, Key

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from wellhead.database.following import Following

LOOK_S = 0.5
"""How often it looks for what is new..."""
AWAY_S = 1.0
"""...and how often while the database is away."""
LAST_MAX = 10_000
LOOKED_AT_MAX = 100_000
"""Among so many calls the last ones that match are looked for."""
PAGE = 1_000
PIPED_COLUMNS = 120
COLUMNS_MIN = 80
COLUMNS_WIDE = 110
"""From here on there is room for the client and the project."""

Filters = Mapping[Dimension, Key]
COLUMN = {
    Dimension.MODEL: "model",
    Dimension.TOOL: "tool",
    Dimension.CLIENT: "client",
    Dimension.PROVIDER: "provider",
    Dimension.SESSION: "session",
    Dimension.KEY: "key_id",
}
FIELDS = (
    *(
        "provider",
        "dialect",
        "path",
        "model",
        "model_served",
        "streamed",
        "tool",
        "client",
        "session",
        "agent",
    ),
    *("account", "key_id", "status_code", "error_code", "finish_reason", "service_tier", "input_tokens"),
    *("output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "total_tokens"),
)
"""What JSON has just as the books have it."""


@dataclass(slots=True)
class Projects:
    """What the projects of calls are called; asked anew when there is one that nobody knew."""

    ask: Callable[[], Mapping[int, tuple[str, str]]]
    known: Mapping[int, tuple[str, str]] = field(default_factory=dict)

    def named(self, number: int | None) -> tuple[str | None, str | None]:
        """The uuid and the name."""
        if number is None:
            return None, None
        if number not in self.known:
            self.known = self.ask()
        return self.known.get(number, (str(number), None))


def tail(
    last: Annotated[
        int, typer.Option("-n", "--last", min=0, max=LAST_MAX, help="So many last ones first.")
    ] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with what comes.")] = True,
    opening: Annotated[bool, typer.Option("--open", help="Show calls also when they begin.")] = False,
    errors: Annotated[bool, typer.Option("--errors", help="Only what did not go well.")] = False,
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Only this model.")] = None,
    tool: Annotated[str | None, typer.Option("--tool", metavar="TOOL", help="Only this tool.")] = None,
    client: Annotated[
        str | None, typer.Option("--client", metavar="CLIENT", help="Only this client.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="ID", help="Only this provider.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROJECT", help="Only this project.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="Only with this key.")] = None,
    session: Annotated[str | None, typer.Option("--session", metavar="ID", help="Only this session.")] = None,
    tz: Annotated[str, typer.Option("--tz", metavar="ZONE", help="Whose clock: UTC, ..., or local.")] = "UTC",
    config: Config = None,
    database: Database = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each.")] = False,
) -> None:
    """Show calls as they end, until Ctrl-C.

    Example: wellhead tail -n 20 --tool claude-code --open
    """
    zone = ranges.zone(tz)
    sent = {
        Dimension.MODEL: model,
        Dimension.TOOL: tool,
        Dimension.CLIENT: client,
        Dimension.PROVIDER: provider,
        Dimension.PROJECT: project,
        Dimension.KEY: key,
        Dimension.SESSION: session,
    }
    settings = configured(config, database=database).settings
    try:
        with reading(settings.database) as engine:
            where = {one: wanted(engine, one, value) for one, value in sent.items() if value is not None}
            from wellhead.clock import Clock
            from wellhead.database.following import Following, project_names_by_number

            projects = Projects(lambda: project_names_by_number(engine))
            show = _shower(projects, zone, as_json=as_json)
            matching = _matching(where, projects, errors=errors)
            following = Following(engine, Clock().now_us)
            before = list(islice(filter(matching, _backwards(engine)), last))[::-1]
            following.saw(before)
            for call in before:
                show(call)
            if follow:
                _follow(following, lambda call: show(call) if matching(call) else None, opening=opening)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # Whoever read it has enough; what Python would still flush has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _follow(following: "Following", show: Callable[[CallRow], None], *, opening: bool) -> None:
    """Show what comes until somebody interrupts it."""
    away = False
    while True:
        try:
            opened = following.opened() if opening else []
            ended = following.ended()
            for call in (*opened, *ended):
                show(call)
        except BooksUnavailable as error:
            if not away:
                say(f"{error}; waiting for it")
            away = True
            time.sleep(AWAY_S)
            continue
        if away:
            say("the database is there again")
            away = False
        if not ended:
            time.sleep(LOOK_S)


def _backwards(engine: "Engine") -> Iterator[CallRow]:
    """Calls that ended, the last first, as far back as anybody looks."""
    from wellhead.database.reports import DatabaseReports

    reports = DatabaseReports(engine)
    after: tuple[int, int] | None = None
    for _ in range(LOOKED_AT_MAX // PAGE):
        page = reports.ended_calls(None, None, count=PAGE, after=after)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]["finished_us"], page[-1]["id"]


def _matching(where: Filters, projects: Projects, *, errors: bool) -> Callable[[CallRow], bool]:
    def matching(call: CallRow) -> bool:
        if errors and call["state"] in (CallState.PENDING, CallState.COMPLETED):
            return False
        for dimension, value in where.items():
            if dimension is Dimension.PROJECT:
                found: Any = projects.named(call["project_id"])[0]
            else:
                found = call[COLUMN[dimension]]
            if (None if found in ("", UNKNOWN) else found) != value:
                return False
        return True

    return matching


def _shower(projects: Projects, zone: ZoneInfo, *, as_json: bool) -> Callable[[CallRow], None]:
    """What prints a call; a table begins with its headings."""
    if as_json:
        return lambda call: print(json.dumps(shown(call, projects), ensure_ascii=False), flush=True)
    columns = max(shutil.get_terminal_size().columns, COLUMNS_MIN) if sys.stdout.isatty() else PIPED_COLUMNS
    layout = _layout(columns)
    heading = _line(layout, {name: name for name in layout})
    print(cells.printed(heading), flush=True)

    def show(call: CallRow) -> None:
        print(cells.printed(_line(layout, _cells(call, projects, zone))), flush=True)

    return show


Layout = Mapping[str, int]
"""How many columns each cell has; figures (negative) are at the right of them."""


def _layout(columns: int) -> Layout:
    names = {"tool": 12, "model": 20}
    if columns >= COLUMNS_WIDE:
        names = {"tool": 12, "client": 10, "project": 10, "model": 20}
    fixed = {"time": 8, "status": 7, **names, "input": -7, "output": -6, "USD": -8, "latency": -7}
    spare = columns - sum(map(abs, fixed.values())) - len(fixed) + 1
    return {**fixed, "model": names["model"] + max(min(spare, 30), -8)}


def _line(layout: Layout, row: Mapping[str, str]) -> str:
    some = (
        cells.left(row[name], size) if size > 0 else cells.right(row[name], -size)
        for name, size in layout.items()
    )
    return " ".join(some).rstrip()


def _cells(call: CallRow, projects: Projects, zone: ZoneInfo) -> dict[str, str]:
    ended_us = call["finished_us"]
    return {
        "time": f"{at(call['started_us'] if ended_us is None else ended_us).astimezone(zone):%H:%M:%S}",
        "status": _status(call),
        "tool": _name(call["tool"]),
        "client": _name(call["client"]),
        "project": _name(projects.named(call["project_id"])[1]),
        "model": _name(call["model_served"] or call["model"]),
        "input": _tokens(call["input_tokens"]),
        "output": _tokens(call["output_tokens"]),
        "USD": cells.dollars(call["cost_nanousd"], 4),
        "latency": cells.seconds(call["latency_us"]),
    }


def _status(call: CallRow) -> str:
    """The HTTP status where one was told and says it all, else what became of it."""
    state, status = call["state"], call["status_code"]
    if state == CallState.PENDING:
        return "open"
    if status is not None and state in (CallState.COMPLETED, CallState.FAILED, CallState.REFUSED):
        # An answer that broke off had begun with a 200.
        return "broken" if state == CallState.FAILED and status < 400 else str(status)
    return str(state)


def _name(text: str | None) -> str:
    return cells.UNKNOWN if not text else cells.plain(text)


def _tokens(count: int | None) -> str:
    if count is None:
        return cells.UNKNOWN
    return cells.whole(count) if count < 1_000_000 else cells.short(count)


def shown(call: CallRow, projects: Projects) -> dict[str, Any]:
    """A call for programs: what is not known is null."""
    uuid, name = projects.named(call["project_id"])
    cost, ended_us = call["cost_nanousd"], call["finished_us"]
    return {
        "id": str(call["id"]),
        "state": call["state"],
        "started_at": to_the_millisecond(call["started_us"]),
        "finished_at": None if ended_us is None else to_the_millisecond(ended_us),
        "project_id": uuid,
        "project_name": name,
        **{one: call[one] for one in FIELDS},
        "cost_usd": None if cost is None else usd(cost),
        "cost_state": call["cost_state"],
        "latency_ms": _ms(call["latency_us"]),
        "ttft_ms": _ms(call["ttft_us"]),
    }


def _ms(us: int | None) -> float | None:
    return None if us is None else us / 1000
