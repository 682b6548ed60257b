"""The page of prices: only what could have a price lacks one."""

from typing import Any

import httpx

from browser.conftest import Running
from fakes.browser import Tab


def test_calls_without_usage_are_not_told_to_lack_a_price(tab: Tab, running: Running) -> None:
    url = f"{running.control}/admin/usage/report"
    lines: list[dict[str, Any]] = httpx.get(url, params={"group_by": "model"}, timeout=30).json()["lines"]
    assert any(line["calls"] > line["metered_calls"] == line["priced_calls"] for line in lines)
    table = tab.open("/prices").get_by_role("region", name="Models in use, last 30 days")
    assert set(table.locator("tbody tr td:nth-child(4)").all_inner_texts()) == {"all"}
    tab.quiet()
