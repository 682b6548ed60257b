"""`/admin/usage/unmetered`: estimates, apart from everything that is known."""

import pytest

from fakes.books import NOON_US
from fakes.control import a_client, an_app, assert_one_shape
from fakes.reports import FakeReports
from wellhead.moments import DAY_US
from wellhead.unmetered import Unmetered


async def test_estimates_are_shown_by_provider_and_model() -> None:
    reports = FakeReports()
    reports.estimates = [
        Unmetered("anthropic", "demo-large", 3, 3, 5400, 12288, 200_520_000),
        Unmetered("local", None, 2, 0, 8, 4096, 0),
    ]
    async with a_client(an_app(reports)) as client:
        answer = await client.get("/admin/usage/unmetered?from=2025-03-01&to=2025-03-02")
    assert answer.json() == [
        {
            "provider": "anthropic",
            "model": "demo-large",
            "attempts": 3,
            "input_tokens_max": 5400,
            "output_tokens_max": 12288,
            "cost_usd_max": 0.20052,
            "without_price": 0,
        },
        {
            "provider": "local",
            "model": "unknown",
            "attempts": 2,
            "input_tokens_max": 8,
            "output_tokens_max": 4096,
            "cost_usd_max": 0.0,
            "without_price": 2,
        },
    ]
    ((since_us, until_us),) = reports.ranges
    assert until_us is not None
    assert since_us is not None
    assert until_us - since_us == 2 * DAY_US


async def test_without_a_range_it_is_the_last_seven_days() -> None:
    reports = FakeReports()
    async with a_client(an_app(reports)) as client:
        assert (await client.get("/admin/usage/unmetered")).json() == []
    midnight = NOON_US - NOON_US % DAY_US
    assert reports.ranges == [(midnight - 6 * DAY_US, midnight + DAY_US)]


@pytest.mark.parametrize(
    ("query", "code"),
    [("from=2026-03-01", "MISSING_PARAMETER"), ("from=x&to=y", "INVALID_TIME"), ("a=b", "UNKNOWN_PARAMETER")],
)
async def test_what_makes_no_range_is_said(query: str, code: str) -> None:
    async with a_client(an_app()) as client:
        assert_one_shape(await client.get(f"/admin/usage/unmetered?{query}"), 400, code)
