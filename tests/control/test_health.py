"""`/health` always answers; `/ready` says whether the database does, soon and without piling up."""

import asyncio
import time

from fakes.control import a_client, an_app
from fakes.reports import FakeReports
from wellhead.control.health import WAIT_MAX_S, DatabaseCheck


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
