"""Whether what was added up agrees with the calls: rollups and the windows of limits.

Both can be counted again from the rows of `calls`.  Everything is read in one state of
the books, and nothing is written, so a gateway may run meanwhile.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Engine, Table

from wellhead.database import calls, rollups
from wellhead.database.bulk import Row
from wellhead.database.directory import load_directory
from wellhead.database.engine import outages, writing_connection
from wellhead.database.limit_windows import differences
from wellhead.database.schema import latency_hourly, usage_hourly, usage_total
from wellhead.database.snapshot import snapshot
from wellhead.ledger.rollup import tally


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A figure that is not what the calls say."""

    table: str
    where: dict[str, object]
    """The row's key."""
    figure: str
    kept: int
    """As it stands there; 0 where there is no row."""
    counted: int
    """As the calls have it."""


def check(engine: Engine, now_us: int) -> list[Disagreement]:
    """Every figure that does not agree with the calls."""
    with outages(), closing(writing_connection(engine)) as connection:
        connection.execute("PRAGMA query_only=ON")
        with snapshot(connection):
            there, counted = rollups.kept(connection), tally(calls.all_settled(connection))
            limits = load_directory(connection).limits
            windows = differences(connection, limits, now_us)
    found = [
        *_compared(usage_total, there.usage_total, counted.usage_total),
        *_compared(usage_hourly, there.usage_hourly, counted.usage_hourly),
        *_compared(latency_hourly, there.latency_hourly, counted.latency_hourly),
    ]
    for one in windows:
        where = {"limit_id": one.limit_id, "subject": one.subject, "bucket": one.bucket}
        for figure, kept, count in zip(("used", "held"), one.kept, one.counted, strict=True):
            if kept != count:
                found.append(Disagreement("limit_windows", where, figure, kept, count))
    return found


def _compared(table: Table, there: Sequence[Row], counted: Sequence[Row]) -> Iterator[Disagreement]:
    names = [column.name for column in table.columns]
    size = len(table.primary_key.columns)
    kept_by_key = {tuple(row[:size]): row[size:] for row in there}
    counted_by_key = {tuple(row[:size]): row[size:] for row in counted}
    nothing = (0,) * (len(names) - size)
    for key in sorted(kept_by_key.keys() | counted_by_key.keys()):
        pairs = zip(kept_by_key.get(key, nothing), counted_by_key.get(key, nothing), strict=True)
        for figure, (kept, count) in zip(names[size:], pairs, strict=True):
            if kept != count:
                where = dict(zip(names, key, strict=False))
                yield Disagreement(table.name, where, figure, int(str(kept)), int(str(count)))
