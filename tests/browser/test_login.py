"""Who may see and do what in the dashboard: passwords, viewers, sessions that end, other sites, prefixes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from fakes.browser import Tab, a_tab
from fakes.control import hashed
from fakes.prefixed import behind_a_prefix
from fakes.program import Wellhead

ADMIN, VIEWER = "the admin's password", "the viewer's password"
CHANGES = (
    "create",
    "new",
    "add",
    "revoke",
    "rotate",
    "archive",
    "delete",
    "remove",
    "reset",
    "change",
    "edit",
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wellhead]:
    """Somebody has to say a password."""
    directory: Path = tmp_path_factory.mktemp("guarded")
    control: dict[str, Any] = {
        "admin_password_hash": hashed(ADMIN),
        "viewer_password_hash": hashed(VIEWER),
        # Browsers would ask for these in a window of their own, if they were told to.
        "basic_user": "ann",
        "basic_password": "ann's password",
        "login_max_attempts": 1000,
    }
    with Wellhead(upstream="http://127.0.0.1:9", config={"control": control}, directory=directory) as program:
        yield program


@pytest.fixture
def tab(browser: Browser, guarded: Wellhead) -> Iterator[Tab]:
    with a_tab(browser, guarded.control_url) as opened:
        yield opened


def log_in(tab: Tab, password: str, user: str = "") -> None:
    page = tab.page
    if user:
        page.get_by_label("User (optional)").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def be(tab: Tab, password: str) -> None:
    """Log in, and be on the page that the address said."""
    log_in(tab, password)
    tab.page.wait_for_selector("nav")
    tab.page.wait_for_selector("main h1")


def test_nothing_is_shown_before_somebody_logged_in(tab: Tab) -> None:
    page = tab.open("/calls", wait="form")
    assert page.inner_text("h1") == "Log in to Wellhead"
    assert page.locator("nav").count() == 0
    asked = {one.url.split("?")[0].removeprefix(tab.home) for one in tab.loaded if "/assets/" not in one.url}
    assert asked == {"", "admin/session"}
    assert tab.faults() == []


def test_a_wrong_password_is_told_and_the_page_stays(tab: Tab) -> None:
    page = tab.open("/", wait="form")
    log_in(tab, "not it")
    page.get_by_role("alert").wait_for()
    assert "The user or the password is wrong." in page.get_by_role("alert").inner_text()


def test_an_admin_logs_in_and_is_where_the_address_said(tab: Tab) -> None:
    page = tab.open("/system?range=1w", wait="form")
    be(tab, ADMIN)
    assert page.inner_text("main h1") == "System"
    page.get_by_role("button", name="Log out (admin)").click()
    page.wait_for_selector("form")
    page.reload()
    page.wait_for_selector("form")


@pytest.mark.parametrize("path", ["/keys", "/credentials", "/limits", "/providers", "/system"])
def test_a_viewer_sees_nothing_to_change(tab: Tab, path: str) -> None:
    page = tab.open("/", wait="form")
    be(tab, VIEWER)
    tab.open(path)
    page.get_by_role("button", name="Log out (viewer)").wait_for()
    actions = page.locator("main").get_by_role("button").all_inner_texts()
    forbidden = (
        "create",
        "new",
        "add",
        "revoke",
        "rotate",
        "archive",
        "delete",
        "remove",
        "reset",
        "change",
        "edit",
    )
    assert not [name for name in actions if name.lower().startswith(forbidden)]
    refused = [one.url for one in tab.loaded if one.status == 403]
    assert refused == []


def test_a_session_that_ended_leads_back_to_the_login_without_a_window_of_the_browser(
    tab: Tab, guarded: Wellhead
) -> None:
    page = tab.open("/", wait="form")
    be(tab, VIEWER)
    page.context.clear_cookies()
    page.get_by_role("button", name="Refresh").click()
    page.wait_for_selector("form")
    challenged = [one.url for one in tab.loaded if one.status == 401 and "www-authenticate" in one.headers]
    assert challenged == []


def test_a_page_of_another_site_changes_nothing(tab: Tab, guarded: Wellhead) -> None:
    page = tab.open("/", wait="form")
    be(tab, ADMIN)
    cookies = {one["name"]: one["value"] for one in page.context.cookies()}
    body = {"name": "by another site"}
    for headers in ({}, {"x-csrf": "1", "origin": "https://elsewhere.example"}):
        answer = httpx.post(
            f"{guarded.control_url}/admin/projects", json=body, headers=headers, cookies=cookies, timeout=10
        )
        assert answer.status_code == 403
    assert page.evaluate("document.cookie") == ""


def test_it_all_works_under_a_path_prefix(browser: Browser, guarded: Wellhead) -> None:
    with (
        behind_a_prefix(guarded.control_url, "/tools/wellhead") as home,
        a_tab(browser, home) as tab,
    ):
        page = tab.open("/keys?range=1w", wait="form")
        be(tab, ADMIN)
        assert page.inner_text("main h1") == "Projects & keys"
        page.get_by_role("link", name="Spend", exact=True).click()
        page.wait_for_function("() => document.querySelector('main h1')?.textContent === 'Spend'")
        tab.settled()
        assert {one.status for one in tab.loaded} <= {200}
        tab.quiet()
