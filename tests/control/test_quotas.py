"""`/admin/quotas`: the shape of agent-cli-proxy, from what responses told."""

import json
from dataclasses import replace

import pytest

from fakes.books import NOON_US
from fakes.control import a_client, an_app, assert_one_shape
from fakes.reports import NO_FIGURES, FakeReports
from wellhead.control.quotas import EXAMPLE_SNAPSHOT, quota_type
from wellhead.moments import HOUR_US
from wellhead.quota import AccountGauge, Gauge


async def shown(*gauges: Gauge) -> list[dict[str, object]]:
    reports = FakeReports()
    reports.found = replace(NO_FIGURES, gauges=[AccountGauge("anthropic", one) for one in gauges])
    async with a_client(an_app(reports)) as client:
        snapshots: list[dict[str, object]] = (await client.get("/admin/quotas")).json()["snapshots"]
        return snapshots


async def test_a_snapshot_has_their_shape_and_what_else_was_told() -> None:
    (found,) = await shown(
        Gauge(
            "anthropic_5h",
            NOON_US,
            used_ratio=0.375,
            resets_us=NOON_US + HOUR_US,
            status="allowed",
            account="ann",
        )
    )
    assert found.keys() == EXAMPLE_SNAPSHOT.keys()
    assert json.loads(str(found.pop("raw_json"))) == {
        "name": "anthropic_5h",
        "used_ratio": 0.375,
        "status": "allowed",
    }
    assert found == {
        "timestamp": "2025-03-01T12:00:00.000Z",
        "provider": "anthropic",
        "account": "ann",
        "quota_type": "5h",
        "model": None,
        "used_pct": 37.5,
        "remaining": 62.5,
        "remaining_raw": "62.50%",
        "resets_at": "2025-03-01T13:00:00.000Z",
        "name": "anthropic_5h",
        "limit": None,
        "left": None,
        "window_s": None,
        "status": "allowed",
    }


async def test_what_nobody_told_is_null_and_more_than_all_leaves_nothing() -> None:
    nothing, more = await shown(Gauge("requests", NOON_US, remaining=4), Gauge("tokens", NOON_US, 1.25))
    assert (nothing["used_pct"], nothing["remaining"], nothing["remaining_raw"]) == (None, None, None)
    assert (nothing["account"], nothing["left"], nothing["resets_at"]) == (None, 4, None)
    assert (more["used_pct"], more["remaining"], more["remaining_raw"]) == (125.0, 0.0, "0.00%")


@pytest.mark.parametrize(
    ("name", "window_s", "called"),
    [
        ("anthropic_5h", None, "5h"),
        ("anthropic_7d", None, "week"),
        ("codex_primary", 18_000, "5h"),
        ("codex_secondary", 604_800, "week"),
        ("codex_secondary", 172_800, "2d"),
        ("tokens", None, "tokens"),
    ],
)
def test_quotas_are_called_by_their_windows(name: str, window_s: int | None, called: str) -> None:
    assert quota_type(Gauge(name, NOON_US, window_s=window_s)) == called


async def test_without_a_database_it_is_an_error_like_any_other() -> None:
    reports = FakeReports()
    reports.available = False
    async with a_client(an_app(reports)) as client:
        assert_one_shape(await client.get("/admin/quotas"), 503, "BOOKS_UNAVAILABLE")
        assert_one_shape(await client.get("/admin/quotas?refresh=true"), 400, "UNKNOWN_PARAMETER")
