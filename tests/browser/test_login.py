"""Who may see and do what in the dashboard: passwords, viewers, sessions that end, other sites, prefixes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from browser.test_pages import PAGES
from fakes.browser import Tab, a_tab
from fakes.control import hashed
from fakes.inside import Inside
from fakes.prefixed import behind_a_prefix
from fakes.program import Wellhead

ADMIN, VIEWER = "the admin's password", "the viewer's password"
CHANGES = re.compile(
    r"(add|archive|bring back|change|create|delete|disable|edit|enable|let|new|remove|rename|replace|reset"
    r"|revoke|rotate|set)\b",
    re.IGNORECASE,
)
"""How the names of buttons begin that change something."""
CHANGED = {"/keys": "Revoke", "/credentials": "Delete", "/limits": "Delete"}
"""What an admin can do there, among other things, to what `guarded` has."""
ELSEWHERE = "http://127.0.0.1:9/"
"""Another origin, and the same site: browsers send it the cookies of all ports."""
DAY_S = 86_400
REFRESH = """() => [...document.querySelectorAll('button')]
    .find((button) => button.textContent === 'Refresh')?.click()"""
"""By hand, unless the page has just asked by itself and is gone."""


MADE: dict[str, dict[str, Any]] = {
    "/admin/projects": {"name": "deep wells"},
    "/admin/keys": {"name": "laptop of Ann"},
    "/admin/credentials": {"provider": "openai", "name": "ours", "secret": "sk-of-all-of-us"},
    "/admin/limits": {"scope": {"kind": "global"}, "measure": "calls", "window": "hour", "amount": 1000},
}


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Inside:
    return Inside(tmp_path_factory.mktemp("inside"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, inside: Inside) -> Iterator[Wellhead]:
    """Somebody has to say a password; and there is one of everything that can be changed."""
    directory: Path = tmp_path_factory.mktemp("guarded")
    control: dict[str, Any] = {
        "admin_password_hash": hashed(ADMIN),
        "viewer_password_hash": hashed(VIEWER),
        # Browsers would ask for these in a window of their own, if they were told to.
        "basic_user": "ann",
        "basic_password": "ann's password",
        "login_max_attempts": 1000,
    }
    with Wellhead(
        upstream=ELSEWHERE, config={"control": control}, directory=directory, environ=inside.environ
    ) as program:
        with httpx.Client(base_url=program.control_url, headers={"x-csrf": "1"}, timeout=30) as admin:
            assert admin.post("/admin/session/login", json={"password": ADMIN}).status_code == 200
            for path, body in MADE.items():
                assert admin.post(path, json=body).status_code == 201, path
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


def actions(tab: Tab, path: str) -> list[str]:
    """What can be changed on a page."""
    page = tab.open(path)
    page.wait_for_load_state("networkidle")
    names = page.locator("main").get_by_role("button").all_inner_texts()
    return [name for name in names if CHANGES.match(name)]


def test_a_viewer_sees_nothing_to_change_where_an_admin_does(browser: Browser, guarded: Wellhead) -> None:
    with a_tab(browser, guarded.control_url) as tab:
        tab.open("/", wait="form")
        be(tab, ADMIN)
        for path, action in CHANGED.items():
            assert action in actions(tab, path), path
    with a_tab(browser, guarded.control_url) as tab:
        tab.open("/", wait="form")
        be(tab, VIEWER)
        assert {path: actions(tab, path) for path in PAGES} == {path: [] for path in PAGES}
        tab.page.get_by_role("button", name="Log out (viewer)").wait_for()
        assert [one.url for one in tab.loaded if one.status == 403] == []
        tab.quiet()


def leads_back_to_the_login(tab: Tab) -> None:
    """Without a window of the browser's own."""
    page = tab.page
    page.evaluate(REFRESH)
    page.wait_for_selector("form")
    assert page.locator("nav").count() == 0
    challenged = [one.url for one in tab.loaded if one.status == 401 and "www-authenticate" in one.headers]
    assert challenged == []


def test_a_session_that_was_ended_elsewhere_leads_back_to_the_login(tab: Tab, guarded: Wellhead) -> None:
    page = tab.open("/", wait="form")
    be(tab, VIEWER)
    answer = httpx.post(
        f"{guarded.control_url}/admin/session/logout",
        headers={"x-csrf": "1"},
        cookies=cookies_of(tab),
        timeout=10,
    )
    assert answer.status_code == 200
    assert cookies_of(tab)
    leads_back_to_the_login(tab)
    be(tab, VIEWER)
    assert page.inner_text("main h1") == "Overview"


def test_a_session_that_is_too_old_leads_back_to_the_login(
    tab: Tab, guarded: Wellhead, inside: Inside
) -> None:
    tab.open("/", wait="form")
    be(tab, VIEWER)
    cookies = cookies_of(tab)
    # Its own clock follows within a second, and never goes back again.
    inside.clock_jumps(8 * DAY_S)
    guarded.wait_until(lambda: not is_logged_in(guarded, cookies))
    leads_back_to_the_login(tab)


def is_logged_in(guarded: Wellhead, cookies: dict[str, str]) -> bool:
    said = httpx.get(f"{guarded.control_url}/admin/session", cookies=cookies, timeout=10).json()
    return bool(said["authenticated"])


def cookies_of(tab: Tab) -> dict[str, str]:
    return {one["name"]: one["value"] for one in tab.page.context.cookies()}


def test_a_page_of_another_site_changes_nothing(tab: Tab, guarded: Wellhead) -> None:
    page = tab.open("/", wait="form")
    be(tab, ADMIN)
    assert page.evaluate("document.cookie") == ""
    body = {"name": "by another site"}
    for headers in ({}, {"x-csrf": "1", "origin": "https://elsewhere.example"}):
        answer = httpx.post(
            f"{guarded.control_url}/admin/projects",
            json=body,
            headers=headers,
            cookies=cookies_of(tab),
            timeout=10,
        )
        assert answer.status_code == 403


@pytest.mark.parametrize("encoding", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_form_on_a_page_of_another_origin_is_refused(tab: Tab, guarded: Wellhead, encoding: str) -> None:
    """The browser sends it with the cookie of whoever is logged in: that alone must not do."""
    page = tab.open("/", wait="form")
    be(tab, ADMIN)
    form = (
        f'<form method="post" enctype="{encoding}" action="{guarded.control_url}/admin/projects">'
        """<input name='{"name": "by a form", "more": "' value='"}'><button>Win a prize</button></form>"""
    )
    page.route(f"{ELSEWHERE}**", lambda route: route.fulfill(body=form, content_type="text/html"))
    page.goto(ELSEWHERE)
    with page.expect_response("**/admin/projects") as answered:
        page.get_by_role("button", name="Win a prize").click()
    assert "__dashboard_session" in answered.value.request.all_headers()["cookie"]
    assert answered.value.status == 403
    listed = httpx.get(f"{guarded.control_url}/admin/projects", auth=("ann", "ann's password"), timeout=10)
    assert [one["name"] for one in listed.json()["projects"]] == ["deep wells"]


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
