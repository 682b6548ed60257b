"""The formats that calls are exported in, by their names.

A format that needs a package beside the program's own is there as soon as that package
is; asked for without it, it says how to get it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum

from wellhead.errors import WellheadError
from wellhead.exporting.columns import Row

Pieces = Callable[[Iterable[Sequence[Row]]], Iterator[bytes]]
"""Pages of rows in, pieces of a file out: one after the other, and the first with the first page."""


class Format(StrEnum):
    """A form of file; its value is also what its name ends in."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self]

    @property
    def is_text(self) -> bool:
        """Whether a terminal can show it."""
        return self is not Format.PARQUET


MEDIA_TYPES = {
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.JSON: "application/json",
    Format.JSONL: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
}


class NotInstalled(WellheadError):
    """A format needs a package that is not there; the message says how to get it."""


def writing(form: Format) -> Pieces:
    """What writes files of this form; raises `NotInstalled`.

    Takes a while the first time: call it in a thread.
    """
    if form is Format.CSV:
        from wellhead.exporting import csv_file

        return csv_file.pieces
    if form is Format.PARQUET:
        try:
            from wellhead.exporting import parquet_file
        except ImportError as error:
            raise NotInstalled(
                "Parquet needs the package pyarrow, which is not installed where Wellhead runs: "
                "`pip install 'wellhead[parquet]'`, or ask for csv, json or jsonl"
            ) from error
        return parquet_file.pieces
    from wellhead.exporting import json_file

    return json_file.lines if form is Format.JSONL else json_file.array
