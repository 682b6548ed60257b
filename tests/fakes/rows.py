"""The books as they lie on disk: rows of `calls`, read beside the running program.

::

    booked = Booked(wellhead.database_path)
    client.chat.completions.create(...)
    row = booked.row()          # the one call since, once it has ended
    assert row["state"] == "completed"
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from wellhead.database.request_forms import JOINED
from wellhead.database.schema import TOKEN_COLUMNS

SETTLED_MAX_S = 10.0
"""A row is settled just after the client has its last byte, not before."""


class Row(dict[str, Any]):
    """One row of `calls` by its columns."""

    @property
    def usage(self) -> dict[str, int]:
        """The counts that the provider stated; what it did not say is not in it."""
        return {name: self[name] for name in TOKEN_COLUMNS if self[name] is not None}

    def only(self, *names: str) -> dict[str, Any]:
        """These columns, to compare at one glance."""
        return {name: self[name] for name in names}

    def went_well(self, provider: str, dialect: str, model: str | None, *, streamed: bool = False) -> bool:
        """The call was completed, and read without trouble; fails with what is different."""
        facts = {"state": "completed", "status_code": 200, "error_code": None, "error_message": None}
        facts |= {"provider": provider, "dialect": dialect, "model": model, "streamed": streamed}
        facts |= {"attempts": 1, "incomplete": False, "trouble": None}
        assert self.only(*facts) == facts
        return True

    def failed(self, status: int | None, error_code: str) -> bool:
        """The call failed in this way; fails with what is different."""
        facts = {"state": "failed", "status_code": status, "error_code": error_code}
        assert self.only(*facts) == facts
        return True


class Booked:
    """Looks for the rows that came since it last looked."""

    def __init__(self, database: Path) -> None:
        self.database = database
        self._seen = max((row["id"] for row in self._rows(0)), default=0)

    def row(self) -> Row:
        """The one new call."""
        (row,) = self.rows(1)
        return row

    def rows(self, count: int) -> list[Row]:
        """So many new calls by their ids, once they have ended; fails if there are more or fewer."""
        deadline = monotonic() + SETTLED_MAX_S
        while True:
            rows = self._rows(self._seen)
            ended = [row for row in rows if row["state"] != "pending"]
            if len(ended) >= count and len(ended) == len(rows):
                break
            assert monotonic() < deadline, f"{count} ended calls expected, booked are: {rows}"
            sleep(0.005)
        assert len(rows) == count, rows
        self._seen = rows[-1]["id"]
        return rows

    def nothing(self) -> bool:
        """No new call: a row is there before its request leaves, so nobody need wait for it."""
        return not self._rows(self._seen)

    def _rows(self, after: int) -> list[Row]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute(f"SELECT * FROM {JOINED} WHERE id > ? ORDER BY id", (after,))
            return [Row(dict(row)) for row in found]
