"""How another master key takes the place of the one that seals the credentials.

Where a file beside the books holds the key::

    1  the new key is written beside it, as .new, and to the disk
    2  every credential is sealed with it, in one transaction
    3  .new takes the file's place

Cut short after 1 or 2 it leaves both files, and the next rotation takes up the key in
.new and does 2 and 3: sealing what is sealed with it already is nothing.  Where the
settings hold the key there is only step 2, and the operator changes the settings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer

from wellhead import master_key
from wellhead.cli import asking
from wellhead.cli.books import Books, say
from wellhead.vault import Vault, new_master_key_text, parse_master_key


@dataclass(frozen=True, slots=True)
class Rotated:
    """What was done."""

    resealed: int
    file: Path | None
    """Where the new key is; `None`: the operator has it."""


def rotate(found: Books, ask: Callable[[], bytes]) -> Rotated:
    """Seal everything with another key; `ask` says which, unless one that was cut short is to be ended."""
    settings = found.settings
    old = master_key.master_key(settings.master_key, settings.database)
    if old.file is None:
        return Rotated(found.registry.rotate_master(found.by, Vault(old.key), Vault(ask())), None)
    begun = master_key.next_key(settings.database)
    if begun is None:
        new = ask()
        master_key.put_next(settings.database, new)
    else:
        say("a rotation was cut short before: this one ends it, with the key that was made then")
        new = begun.key
    resealed = found.registry.rotate_master(found.by, Vault(old.key), Vault(new))
    master_key.adopt_next(settings.database)
    return Rotated(resealed, old.file)


def new_key(found: Books, *, generate: bool, stdin: bool, from_env: str | None) -> bytes:
    """The new master key, from where the options say."""
    if generate:
        if found.settings.master_key is not None:
            raise typer.BadParameter(
                "--generate is for a key in a file beside the books; yours is in the settings (master_key): "
                "give the new one with --stdin or --from-env"
            )
        return parse_master_key(new_master_key_text())
    text = asking.secret("new master key", stdin=stdin, from_env=from_env)
    try:
        return parse_master_key(text)
    except ValueError:
        raise typer.BadParameter(
            "the new master key must be 32 bytes, as base64 or 64 hexadecimal digits"
        ) from None
