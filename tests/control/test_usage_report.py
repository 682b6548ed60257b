"""Reports by anything add up to the same, in any time zone and over any change of its clocks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from fakes.books import a_settlement, an_opening, book_ends, books_on_disk
from fakes.control import a_client, an_app, assert_one_shape
from wellhead.call import CallState
from wellhead.control.usage_report import EXAMPLE_LINE, ReportLine
from wellhead.database import calls
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.reports import DatabaseReports
from wellhead.moments import EPOCH
from wellhead.report import Dimension
from wellhead.usage import NO_USAGE, Usage, UsageSource

START = datetime(2026, 3, 27, 23, 50, tzinfo=UTC)
"""Before the night in which the clocks of Berlin go forward."""
EVERY = timedelta(minutes=47)
COUNT = 90
ENDED = [START + n * EVERY for n in range(COUNT)]
RANGE = "from=2026-03-20&to=2026-04-05"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    engine: Engine = books_on_disk(tmp_path_factory.mktemp("books"))
    made = []
    for n, at in enumerate(ENDED):
        at_us = (at - EPOCH) // timedelta(microseconds=1)
        known = n % 10 > 0
        opening = an_opening(
            n + 1,
            started_us=at_us - 1000,
            model=f"m{n % 3}",
            session=f"s{n % 7}",
            tool=None if n % 4 else "codex",
        )
        end = a_settlement(
            finished_us=at_us,
            usage=Usage(input_tokens=n, total_tokens=n) if known else NO_USAGE,
            usage_source=UsageSource.REPORTED if known else UsageSource.ABSENT,
            cost_nanousd=n * 1001 if known else None,
            state=CallState.FAILED if n % 9 == 0 else CallState.COMPLETED,
            latency_us=1000 * (n + 1),
        )
        made.append((opening, end))
    connection = writing_connection(engine)
    with transaction(connection):
        calls.insert(connection, calls.pending_rows(1, [opening for opening, _ in made]))
        book_ends(connection, made)
    connection.close()
    yield an_app(DatabaseReports(engine))
    engine.dispose()


async def lines(app: FastAPI, query: str) -> list[dict[str, Any]]:
    async with a_client(app) as client:
        answer = await client.get(f"/admin/usage/report?{RANGE}&{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["lines"]
    return found


@pytest.mark.parametrize("by", ["", *Dimension, "tool,client,model,project,outcome", "session,model"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata"])
async def test_every_partition_adds_up_to_the_whole(app: FastAPI, by: str, zone: str) -> None:
    (whole,) = await lines(app, "")
    assert (whole["calls"], whole["errors"], whole["metered_calls"], whole["priced_calls"]) == (
        90,
        10,
        81,
        81,
    )
    for interval in ("", "&interval=day", "&interval=week", "&interval=month", "&interval=hour"):
        found = await lines(app, f"group_by={by}&tz={zone}{interval}")
        for measure in ("calls", "errors", "aborted", "metered_calls", "priced_calls"):
            assert sum(one[measure] for one in found) == whole[measure]
        for measure in ("input_tokens", "total_tokens"):
            assert sum(one[measure] or 0 for one in found) == whole[measure]
        assert sum(one["cost_usd"] or 0 for one in found) == pytest.approx(whole["cost_usd"], abs=1e-12)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"])
async def test_days_begin_at_midnight_of_the_zone_whatever_its_clocks_do(app: FastAPI, zone: str) -> None:
    expected: dict[str, int] = {}
    for at in ENDED:
        local = at.astimezone(ZoneInfo(zone))
        midnight = local.replace(hour=0, minute=0, fold=0).astimezone(UTC)
        start = midnight.strftime("%Y-%m-%dT%H:%M:00.000Z")
        expected[start] = expected.get(start, 0) + 1
    found = await lines(app, f"interval=day&tz={zone}")
    assert {one["start"]: one["calls"] for one in found} == expected


@pytest.mark.parametrize(("interval", "width"), [("minute", 1), ("5min", 5)])
@pytest.mark.parametrize("by", ["", "model", "session"])
async def test_minutes_have_the_calls_that_ended_in_them_to_the_microsecond(
    app: FastAPI, interval: str, width: int, by: str
) -> None:
    since, until = START + timedelta(hours=5, seconds=7), START + timedelta(hours=17, seconds=7)
    query = f"from={since:%Y-%m-%dT%H:%M:%SZ}&to={until:%Y-%m-%dT%H:%M:%SZ}&interval={interval}&group_by={by}"
    async with a_client(app) as client:
        answer = await client.get(f"/admin/usage/report?{query}&percentiles=true")
    assert answer.status_code == 200, answer.text
    expected: dict[str, int] = {}
    for at in ENDED:
        if since <= at < until:
            start = max(at.replace(minute=at.minute - at.minute % width, second=0), since)
            expected[f"{start:%Y-%m-%dT%H:%M:%S.000Z}"] = 1
    found = answer.json()["lines"]
    assert {one["start"]: one["calls"] for one in found} == expected
    for one in found:
        assert one["p50_latency_ms"] == pytest.approx(one["avg_latency_ms"], rel=0.07)


async def test_a_line_has_the_fields_that_the_document_shows(app: FastAPI) -> None:
    found = await lines(app, "group_by=tool&interval=day")
    assert list(found[0]) == list(EXAMPLE_LINE)
    assert {one["tool"] for one in found} == {None, "codex"}


async def test_a_line_has_the_form_that_the_document_declares(app: FastAPI) -> None:
    """Nothing looks at it when it goes out."""
    everything = ",".join(Dimension)
    for query in ("", f"group_by={everything}&interval=day", "group_by=model&percentiles=true"):
        for line in await lines(app, query):
            ReportLine.model_validate(line, strict=True)
            assert set(line) <= set(ReportLine.model_fields)


async def test_what_nobody_told_is_null(app: FastAPI) -> None:
    unknown = [one for one in await lines(app, "interval=hour") if not one["metered_calls"]]
    assert unknown
    for one in unknown:
        assert (one["total_tokens"], one["cost_usd"]) == (None, None)


async def test_filters_hold_for_everything(app: FastAPI) -> None:
    (one,) = await lines(app, "tool=codex&outcome=completed&streamed=0")
    assert one["calls"] == sum(n % 4 == 0 and n % 9 != 0 for n in range(COUNT))
    assert (await lines(app, "tool=unknown&session=s1"))[0]["calls"] == sum(
        n % 4 > 0 and n % 7 == 1 for n in range(COUNT)
    )
    assert await lines(app, "key=5") == []
    assert await lines(app, "project=77b0c0de-0000-4000-8000-000000000001") == []


async def test_percentiles_are_those_of_the_calls(app: FastAPI) -> None:
    (whole,) = await lines(app, "percentiles=true")
    assert whole["p50_latency_ms"] == pytest.approx(45, rel=0.07)
    assert whole["p99_latency_ms"] == pytest.approx(90, rel=0.07)
    for by in ("model,provider", "tool", "session,outcome", ",".join(Dimension)):
        found = await lines(app, f"percentiles=true&group_by={by}&interval=day&tz=Asia/Kolkata")
        assert all(one["p50_latency_ms"] <= one["p95_latency_ms"] <= one["p99_latency_ms"] for one in found)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("group_by=modle", "INVALID_FILTER"),
        ("group_by=model,model", "INVALID_FILTER"),
        ("tz=Mars/Base", "INVALID_FILTER"),
        ("tz=../../etc/passwd", "INVALID_FILTER"),
        ("key=x", "INVALID_FILTER"),
        ("model=", "INVALID_FILTER"),
        ("percentiles=true&group_by=tool&from=2026-01-01&to=2026-02-01", "INVALID_RANGE"),
        ("percentiles=true&tool=codex&from=2026-01-01&to=2026-02-01", "INVALID_RANGE"),
        ("from=2026-01-01", "MISSING_PARAMETER"),
        ("from=2026-01-02&to=2026-01-01", "INVALID_RANGE"),
        ("from=2026-01-01&to=2026-03-01&group_by=session", "INVALID_RANGE"),
        ("from=2026-01-01&to=2026-03-01&interval=hour", "REPORT_TOO_LARGE"),
        ("from=2026-01-01T00:00:00Z&to=2026-01-01T12:00:00.001Z&interval=minute", "INVALID_RANGE"),
        ("from=2026-01-01&to=2026-12-31&interval=5min", "INVALID_RANGE"),
        ("from=1970-01-01&to=1970-01-02", "INVALID_TIME"),
        (
            "from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z&interval=day&tz=America/New_York",
            "INVALID_TIME",
        ),
        (
            "from=0001-01-01T00:00:00Z&to=0001-01-01T02:00:00Z&interval=hour&tz=America/New_York",
            "INVALID_TIME",
        ),
        ("from=0001-01-01T00:00:00%2B14:00&to=0001-01-02T00:00:00Z", "INVALID_TIME"),
        ("from=9999-12-31T00:00:00Z&to=9999-12-31T23:59:59Z&interval=day", "INVALID_TIME"),
        ("from=9999-11-30T00:00:00Z&to=9999-12-31T23:59:59-14:00&interval=hour", "INVALID_TIME"),
        ("outcome=error", "INVALID_FILTER"),
        ("outcome=unknown", "INVALID_FILTER"),
        ("streamed=2", "INVALID_FILTER"),
        ("streamed=unknown", "INVALID_FILTER"),
        ("interval=year", "VALIDATION_FAILED"),
        ("groupby=model", "UNKNOWN_PARAMETER"),
    ],
)
async def test_a_mistake_is_a_400(app: FastAPI, query: str, code: str) -> None:
    async with a_client(app) as client:
        assert_one_shape(await client.get(f"/admin/usage/report?{query}"), 400, code)
