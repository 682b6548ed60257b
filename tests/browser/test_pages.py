"""Every page is there, in every theme and language, on every width, without a word in the console."""

import pytest
from playwright.sync_api import Browser

from browser.conftest import Running
from fakes.browser import Tab, a_tab

PAGES = {
    "/": "Overview",
    "/live": "Live",
    "/calls": "Calls",
    "/spend": "Spend",
    "/keys": "Projects & keys",
    "/credentials": "Credentials",
    "/limits": "Limits",
    "/providers": "Providers",
    "/accounts": "Accounts & quotas",
    "/prices": "Prices",
    "/system": "System",
}
THEMES = ("light", "dark", "solarized-light", "terminal", "fluid")
FIRST_LOAD_MAX = 250_000
NARROW = {"width": 360, "height": 740}


@pytest.mark.parametrize(("path", "name"), PAGES.items())
def test_a_page_renders_without_a_word_in_the_console(tab: Tab, path: str, name: str) -> None:
    page = tab.open(path)
    assert page.inner_text("main h1") == name
    assert page.title() == f"{name} – Wellhead"
    assert page.locator(".state.failure").count() == 0
    tab.quiet()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_serious_fault_for_those_who_see_or_move_differently(tab: Tab, path: str) -> None:
    page = tab.open(path)
    assert tab.faults() == []
    for theme in THEMES[1:]:
        page.select_option("select[aria-label='Theme']", theme)
        page.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=theme)
        assert tab.faults(["color-contrast"]) == [], theme


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_telephone(browser: Browser, running: Running, path: str) -> None:
    with a_tab(browser, running.control, viewport=NARROW) as tab:
        page = tab.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        tab.quiet()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_there_in_german(browser: Browser, running: Running, path: str) -> None:
    with a_tab(browser, running.control, locale="de-DE") as tab:
        page = tab.open(path)
        page.wait_for_function("() => document.documentElement.lang === 'de'")
        page.wait_for_selector("nav >> text=Überblick")
        assert page.inner_text("main h1") != ""
        tab.quiet()


def test_the_first_load_is_small_until_a_chart_is_drawn(browser: Browser, running: Running) -> None:
    """Everything that is not figures: page, scripts, styles, pictures, and the library that draws."""
    with a_tab(browser, running.control, extra_http_headers={"accept-encoding": "gzip"}) as tab:
        tab.open("/")
        tab.page.wait_for_selector("canvas")
        first = [one for one in tab.loaded if "/assets/" in one.url or one.url == tab.home]
        assert [one.url for one in first if "/echarts-" in one.url]
        assert {one.headers["content-encoding"] for one in first} == {"gzip"}
        # What comes twice is loaded once.
        sizes = {one.url: int(one.headers["content-length"]) for one in first}
    assert sum(sizes.values()) <= FIRST_LOAD_MAX, sizes


def test_assets_are_not_asked_for_again(tab: Tab) -> None:
    tab.open("/")
    tab.loaded.clear()
    tab.page.reload()
    tab.page.wait_for_selector("main h1")
    assert [one.url for one in tab.loaded if "/assets/" in one.url and not one.from_service_worker] != []
    kept = tab.page.evaluate(
        "performance.getEntriesByType('resource').filter((one) => one.name.includes('/assets/'))"
        ".map((one) => one.transferSize)"
    )
    assert set(kept) == {0}


def test_the_menu_leads_everywhere_by_keys_alone(tab: Tab) -> None:
    page = tab.open("/")
    for path, name in PAGES.items():
        link = page.get_by_role("link", name=name, exact=True)
        link.focus()
        page.keyboard.press("Enter")
        page.wait_for_function("(name) => document.querySelector('main h1')?.textContent === name", arg=name)
        assert page.url.split("#")[1].split("?")[0] == path
    tab.quiet()


def test_a_theme_and_a_language_are_remembered(tab: Tab) -> None:
    page = tab.open("/system")
    page.select_option("select[aria-label='Theme']", "terminal")
    page.select_option("select[aria-label='Language']", "de")
    page.reload()
    page.wait_for_selector("nav >> text=Überblick")
    assert page.evaluate("document.documentElement.dataset.theme") == "terminal"


def test_a_view_is_shared_by_its_address(tab: Tab, browser: Browser, running: Running) -> None:
    page = tab.open("/")
    page.get_by_role("button", name="1w", exact=True).click()
    page.select_option("select[aria-label='Time zone']", "local")
    page.wait_for_function("() => location.hash.includes('range=1w') && location.hash.includes('tz=local')")
    with a_tab(browser, running.control) as other:
        other.page.goto(page.url)
        other.page.wait_for_selector("main h1")
        assert other.page.get_by_role("button", name="1w", exact=True).get_attribute("aria-pressed") == "true"
        assert other.page.input_value("select[aria-label='Time zone']") == "local"


def test_a_page_that_there_is_not_leads_back(tab: Tab) -> None:
    page = tab.open("/nowhere", wait=".state.empty")
    page.get_by_role("link", name="To the overview").click()
    page.wait_for_selector("main h1")
