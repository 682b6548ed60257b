"""`/health` always answers; `/ready` says whether the database does, soon and without piling up."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest

from fakes.background import a_background, a_loop
from fakes.books import NOON_US
from fakes.control import a_client, an_app
from fakes.reports import A_WORKER, FakeReports
from wellhead.control.background import Background
from wellhead.control.health import NOTHING_BESIDE, WAIT_MAX_S, Beside, Checks, Look, note_nothing
from wellhead.figures import SpoolFigure, WorkerFigure, WorkerSpool
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
    asked = Checks(reports, NOTHING_BESIDE, note_nothing, lambda: NOON_US)
    check = Look(lambda: asyncio.to_thread(asked.database), wait_max_s=0.01)
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


# Gateways, and what they could not book.


async def looked_at(
    workers: Sequence[WorkerFigure] = (A_WORKER,), beside: Beside = NOTHING_BESIDE
) -> tuple[int, dict[str, Any]]:
    reports = FakeReports()
    reports.present = workers
    async with a_client(an_app(reports, beside=beside)) as client:
        answer = await client.get("/ready")
    return answer.status_code, answer.json()


async def test_of_every_gateway_there_is_what_it_last_said() -> None:
    status, body = await looked_at()
    assert (status, body["status"]) == (200, "pass")
    assert body["checks"]["writer"] == {
        "status": "pass",
        "workers": [
            {
                "worker": 0,
                "status": "pass",
                "lastHeartbeatAgeMs": 4100,
                "callsOpen": 3,
                "queued": 1,
                "commits": 812,
                "commitMs": 0.412,
                "settlementsLost": 0,
            }
        ],
    }


async def test_one_gateway_of_two_that_is_gone_is_a_warning() -> None:
    gone = replace(A_WORKER, slot=1, is_up=False, commits=0)
    status, body = await looked_at([A_WORKER, gone])
    writer = body["checks"]["writer"]
    assert (status, body["status"], writer["status"]) == (200, "warn", "warn")
    assert writer["output"] == "gone, or silent for too long: 1"
    assert [one["status"] for one in writer["workers"]] == ["pass", "fail"]
    assert "commitMs" not in writer["workers"][1]


async def test_not_ready_when_every_gateway_is_gone() -> None:
    status, body = await looked_at([replace(A_WORKER, is_up=False)])
    assert (status, body["checks"]["writer"]["status"], body["code"]) == (503, "fail", "NOT_READY")
    assert body["error"].startswith("No gateway process does its work")


async def test_a_control_plane_that_is_alone_does_its_own_work() -> None:
    status, body = await looked_at([])
    assert (status, body["status"]) == (200, "warn")
    assert body["checks"]["writer"]["output"] == "no gateway process is registered"


SPOOL = SpoolFigure((WorkerSpool(1, 2, 2048, NOON_US - 9_000_000),), bytes_max=4096)


async def test_what_waits_in_the_spool_is_a_warning() -> None:
    status, body = await looked_at(beside=Beside(lambda: SPOOL))
    assert (status, body["status"]) == (200, "warn")
    assert body["checks"]["spool"] == {
        "status": "warn",
        "entries": 2,
        "bytes": 2048,
        "bytesMax": 4096,
        "oldestAgeMs": 9000,
        "spools": [{"worker": 1, "entries": 2, "bytes": 2048, "oldestAgeMs": 9000}],
        "output": "calls wait to be booked",
    }


async def test_a_spool_that_is_full_fails_and_a_damaged_one_warns() -> None:
    full = SpoolFigure((WorkerSpool(1, 4, 4000, NOON_US),), bytes_max=4096)
    status, body = await looked_at(beside=Beside(lambda: full))
    assert (status, body["checks"]["spool"]["status"]) == (503, "fail")
    status, body = await looked_at(beside=Beside(lambda: SpoolFigure(damaged=1)))
    assert (status, body["checks"]["spool"]["damaged"]) == (200, 1)
    assert body["status"] == "warn"


async def test_an_empty_spool_passes() -> None:
    _, body = await looked_at()
    assert body["checks"]["spool"] == {"status": "pass", "entries": 0, "bytes": 0}


@pytest.mark.parametrize(("answers", "expected", "check"), [(True, 200, "pass"), (False, 503, "fail")])
async def test_an_upstream_is_asked_only_if_it_has_to_answer(
    answers: bool, expected: int, check: str
) -> None:
    async def asked() -> bool:
        return answers

    status, body = await looked_at(beside=Beside(upstream=asked))
    assert (status, body["checks"]["upstream"]["status"]) == (expected, check)
    assert "upstream" not in (await looked_at())[1]["checks"]


async def test_what_hangs_is_waited_for_once_for_all_checks_together() -> None:
    reports = FakeReports()
    reports.answering.clear()

    async def never() -> bool:
        await asyncio.Event().wait()
        return True

    app = an_app(reports, beside=Beside(lambda: SPOOL, never))
    async with a_client(app) as client:
        started_s = time.monotonic()
        answers = await asyncio.gather(*(client.get("/ready") for _ in range(20)))
        took_s = time.monotonic() - started_s
    reports.answering.set()
    assert {answer.status_code for answer in answers} == {503}
    assert took_s < WAIT_MAX_S + 1
    found = answers[0].json()["checks"]
    assert {name for name, one in found.items() if one["status"] == "fail"} == {
        "database",
        "writer",
        "upstream",
    }
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
