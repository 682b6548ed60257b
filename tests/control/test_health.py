"""`/health` always answers; `/ready` says whether the database does, soon and without piling up."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from fakes.background import a_background, a_loop
from fakes.books import NOON_US
from fakes.control import a_client, an_app
from fakes.reports import FakeReports
from wellhead.control.background import Background
from wellhead.control.health import WAIT_MAX_S, DatabaseCheck
from wellhead.moments import DAY_US
from wellhead.price_list import FetchedList, Refreshing, Refusal


async def test_health_asks_nobody() -> None:
    reports = FakeReports()
    reports.available = False
    async with a_client(an_app(reports)) as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert reports.checks == 0


async def test_ready_when_the_database_answers() -> None:
    async with a_client(an_app()) as client:
        answer = await client.get("/ready")
    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "pass")
    assert body["checks"]["database"]["status"] == "pass"
    assert isinstance(body["checks"]["database"]["responseTime"], int)
    assert answer.headers["cache-control"] == "no-store"


async def test_not_ready_without_the_database_and_no_word_of_its_address() -> None:
    reports = FakeReports()
    reports.available = False
    async with a_client(an_app(reports)) as client:
        answer = await client.get("/ready")
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (503, "fail", "NOT_READY")
    assert body["error"]
    assert body["checks"]["database"]["status"] == "fail"
    assert "canary" not in answer.text


async def test_a_database_that_hangs_is_waited_for_no_longer_than_the_bound() -> None:
    reports = FakeReports()
    reports.answering.clear()
    async with a_client(an_app(reports)) as client:
        started_s = time.monotonic()
        answer = await client.get("/ready")
    reports.answering.set()
    assert answer.status_code == 503
    assert WAIT_MAX_S <= time.monotonic() - started_s < WAIT_MAX_S + 1
    assert answer.json()["checks"]["database"]["output"] == "no answer within 1.5 s"


async def test_many_who_ask_share_one_check_even_while_it_hangs() -> None:
    reports = FakeReports()
    reports.answering.clear()
    check = DatabaseCheck(reports, wait_max_s=0.01)
    found = [one.status for one in await asyncio.gather(*(check.result() for _ in range(50)))]
    assert found == ["fail"] * 50
    assert (await check.result()).status == "fail"
    assert reports.checks == 1
    reports.answering.set()


async def test_a_result_is_fresh_for_a_while() -> None:
    reports = FakeReports()
    async with a_client(an_app(reports)) as client:
        for _ in range(5):
            assert (await client.get("/ready")).status_code == 200
    assert reports.checks == 1


# Prices and loops.

FETCHED = FetchedList(7, "models.dev", bytes(32), NOON_US - DAY_US, NOON_US - DAY_US)


async def ready(background: Background) -> httpx.Response:
    async with a_client(an_app(background=background)) as client:
        return await client.get("/ready")


@pytest.mark.parametrize(
    ("refreshing", "status", "check"),
    [
        (Refreshing(0, 3600), 200, {"status": "pass"}),
        (Refreshing(21_600, 3600), 200, {"status": "pass"}),
        (Refreshing(0, 3600, FETCHED), 200, {"status": "pass", "ageMs": 86_400_000}),
        (Refreshing(21_600, 86_400, FETCHED), 200, {"status": "pass", "ageMs": 86_400_000}),
        (Refreshing(21_600, 0, FETCHED), 200, {"status": "pass", "ageMs": 86_400_000}),
        (
            Refreshing(21_600, 86_399, FETCHED),
            503,
            {
                "status": "fail",
                "ageMs": 86_400_000,
                "output": "the price list was not confirmed for too long",
            },
        ),
        (
            Refreshing(21_600, 0, FETCHED, Refusal(NOON_US, ("it shrank",))),
            200,
            {"status": "warn", "ageMs": 86_400_000, "output": "the newest price list is not believed"},
        ),
    ],
)
async def test_only_a_fetched_list_that_is_too_old_fails(
    refreshing: Refreshing, status: int, check: dict[str, Any]
) -> None:
    answer = await ready(a_background(refreshing))
    assert (answer.status_code, answer.json()["status"]) == (status, check["status"])
    assert answer.json()["checks"]["pricing"] == check
    assert ("error" in answer.json()) == (status == 503)


async def test_loops_are_told_in_agent_cli_proxys_shape() -> None:
    loops = [
        a_loop(
            "pricing-refresh",
            failures=2,
            last_run_us=NOON_US - 1_000_000,
            last_error_us=NOON_US - 900_000,
            last_error="the source answered 503",
            next_run_us=NOON_US + 60_000_000,
        ),
        a_loop("cost-backfill", last_run_us=NOON_US - 5_100_000, last_success_us=NOON_US - 5_000_000),
    ]
    answer = await ready(a_background(loops=loops))
    assert (answer.status_code, answer.json()["status"]) == (200, "warn")
    assert answer.json()["checks"]["supervisor"] == {
        "status": "warn",
        "loops": ["pricing-refresh", "cost-backfill"],
        "loopHealth": [
            {
                "name": "pricing-refresh",
                "status": "warn",
                "consecutiveFailures": 2,
                "lastRunAgeMs": 1000,
                "lastErrorAgeMs": 900,
                "lastError": "the source answered 503",
                "nextRunInMs": 60_000,
            },
            {
                "name": "cost-backfill",
                "status": "pass",
                "consecutiveFailures": 0,
                "lastRunAgeMs": 5100,
                "lastSuccessAgeMs": 5000,
            },
        ],
    }


async def test_a_loop_that_has_given_up_fails() -> None:
    loops = [a_loop("tidy"), a_loop("backfill", failures=100, is_disabled=True)]
    answer = await ready(a_background(loops=loops))
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (503, "fail", "NOT_READY")
    assert body["error"].endswith("it is tried again after a restart.")
    assert body["checks"]["supervisor"]["failedLoops"] == [
        {"name": "backfill", "failed": True, "consecutiveFailures": 100}
    ]
