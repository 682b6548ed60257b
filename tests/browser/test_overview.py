"""The overview: its figures are those of the API, filters reach all, and what is unknown is not shown."""

import re
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from browser.conftest import Running
from fakes.browser import Tab

DAY_S = 86_400
QUESTIONS_MAX = 12
ANSWER_MAX = 300 * 1024


@pytest.fixture(scope="module")
def range_() -> dict[str, str]:
    """Three weeks that are over, so that no call is added to them."""
    midnight = time.time() // DAY_S * DAY_S
    ends = {"from": midnight - 22 * DAY_S, "to": midnight - DAY_S}
    return {name: time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at)) for name, at in ends.items()}


def view(range_: dict[str, str], path: str = "/", **search: str) -> str:
    return f"{path}?{urlencode({'range': 'custom', **range_, **search})}"


def lines(running: Running, range_: dict[str, str], **query: str) -> list[dict[str, Any]]:
    url = f"{running.control}/admin/usage/report"
    found: list[dict[str, Any]] = httpx.get(url, params={**range_, **query}, timeout=30).json()["lines"]
    return found


def figure(tab: Tab, name: str) -> str:
    card = tab.page.locator(".kpi").filter(has=tab.page.get_by_text(name, exact=True))
    return card.locator(".value").inner_text()


def rows(tab: Tab, label: str) -> list[list[str]]:
    table = tab.page.get_by_role("region", name=label)
    table.wait_for()
    return [
        [cell.strip() for cell in row.locator("td, th").all_inner_texts()]
        for row in table.locator("tbody tr").all()
    ]


MODELS = "Models with their calls, tokens, cost and latency"


def test_figures_are_what_the_api_says(tab: Tab, running: Running, range_: dict[str, str]) -> None:
    tab.open(view(range_))
    (total,) = lines(running, range_, percentiles="true")
    assert figure(tab, "Cost") == f"${total['cost_usd']:,.2f}"
    assert (
        figure(tab, "Error rate")
        == f"{total['errors'] / total['calls'] * 100:.1f}".rstrip("0").rstrip(".") + "%"
    )
    assert figure(tab, "Latency, p95") == f"{total['p95_latency_ms'] / 1000:.1f}".removesuffix(".0") + " s"
    models = lines(running, range_, group_by="model")
    assert figure(tab, "Active models") == str(len(models))
    assert [row[:2] for row in rows(tab, MODELS)] == [
        [one["model"], f"{one['calls']:,}"] for one in models if one["model"]
    ]
    hours = tab.page.locator(".heat td")
    assert hours.count() == 7 * 24
    tab.quiet()


def test_a_click_on_a_name_filters_the_whole_page_and_another_takes_it_back(
    tab: Tab, running: Running, range_: dict[str, str]
) -> None:
    page = tab.open(view(range_))
    page.locator(".legend").get_by_role("button", name="gpt-5", exact=True).click()
    chip = page.get_by_role("button", name="Remove the filter model: gpt-5", exact=True)
    chip.wait_for()
    assert parse_qs(urlsplit(page.url).fragment.partition("?")[2])["model"] == ["gpt-5"]
    (filtered,) = lines(running, range_, model="gpt-5")
    page.wait_for_function(
        "(cost) => document.querySelector('.kpi .value').textContent === cost",
        arg=f"${filtered['cost_usd']:,.2f}",
    )
    page.wait_for_function("() => document.querySelectorAll('.overview table .link').length === 3")
    assert [row[:2] for row in rows(tab, MODELS)] == [["gpt-5", f"{filtered['calls']:,}"]]
    # Percentiles are known of a model.
    assert figure(tab, "Latency, p95") != "–"
    assert page.get_by_text("Error types are known of all calls together alone").count() == 1
    chip.click()
    chip.wait_for(state="detached")
    assert "model" not in parse_qs(urlsplit(page.url).fragment.partition("?")[2])
    tab.quiet()


def test_percentiles_that_are_not_known_are_not_shown(tab: Tab, range_: dict[str, str]) -> None:
    page = tab.open(view(range_, tool="codex"))
    assert figure(tab, "Latency, p95") == "–"
    assert figure(tab, "Time to first token, median") == "–"
    assert "the filter by tool hides them" in page.inner_text("main")
    asked = [parse_qs(urlsplit(one.url).query) for one in tab.loaded if "/admin/usage/report" in one.url]
    assert asked
    assert not [one for one in asked if "percentiles" in one]
    tab.quiet()


def test_a_range_without_calls_says_what_to_do(tab: Tab) -> None:
    ends = {"from": "2020-01-01T00:00:00.000Z", "to": "2020-01-02T00:00:00.000Z"}
    page = tab.open(view(ends))
    page.get_by_text("No calls ended in this range").wait_for()
    assert figure(tab, "Success rate") == "–"
    tab.open(view(ends, model="gpt-5"))
    page.get_by_text("Nothing matches the filters").wait_for()
    tab.quiet()


@pytest.mark.parametrize("range_name", ["1d", "1w", "1mo", "all"])
def test_a_load_asks_a_dozen_questions_each_of_them_once(tab: Tab, range_name: str) -> None:
    # Each half minute it asks anew, however far it has come.
    tab.page.clock.set_fixed_time(datetime.now(UTC))
    tab.open(f"/?range={range_name}")
    tab.page.wait_for_load_state("networkidle")
    asked = [one for one in tab.loaded if re.search(r"/admin/usage/report|/metrics", one.url)]
    urls = [one.url for one in asked]
    assert len(urls) == len(set(urls)) <= QUESTIONS_MAX
    assert max(len(one.body()) for one in asked) <= ANSWER_MAX
