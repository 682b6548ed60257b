"""Exports have the calls that the reports count, whole and exact, in every format."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from fakes.books import NOON_US, rows_of
from fakes.control import a_client, an_app, assert_one_shape
from fakes.reports import FakeReports
from fakes.served import Served
from wellhead.control import export as exports
from wellhead.database.engine import make_engine
from wellhead.database.reports import DatabaseReports
from wellhead.database.upgrade import upgrade
from wellhead.demo import history
from wellhead.errors import BooksUnavailable
from wellhead.exporting.columns import COLUMNS, NAMES
from wellhead.exporting.formats import Format
from wellhead.moments import DAY_US
from wellhead.report import CallFilter

UNTIL_US = int(datetime(2026, 11, 20, 15, 30, tzinfo=UTC).timestamp()) * 1_000_000
MEASURES = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "total_tokens")
RANGE = "from=2026-11-10&to=2026-11-15"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("books") / "books.db"
    upgrade(f"sqlite:///{path}")
    history.write(f"sqlite:///{path}", UNTIL_US, count=3_000)
    return path


@pytest.fixture(scope="module")
def engine(path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def app(engine: Engine) -> FastAPI:
    return an_app(DatabaseReports(engine), now_us=lambda: UNTIL_US)


def read(form: Format, content: bytes) -> list[dict[str, Any]]:
    """The calls of a file, each figure as a number and each id as text."""
    if form is Format.PARQUET:
        found = pq.read_table(io.BytesIO(content)).to_pylist()
        return [{**one, "id": str(one["id"])} for one in found]
    if form is Format.CSV:
        lines = csv.DictReader(io.StringIO(content.decode(), newline=""))
        figures = (*MEASURES, "finished_us", "cost_nanousd", "latency_us", "status_code")
        return [
            {name: (int(v) if v and name in figures else v or None) for name, v in line.items()}
            for line in lines
        ]
    if form is Format.JSON:
        return json.loads(content)  # type: ignore[no-any-return]
    return [json.loads(line) for line in content.splitlines()]


async def get(app: FastAPI, query: str) -> bytes:
    async with a_client(app) as client:
        answer = await client.get(f"/admin/export?{query}")
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize("form", Format)
async def test_what_is_read_back_is_what_the_books_have(app: FastAPI, engine: Engine, form: Format) -> None:
    found = read(form, await get(app, f"format={form}"))
    rows = sorted(rows_of(engine, "calls"), key=lambda row: (row["finished_us"], row["id"]))
    assert len(found) == len(rows) > 2_000
    compared = (
        "model",
        "tool",
        "state",
        *MEASURES,
        "finished_us",
        "cost_nanousd",
        "latency_us",
        "status_code",
    )
    for one, row in zip(found, rows, strict=True):
        assert list(one) == list(NAMES)
        assert one["id"] == str(row["id"])
        assert [one[name] for name in compared] == [row[name] for name in compared]


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize(
    "query", ["", f"&{RANGE}", f"&{RANGE}&model=claude-sonnet-5", "&tool=codex&from=2026-11-01"]
)
async def test_the_sums_are_those_of_the_report(app: FastAPI, form: Format, query: str) -> None:
    found = read(form, await get(app, f"format={form}{query}"))
    range_ = (
        query
        if "from=" in query and "to=" in query
        else f"{query.partition('&from')[0]}&from=2026-10-01&to=2026-11-30"
    )
    if "from=2026-11-01" in query:
        range_ = "&tool=codex&from=2026-11-01&to=2026-11-30"
    async with a_client(app) as client:
        answer = await client.get(f"/admin/usage/report?{range_[1:]}")
    (line,) = answer.json()["lines"]
    assert len(found) == line["calls"] > 50
    for name in MEASURES:
        assert sum(one[name] or 0 for one in found) == line[name]
    cost = sum((Decimal(str(one["cost_usd"])) for one in found if one["cost_usd"] is not None), Decimal())
    assert cost == Decimal(sum(one["cost_nanousd"] or 0 for one in found)).scaleb(-9)
    assert float(cost) == (line["cost_usd"] or 0)


@pytest.mark.parametrize(
    ("form", "media_type", "name"),
    [
        (
            "csv",
            "text/csv; charset=utf-8; header=present",
            "wellhead-calls-20260301T000000Z-20260401T000000Z.csv",
        ),
        ("json", "application/json", "wellhead-calls-20260301T000000Z-20260401T000000Z.json"),
        ("jsonl", "application/x-ndjson", "wellhead-calls-20260301T000000Z-20260401T000000Z.jsonl"),
        (
            "parquet",
            "application/vnd.apache.parquet",
            "wellhead-calls-20260301T000000Z-20260401T000000Z.parquet",
        ),
    ],
)
async def test_it_is_a_file_with_a_name(form: str, media_type: str, name: str) -> None:
    async with a_client(an_app()) as client:
        answer = await client.get(f"/admin/export?format={form}&from=2026-03-01&to=2026-03-31")
        head = await client.head(f"/admin/export?format={form}&from=2026-03-01&to=2026-03-31")
    for one in (answer, head):
        assert one.headers["content-type"] == media_type
        assert one.headers["content-disposition"] == f'attachment; filename="{name}"'
        assert one.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "since_us", "until_us"),
    [
        ("", 0, NOON_US),
        ("from=2025-02-01", NOON_US - 28 * DAY_US - DAY_US // 2, NOON_US),
        ("to=2025-02-28", 0, NOON_US - DAY_US // 2),
        ("to=2025-02-28T00:00:00Z", 0, NOON_US - DAY_US // 2 - DAY_US),
        ("from=2025-03-01T13:00:00%2B01:00&to=2025-03-02T12:00:00.5Z", NOON_US, NOON_US + DAY_US + 500_000),
        ("from=0001-01-01&to=1960-01-01", 0, 0),
    ],
)
async def test_a_range_is_one_of_days_or_of_moments(query: str, since_us: int, until_us: int) -> None:
    reports = FakeReports()
    await get(an_app(reports), query)
    assert reports.exports == [(CallFilter(), since_us, until_us)]


async def test_the_end_of_the_calendar_is_answered() -> None:
    for query in ("to=9999-12-31", "from=9999-12-31T23:59:59-14:00&to=9999-12-31T23:59:59-14:00"):
        await get(an_app(), query)


async def test_the_filters_are_those_of_the_listing() -> None:
    reports = FakeReports()
    await get(
        an_app(reports), "tool=codex&client_id=a&model=m&provider=p&status_min=400&lifecycle_status=error"
    )
    (wanted, _, _) = reports.exports[0]
    assert wanted == CallFilter("codex", "a", "p", "m", ("failed", "refused"), 400, None)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("format=xlsx", "VALIDATION_FAILED"),
        ("from=yesterday", "INVALID_TIME"),
        ("from=2026-03-02&to=2026-03-01", "INVALID_RANGE"),
        ("lifecycle_status=pending&from=2026-03-01", "INVALID_RANGE"),
        ("lifecycle_status=open", "INVALID_FILTER"),
        ("tool=", "INVALID_FILTER"),
        ("limit=3", "UNKNOWN_PARAMETER"),
        ("tool=a&tool=b", "REPEATED_PARAMETER"),
    ],
)
async def test_a_mistake_is_a_400(query: str, code: str) -> None:
    async with a_client(an_app()) as client:
        assert_one_shape(await client.get(f"/admin/export?{query}"), 400, code)


async def test_books_that_are_gone_are_a_503() -> None:
    reports = FakeReports()
    reports.available = False
    for form in Format:
        async with a_client(an_app(reports)) as client:
            assert_one_shape(await client.get(f"/admin/export?format={form}"), 503, "BOOKS_UNAVAILABLE")


class Breaking(FakeReports):
    """Books that go away after two pages."""

    def export(self, *_: Any) -> Iterator[list[Any]]:
        for page in range(2):
            yield [[page * 500 + n, *(None for _ in COLUMNS[1:])] for n in range(500)]
        raise BooksUnavailable("the database is gone: canary-secret")


@pytest.mark.parametrize("form", Format)
def test_books_that_go_away_half_way_break_the_answer_off(form: Format) -> None:
    with Served(an_app(Breaking())) as served:
        got = served.ask(f"GET /admin/export?format={form}").read_to_the_end()
    assert got.startswith(b"HTTP/1.1 200"), got
    assert not got.endswith(b"0\r\n\r\n"), "it looks like a whole file"
    assert b"canary" not in got


async def test_without_pyarrow_parquet_is_a_501_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "wellhead.exporting.parquet_file", raising=False)
    monkeypatch.delattr("wellhead.exporting.parquet_file", raising=False)
    async with a_client(an_app()) as client:
        answer = await client.get("/admin/export?format=parquet")
        assert_one_shape(answer, 501, "FORMAT_NOT_INSTALLED")
        assert (await client.head("/admin/export?format=parquet")).status_code == 501
        assert "pip install 'wellhead[parquet]'" in answer.json()["error"]
        assert (await client.get("/admin/export?format=csv")).status_code == 200


async def test_a_client_may_leave_while_a_page_is_read() -> None:
    """The page is read to its end in its thread, and nothing more is."""
    reports = FakeReports()
    reports.pages = [[[n, *(None for _ in COLUMNS[1:])]] for n in range(100)]
    reports.answering.clear()
    with Served(an_app(reports)) as served:
        asked = served.ask("GET /admin/export?format=jsonl")
        while not reports.exports:
            pass
        asked.leave()
        reports.answering.set()
        assert served.ask("GET /health", "connection: close").read_to_the_end().endswith(b'{"status":"ok"}')


def test_the_example_is_what_such_a_call_looks_like() -> None:
    model: Any = exports.ExportedCall
    assert model.model_validate(exports.EXAMPLE_CALL).model_dump() == exports.EXAMPLE_CALL
    assert list(exports.EXAMPLE_CALL) == list(NAMES)
