"""Copies of the books: made while they are in use, checked before they take their place.

::

    books.db ──one state──► name.part ──checked──► name        back_up: never over a file that is there
    name ──checked──► books.db.part ──► books.db               restore: nobody may have the books open
                      books.db ──► books.db.replaced-…

A copy is one state of the books, whatever gateways do meanwhile; they wait for nothing.  It holds keys as
hashes and credentials sealed: the master key is in a file of its own, and no part of it.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from wellhead.database.engine import outages
from wellhead.errors import BooksUnavailable, Conflict

PAGES_AT_ONCE = 2_000
"""Copied between two words about how far it is (8 MB)."""
ROOM = 1.1
"""How much room a copy must find, by the size of the books."""
PART = ".part"
"""The end of a name whose file is not whole yet."""
LOGS = ("-wal", "-shm")
"""What SQLite keeps beside its file."""

Progress = Callable[[int, int], None]
"""Told how much of how much is done."""


def _nobody(_done: int, _of: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Copy:
    """What a copy holds."""

    revision: str
    """The schema's."""
    calls: int
    latest_call_us: int | None
    """When the last one of them began."""


def back_up(books: Path, output: Path, progress: Progress = _nobody) -> Copy:
    """Copy the books as they are at this moment, and check the copy.

    `Conflict` if there is such a file already, `BooksUnavailable` if there is no room, or either file cannot
    be used.  A copy that did not come about leaves nothing behind.
    """
    part = output.with_name(output.name + PART)
    if output.exists():
        raise Conflict(f"{output} is there already; name another file")
    with outages():
        if not books.exists():
            raise FileNotFoundError(f"{books}: there is no such file")
        _find_room(books, output.parent)
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        try:
            _copy(books, part, progress)
            found = checked(part)
            _onto_disk(part)
            try:
                os.link(part, output)  # Unlike a renaming it fails where there is a file by now.
            except FileExistsError:
                raise Conflict(f"{output} is there already; name another file") from None
        finally:
            _remove(part)
    return found


def checked(copy: Path) -> Copy:
    """What a copy holds; `BooksUnavailable` if it is damaged, or no books at all."""
    if not copy.is_file():
        raise BooksUnavailable(f"{copy}: there is no such file")
    try:
        with closing(sqlite3.connect(f"file:{_quoted(copy)}?mode=ro", uri=True)) as connection:
            (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if said != "ok":
                raise BooksUnavailable(f"{copy}: it is damaged ({said})")
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            (calls,) = connection.execute("SELECT count(*) FROM calls").fetchone()
            latest = connection.execute("SELECT started_us FROM calls ORDER BY id DESC LIMIT 1").fetchone()
    except (sqlite3.Error, TypeError) as error:
        raise BooksUnavailable(f"{copy}: these are no books of ours ({error})") from error
    return Copy(str(revision), int(calls), latest[0] if latest else None)


def restore(copy: Path, books: Path, suffix: str) -> Path | None:
    """Put a copy, which is checked first, in the place of the books.

    What was there is kept under the same name with `.replaced-` and `suffix`, which is returned; `None` if
    nothing was there.  `Conflict` while a process has the books open.
    """
    checked(copy)
    part = books.with_name(books.name + PART)
    with outages():
        books.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _find_room(copy, books.parent)
        kept = books.with_name(f"{books.name}.replaced-{suffix}") if books.exists() else None
        if kept is not None:
            _close_for_good(books)
        try:
            part.unlink(missing_ok=True)
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            _copy(copy, part, _nobody)
            _onto_disk(part)
            if kept is not None:
                os.link(books, kept)
            part.replace(books)
        finally:
            _remove(part)
    return kept


def keep_newest(books: Path, mark: str, count: int) -> None:
    """Remove the older ones of the copies beside the books whose names go on with a mark."""
    copies = sorted(
        (one for one in books.parent.iterdir() if one.name.startswith(books.name + mark)),
        key=lambda one: (one.stat().st_mtime_ns, one.name),
    )
    for one in copies[: len(copies) - count] if count else copies:
        _remove(one)


def _copy(source: Path, target: Path, progress: Progress) -> None:
    # Without `mode=ro`: what is still in the log of a program that crashed belongs to the books.
    with (
        closing(sqlite3.connect(source, isolation_level=None)) as reading,
        closing(sqlite3.connect(target)) as writing,
    ):
        # In a transaction of its own the copying never sees what others write, and never begins anew.
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reading.backup(
            writing,
            pages=PAGES_AT_ONCE,
            progress=lambda _status, left, total: progress(total - left, total),
        )
        # The copy is one file, with no log beside it.
        writing.execute("PRAGMA journal_mode=DELETE")


def _close_for_good(books: Path) -> None:
    """Take everything out of the log and remove it, which only the last process that has them open can."""
    try:
        with closing(sqlite3.connect(books, timeout=0)) as connection:
            (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.OperationalError:
        mode = ""
    except sqlite3.DatabaseError:
        return  # They are damaged, which is why somebody restores a copy.
    if mode != "delete":
        raise Conflict(f"{books} is in use; stop the gateway and everything else that has it open")


def _find_room(source: Path, directory: Path) -> None:
    needed, free = int(source.stat().st_size * ROOM), shutil.disk_usage(directory).free
    if free < needed:
        raise BooksUnavailable(
            f"{directory} has room for {free >> 20} MB and a copy needs {needed >> 20} MB; make room there"
        )


def _onto_disk(path: Path) -> None:
    for place in (path, path.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    for end in ("", "-journal", *LOGS):
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).unlink()


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
