"""Every page is there, in every theme and language, on every width, without a word in the console."""

import re
from collections.abc import Iterator

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
DRAWN = """async () => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const changing = document.getAnimations().filter((one) => one instanceof CSSTransition);
    await Promise.allSettled(changing.map((one) => one.finished));
}"""
"""Until all that changed is on the screen: a busy machine may take its time for a change of colours."""
NARROW = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def desk(browser: Browser, running: Running) -> Iterator[Tab]:
    """One tab that goes from page to page, as people do: what is the same on all of them is loaded once."""
    with a_tab(browser, running.control) as opened:
        yield opened


@pytest.fixture(scope="module")
def telephone(browser: Browser, running: Running) -> Iterator[Tab]:
    """The same, narrow, and of somebody who speaks German."""
    with a_tab(browser, running.control, viewport=NARROW, locale="de-DE") as opened:
        yield opened


@pytest.mark.parametrize(("path", "name"), PAGES.items())
def test_a_page_is_there_for_everybody_in_every_theme_without_a_word_in_the_console(
    desk: Tab, path: str, name: str
) -> None:
    desk.noise.clear()
    page = desk.open(path)
    page.wait_for_function("(name) => document.querySelector('main h1')?.textContent === name", arg=name)
    desk.settled()
    assert page.title() == f"{name} – Wellhead"
    assert page.locator(".state.failure").count() == 0
    for theme in reversed(THEMES):
        page.select_option("select[aria-label='Theme']", theme)
        page.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=theme)
        page.evaluate(DRAWN)
        # Of a theme only its colours are its own.
        assert desk.faults(None if theme == THEMES[0] else ["color-contrast"]) == [], theme
    desk.quiet()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_telephone_in_either_language(telephone: Tab, path: str) -> None:
    telephone.noise.clear()
    page = telephone.open(path)
    page.get_by_role("button", name=re.compile("Menu|Menü")).click()
    for language, overview in (("en", "Overview"), ("de", "Überblick")):
        page.select_option("select[aria-label='Language'], select[aria-label='Sprache']", language)
        page.wait_for_function("(language) => document.documentElement.lang === language", arg=language)
        assert page.locator("nav a").first.text_content() == overview
        telephone.settled()
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    telephone.quiet()


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


def test_a_page_that_cannot_be_loaded_breaks_no_other_and_is_there_when_tried_again(tab: Tab) -> None:
    page = tab.open("/")
    page.route("**/assets/**", lambda route: route.abort())
    page.get_by_role("link", name="Limits", exact=True).click()
    again = page.get_by_role("button", name="Try again")
    again.wait_for()
    page.get_by_role("link", name="Overview", exact=True).click()
    page.wait_for_selector("main h1 >> text=Overview")
    page.unroute("**/assets/**")
    page.get_by_role("link", name="Limits", exact=True).click()
    again.click()
    page.wait_for_selector("main h1 >> text=Limits")


def test_a_page_that_there_is_not_leads_back(tab: Tab) -> None:
    page = tab.open("/nowhere", wait=".state.empty")
    page.get_by_role("link", name="To the overview").click()
    page.wait_for_selector("main h1")
