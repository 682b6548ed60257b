"""The one place that makes engines, and what every connection is told.

SQLite: write-ahead log, so that readers never wait for the writer;
`synchronous=NORMAL` survives the death of the process, `FULL` also that of the
machine.  Transactions are begun by us, never by the driver, so that a read is
one snapshot and a write takes its lock at the start.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from wellhead.errors import BooksUnavailable
from wellhead.histogram import merged

BUSY_TIMEOUT_S = 5.0
"""How long a statement waits for another process's lock before it fails."""
LOCK_RETRY_S = 0.01
JOURNAL_BYTES_MAX = 64 * 1024 * 1024
"""The write-ahead log is cut back to this after a checkpoint."""
CHECKPOINT_PAGES = 4000
"""A checkpoint (and its fsync) comes every 16 MB of log, not every 4."""
CONNECTIONS_MAX = 5
"""Of one process, beside the writer's own."""
STATEMENTS_CACHED = 256

Synchronous = Literal["NORMAL", "FULL"]


def make_engine(url: str, *, synchronous: Synchronous = "NORMAL", must_exist: bool = False) -> Engine:
    """An engine for the books; a SQLite file is made on first use, readable by its owner only.

    With `must_exist` it is not made: a file that was taken away while the program runs must not be
    replaced by an empty one.
    """
    place = _expanded(make_url(url))
    engine = create_engine(
        place,
        pool_size=CONNECTIONS_MAX,
        max_overflow=0,
        connect_args={"timeout": BUSY_TIMEOUT_S, "cached_statements": STATEMENTS_CACHED},
    )

    @event.listens_for(engine, "do_connect")
    def _make_private(*_: Any) -> None:
        path = Path(str(place.database))
        if not must_exist:
            _make_file(path)
        elif not path.exists():
            raise FileNotFoundError("its file is not there any more")

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        try:
            if not Path(str(place.database)).stat().st_size:
                # Only before the first table is made; later it would wait for the writer, in vain.
                _tell(connection, "auto_vacuum=INCREMENTAL")
            for pragma in _pragmas(synchronous):
                _tell(connection, pragma)
            connection.create_function("histogram_sum", 2, merged, deterministic=True)
        except BaseException:
            connection.close()
            raise

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def file_of(engine: Engine) -> tuple[int, int] | None:
    """Which file lies at the place of the books just now (device, inode); `None` if there is none."""
    try:
        found = os.stat(str(engine.url.database))
    except OSError:
        return None
    return found.st_dev, found.st_ino


def writing_connection(engine: Engine) -> sqlite3.Connection:
    """The driver's own connection, outside the pool; `BooksUnavailable` if there is none to be had."""
    with outages():
        proxied = engine.raw_connection()
    connection = proxied.driver_connection
    proxied.detach()
    assert isinstance(connection, sqlite3.Connection)
    return connection


def wait_for_locks(connection: sqlite3.Connection, patience_s: float | None = None) -> None:
    """How long a connection waits for other processes' locks; `None`: as long as all do."""
    patience_s = BUSY_TIMEOUT_S if patience_s is None else patience_s
    connection.execute(f"PRAGMA busy_timeout={round(patience_s * 1000)}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, with the write lock from the start."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


@contextmanager
def outages() -> Iterator[None]:
    """What the world does to a database (locked, full, gone, damaged) becomes `BooksUnavailable`.

    Our own mistakes (a value that no column takes, an id used twice) come through as they are.
    The message is the driver's, without statement and values.
    """
    try:
        yield
    except (sqlite3.DatabaseError, DBAPIError, PoolTimeoutError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, _MISTAKES):
            raise
        raise BooksUnavailable(f"the database cannot be used: {cause}{_advice(cause)}") from error


def _advice(cause: BaseException | None) -> str:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return RESTORE
    may_not_write = isinstance(cause, OSError) and cause.errno in _NOT_WRITABLE
    return ELSEWHERE if may_not_write or code == sqlite3.SQLITE_READONLY else ""


ELSEWHERE = "; it has to be where Wellhead may write: choose a place with --database"
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
RESTORE = "; stop everything that uses it and put a copy in its place: wellhead db restore FILE"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_MISTAKES = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.NotSupportedError)


def _roll_back(connection: sqlite3.Connection) -> None:
    # After some failures (disk full, I/O) SQLite has rolled back by itself already.
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _expanded(url: URL) -> URL:
    if url.get_backend_name() != "sqlite":
        raise ValueError("the database must be a sqlite:///… URL")
    if not url.database or url.database == ":memory:":
        raise ValueError("the database must be a file: several processes share it")
    return url.set(database=str(Path(url.database).expanduser()))


def _make_file(path: Path) -> None:
    # SQLite gives its log and index files the mode of the main file.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _tell(connection: sqlite3.Connection, pragma: str) -> None:
    # SQLite's own waiting for locks leaves out the moment when a new file is turned to its log,
    # which several processes may attempt at once.
    deadline_s = monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute(f"PRAGMA {pragma}")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline_s:
                raise
            sleep(LOCK_RETRY_S)
        else:
            return


def _pragmas(synchronous: Synchronous) -> tuple[str, ...]:
    return (
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        "foreign_keys=ON",
        f"journal_size_limit={JOURNAL_BYTES_MAX}",
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        "temp_store=MEMORY",
    )
