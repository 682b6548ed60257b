"""The usage API on real books: agent-cli-proxy's shapes, UTC days, and sums that agree."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from sqlalchemy import Engine

from fakes.books import a_settlement, an_opening, book_ends, books_on_disk
from fakes.control import a_client, an_app, assert_one_shape
from fakes.prices import A_CENT
from fakes.reports import FakeReports
from wellhead import shown
from wellhead.call import Attempt, CallState
from wellhead.control import call_shown, completion_requests, metrics, usage
from wellhead.cost import Costed, CostedStep, CostState
from wellhead.database import attempts, calls, costs
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.reports import DatabaseReports
from wellhead.meter.request import TEXT_MAX
from wellhead.moments import HOUR_US, SECOND_US
from wellhead.report import CallPage
from wellhead.usage import NO_USAGE, Usage, UsageSource

MIDNIGHT_US = 1_740_787_200_000_000
"""2025-03-01T00:00:00Z"""
USED = Usage(
    input_tokens=1000,
    output_tokens=500,
    total_tokens=1500,
    cache_write_tokens=100,
    cache_read_tokens=200,
    reasoning_tokens=12,
)


def ended(call_id: int, at_us: int, *, took_us: int = 2 * SECOND_US, **changes: Any) -> Any:
    said = {name: changes.pop(name) for name in ("model", "provider", "tool", "origin") if name in changes}
    opening = an_opening(
        call_id, started_us=at_us - took_us, **{"model": "demo-large", "provider": "anthropic", **said}
    )
    end = a_settlement(
        finished_us=at_us, usage=USED, cost_nanousd=5_475_000, latency_us=took_us, ttft_us=SECOND_US
    )
    return opening, replace(end, **changes)


BOOKED = [
    # Began before midnight, ended after it.
    ended(1, MIDNIGHT_US + SECOND_US, streamed=True),
    ended(2, MIDNIGHT_US - 1),
    ended(3, MIDNIGHT_US + 24 * HOUR_US - 1, state=CallState.ABORTED, error_code="aborted", model=None),
    ended(4, MIDNIGHT_US + 24 * HOUR_US),
    ended(
        5,
        MIDNIGHT_US + 25 * HOUR_US,
        state=CallState.FAILED,
        error_code="upstream_error",
        status_code=500,
        usage=NO_USAGE,
        usage_source=UsageSource.ABSENT,
        cost_nanousd=None,
        provider="openai",
        origin="http://localhost:5173",
    ),
    ended(
        6,
        MIDNIGHT_US + 25 * HOUR_US,
        state=CallState.REFUSED,
        status_code=429,
        usage=NO_USAGE,
        cost_nanousd=0,
    ),
    ended(7, MIDNIGHT_US + 26 * HOUR_US, state=CallState.INTERRUPTED, status_code=None, latency_us=None),
]
NOW_US = MIDNIGHT_US + 30 * HOUR_US


def booked(directory: Path) -> Engine:
    made = books_on_disk(directory)
    connection = writing_connection(made)
    with transaction(connection):
        pending = an_opening(8, started_us=NOW_US)
        calls.insert(connection, calls.pending_rows(1, [*(opening for opening, _ in BOOKED), pending]))
        book_ends(connection, BOOKED)
    connection.close()
    return made


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = booked(tmp_path_factory.mktemp("books"))
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def app(engine: Engine) -> FastAPI:
    return an_app(DatabaseReports(engine), now_us=lambda: NOW_US)


@pytest.fixture(params=["UTC", "Asia/Kolkata", "America/Los_Angeles"])
def host_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setitem(os.environ, "TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


async def get(app: FastAPI, path: str, **headers: str) -> Any:
    async with a_client(app) as client:
        answer = await client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def shape(value: Any) -> Any:
    """Names and types, in their order; of a list that of its first entry."""
    if isinstance(value, dict):
        return [(name, shape(one)) for name, one in value.items()]
    return [shape(value[0])] if isinstance(value, list) and value else type(value)


@pytest.mark.usefixtures("host_zone")
async def test_a_call_belongs_to_the_utc_day_on_which_it_ended(app: FastAPI) -> None:
    found = await get(app, "/admin/usage/range?from=2025-02-01&to=2025-03-31")
    assert [(day["date"], day["requests"]) for day in found] == [
        ("2025-03-02", 4),
        ("2025-03-01", 2),
        ("2025-02-28", 1),
    ]
    today = await get(app, "/admin/usage/today")
    assert today == found[0]
    assert found[1] == {
        "date": "2025-03-01",
        "requests": 2,
        "total_tokens": 3000,
        "cost_usd": 0.01095,
        "breakdown": [row("demo-large"), row("unknown")],
    }


def row(model: str) -> dict[str, Any]:
    """One call, in agent-cli-proxy's shape."""
    return {
        "day": "2025-03-01",
        "provider": "anthropic",
        "model": model,
        "request_count": 1,
        "prompt_tokens": 1000,
        "completion_tokens": 500,
        "cache_creation_tokens": 100,
        "cache_read_tokens": 200,
        "total_tokens": 1500,
        "cost_usd": 0.005475,
    }


async def test_shapes_are_those_of_agent_cli_proxy(app: FastAPI) -> None:
    daily = shape(usage.EXAMPLE_ROW)
    assert shape((await get(app, "/admin/usage/models?day=2025-03-01"))[0]) == daily
    assert shape((await get(app, "/admin/usage/models"))[0]) == daily
    day = [
        ("date", str),
        ("requests", int),
        ("total_tokens", int),
        ("cost_usd", float),
        ("breakdown", [daily]),
    ]
    assert shape(await get(app, "/admin/usage/today")) == day
    brief = [("request_count", int), ("total_tokens", int), ("cost_usd", float)]
    assert shape(await get(app, "/admin/usage/providers")) == [[("provider", str), *brief]]
    names = [("cliproxy_account", str), ("cliproxy_auth_index", type(None))]
    account = [*daily[:3], *names, *daily[3:8], ("reasoning_tokens", int), *daily[8:]]
    for path in ("?day=2025-03-01", "/range?from=2025-03-01&to=2025-03-01"):
        assert shape(await get(app, f"/admin/usage/accounts{path}")) == [account]
    summary = [[*names, ("provider", str), *brief]]
    assert shape(await get(app, "/admin/usage/accounts/summary")) == summary
    bucket = [("timestamp", str), ("requests", int), ("tokens", int), ("cost_usd", float)]
    assert shape(await get(app, "/admin/usage/trend")) == [("buckets", [bucket])]


async def test_every_view_adds_up_to_the_same_totals(app: FastAPI) -> None:
    stats = await get(app, "/admin/stats")
    assert stats == {
        "total_requests": 7,
        "total_tokens": 7500,
        "total_cost_usd": 0.027375,
        "first_request_at": "2025-02-28T23:59:59.000Z",
        "last_request_at": "2025-03-02T06:00:00.000Z",
    }
    whole = "?from=2025-02-01&to=2025-03-31"
    for path in ("range", "models", "accounts/range", "accounts/summary"):
        rows = await get(app, f"/admin/usage/{path}{whole}")
        count = "requests" if path == "range" else "request_count"
        assert sum(one[count] for one in rows) == 7
        assert sum(one["total_tokens"] for one in rows) == 7500
        assert sum(one["cost_usd"] for one in rows) == pytest.approx(0.027375, abs=1e-12)
    for span in ("from=2025-02-28&to=2025-03-02", "hours=35", "hours=100", "hours=1000"):
        buckets = (await get(app, f"/admin/usage/trend?{span}"))["buckets"]
        assert (sum(one["requests"] for one in buckets), sum(one["tokens"] for one in buckets)) == (7, 7500)
    logs = await get(app, "/admin/logs")
    assert sum(one["lifecycle_status"] != "pending" for one in logs) == 7
    assert sum(one["total_tokens"] for one in logs) == 7500


async def test_a_trend_has_every_bucket_at_multiples_of_its_width(app: FastAPI) -> None:
    for hours, width_h, count in ((1, 1 / 12, 12), (24, 1, 24), (168, 4, 43), (240, 24, 11)):
        buckets = (await get(app, f"/admin/usage/trend?hours={hours}"))["buckets"]
        assert len(buckets) == count, width_h
    assert buckets[0]["timestamp"] == "2025-02-20T00:00:00.000Z"
    found = await get(app, "/admin/usage/trend?hours=240&model=unknown&tool=codex&provider=anthropic")
    assert sum(one["requests"] for one in found["buckets"]) == 1


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("range", "MISSING_PARAMETER", "Missing from or to parameter."),
        ("range?from=2025-03-01", "MISSING_PARAMETER", "Missing from or to parameter."),
        ("models?to=2025-03-01", "MISSING_PARAMETER", "Missing from or to parameter."),
        ("accounts/summary?from=2025-03-01", "MISSING_PARAMETER", "Missing from or to parameter."),
        ("trend?to=2025-03-01", "MISSING_PARAMETER", "Missing from or to parameter."),
        (
            "range?from=2025-02-30&to=2025-03-01",
            "INVALID_TIME",
            "Invalid from parameter; expected YYYY-MM-DD",
        ),
        ("range?from=2025-02-01&to=2025-3-1", "INVALID_TIME", "Invalid to parameter; expected YYYY-MM-DD"),
        ("models?day=today", "INVALID_TIME", "Invalid day parameter; expected YYYY-MM-DD"),
        ("range?from=2025-03-02&to=2025-03-01", "INVALID_RANGE", "from must be on or before to."),
        ("range?from=2024-01-01&to=2025-01-01", "INVALID_RANGE", "Date range cannot exceed 366 days."),
        ("trend?tool=", "INVALID_FILTER", "Invalid filter parameter"),
        ("trend?hours=0", "VALIDATION_FAILED", "hours"),
        ("today?day=2025-03-01", "UNKNOWN_PARAMETER", "day"),
        (
            "models?day=2025-03-01&from=2025-03-01&to=2025-03-02",
            "CONTRADICTORY_PARAMETERS",
            "`day` and `from` exclude each other",
        ),
        (
            "models?to=2025-03-01&day=2025-03-01",
            "CONTRADICTORY_PARAMETERS",
            "`day` and `to` exclude each other",
        ),
        (
            "trend?hours=24&from=2025-03-01&to=2025-03-02",
            "CONTRADICTORY_PARAMETERS",
            "`hours` and `from` exclude each other",
        ),
        ("trend?modle=x", "UNKNOWN_PARAMETER", "perhaps `model` was meant"),
    ],
)
async def test_a_mistake_is_a_400_in_agent_cli_proxys_words(
    app: FastAPI, path: str, code: str, said: str
) -> None:
    async with a_client(app) as client:
        answer = await client.get(f"/admin/usage/{path}")
    assert_one_shape(answer, 400, code)
    assert said in answer.json()["error"]


async def test_a_whole_leap_year_is_not_too_long(app: FastAPI) -> None:
    assert await get(app, "/admin/usage/range?from=2024-01-01&to=2024-12-31") == []


async def test_rows_of_logs_have_agent_cli_proxys_fields_and_types(app: FastAPI) -> None:
    logs = await get(app, "/admin/logs")
    assert [one["id"] for one in logs] == ["8", "7", "6", "5", "4", "3", "2", "1"]
    assert list(logs[0]) == list(call_shown.EXAMPLE_CALL)
    assert logs[7] | {"user_agent": None, "source_ip": None} == {
        **call_shown.EXAMPLE_CALL,
        "id": "1",
        "request_id": "1",
        "path": "/v1/chat/completions",
        "tool": "codex",
        "client_id": "unknown",
        "actual_model": None,
        "proxy_api_key_id": None,
        "agent": None,
        "cliproxy_account": None,
        "prompt_tokens": 1000,
        "completion_tokens": 500,
        "total_tokens": 1500,
        "reasoning_tokens": 12,
        "cache_creation_tokens": 100,
        "cache_read_tokens": 200,
        "cost_usd": 0.005475,
        "latency_ms": 2000,
        "started_at": "2025-02-28T23:59:59.000Z",
        "finished_at": "2025-03-01T00:00:01.000Z",
        "finalized_at": "2025-03-01T00:00:01.000Z",
        "user_agent": None,
        "source_ip": None,
        "meta_json": '{"method":"POST","originator":null,"session_id":null}',
        "exact": {
            "state": "completed",
            "project_id": None,
            "session": None,
            "error_code": None,
            "input_tokens": 1000,
            "output_tokens": 500,
            "cache_read_tokens": 200,
            "cache_write_tokens": 100,
            "reasoning_tokens": 12,
            "total_tokens": 1500,
            "cost_usd": 0.005475,
            "ttft_ms": 1000.0,
        },
    }
    assert [(one["lifecycle_status"], one["cost_status"], one["status"]) for one in logs[:4]] == [
        ("pending", "unresolved", None),
        ("aborted", "ok", None),
        ("error", "ok", 429),
        ("error", "unsupported", 500),
    ]
    assert (logs[3]["total_tokens"], logs[3]["cost_usd"], logs[0]["finished_at"]) == (0, 0.0, None)
    exact = [one["exact"] for one in logs[:4]]
    assert [one["state"] for one in exact] == ["pending", "interrupted", "refused", "failed"]
    assert (exact[3]["total_tokens"], exact[3]["cost_usd"]) == (None, None)
    one = await get(app, "/admin/logs/7")
    assert one.pop("wellhead")["state"] == "interrupted"
    assert one == {**logs[1], "attempts": []}
    assert await get(app, "/admin/logs/7/cost-audit") == {"requestLogId": "7", "audits": []}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("limit=2", "8 7"),
        ("limit=2&offset=3", "5 4"),
        ("limit=3&before=5", "4 3 2"),
        ("limit=1000", "8 7 6 5 4 3 2 1"),
        ("provider=openai", "8 5"),
        ("model=unknown", "3"),
        ("status_min=400", "6 5"),
        ("status_min=200&status_max=429&lifecycle_status=error", "6"),
        ("lifecycle_status=pending", "8"),
        ("lifecycle_status=aborted&before=7", "3"),
        ("tool=codex&client_id=unknown&provider=anthropic&limit=2&offset=1", "6 4"),
        ("tool=nobody", ""),
        ("outcome=interrupted", "7"),
        ("outcome=pending", "8"),
        ("from=2025-03-02", "8 7 6 5"),
        ("to=2025-02-28", "2 1"),
        ("from=2025-03-01&to=2025-03-01", "4 3"),
        ("from=2025-03-02T01:59:58%2B01:00&to=2025-03-02T01:59:58Z", "6 5"),
        ("from=2025-03-02T00:00:00Z&outcome=failed", "5"),
        ("session=unknown&key=unknown&project=unknown&agent=unknown&limit=1", "8"),
        ("session=s", ""),
        ("key=7", ""),
        ("project=77b0c0de-0000-4000-8000-000000000001", ""),
        ("account=nobody", ""),
        pytest.param(f"model={'m' * TEXT_MAX}", "", id="the longest name that is kept of a model"),
    ],
)
async def test_logs_are_filtered_and_paged(app: FastAPI, query: str, ids: str) -> None:
    assert [one["id"] for one in await get(app, f"/admin/logs?{query}")] == ids.split()


async def test_a_page_of_logs_leads_to_the_next_one_and_the_last_to_none(app: FastAPI) -> None:
    seen: list[str] = []
    url: str | None = "/admin/logs?limit=2&to=2025-03-02&tool=codex"
    async with a_client(app) as client:
        while url is not None:
            answer = await client.get(url)
            seen += [one["id"] for one in answer.json()]
            url = answer.links["next"]["url"] if "next" in answer.links else None
    assert seen == ["8", "7", "6", "5", "4", "3", "2", "1"]


async def test_where_a_page_may_look_at_no_more_calls_it_says_where_to_go_on() -> None:
    reports = FakeReports()
    reports.listed = CallPage([], 77, 5)
    async with a_client(an_app(reports)) as client:
        answer = await client.get("/admin/logs?session=s&offset=20")
    assert answer.json() == []
    assert answer.links["next"]["url"] == "/admin/logs?session=s&before=77&offset=5"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "VALIDATION_FAILED"),
        ("limit=x", "VALIDATION_FAILED"),
        ("offset=100001", "VALIDATION_FAILED"),
        ("before=-1", "VALIDATION_FAILED"),
        ("tool=", "INVALID_FILTER"),
        ("model=%20", "INVALID_FILTER"),
        ("status_min=", "INVALID_FILTER"),
        ("status_min=abc", "VALIDATION_FAILED"),
        ("lifecycle_status=failed", "INVALID_FILTER"),
        ("lifecycle_status=complete", "INVALID_FILTER"),
        ("lifecycle_status=completed&outcome=completed", "INVALID_FILTER"),
        ("outcome=error", "VALIDATION_FAILED"),
        ("key=x", "INVALID_FILTER"),
        ("session=", "INVALID_FILTER"),
        ("from=yesterday", "INVALID_TIME"),
        ("from=2026-03-02&to=2026-03-01", "INVALID_RANGE"),
        ("clientid=x", "UNKNOWN_PARAMETER"),
    ],
)
async def test_a_mistake_in_a_filter_is_a_400(app: FastAPI, query: str, code: str) -> None:
    async with a_client(app) as client:
        answer = await client.get(f"/admin/logs?{query}")
    assert_one_shape(answer, 400, code)
    if query == "lifecycle_status=complete":
        assert "perhaps `completed` was meant" in answer.json()["error"]
    if query == "clientid=x":
        assert "perhaps `client_id` was meant" in answer.json()["error"]


async def test_how_a_cost_came_about_is_told_with_the_rate(app: FastAPI, engine: Engine) -> None:
    with closing(writing_connection(engine)) as connection, transaction(connection):
        rate = costs.rate_id(connection, A_CENT, NOW_US)
        priced = Costed(CostState.PRICED, "settled", 1_500_000, A_CENT, "demo/small", "exact")
        reported = Costed(CostState.PRICED, "reported", 2_000_000)
        rate_ids = {A_CENT.digest: rate}
        nameless = Costed(CostState.UNPRICEABLE, "no_model")
        rows = [costs.audit_row(5, NOW_US, priced, rate_ids), costs.audit_row(6, NOW_US, reported, {})]
        costs.note(connection, [*rows, costs.audit_row(7, NOW_US, nameless, {})])

    (one,) = (await get(app, "/admin/logs/5/cost-audit"))["audits"]
    assert one == {
        "id": 1,
        "model": "demo/small",
        "provider": None,
        "source": "pricing",
        "baseCostUsd": 0.0015,
        "calcAt": shown.moment(NOW_US),
        "reason": "settled",
        "match": "exact",
        "rate": "tests/a-cent",
        "prices": {},
        "trouble": None,
        "steps": [],
    }
    (other,) = (await get(app, "/admin/logs/6/cost-audit"))["audits"]
    assert (other["source"], other["baseCostUsd"], other["rate"]) == ("provider", 0.002, None)
    (nameless,) = (await get(app, "/admin/logs/7/cost-audit"))["audits"]
    assert (nameless["source"], nameless["baseCostUsd"]) == ("unsupported_model", None)


async def test_steps_are_told_each_with_its_rate(app: FastAPI, engine: Engine) -> None:
    other = replace(A_CENT, digest=b"o" * 32, key="tests/other", provider="shop", prices='{"a":1}')
    compaction = CostedStep(
        "compaction", None, {"input_tokens": 9, "output_tokens": 0}, A_CENT, "exact", 500_000
    )
    advisor = CostedStep(
        "advisor_message", "other", {"input_tokens": 3, "cache_read_tokens": 2}, other, "alias", 250_000
    )
    steps = (compaction, advisor)
    costed = Costed(CostState.PRICED, "settled", 750_000, A_CENT, "demo/small", "exact", steps=steps)
    with closing(writing_connection(engine)) as connection, transaction(connection):
        rate_ids = {rate.digest: costs.rate_id(connection, rate, NOW_US) for rate in costed.rates()}
        costs.note(connection, [costs.audit_row(4, NOW_US, costed, rate_ids)])

    (one,) = (await get(app, "/admin/logs/4/cost-audit"))["audits"]
    assert (one["baseCostUsd"], one["rate"]) == (0.00075, "tests/a-cent")
    first, second = one["steps"]
    assert (first["what"], first["inputTokens"], first["outputTokens"]) == ("compaction", 9, 0)
    assert (first["rate"], first["costUsd"], first["model"]) == ("tests/a-cent", 0.0005, None)
    assert second == {
        "what": "advisor_message",
        "model": "other",
        "provider": "shop",
        "costUsd": 0.00025,
        "match": "alias",
        "rate": "tests/other",
        "prices": {"a": 1},
        "inputTokens": 3,
        "outputTokens": None,
        "cacheReadTokens": 2,
        "cacheWriteTokens": None,
        "cacheWrite1hTokens": None,
        "webSearches": None,
    }


async def test_what_a_call_went_through_is_told_with_it(tmp_path: Path) -> None:
    engine = booked(tmp_path)
    app = an_app(DatabaseReports(engine), now_us=lambda: NOW_US)
    call, tried = (
        an_opening(5),
        (
            Attempt(
                "openai", 3, NOW_US, None, None, "upstream_timeout_headers", True, 1800, 4096, 66_840_000
            ),
            Attempt("groq", None, NOW_US + 1_000_000, 310_499, 429, "upstream_error"),
        ),
    )
    with closing(writing_connection(engine)) as connection, transaction(connection):
        attempts.note(connection, attempts.rows([(call, a_settlement(tried=tried))]))
        connection.execute("UPDATE calls SET error_code='upstream_timeout_headers' WHERE id=5")

    one = await get(app, "/admin/logs/5")
    assert one["error_code"] == "upstream_timeout"
    assert one["attempts"] == [
        {
            "number": 1,
            "provider": "openai",
            "credential_id": 3,
            "status": None,
            "error_code": "upstream_timeout_headers",
            "latency_ms": None,
            "unmetered": True,
            "input_tokens_max": 1800,
            "output_tokens_max": 4096,
            "cost_usd_max": 0.06684,
            "started_at": shown.moment(NOW_US),
        },
        {
            "number": 2,
            "provider": "groq",
            "credential_id": None,
            "status": 429,
            "error_code": "upstream_error",
            "latency_ms": 310,
            "unmetered": False,
            "input_tokens_max": None,
            "output_tokens_max": None,
            "cost_usd_max": None,
            "started_at": shown.moment(NOW_US + 1_000_000),
        },
    ]


@pytest.mark.parametrize("path", ["/admin/logs/99", "/admin/logs/x", "/admin/logs/99/cost-audit"])
async def test_a_call_that_is_not_there_is_a_404(app: FastAPI, path: str) -> None:
    async with a_client(app) as client:
        assert_one_shape(await client.get(path), 404, "NOT_FOUND")


async def test_metrics_have_llm_metrics_proxys_shape_and_agree_with_the_others(app: FastAPI) -> None:
    found = await get(app, "/metrics", accept="application/json")
    assert shape(found["requests"]) == shape_without_types(
        metrics.EXAMPLE_METRICS["requests"], found["requests"]
    )
    assert found["requests"]["total"] == {
        "total": 7,
        "successful": 3,
        "failed": 4,
        "avg_response_time_ms": 2000.0,
    }
    assert found["requests"]["streamed"] == {
        "total": 1,
        "successful": 1,
        "failed": 0,
        "error_types": {},
        "avg_response_time_ms": 2000.0,
        "tokens": {
            "reported_count": 1,
            "total": 1500,
            "prompt_total": 1000,
            "completion_total": 500,
            "avg_tokens_per_second": 750.0,
        },
        "avg_time_to_first_token_ms": 1000.0,
        "avg_time_to_last_token_ms": 2000.0,
        "avg_completion_duration_ms": 1000.0,
    }
    other = found["requests"]["non_streamed"]
    assert other["tokens"]["total"] + 1500 == 7500
    assert sum(other["error_types"].values()) == other["failed"] == 4
    assert other["error_types"]["http_error"] == 1
    assert other["avg_completion_duration_ms"] == 0.0
    assert found["model_distribution"] == {"demo-large": 6, "unknown": 1}
    assert found["origin_distribution"] == {"http://localhost:5173": 1}


def shape_without_types(example: Any, found: Any) -> Any:
    """The example's names in their order, with the kinds of errors that there are."""
    if not isinstance(example, dict):
        assert type(example) is type(found)
        return type(found)
    return [
        (name, shape(found[name]) if name == "error_types" else shape_without_types(one, found[name]))
        for name, one in example.items()
    ]


async def test_metrics_of_a_range_are_cut_at_the_microsecond(app: FastAPI) -> None:
    for query, total in (
        ("start=2025-03-01", 6),
        ("end=2025-03-01", 1),
        ("start=2025-03-01T00:00:01Z&end=2025-03-01T00:00:01.000001Z", 1),
        ("start=2025-03-01&end=2025-03-01", 0),
    ):
        found = await get(app, f"/metrics?format=json&{query}")
        assert found["requests"]["total"]["total"] == total
        assert sum(found["model_distribution"].values()) == total
    assert "avg_time_to_first_token_ms" not in found["requests"]["streamed"]


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("application/json", True),
        ("application/json, text/plain, */*", True),
        ("text/plain;q=0.5, application/json;q=0.9", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", False),
        ("text/plain;version=0.0.4", False),
        ("*/*", False),
        ("", False),
        ("application/json;q=0", False),
        ("application/json;q=x", False),
    ],
)
async def test_json_has_to_be_asked_for(engine: Engine, accept: str, is_json: bool) -> None:
    assert metrics.prefers_json(accept) is is_json
    # Whoever makes the text of /metrics lives in one event loop, and each test has its own.
    async with a_client(an_app(DatabaseReports(engine))) as client:
        answer = await client.get("/metrics", headers={"accept": accept})
    assert answer.status_code == 200
    assert (answer.headers["content-type"] == "application/json") is is_json


async def test_completion_requests_have_llm_metrics_proxys_shape(app: FastAPI) -> None:
    found = await get(app, "/completion_requests")
    assert len(found) == 7
    assert list(found[0]) == list(completion_requests.EXAMPLE_CALL)
    assert found[6] | {"message_count": None} == {
        "timestamp": "2025-02-28T23:59:59.999Z",
        "is_streaming": False,
        "success": True,
        "error_type": None,
        "message_count": None,
        "timing": {"time_to_first_token_ms": 2000, "time_to_last_token_ms": 2000, "response_time_ms": 2000},
        "tokens": {"total": 1500, "prompt": 1000, "completion": 500},
        "model": "demo-large",
        "origin": None,
    }
    failed = next(one for one in found if one["origin"])
    assert (failed["success"], failed["error_type"]) == (False, "http_error")
    assert failed["tokens"] == {"total": None, "prompt": None, "completion": None}
    assert failed["timing"]["time_to_first_token_ms"] is None


async def test_completion_requests_go_on_by_their_link(app: FastAPI) -> None:
    whole, seen = await get(app, "/completion_requests"), []
    async with a_client(app) as client:
        path = "/completion_requests?limit=3&start=2025-02-01"
        while path:
            answer = await client.get(path)
            seen += answer.json()
            path = answer.links["next"]["url"] if "next" in answer.links else ""
        assert seen == whole
        for cursor in ("x", "1-99999999999999999999", "1"):
            assert_one_shape(await client.get(f"/completion_requests?cursor={cursor}"), 400, "INVALID_CURSOR")
        backwards = await client.get("/completion_requests?start=2025-03-02&end=2025-03-01")
        assert_one_shape(backwards, 400, "INVALID_RANGE")
