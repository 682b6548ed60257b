"""The dashboard as people see it: the real program over the demo's books, and a real browser."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from fakes.browser import Tab, a_tab, launch
from fakes.program import Wellhead
from fakes.simulated import simulated_process
from wellhead import compose, compose_pricing
from wellhead.config.settings import Settings
from wellhead.database.upgrade import upgrade
from wellhead.demo import history
from wellhead.demo.run import demo_settings
from wellhead.pricing.book import PriceBook

CALLS = 3000


@dataclass(frozen=True)
class Running:
    """The program, and its simulated upstream."""

    wellhead: Wellhead
    upstream: str

    @property
    def control(self) -> str:
        return self.wellhead.control_url

    @property
    def gateway(self) -> str:
        return self.wellhead.gateway_url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one file: while it is there, its event loop runs, and no test may begin one of its own."""
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


def demo_prices() -> PriceBook:
    """What the demo's calls cost, with nothing left to be priced when the program runs."""
    settings = demo_settings(Settings(database="sqlite:///books.db"), "http://127.0.0.1:9")
    return compose_pricing.price_book(settings, compose.directory(settings))


def past(directory: Path) -> str:
    """Books with thirty days of the demo's calls up to now."""
    url = f"sqlite:///{directory / 'books.db'}"
    upgrade(url)
    history.write(url, time.time_ns() // 1000, count=CALLS, prices=demo_prices())
    return url


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The demo's calls; whoever is on this machine is an admin."""
    directory: Path = tmp_path_factory.mktemp("dashboard")
    past(directory)
    with simulated_process() as upstream:
        wellhead = Wellhead(upstream=upstream.url, directory=directory)
        with wellhead:
            yield Running(wellhead, upstream.url)


@pytest.fixture
def tab(browser: Browser, running: Running) -> Iterator[Tab]:
    with a_tab(browser, running.control) as opened:
        yield opened
