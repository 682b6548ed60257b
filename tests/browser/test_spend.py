"""What is spent: totals that add up, budgets as they stand, and files of the calls that are looked at."""

from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from browser.conftest import Running
from browser.test_overview import figure, lines, range_, view
from fakes.browser import Tab

__all__ = ["range_"]

NOT_INSTALLED = (
    "Parquet needs the package pyarrow, which is not installed: `pip install 'wellhead[parquet]'`."
)


def exact(titles: list[str | None]) -> list[Decimal]:
    """The exact amounts of cells, as they say them when they are pointed at; 0 where there were no calls."""
    return [Decimal(title.replace("$", "").replace(",", "")) if title else Decimal() for title in titles]


def titles(tab: Tab, selector: str) -> list[str | None]:
    return [cell.get_attribute("title") for cell in tab.page.locator(selector).all()]


@pytest.mark.parametrize(("by", "columns"), [("tool", "model"), ("provider", "outcome"), ("model", "none")])
def test_a_pivot_adds_up_to_what_the_api_says(
    tab: Tab, running: Running, range_: dict[str, str], by: str, columns: str
) -> None:
    tab.open(view(range_, "/spend", rows=by, cols=columns))
    tab.page.wait_for_selector(".pivot tfoot")
    totals = exact(titles(tab, ".pivot tfoot td"))
    (everything,) = lines(running, range_)
    assert totals[0] == Decimal(str(everything["cost_usd"]))
    if columns != "none":
        assert sum(totals[1:]) == totals[0]
    by_row = exact(titles(tab, ".pivot tbody td:nth-child(2)"))
    assert sum(by_row) == totals[0]
    said = sorted(
        (Decimal(str(one["cost_usd"] or 0)) for one in lines(running, range_, group_by=by)), reverse=True
    )
    assert by_row == said
    tab.quiet()


def test_a_pivot_over_time_has_every_month_of_the_range(
    tab: Tab, running: Running, range_: dict[str, str]
) -> None:
    page = tab.open(view(range_, "/spend", rows="tool", cols="month"))
    page.wait_for_selector(".pivot tfoot")
    months = {one["start"] for one in lines(running, range_, interval="month")}
    assert page.locator(".pivot thead th").count() == 2 + len(months)


def test_rows_of_a_pivot_filter_the_page(tab: Tab, running: Running, range_: dict[str, str]) -> None:
    page = tab.open(view(range_, "/spend", rows="tool"))
    page.locator(".pivot").get_by_role("button", name="codex", exact=True).click()
    page.get_by_role("button", name="Remove the filter tool: codex").wait_for()
    (codex,) = lines(running, range_, tool="codex")
    page.wait_for_function(
        "(cost) => document.querySelector('.kpi .value').textContent === cost",
        arg=f"${codex['cost_usd']:,.2f}",
    )
    tab.quiet()


def test_a_month_has_a_forecast_that_says_how_it_was_made(tab: Tab) -> None:
    page = tab.open("/spend")
    page.get_by_text("for each day left what that weekday cost on average").wait_for()
    cards = page.locator(".kpi").all_inner_texts()
    assert [name for name in cards if "forecast" in name and "–" not in name.split("\n")[1:2]]
    tab.quiet()


def test_budgets_show_what_is_left_of_them(tab: Tab, running: Running) -> None:
    page = tab.open("/spend")
    limit = {
        "scope": {"kind": "global"},
        "measure": "cost",
        "window": "month",
        "amount": "5000",
        "name": "all of us",
    }
    made = httpx.post(f"{running.control}/admin/limits", json=limit, timeout=30)
    assert made.status_code == 201, made.text
    try:
        page.get_by_role("button", name="Refresh").click()
        row = page.locator(".budgets tbody tr").filter(has_text="all of us")
        row.wait_for()
        assert "of $5,000.00" in row.inner_text()
        assert "refuses" in row.inner_text()
    finally:
        httpx.delete(f"{running.control}/admin/limits/{made.json()['id']}", timeout=30)
    tab.quiet()


def test_an_export_has_the_calls_that_are_looked_at(
    tab: Tab, running: Running, range_: dict[str, str], tmp_path: Path
) -> None:
    page = tab.open(view(range_, "/spend", tool="codex"))
    with page.expect_download() as downloading:
        page.get_by_role("button", name="csv", exact=True).click()
    path = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(path)
    assert path.suffix == ".csv"
    (codex,) = lines(running, range_, tool="codex")
    assert len(path.read_text().splitlines()) == 1 + codex["calls"]
    assert figure(tab, "Cost in this range") == f"${codex['cost_usd']:,.2f}"


def test_what_is_not_installed_is_said_on_the_page(tab: Tab, range_: dict[str, str]) -> None:
    page = tab.open(view(range_, "/spend"))
    error = {"error": NOT_INSTALLED, "code": "FORMAT_NOT_INSTALLED"}
    page.route("**/admin/export?*", lambda route: route.fulfill(status=501, json=error))
    page.get_by_role("button", name="parquet", exact=True).click()
    assert "pip install 'wellhead[parquet]'" in page.get_by_role("alert").inner_text()
    assert page.inner_text("main h1") == "Spend"


def test_an_export_that_would_be_of_other_calls_cannot_be_made(tab: Tab, range_: dict[str, str]) -> None:
    page = tab.open(view(range_, "/spend", streamed="1"))
    assert page.get_by_role("button", name="csv", exact=True).is_disabled()
    assert "cannot leave out what was (or was not) streamed" in page.inner_text("main")
