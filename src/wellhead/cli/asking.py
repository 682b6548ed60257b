"""What people write on a command line, read: moments, durations, amounts, tags, and secrets.

A value that cannot be used is wrong use, told in one line that says what is allowed.
Secrets come from a terminal without being shown, from stdin, or from the environment,
never from an argument: arguments stand in shell histories and process lists.
"""

import getpass
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from wellhead.config import values
from wellhead.errors import CallerError, Invalid

if TYPE_CHECKING:
    from wellhead.access import Patterns, Tags
    from wellhead.limit import Measure

SECRET_CHARS_MAX = 64 * 1024
"""More than that on stdin is no secret but a mistake."""
AHEAD_MAX_S = 100 * 366 * 86_400.0
ID_CHARS_MAX = 18

Stdin = Annotated[bool, typer.Option("--stdin", help="Read the secret from stdin.")]
FromEnv = Annotated[
    str | None,
    typer.Option("--from-env", metavar="NAME", help="Take the secret from an environment variable."),
]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def confirmed(question: str) -> None:
    """Go on if somebody at a terminal says yes; where there is none, `--yes` has to be given."""
    if not sys.stdin.isatty():
        raise typer.BadParameter("say --yes to confirm; there is no terminal to ask on")
    typer.confirm(question, abort=True, err=True)


def secret(what: str, *, stdin: bool, from_env: str | None) -> str:
    """A secret from where the options say, or asked for on the terminal."""
    if stdin and from_env is not None:
        raise typer.BadParameter("--stdin and --from-env exclude each other")
    if from_env is not None:
        found = os.environ.get(from_env, "")
        if not found:
            # Not repeated, as somebody may have put the secret itself there.
            raise typer.BadParameter("--from-env must name an environment variable that is set")
        return found.strip()
    if stdin:
        found = sys.stdin.read(SECRET_CHARS_MAX).strip()
        if not found:
            raise typer.BadParameter(f"there is no {what} on stdin")
        return found
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            f"give the {what} with --stdin or --from-env NAME; there is no terminal to ask on"
        )
    try:
        return getpass.getpass(f"{what} (not shown): ").strip()
    except (EOFError, KeyboardInterrupt):
        raise typer.Abort from None


def number(text: str, what: str) -> int:
    """The number of a key, limit or credential.  Not repeated: it may be a key that was pasted."""
    if not (text.isascii() and text.isdigit() and len(text) <= ID_CHARS_MAX):
        raise typer.BadParameter(f"a {what} is named by its number, such as 7")
    return int(text)


def expiry(now_us: int, expires_in: str | None, expires_at: str | None) -> int | None:
    """The moment that one of two options means; `None` if there is neither."""
    if expires_in is not None and expires_at is not None:
        raise typer.BadParameter("--expires-in and --expires-at exclude each other")
    if expires_in is not None:
        return now_us + round(duration_s(expires_in, "--expires-in") * 1_000_000)
    return None if expires_at is None else moment_us(expires_at, "--expires-at")


def duration_s(text: str, option: str) -> float:
    """Seconds, or with a unit: `90m`, `24h`, `30d`."""
    try:
        return values.seconds(0, AHEAD_MAX_S)(text)
    except ValueError:
        raise typer.BadParameter(f"{option} must be a duration such as 90m, 24h or 30d") from None


def moment_us(text: str, option: str) -> int:
    """A moment in ISO-8601; without an offset it is UTC."""
    from wellhead.control.times import moment_us as read

    try:
        found = read(text, option)
    except CallerError:
        raise typer.BadParameter(f"{option} must be a time such as 2026-03-01T00:00:00Z") from None
    assert found is not None
    return found


def amount(measure: "Measure", text: str) -> int:
    """Calls or tokens as a whole number, a cost as dollars."""
    from wellhead.control import amounts
    from wellhead.limit import Measure

    if measure is not Measure.COST:
        if not (text.isascii() and text.isdigit() and len(text) <= ID_CHARS_MAX):
            raise typer.BadParameter(
                "--amount must be a whole number; only a limit on cost has a point in it"
            )
        return int(text)
    try:
        return amounts.read(measure, text.removeprefix("$"))
    except Invalid:
        raise typer.BadParameter("--amount of a limit on cost must be US dollars such as 12.50") from None


def patterns(globs: list[str] | None) -> "Patterns":
    """The globs of an option that may be given several times; without it everything is allowed."""
    return tuple(globs) if globs else None


def tags(given: list[str] | None) -> "Tags":
    """`team=blue` and such, sorted by name."""
    found: dict[str, str] = {}
    for one in given or []:
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise typer.BadParameter("--tag must be name=value, such as team=blue")
        found[name] = value
    return tuple(sorted(found.items()))
