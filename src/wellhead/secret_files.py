"""Files of secrets that the program makes for itself, readable by their owner alone.

::

    kept(path, new)       what the file holds; made now if there is none
    put(path, text)       a new file in whole, or no file: never half of one
    move(old, new)        in place of the other, at once and for good

Every file is written under another name first, to the disk, and then gets its own.
Of several processes that make one at the same time one succeeds, and all of them
read what it wrote.  No message of this module ever holds a secret.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from wellhead.errors import WellheadError

MODE = 0o600
OTHERS = 0o077
"""What nobody but the owner may have of such a file."""
CHARS_MAX = 4096


class SecretFileError(WellheadError):
    """Such a file cannot be made, read or trusted; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file holds."""

    text: str = field(repr=False)
    path: Path
    is_new: bool
    """It was made just now."""


def kept(path: Path, new: Callable[[], str]) -> Kept:
    """The secret in a file, which `new` makes up if there is no such file."""
    found = look(path)
    if found is not None:
        return Kept(found, path, is_new=False)
    try:
        put(path, new())
        made = True
    except FileExistsError:
        made = False  # somebody else was quicker
    found = look(path)
    if found is None:
        raise SecretFileError(f"{path} is gone again, just after it was made")
    return Kept(found, path, is_new=made)


def look(path: Path) -> str | None:
    """What a file holds; `None` if there is none."""
    try:
        with path.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & OTHERS:
                raise SecretFileError(f"others than its owner can get at {path}; do: chmod 600 {path}")
            text = file.read(CHARS_MAX).strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SecretFileError(f"{path} cannot be read: {_reason(error)}") from None
    if not text:
        raise SecretFileError(f"{path} is empty; put its secret back, or remove it if there was none")
    return text


def put(path: Path, text: str) -> None:
    """Make a file; `FileExistsError` if there is one already."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(aside, text)
            # Unlike a renaming this never takes another file's place.
            os.link(aside, path)
        finally:
            aside.unlink(missing_ok=True)
        _settle(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise SecretFileError(f"{path} cannot be made: {_reason(error)}") from None


def move(old: Path, new: Path) -> None:
    """Give a file another's name and place."""
    try:
        old.replace(new)
        _settle(new.parent)
    except OSError as error:
        raise SecretFileError(f"{old} cannot be renamed to {new.name}: {_reason(error)}") from None


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        # Whatever the process's mask takes away from the mode, it adds nothing.
        file.write(text + "\n")
        file.flush()
        os.fsync(descriptor)


def _settle(directory: Path) -> None:
    """Have the names in a directory reach the disk, too."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is no UTF-8 text"
