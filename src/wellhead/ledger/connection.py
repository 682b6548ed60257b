"""The writing connection of one worker: made when it is needed, given up after any trouble."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from wellhead.clock import wall_us
from wellhead.database.engine import file_of, outages, transaction, wait_for_locks, writing_connection
from wellhead.database.request_forms import Forms
from wellhead.errors import BooksUnavailable


class HeldConnection:
    """Belongs to one thread.  `moved` is called when the file of the books turns out to be another one."""

    def __init__(
        self, engine: Engine, moved: Callable[[], None], now_us: Callable[[], int] = wall_us
    ) -> None:
        self._engine = engine
        self._moved = moved
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        """Which file the connection writes to."""
        self._patience_s: float | None = None
        self.rate_ids: dict[bytes, int] = {}
        """The numbers of rates in that file, as far as they are known."""
        self.forms = Forms(now_us)

    @contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        """The connection, or a new one.  Whatever the world does to it is `BooksUnavailable`."""
        try:
            with outages():
                if self._connection is None:
                    self._connection = writing_connection(self._engine)
                    self.wait_for_locks(self._patience_s)
                    self._file = file_of(self._engine)
                elif file_of(self._engine) != self._file:
                    # SQLite would go on writing to the file that nobody can find any more.
                    self._moved()
                    raise FileNotFoundError("its file was taken away")
                yield self._connection
        except BooksUnavailable:
            self.hang_up()
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; what is known of forms goes along with it."""
        with self.use() as connection:
            try:
                with transaction(connection):
                    yield connection
            except BaseException:
                self.forms.taken_back()
                raise
            self.forms.committed()

    def wait_for_locks(self, patience_s: float | None = None) -> None:
        """Wait no longer than that for other processes' locks from here on; `None`: as long as usual."""
        self._patience_s = patience_s
        if self._connection is not None:
            wait_for_locks(self._connection, patience_s)

    def hang_up(self) -> None:
        """Let the connection go."""
        self.rate_ids.clear()  # The next one may be to another file.
        self.forms.forget()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
