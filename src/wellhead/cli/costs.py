"""`wellhead backfill-costs | reprice`: prices for calls that had none, or a wrong one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellhead.cli import asking, printing, ranges
from wellhead.cli.books import operator
from wellhead.cli.options import Config, Database, Json, configured
from wellhead.cli.prices import current_book
from wellhead.cli.reading import reading
from wellhead.config.settings import Settings
from wellhead.money import usd

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from wellhead.database.costs import Chosen
    from wellhead.ledger.repricing import Line, Repricer, Repricing

COLUMNS = {
    "provider": "provider",
    "model": "model",
    "calls": "calls",
    "changed": "changed",
    "unpriced_before": "unpriced",
    "unpriced_after": "then",
    "before_usd": "before, USD",
    "after_usd": "after, USD",
    "difference_usd": "difference, USD",
}
NOTHING_ENDED = "No call ended then whose cost is for the price lists to say."
ACTION, NOUN = "cost.reprice", "calls"

Since = Annotated[str, typer.Option("--since", metavar="WHEN", help="A day, a moment, 7d, 12h, all.")]
Until = Annotated[str, typer.Option("--until", metavar="WHEN", help="The same; a day is included. Or now.")]
Zone = Annotated[str, typer.Option("--tz", metavar="ZONE", help="Whose days: UTC, Europe/Berlin, or local.")]


def backfill_costs(
    all_: Annotated[bool, typer.Option("--all", help="Of all time, not only of the last days.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Look at so many calls at most.")
    ] = None,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Price calls that had no price when they ended, if they have one now.

    Example: wellhead backfill-costs --all
    """
    from wellhead.clock import Clock
    from wellhead.database.costs import Chosen
    from wellhead.jobs.backfill import figures
    from wellhead.ledger.repricing import BACKFILL

    settings = configured(config, database=database).settings
    now_us = Clock().now_us()
    lookback_us = round(settings.pricing.backfill_lookback_s * 1_000_000)
    chosen = Chosen(0 if all_ else now_us - lookback_us, now_us, only_pending=True)
    with _repricer(settings) as (repricer, _):
        told = figures(repricer.run(chosen, BACKFILL, most=limit))
    if as_json:
        printing.as_json(told)
    else:
        print("[backfill-costs] " + " ".join(f"{name}={count}" for name, count in told.items()))


def reprice(
    since: Since,
    until: Until,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Only this one, asked for or served.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="ID", help="Only calls of this provider.")
    ] = None,
    tz: Zone = "UTC",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; write nothing.")
    ] = False,
    yes: asking.Yes = False,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Price calls that ended in a time again, each by what its prices were then; shows the difference.

    Example: wellhead reprice --since 2026-03-01 --until 2026-03-07 --model gpt-5 --dry-run
    """
    from wellhead.clock import Clock
    from wellhead.database.costs import Chosen
    from wellhead.ledger.repricing import REPRICED

    settings = configured(config, database=database).settings
    now_us = Clock().now_us()
    chosen = Chosen(*ranges.range_us(since, until, 1, ranges.zone(tz), now_us), model, provider)
    with _repricer(settings) as (repricer, engine):
        if dry_run or not yes:
            told = repricer.run(chosen, REPRICED, writes=False)
            if dry_run or not told.updated:
                _tell(told, chosen, as_json, written=False)
                return
            if not as_json:
                _tell(told, chosen, as_json, written=False)
            asking.confirmed(f"Book another cost for {told.updated} calls?")
        told = repricer.run(chosen, REPRICED)
        _note(engine, chosen, told, now_us)
    _tell(told, chosen, as_json, written=True)


@contextmanager
def _repricer(settings: Settings) -> "Iterator[tuple[Repricer, Engine]]":
    from wellhead.clock import Clock
    from wellhead.compose_pricing import repricer

    with reading(settings.database) as engine:
        book, _ = current_book(settings, engine)
        yield repricer(settings, engine, book, Clock().now_us), engine


def _note(engine: "Engine", chosen: "Chosen", told: "Repricing", now_us: int) -> None:
    """In the audit: operators are to find who changed what their reports say."""
    from wellhead.database import audit
    from wellhead.database.change import changing

    lines = told.lines.values()
    after = {
        **_range(chosen),
        "calls": told.updated,
        "difference_nanousd": sum(line.after_nanousd - line.before_nanousd for line in lines),
    }
    wanted = {"model": chosen.model, "provider": chosen.provider}
    after |= {name: value for name, value in wanted.items() if value is not None}
    with changing(engine, operator(), lambda: now_us) as change:
        audit.write(change.connection, now_us, change.by, ACTION, NOUN, None, None, after)


def _range(chosen: "Chosen") -> dict[str, str]:
    from wellhead import shown

    return {"since": shown.moment(chosen.since_us), "until": shown.moment(chosen.until_us)}


def _tell(told: "Repricing", chosen: "Chosen", as_json: bool, *, written: bool) -> None:
    rows = [
        {"provider": provider, "model": model, **_figures(line)}
        for (provider, model), line in sorted(told.lines.items())
    ]
    total = _figures(_sum(told))
    if as_json:
        printing.as_json({**_range(chosen), "written": written, **total, "models": rows})
        return
    if rows:
        rows.append({"provider": "", "model": "total", **total})
    printing.table(rows, COLUMNS, NOTHING_ENDED)
    if rows and written:
        print(f"Booked another cost for {told.updated} calls.")
    elif rows and not told.updated:
        print("Nothing changes.")


def _sum(told: "Repricing") -> "Line":
    from wellhead.ledger.repricing import Line

    total = Line()
    for line in told.lines.values():
        total.calls += line.calls
        total.changed += line.changed
        total.unpriced_before += line.unpriced_before
        total.unpriced_after += line.unpriced_after
        total.before_nanousd += line.before_nanousd
        total.after_nanousd += line.after_nanousd
    return total


def _figures(line: "Line") -> dict[str, Any]:
    return {
        "calls": line.calls,
        "changed": line.changed,
        "unpriced_before": line.unpriced_before,
        "unpriced_after": line.unpriced_after,
        "before_usd": usd(line.before_nanousd),
        "after_usd": usd(line.after_nanousd),
        "difference_usd": usd(line.after_nanousd - line.before_nanousd),
    }
