"""`wellhead db`: the books' database."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from wellhead.cli.asking import Yes, confirmed
from wellhead.cli.options import Config, Database, Json, configured
from wellhead.shown import moment

commands = typer.Typer(help="Look after the books.", no_args_is_help=True, rich_markup_mode=None)

SPOOL = {
    "worker": "worker",
    "pid": "pid",
    "records": "records",
    "bytes": "bytes",
    "bytes_unread": "bytes unread",
    "first_call_at": "first call",
    "last_call_at": "last call",
    "path": "file",
}
NAMES = {"kind": "kind", "provider": "provider", "name": "name"}
NOT_REBUILT = ("cost_audits", "request_forms")
"""What calls cost and how they were made is in nothing else."""
DIFFERENCES = {"table": "table", "where": "row", "figure": "figure", "kept": "kept", "counted": "calls say"}


@commands.command()
def init(config: Config = None, database: Database = None) -> None:
    """Create the database, or bring it up to date.

    Example: wellhead db init --database ~/books.db
    """
    from wellhead.database.upgrade import upgrade

    settings = configured(config, database=database).settings
    url = settings.database
    upgrade(url, settings.database_backups)
    print(f"Initialized DB at {url.removeprefix('sqlite:///')}")


@commands.command()
def rebuild(config: Config = None, database: Database = None) -> None:
    """Compute the rollups and what is used of limits again from the calls; the figures do not change.

    Example: wellhead db rebuild
    """
    from wellhead.database.engine import make_engine
    from wellhead.database.upgrade import upgrade
    from wellhead.ledger.rebuild import rebuild as rebuild_books

    settings = configured(config, database=database).settings
    url = settings.database
    upgrade(url, settings.database_backups)
    engine = make_engine(url)
    try:
        rebuild_books(engine, time.time_ns() // 1000)
    finally:
        engine.dispose()
    print(f"Rebuilt the rollups of {url.removeprefix('sqlite:///')}")


@commands.command()
def check(
    api: Annotated[
        str | None,
        typer.Option("--api", metavar="URL", help="Also all that the control API shows, where it listens."),
    ] = None,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Compare what was added up (usage, latencies, limits) with the calls; exit code 1 if it is not equal.

    Example: wellhead db check --api http://127.0.0.1:8081
    """
    from dataclasses import asdict

    from wellhead.cli import api_views, control_api, printing
    from wellhead.cli.reading import reading
    from wellhead.database.sums import sums
    from wellhead.ledger.check import check as compare

    settings = configured(config, database=database).settings
    path = settings.database.removeprefix("sqlite:///")
    of = None if api is None else control_api.api(api, settings.control)

    def left_out(view: str) -> None:
        print(f"{view} is not compared: a day has more lines than an answer.", file=sys.stderr)

    with reading(settings.database) as engine:
        kept = compare(engine, time.time_ns() // 1000)
        shown = [] if of is None else api_views.disagreements(of, lambda: sums(engine), left_out)
    found = [asdict(one) for one in (*kept, *shown)]
    if as_json:
        printing.as_json(found)
    else:
        beside = "" if of is None else f" Everything that {of.url} shows does, too."
        printing.table(found, DIFFERENCES, f"All figures of {path} agree with the calls.{beside}")
        if any(one.table not in NOT_REBUILT for one in kept):
            print("`wellhead db rebuild` computes them again.")
    if found:
        raise typer.Exit(1)


@commands.command()
def backup(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to make; there must be none.")],
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Copy the database while it is in use, and check the copy.

    The master key is not in it: keep a copy of its file elsewhere.

    Example: wellhead db backup --output /backups/books-2026-03-01.db
    """
    from wellhead.cli import printing
    from wellhead.database.backup import back_up

    books = _path(configured(config, database=database).settings.database)
    with printing.progress("Copying") as progress:
        made = back_up(books, output.expanduser(), progress)
    if as_json:
        printing.as_json({"path": str(output), "revision": made.revision, "calls": made.calls})
    else:
        print(f"Copied {books} to {output}: {made.calls} calls, schema {made.revision}")


@commands.command()
def restore(
    copy: Annotated[Path, typer.Argument(help="A file that `wellhead db backup` made.")],
    config: Config = None,
    database: Database = None,
    yes: Yes = False,
) -> None:
    """Check a copy of the database and put it in the database's place, which is kept under another name.

    Everything that uses the database has to be stopped before.

    Example: wellhead db restore /backups/books-2026-03-01.db
    """
    from wellhead.database.backup import checked
    from wellhead.database.backup import restore as put_back
    from wellhead.database.upgrade import is_known
    from wellhead.errors import BooksUnavailable
    from wellhead.moments import to_the_second

    books, copy = _path(configured(config, database=database).settings.database), copy.expanduser()
    found = checked(copy)
    if not is_known(found.revision):
        raise BooksUnavailable(f"{copy}: a newer version of Wellhead made it; use that one")
    latest = "none" if found.latest_call_us is None else to_the_second(found.latest_call_us)
    if not yes:
        confirmed(f"Put {copy} ({found.calls} calls, the last {latest}) in the place of {books}?")
    suffix = to_the_second(time.time_ns() // 1000).replace(":", "").replace("-", "")
    kept = put_back(copy, books, suffix)
    print(f"Restored {books} from {copy}: {found.calls} calls, the last {latest}")
    if kept is not None:
        print(f"What was there is kept as {kept}")


@commands.command()
def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="How long ago calls ended, such as 90d.")
    ],
    config: Config = None,
    database: Database = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove old calls, a few at a time, while gateways go on; what was added up of them stays.

    Example: wellhead db prune --older-than 90d --dry-run
    """
    from wellhead.cli import printing
    from wellhead.cli.asking import duration_s
    from wellhead.database.engine import make_engine
    from wellhead.database.upgrade import upgrade
    from wellhead.ledger import retention
    from wellhead.moments import to_the_second

    settings = configured(config, database=database).settings
    before_us = time.time_ns() // 1000 - round(duration_s(older_than, "--older-than") * 1_000_000)
    upgrade(settings.database, settings.database_backups)
    engine = make_engine(settings.database)
    try:
        found = retention.to_be_removed(engine, before_us)
        if not dry_run and found.calls:
            if not yes:
                confirmed(f"Remove {found.calls} calls that ended before {to_the_second(found.before_us)}?")
            with printing.progress("Removing") as progress:
                found = retention.remove(engine, before_us, lambda done: progress(done, found.calls))
    finally:
        engine.dispose()
    if as_json:
        printing.as_json({"calls": found.calls, "before": to_the_second(found.before_us), "dry_run": dry_run})
    else:
        did = "Would remove" if dry_run else "Removed"
        print(f"{did} {found.calls} calls that ended before {to_the_second(found.before_us)}")


@commands.command()
def retire_names(
    unseen: Annotated[
        str, typer.Option("--unseen", metavar="AGE", help="For how long there were no calls, such as 90d.")
    ],
    config: Config = None,
    database: Database = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who would retire.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Make room in monitoring: models, tools and projects without calls for so long share one name.

    Of each, 100 have a name of their own in Prometheus' metrics. Whole days (UTC) count. What retired goes on
    under the shared name, so no counter goes down; it never gets its own name back.

    Example: wellhead db retire-names --unseen 90d --dry-run
    """
    from wellhead.cli import printing
    from wellhead.cli.asking import duration_s
    from wellhead.database import metric_names
    from wellhead.database.engine import make_engine, outages
    from wellhead.database.upgrade import upgrade
    from wellhead.moments import DAY_US, at

    settings = configured(config, database=database).settings
    now_us = time.time_ns() // 1000
    since_day = (now_us - round(duration_s(unseen, "--unseen") * 1_000_000)) // DAY_US
    upgrade(settings.database, settings.database_backups)
    engine = make_engine(settings.database)
    shared: str | None = None
    try:
        with outages(), engine.connect() as connection:
            found = metric_names.unseen(connection, since_day)
        if found and not dry_run:
            if not yes:
                confirmed(
                    f"Have {len(found)} names without calls since {at(since_day * DAY_US).date()} retire?"
                )
            with outages():
                found, shared = metric_names.retire(engine, since_day, at(now_us).date().isoformat())
    finally:
        engine.dispose()
    shown = [{"kind": one.kind, "provider": one.provider or None, "name": one.name} for one in found]
    if as_json:
        printing.as_json({"retired_as": shared, "names": shown})
    else:
        printing.table(shown, NAMES, "Nobody was unseen for so long.")
        if shared is not None:
            print(f"They go on as {shared}.")


@commands.command()
def spool(config: Config = None, database: Database = None, as_json: Json = False) -> None:
    """Show what waits beside the database because it could not be written.

    Gateways book it by themselves as soon as they can; the one of a process that died is booked by the next
    gateway that runs on this machine.

    Example: wellhead db spool
    """
    from wellhead.cli import printing
    from wellhead.config.settings import spool_directory
    from wellhead.ledger import spool as spools
    from wellhead.ledger.processes import this_process

    directory = spool_directory(configured(config, database=database).settings.database)
    shown = []
    for found in spools.found_in(directory, this_process().host):
        contents = spools.read(found.path)
        moments = [opening.started_us for opening, _ in contents.records]
        shown.append(
            {
                "path": str(found.path),
                "worker": found.slot,
                "pid": found.process.pid,
                "records": len(contents.records),
                "bytes": found.path.stat().st_size if found.path.exists() else 0,
                "bytes_unread": contents.bytes_unread,
                "first_call_at": moment(min(moments, default=None)),
                "last_call_at": moment(max(moments, default=None)),
            }
        )
    if as_json:
        printing.as_json(shown)
    else:
        printing.table(shown, SPOOL, f"Nothing waits in {directory}.")


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///")).expanduser()
