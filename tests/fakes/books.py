"""Books in memory: the same promises as the ledger's writer, and faults on demand.  And what fills books."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Engine, select

from wellhead.call import CallState, Opening, Settlement
from wellhead.clock import wall_us
from wellhead.database import calls, closed_days, packed_days, rollups
from wellhead.database.calls import Settled
from wellhead.database.day_sheets import Part, Sums, Took
from wellhead.database.engine import make_engine
from wellhead.database.limits import driver
from wellhead.database.request_forms import FACTS
from wellhead.database.schema import metadata, request_forms, whole_calls
from wellhead.database.versions import make_tables
from wellhead.directory import Directory
from wellhead.errors import BooksUnavailable, CallerError, Refused
from wellhead.ledger.rollup import tally
from wellhead.policy import admission
from wellhead.quota import Gauge
from wellhead.usage import Usage, UsageSource

NOON_US = 1_740_830_400_000_000
"""2025-03-01T12:00:00Z, when calls of tests begin."""


class FakeBooks:
    """Implements `wellhead.ports.Books`; tests read what was booked from its dictionaries."""

    def __init__(self, directory: Directory = Directory()) -> None:
        self.directory = directory
        """Swap it to have the registry moved; `registry` is what `current` finds."""
        self.registry: Directory | None = None
        """What an operator committed and nobody here has noticed yet."""
        self.full: Refused | None = None
        """Set it to have every call refused by a limit."""
        self.now_us = wall_us
        self.openings: dict[int, Opening] = {}
        """By call id, in the order they were booked."""
        self.settlements: dict[int, Settlement] = {}
        """The first settlement of each booked call."""
        self.gauges: dict[tuple[str, str | None, str], Gauge] = {}
        """What responses told of quotas, by provider, account and name."""
        self.unavailable: str | None = None
        """Set a reason to have `open` refuse."""
        self.gate = asyncio.Event()
        """Clear it to have `open` wait."""
        self.gate.set()
        self._id = 0

    def next_id(self) -> int:
        self._id += 1
        return self._id

    async def current(self) -> Directory:
        if self.unavailable is not None:
            raise BooksUnavailable(self.unavailable)
        self.directory, self.registry = self.registry or self.directory, None
        return self.directory

    async def open(self, opening: Opening) -> None:
        await self.gate.wait()
        directory = await self.current()
        ruling: CallerError | None = self.full
        if ruling is None and opening.key_id is not None:
            key = directory.keys_by_id.get(opening.key_id)
            ruling = admission.unauthorized(key, self.now_us())
            if ruling is None and key is not None:
                ruling = admission.forbidden(directory, key, opening)
        if ruling is None or isinstance(ruling, Refused):
            self.openings[opening.id] = opening
        if isinstance(ruling, Refused):
            self.settlements[opening.id] = a_settlement(
                state=CallState.REFUSED, status_code=ruling.status, error_code=ruling.code
            )
        if ruling is not None:
            raise ruling

    async def move(self, opening: Opening, to: Opening) -> None:
        directory = await self.current()
        if self.state(opening.id) is not CallState.PENDING:
            raise BooksUnavailable("this call is not open any more")
        key = directory.keys_by_id.get(to.key_id or 0)
        ruling = self.full
        if ruling is None and key is not None:
            ruling = admission.forbidden(directory, key, to)
        if ruling is not None:
            raise ruling
        self.openings[to.id] = to

    def settle(self, opening: Opening, settlement: Settlement) -> None:
        if settlement.state is CallState.REFUSED:
            self.openings.setdefault(opening.id, opening)
        if opening.id in self.openings:
            self.settlements.setdefault(opening.id, settlement)

    def note_quotas(self, provider: str, gauges: Sequence[Gauge]) -> None:
        for one in gauges:
            place = provider, one.account, one.name
            self.gauges[place] = max(one, self.gauges.get(place, one), key=lambda gauge: gauge.at_us)

    def pending(self) -> list[Opening]:
        """Calls that are open, the oldest first."""
        return [opening for id_, opening in self.openings.items() if id_ not in self.settlements]

    def state(self, call_id: int) -> CallState | None:
        """Where a call stands; `None` if it is not in the books."""
        if call_id not in self.openings:
            return None
        settlement = self.settlements.get(call_id)
        return CallState.PENDING if settlement is None else settlement.state


def an_opening(call_id: int, **changes: Any) -> Opening:
    """A call as it begins, like most others unless told."""
    return replace(
        Opening(
            id=call_id,
            started_us=NOON_US,
            provider="openai",
            dialect="openai_chat",
            method="POST",
            path="/v1/chat/completions",
            model="demo-large",
            tool="codex",
            request_bytes=500,
        ),
        **changes,
    )


def a_settlement(**changes: Any) -> Settlement:
    """The end of a call that went well, unless told otherwise."""
    return replace(
        Settlement(
            state=CallState.COMPLETED,
            finished_us=NOON_US + 910_000,
            status_code=200,
            usage=Usage(input_tokens=120, output_tokens=80, total_tokens=200),
            usage_source=UsageSource.REPORTED,
            latency_us=910_000,
            ttft_us=100_000,
            response_bytes=2_000,
            attempts=1,
        ),
        **changes,
    )


def books_on_disk(folder: Path) -> Engine:
    """An empty database with the present schema; where there are books already, they stay."""
    with suppress(FileExistsError), (folder / "books.db").open("xb") as file:
        file.write(_empty_books())
    return make_engine(f"sqlite:///{folder}/books.db")


@cache
def _empty_books() -> bytes:
    """Made once in a process: hundreds of tests begin with such a file."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/books.db")
        with engine.begin() as connection:
            make_tables(connection)
        engine.dispose()  # The last connection puts everything from the log into the file.
        assert not Path(folder, "books.db-wal").exists()
        return Path(folder, "books.db").read_bytes()


def rows_of(engine: Engine, table: str) -> list[dict[str, Any]]:
    """All rows of a table, in the order of its key."""
    with engine.connect() as connection:
        chosen = metadata.tables[table]
        query = chosen.select().order_by(*chosen.primary_key)
        if table == "calls":
            query = select(*chosen.columns, *(request_forms.c[name] for name in FACTS))
            query = query.select_from(whole_calls).order_by(chosen.c.id)
        return [dict(row._mapping) for row in connection.execute(query)]


def rollups_of(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Everything that is added up as calls end, and can be rebuilt."""
    return {table.name: rows_of(engine, table.name) for table in rollups.TABLES}


Closed = tuple[dict[int, tuple[Part, Sums]], tuple[Sums, Took] | None]


def closed_of(engine: Engine) -> dict[int, Closed]:
    """What closed days have: their parts by half hour, with the sums of models beside each, and sessions."""
    with engine.connect() as reading:
        connection = driver(reading)
        return {
            day: (packed_days.kept_parts(connection, day), packed_days.kept_sessions(connection, day))
            for day in closed_days.closed(reading)
        }


def book_ends(connection: sqlite3.Connection, settled: Sequence[Settled]) -> None:
    """Book ends of calls in books without limits, as recovery wants it done."""
    calls.settle(connection, calls.settled_rows(settled))
    rollups.add(connection, tally(settled))
