"""`wellhead statusline`: today in one short line, for shell prompts and the status lines of coding agents.

It is printed many times an hour, by programs that wait for it.  So it loads little,
gives up early, and says what went wrong only when asked to.

A coding agent hands JSON to stdin (Claude Code: `session_id`, `model`, `workspace`); who
hands nothing is not waited for.
"""

import json
import os
import re
import select
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellhead.cli import cells
from wellhead.cli.options import Config, Database, configured
from wellhead.clock import wall_us
from wellhead.errors import WellheadError
from wellhead.moments import DAY_US

if TYPE_CHECKING:
    from wellhead.database.glance import Glance

FORMAT = "{cost} today · {tokens} tokens · {calls} calls"
FORMAT_SESSION = FORMAT + " · {session_cost} this session"
NOTHING = f"wellhead {cells.UNKNOWN}"
"""What is shown without books."""
FIELD = re.compile(r"\{([a-z_]+)\}")
SESSION_DAYS = 7
"""How far back calls of a session are looked for."""
HANDED_BYTES_MAX = 1 << 20
FIRST_BYTE_S = 0.05
WHOLE_S = 0.25
"""How long is waited for what is handed over: for its beginning, and for all of it."""
NAME_CHARS_MAX = 60

Form = Annotated[
    str | None,
    typer.Option("--format", metavar="TEXT", help="Text with fields, such as '{cost} {session_cost}'."),
]
Session = Annotated[
    str | None, typer.Option("--session", metavar="SESSION", help="Whose cost is shown, too.")
]
Zone = Annotated[str, typer.Option("--tz", metavar="ZONE", help="Whose day it is: UTC, ..., or local.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Say on stderr what went wrong.")]


def statusline(
    form: Form = None,
    session: Session = None,
    tz: Zone = "UTC",
    verbose: Verbose = False,
    config: Config = None,
    database: Database = None,
) -> None:
    """Print what today cost as one short line, for prompts and status lines of coding agents.

    Example: wellhead statusline --format '{cost} {calls} calls, {session_cost} here' --tz local
    """
    told = handed()
    session = session or _text(told.get("session_id"))
    try:
        today, of_session = _looked_up(session, tz, config, database)
        fields = {**_fields(today, of_session), **_told_fields(told)}
    except (WellheadError, typer.BadParameter, OSError) as error:
        if verbose:
            sys.stderr.write(f"wellhead: {error}\n")
        print(cells.printed(NOTHING))
        return
    if form is None:
        form = FORMAT if of_session is None else FORMAT_SESSION
    unknown = {name for name in FIELD.findall(form) if name not in fields}
    if unknown and verbose:
        sys.stderr.write(f"wellhead: there are no fields {sorted(unknown)}; known are {sorted(fields)}\n")
    line = FIELD.sub(lambda found: fields.get(found[1], found[0]), form)
    print(cells.printed(cells.plain(line)))


def _looked_up(
    session: str | None, tz: str, config: str | None, database: str | None
) -> "tuple[Glance, Glance | None]":
    from datetime import timedelta

    from wellhead.cli import ranges
    from wellhead.database.glance import glance
    from wellhead.intervals import day_of, midnight_us

    url = configured(config, database=database).settings.database
    path = Path(url.removeprefix("sqlite:///")).expanduser()
    zone = ranges.zone(tz)
    now_us = wall_us()
    today = day_of(now_us, zone)
    range_us = midnight_us(today, zone), midnight_us(today + timedelta(days=1), zone)
    return glance(path, *range_us, session, now_us - SESSION_DAYS * DAY_US)


def _fields(today: "Glance", session: "Glance | None") -> dict[str, str]:
    found = {
        "cost": _dollars(today.cost_nanousd),
        "tokens": _count(today.tokens),
        "calls": cells.whole(today.calls),
        "errors": cells.whole(today.errors),
    }
    of_session = ("session_cost", "session_tokens", "session_calls")
    if session is None:
        return {**found, **dict.fromkeys(of_session, cells.UNKNOWN)}
    known = _dollars(session.cost_nanousd), _count(session.tokens), cells.whole(session.calls)
    return {**found, **dict(zip(of_session, known, strict=True))}


def _dollars(nanousd: int | None) -> str:
    return cells.UNKNOWN if nanousd is None else f"${cells.dollars(nanousd)}".replace("$<", "<$")


def _count(tokens: int | None) -> str:
    return cells.UNKNOWN if tokens is None else cells.short(tokens)


# What an agent hands over.


def handed() -> Mapping[str, Any]:
    """The JSON object on stdin; an empty one where there is none, and no time is lost waiting for it."""
    try:
        told = json.loads(_read())
    except (ValueError, RecursionError, OSError):
        return {}
    return told if isinstance(told, dict) else {}


def _read() -> bytes:
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    stdin, deadline = sys.stdin.fileno(), time.monotonic() + FIRST_BYTE_S
    read = b""
    while len(read) < HANDED_BYTES_MAX:
        ready, _, _ = select.select([stdin], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            break
        if not read:
            deadline += WHOLE_S
        more = os.read(stdin, 65_536)
        if not more:
            break
        read += more
        if more.rstrip().endswith(b"}") and _is_whole(read):
            break  # some never close it
    return read


def _is_whole(read: bytes) -> bool:
    try:
        json.loads(read)
    except ValueError:
        return False
    return True


def _told_fields(told: Mapping[str, Any]) -> dict[str, str]:
    model, workspace = told.get("model"), told.get("workspace")
    if isinstance(model, dict):
        model = model.get("display_name") or model.get("id")
    directory = workspace.get("current_dir") if isinstance(workspace, dict) else None
    directory = _text(directory) or _text(told.get("cwd"))
    return {
        "model": _name(_text(model)),
        "directory": _name(None if directory is None else Path(directory).name),
        "session": _name(_text(told.get("session_id"))),
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _name(text: str | None) -> str:
    return cells.UNKNOWN if text is None else cells.cut(cells.plain(text), NAME_CHARS_MAX)
