"""The control plane on real books: what it shows is what the rows add up to."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI

from fakes.control import a_client, an_app, assert_one_shape
from wellhead.database.engine import make_engine
from wellhead.database.reports import DatabaseReports
from wellhead.database.upgrade import upgrade
from wellhead.demo import history

UNTIL = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
UNTIL_US = int(UNTIL.timestamp()) * 1_000_000


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("books") / "books.db"
    upgrade(f"sqlite:///{path}")
    history.write(f"sqlite:///{path}", UNTIL_US, count=3_000)
    return path


@pytest.fixture
def app(path: Path) -> Iterator[FastAPI]:
    engine = make_engine(f"sqlite:///{path}")
    yield an_app(DatabaseReports(engine))
    engine.dispose()


def rows(path: Path, condition: str = "1") -> tuple[int, int]:
    """Tokens and calls, from the rows themselves."""
    with closing(sqlite3.connect(path)) as books:
        query = f"SELECT coalesce(sum(total_tokens), 0), count(*) FROM calls WHERE {condition}"
        tokens, count = books.execute(query).fetchone()
    return tokens, count


async def test_all_time_is_the_sum_of_all_rows_in_all_three_parts(app: FastAPI, path: Path) -> None:
    async with a_client(app) as client:
        shown = (await client.get("/_qs/metrics")).json()
    expected = rows(path)
    assert (shown["totals"]["total_tokens"], shown["totals"]["total_requests"]) == expected
    for part in ("by_model", "timeseries"):
        assert (
            sum(one["tokens"] for one in shown[part]),
            sum(one["requests"] for one in shown[part]),
        ) == expected
    assert all(one["bucket_start"].endswith(":00:00Z") for one in shown["timeseries"])


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2026-11-18T09:17:00Z", "2026-11-19T16:41:30Z"),
        ("2026-11-18T09:00:00+02:00", "2026-11-18T12:00:00Z"),
        ("2026-11-19T10:10:00Z", "2026-11-19T10:50:00Z"),
        ("2026-11-19T10:10:00.000001Z", "2026-11-20"),
        ("1970-01-01", "9999-12-31"),
    ],
)
async def test_a_range_is_exact_to_the_microsecond(app: FastAPI, path: Path, since: str, until: str) -> None:
    async with a_client(app) as client:
        shown = (await client.get("/_qs/metrics", params={"from": since, "to": until})).json()

    def us(text: str) -> int:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(aware.timestamp()) * 1_000_000 + aware.microsecond

    expected = rows(path, f"finished_us >= {us(since)} AND finished_us < {us(until)}")
    assert (shown["totals"]["total_tokens"], shown["totals"]["total_requests"]) == expected


async def test_a_model_is_shown_alone(app: FastAPI, path: Path) -> None:
    async with a_client(app) as client:
        shown = (await client.get("/_qs/metrics?model=claude-sonnet-5")).json()
        nothing = (await client.get("/_qs/metrics?model=claude")).json()
    expected = rows(path, "model='claude-sonnet-5'")
    assert expected[1] > 100
    assert (shown["totals"]["total_tokens"], shown["totals"]["total_requests"]) == expected
    assert [one["model"] for one in shown["by_model"]] == ["claude-sonnet-5"]
    assert nothing == {"totals": {"total_tokens": 0, "total_requests": 0}, "by_model": [], "timeseries": []}


async def test_the_ends_of_the_calendar_are_answered(app: FastAPI) -> None:
    ends = {"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:59:59-14:00"}
    async with a_client(app) as client:
        assert (await client.get("/_qs/metrics", params=ends)).status_code == 200


async def test_ready_as_long_as_the_books_are_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'books.db'}"
    engine = make_engine(url)
    async with a_client(an_app(DatabaseReports(engine))) as client:
        answer = await client.get("/ready")
        metrics = await client.get("/_qs/metrics")
    engine.dispose()
    assert (answer.status_code, answer.json()["code"]) == (503, "NOT_READY")
    assert_one_shape(metrics, 503, "BOOKS_UNAVAILABLE")
    assert str(tmp_path) not in answer.text + metrics.text
