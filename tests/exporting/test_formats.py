"""Every format holds what went in, exactly, and nothing else."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.exporting import csv_file, parquet_file
from wellhead.exporting.columns import COLUMNS, NAMES, Kind, Row
from wellhead.exporting.formats import Format, NotInstalled, writing
from wellhead.moments import EPOCH
from wellhead.money import COST_NANOUSD_MAX

MOMENT_MAX_US = 4_000_000_000_000_000
TEXTS = st.one_of(
    st.sampled_from(["=1+1", "+1", "-1", "@SUM(A1)", "'quoted", '"a","b"', "two\r\nlines", "ü\u2028é", ""]),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.ID: st.integers(1, 2**63 - 1),
    Kind.TEXT: TEXTS,
    Kind.WHOLE: st.integers(0, 2**63 - 1),
    Kind.FLAG: st.booleans(),
    Kind.MOMENT: st.integers(0, MOMENT_MAX_US),
    Kind.DOLLARS: st.integers(0, COST_NANOUSD_MAX),
}
ROWS = st.tuples(
    *(
        VALUES[column.kind] if column.kind is Kind.ID else st.none() | VALUES[column.kind]
        for column in COLUMNS
    )
)
PAGES = st.lists(st.lists(ROWS, max_size=3), max_size=3)


def a_row(**values: Any) -> Row:
    """A call of which nobody said anything but this."""
    return tuple({"id": 7, **values}.get(name) for name in NAMES)


def written(form: Format, pages: Sequence[Sequence[Row]]) -> bytes:
    return b"".join(writing(form)(pages))


def unguarded(text: str) -> str:
    """What the manual tells a program to do."""
    return text[1:] if text[:1] == "'" and text[1:2] in csv_file.RISKY else text


def from_csv(text: str, kind: Kind) -> Any:
    if kind is Kind.TEXT:
        return unguarded(text)
    if not text:
        return None
    if kind is Kind.FLAG:
        return {"true": True, "false": False}[text]
    if kind is Kind.MOMENT:
        return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)
    return int(Decimal(text).scaleb(9)) if kind is Kind.DOLLARS else int(text)


def read_csv(content: bytes) -> list[Row]:
    names, *lines = csv.reader(io.StringIO(content.decode(), newline=""))
    assert names == list(NAMES)
    return [
        tuple(from_csv(text, column.kind) for text, column in zip(line, COLUMNS, strict=True))
        for line in lines
    ]


def from_json(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind is Kind.ID:
        return int(value)
    if kind is Kind.MOMENT:
        return from_csv(value, kind)
    return int(value.scaleb(9)) if kind is Kind.DOLLARS else value


def read_objects(found: Sequence[dict[str, Any]]) -> list[Row]:
    assert all(list(one) == list(NAMES) for one in found)
    return [tuple(from_json(one[column.name], column.kind) for column in COLUMNS) for one in found]


def exactly(number: str) -> Decimal:
    return Decimal(number)


def with_decimals(one: dict[str, Any]) -> dict[str, Any]:
    cost = one["cost_usd"]
    return {**one, "cost_usd": None if cost is None else Decimal(cost)}


def read_array(content: bytes) -> list[Row]:
    return read_objects([with_decimals(one) for one in json.loads(content, parse_float=exactly)])


def read_lines(content: bytes) -> list[Row]:
    lines = content.decode().split("\n")
    assert lines.pop() == ""
    return read_objects([with_decimals(json.loads(line, parse_float=exactly)) for line in lines])


def from_parquet(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind is Kind.MOMENT:
        assert value.utcoffset() == timedelta(0)
        return (value - EPOCH) // timedelta(microseconds=1)
    return int(value.scaleb(9)) if kind is Kind.DOLLARS else value


def read_parquet(content: bytes) -> list[Row]:
    table = pq.read_table(io.BytesIO(content))
    assert table.schema.names == list(NAMES)
    return [
        tuple(from_parquet(one[column.name], column.kind) for column in COLUMNS) for one in table.to_pylist()
    ]


READ: dict[Format, Callable[[bytes], list[Row]]] = {
    Format.CSV: read_csv,
    Format.JSON: read_array,
    Format.JSONL: read_lines,
    Format.PARQUET: read_parquet,
}


def as_told(row: Row, form: Format) -> Row:
    """CSV does not tell an empty text from none."""
    if form is not Format.CSV:
        return row
    return tuple(
        value or "" if column.kind is Kind.TEXT else value for value, column in zip(row, COLUMNS, strict=True)
    )


@pytest.mark.parametrize("form", Format)
@settings(max_examples=40, deadline=None)
@given(pages=PAGES)
def test_what_is_read_back_is_what_went_in(form: Format, pages: list[list[Row]]) -> None:
    expected = [as_told(row, form) for page in pages for row in page]
    assert READ[form](written(form, pages)) == expected


@pytest.mark.parametrize("form", Format)
def test_an_export_without_calls_is_a_whole_file(form: Format) -> None:
    none: list[list[list[Row]]] = [[], [[]]]
    for pages in none:
        assert READ[form](written(form, pages)) == []


@pytest.mark.parametrize("form", Format)
def test_the_first_piece_comes_with_the_first_page_and_no_page_is_kept_back(form: Format) -> None:
    taken = 0

    def pages() -> Iterator[list[Row]]:
        nonlocal taken
        for number in range(3):
            taken += 1
            yield [a_row(id=number + 1)]

    pieces = writing(form)(pages())
    next(pieces)
    assert taken == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('=HYPERLINK("http://evil.example","pay")', '\'=HYPERLINK("http://evil.example","pay")'),
        ("+49", "'+49"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1", "'＝1"),
        ("'kept", "''kept"),
        ("claude-cli/2.1 (external)", "claude-cli/2.1 (external)"),
        ("a=1", "a=1"),
    ],
)
def test_no_text_is_a_formula_in_a_spreadsheet(text: str, shown: str) -> None:
    content = written(Format.CSV, [[a_row(user_agent=text)]]).decode()
    _, line = csv.reader(io.StringIO(content, newline=""))
    assert line[NAMES.index("user_agent")] == shown
    assert unguarded(shown) == text


def test_csv_has_exact_decimals_and_nothing_for_what_nobody_said() -> None:
    content = written(Format.CSV, [[a_row(cost_nanousd=1, cost_usd=1), a_row(cost_nanousd=0, cost_usd=0)]])
    first, second = list(csv.DictReader(io.StringIO(content.decode())))
    assert (first["cost_usd"], first["total_tokens"], first["incomplete"]) == ("0.000000001", "", "")
    assert (second["cost_usd"], second["cost_nanousd"]) == ("0", "0")
    assert content.count(b"\r\n") == 3


def test_ids_are_text_in_json_and_numbers_in_parquet() -> None:
    page = [a_row(id=2**63 - 1, key_id=4)]
    (shown,) = json.loads(written(Format.JSON, [page]))
    assert (shown["id"], shown["key_id"], shown["total_tokens"]) == (str(2**63 - 1), 4, None)
    (value,) = pq.read_table(io.BytesIO(written(Format.PARQUET, [page])))["id"].to_pylist()
    assert value == 2**63 - 1


def test_parquet_is_typed_and_comes_in_row_groups() -> None:
    count = parquet_file.ROWS_PER_GROUP
    pages = [[a_row(id=n + 1, cost_usd=n) for n in range(k, k + 1000)] for k in range(0, 2 * count + 1, 1000)]
    file = pq.ParquetFile(io.BytesIO(written(Format.PARQUET, pages)))
    types = {field.name: field.type for field in file.schema_arrow}
    assert types["finished_at"] == pa.timestamp("us", tz="UTC")
    assert types["cost_usd"] == pa.decimal128(18, 9)
    assert types["total_tokens"] == pa.int64()
    assert types["streamed"] == pa.bool_()
    assert [file.metadata.row_group(n).num_rows for n in range(3)] == [count, count, 1000]
    assert file.read(["cost_usd"])["cost_usd"][1].as_py() == Decimal("0.000000001")


def test_moments_are_exact() -> None:
    at = datetime(2026, 3, 1, 9, 2, 3, 4, tzinfo=UTC)
    us = (at - EPOCH) // timedelta(microseconds=1)
    (shown,) = json.loads(written(Format.JSON, [[a_row(finished_at=us, finished_us=us)]]))
    assert (shown["finished_at"], shown["finished_us"]) == ("2026-03-01T09:02:03.000004Z", us)


def test_without_pyarrow_parquet_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "wellhead.exporting.parquet_file", raising=False)
    monkeypatch.delattr("wellhead.exporting.parquet_file", raising=False)
    with pytest.raises(NotInstalled, match=r"pip install 'wellhead\[parquet\]'"):
        writing(Format.PARQUET)
    assert writing(Format.CSV) is csv_file.pieces


def test_pyarrow_is_not_loaded_before_it_is_needed() -> None:
    code = (
        "import sys; from wellhead.exporting.formats import *; "
        "[writing(f) for f in Format if f is not Format.PARQUET]; sys.exit('pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
