"""A real browser in front of the real program.

Chromium as Debian packages it, driven by Playwright.  Whatever a page writes to the
browser's console and whatever it could not load is kept; a test that expects none of it
says so by `quiet`.  It reaches this machine alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Playwright, Request, Response

from fakes.system import needed, path_of

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # Pages of the address line, which nobody sees: half a second of a core for each tab.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
    # It reaches this machine and nobody else, whatever a page asks for.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
)
WAIT_MS = 20_000
AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"


def launch(playwright: Playwright) -> Browser:
    """A headless Chromium."""
    needed("chromium")
    return playwright.chromium.launch(executable_path=path_of("chromium"), args=list(ARGUMENTS))


@dataclass
class Tab:
    """A page that is looked at, and what went wrong on it."""

    page: Page
    home: str
    """Where the dashboard is, with a slash at its end."""
    noise: list[str] = field(default_factory=list)
    loaded: list[Response] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """What it asked of others than this machine; none of it got through."""

    def open(self, path: str = "/", wait: str = "main h1") -> Page:
        """A page by its path behind the `#`, once it is there and asks for nothing more."""
        self.page.goto(f"{self.home}#{path}")
        self.page.wait_for_selector(wait, timeout=WAIT_MS)
        self.settled()
        return self.page

    def settled(self) -> None:
        """Until nothing on it is loading."""
        self.page.wait_for_function(
            "() => document.querySelectorAll('.state.loading').length === 0", timeout=WAIT_MS
        )

    def quiet(self) -> None:
        """Nothing went wrong."""
        assert (self.noise, self.strangers) == ([], [])

    def faults(self, rules: list[str] | None = None) -> list[str]:
        """What axe-core finds that is serious: the rule, and where it is broken.

        With some rules alone, rows of a table after the first dozen are taken to be like those.
        """
        # Evaluated by the driver, not by the page: the page's policy lets no script in.
        self.page.evaluate(AXE.read_text())
        run: dict[str, Any] = {"resultTypes": ["violations"]}
        if rules:
            run["runOnly"] = {"type": "rule", "values": rules}
        where = {"exclude": [["tbody tr:nth-child(n+13)"]]} if rules else {}
        found: dict[str, Any] = self.page.evaluate(
            "([where, run]) => axe.run({ include: document, ...where }, run)", [where, run]
        )
        return [
            f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]


@contextmanager
def a_tab(browser: Browser, home: str, **context: Any) -> Iterator[Tab]:
    """A tab in a browser profile of its own; `context` is as for Playwright's `new_context`."""
    # Nothing moves, since nobody would see it.
    usual = {"viewport": {"width": 1440, "height": 1000}, "locale": "en", "reduced_motion": "reduce"}
    options: dict[str, Any] = {**usual, **context}
    opened = browser.new_context(**options)
    opened.set_default_timeout(WAIT_MS)
    page = opened.new_page()
    tab = Tab(page, home if home.endswith("/") else f"{home}/")
    page.on(
        "console",
        lambda message: tab.noise.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: tab.noise.append(str(error)))
    page.on("response", lambda response: tab.loaded.append(response))
    page.on("request", lambda request: _note_stranger(tab, request))
    try:
        yield tab
    finally:
        opened.close()


def _note_stranger(tab: Tab, request: Request) -> None:
    if not _is_here(request.url):
        tab.strangers.append(request.url)


def _is_here(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob", "about") or parts.hostname in ("127.0.0.1", "localhost")
