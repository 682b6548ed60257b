"""`/_qs/metrics` asks the reports for the right range and passes their answer on as it is."""

import asyncio
from datetime import UTC, datetime

import pytest

from fakes.control import a_client, an_app, assert_one_shape
from fakes.reports import NO_CALLS, FakeReports
from wellhead.control.qs import EXAMPLE_METRICS


def us(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc,arg-type]


MARCH = us(2026, 3, 1)


async def test_health_is_true() -> None:
    async with a_client(an_app()) as client:
        assert (await client.get("/_qs/health")).json() == {"ok": True}


@pytest.mark.parametrize("metrics", [NO_CALLS, EXAMPLE_METRICS])
async def test_the_answer_is_passed_on_as_it_is(metrics: dict[str, object]) -> None:
    async with a_client(an_app(FakeReports(metrics))) as client:
        assert (await client.get("/_qs/metrics")).json() == metrics


async def test_no_filter_is_all_time_and_all_models() -> None:
    reports = FakeReports()
    async with a_client(an_app(reports)) as client:
        await client.get("/_qs/metrics")
    assert reports.asked == [(None, None, None)]


@pytest.mark.parametrize(
    ("written", "meant_us"),
    [
        ("2026-03-01T00:00:00Z", MARCH),
        ("2026-03-01T00:00:00z", MARCH),
        ("2026-03-01T00:00:00", MARCH),
        ("2026-03-01", MARCH),
        ("2026-03-01 00:00:00", MARCH),
        ("2026-03-01T00:00:00.000001Z", MARCH + 1),
        ("2026-03-01T02:00:00+02:00", MARCH),
        ("2026-02-28T19:30:00-0430", MARCH),
        ("20260301T000000Z", MARCH),
        ("1969-12-31T23:59:59Z", -1_000_000),
    ],
)
async def test_a_moment_may_be_written_in_all_the_ways_of_iso_8601(written: str, meant_us: int) -> None:
    reports = FakeReports()
    async with a_client(an_app(reports)) as client:
        answer = await client.get("/_qs/metrics", params={"from": written})
    assert answer.status_code == 200, answer.text
    assert reports.asked == [(meant_us, None, None)]


async def test_a_plus_that_the_url_turned_into_a_space_is_still_an_offset() -> None:
    reports = FakeReports()
    async with a_client(an_app(reports)) as client:
        await client.get("/_qs/metrics?to=2026-03-01T02:00:00+02:00")
    assert reports.asked == [(None, MARCH, None)]


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "1772323200",
        "2026-13-01",
        "20260301",
        "2026-W09",
        "2026-W09-7",
        "2026-03-01T25:00:00Z",
        "2026-03-01T00:00:00ZZ",
        "2026-03-01T00:00:00+99:00",
        "２０２６-03-01",
        "2026-03-01T00:00:00Z; DROP TABLE calls",
    ],
)
@pytest.mark.parametrize("parameter", ["from", "to"])
async def test_a_malformed_moment_is_a_400(parameter: str, written: str) -> None:
    reports = FakeReports()
    async with a_client(an_app(reports)) as client:
        answer = await client.get("/_qs/metrics", params={parameter: written})
    assert_one_shape(answer, 400, "INVALID_TIME")
    assert f"`{parameter}`" in answer.json()["error"]
    assert reports.asked == []


async def test_the_ends_of_the_calendar_are_no_trouble() -> None:
    reports = FakeReports()
    params = {"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:59:59-14:00"}
    async with a_client(an_app(reports)) as client:
        assert (await client.get("/_qs/metrics", params=params)).status_code == 200


async def test_a_range_that_runs_backwards_is_a_400_and_an_empty_one_is_not() -> None:
    async with a_client(an_app()) as client:
        backwards = await client.get("/_qs/metrics?from=2026-03-02&to=2026-03-01")
        empty = await client.get("/_qs/metrics?from=2026-03-01&to=2026-03-01")
    assert_one_shape(backwards, 400, "INVALID_RANGE")
    assert empty.status_code == 200


async def test_the_model_is_passed_on_exactly() -> None:
    reports = FakeReports()
    async with a_client(an_app(reports)) as client:
        await client.get("/_qs/metrics", params={"model": "Ünï/model:7b +x"})
    assert reports.asked == [(None, None, "Ünï/model:7b +x")]


@pytest.mark.parametrize("blank", ["", "%20"])
async def test_a_model_without_a_name_is_a_400(blank: str) -> None:
    reports = FakeReports()
    async with a_client(an_app(reports)) as client:
        answer = await client.get(f"/_qs/metrics?model={blank}")
    assert_one_shape(answer, 400, "INVALID_FILTER")
    assert reports.asked == []


async def test_where_there_are_no_parameters_an_unknown_one_is_told_so() -> None:
    async with a_client(an_app()) as client:
        answer = await client.get("/admin/stats?day=2026-03-01")
    assert_one_shape(answer, 400, "UNKNOWN_PARAMETER")
    assert answer.json()["error"] == "There is no parameter `day`; known are none."


async def test_an_unknown_parameter_is_a_400_with_the_nearest_known_one() -> None:
    async with a_client(an_app()) as client:
        answer = await client.get("/_qs/metrics?form=2026-03-01")
    assert_one_shape(answer, 400, "UNKNOWN_PARAMETER")
    assert "perhaps `from` was meant" in answer.json()["error"]


async def test_a_repeated_parameter_is_a_400() -> None:
    async with a_client(an_app()) as client:
        assert_one_shape(await client.get("/_qs/metrics?model=a&model=b"), 400, "REPEATED_PARAMETER")


async def test_a_slow_report_holds_up_nothing_else() -> None:
    reports = FakeReports()
    reports.answering.clear()
    async with a_client(an_app(reports)) as client:
        slow = asyncio.create_task(client.get("/_qs/metrics"))
        assert (await client.get("/health")).status_code == 200
        assert not slow.done()
        reports.answering.set()
        assert (await slow).status_code == 200
