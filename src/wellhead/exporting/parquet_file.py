"""Calls as Parquet: typed columns, compressed, a row group for every so many calls.

Whole numbers are `int64`, moments timestamps of UTC to the microsecond, `cost_usd` a
decimal with nine places.  Needs pyarrow, which is loaded on the first use and need not
be installed: see `formats.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from wellhead.exporting.columns import COLUMNS, Kind, Row

ROWS_PER_GROUP = 10_000
"""What is held in memory at a time: readers want groups that are not small, and memory has its bounds."""
PLACES = -9
"""Of a nano-dollar, as a power of ten of dollars."""
COMPRESSION = "zstd"

_TYPES = {
    Kind.ID: pa.int64(),
    Kind.TEXT: pa.string(),
    Kind.WHOLE: pa.int64(),
    Kind.FLAG: pa.bool_(),
    Kind.MOMENT: pa.timestamp("us", tz="UTC"),
    Kind.DOLLARS: pa.decimal128(18, -PLACES),
}
SCHEMA = pa.schema(
    [pa.field(column.name, _TYPES[column.kind], nullable=column.name != "id") for column in COLUMNS]
)


class _Taken:
    """A file that is taken away while it is written."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self._size = 0

    def write(self, some: Any) -> int:
        self._written.append(bytes(some))
        self._size += len(self._written[-1])
        return len(self._written[-1])

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """There is nothing behind it."""

    def close(self) -> None:
        """What was written is still to be taken."""

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


def pieces(pages: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """The file, a row group at a time; what readers look for first is in the last piece."""
    file = _Taken()
    writer = pq.ParquetWriter(file, SCHEMA, compression=COMPRESSION, store_schema=False)
    waiting: list[Row] = []
    for page in pages:
        waiting += page
        if len(waiting) >= ROWS_PER_GROUP:
            writer.write_batch(_batch(waiting))
            waiting = []
        yield file.take()
    if waiting:
        writer.write_batch(_batch(waiting))
    writer.close()
    yield file.take()


def _batch(rows: Sequence[Row]) -> pa.RecordBatch:
    arrays = []
    for column, values in zip(COLUMNS, zip(*rows, strict=True), strict=True):
        if column.kind is Kind.DOLLARS:
            values = tuple(None if value is None else Decimal(value).scaleb(PLACES) for value in values)
        elif column.kind is Kind.FLAG:
            values = tuple(None if value is None else bool(value) for value in values)
        arrays.append(pa.array(values, _TYPES[column.kind]))
    return pa.record_batch(arrays, schema=SCHEMA)
