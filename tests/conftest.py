"""For tests everywhere.

The row of the manual that shows what a test saw of a fault (`fault_table`); what begins first, and what
stays together; and rest from the garbage collector: some 650,000 objects that live to the end are made
when tests are found, and looking through them again and again took a fifth of the processor time of the
whole suite.
"""

import gc
import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from fakes.program import TRUST
from fault_table import SECTIONS, Fault

ORDER = (
    *("soak", "control", "contract", "meter"),
    *("browser", "faults", "end_to_end", "serve", "docs", "clients"),
)
"""The soak, beside which nothing should run that looks at the clock; then the real program, and then the
many short ones."""
TOGETHER = ("tests/browser", "tests/clients")
"""Directories with one program for all of their files, which each process of the run would start anew."""


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "write what the tests of faults see into docs/reliability.md instead of comparing it"
    parser.addoption("--write-faults", action="store_true", help=told)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(section, what): a row of docs/reliability.md (fault_table)")
    os.environ.update(TRUST)
    # A shell starts what runs in its background with Ctrl-C ignored, and so would every program of a test.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # `nohup` has hangups ignored; the run goes on to ignore them, and programs start as at any other time.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Find the tests without looking for garbage, and never look at what was made then."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have what takes long begin first, so that no process is alone with it in the end."""
    items.sort(key=lambda item: ORDER.index(_part(item)) if _part(item) in ORDER else len(ORDER))


def _part(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


class ByProgram(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """Every file goes to one process as a whole, and so do the directories that stay together."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((directory for directory in TOGETHER if file.startswith(f"{directory}/")), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return ByProgram(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Fault:
    """The row of a test with the mark `fault`; of one without it nothing is shown."""
    mark = request.node.get_closest_marker("fault")
    section, what = mark.args if mark is not None else (SECTIONS[0], "")
    assert section in SECTIONS
    return Fault(section, what)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """When a test has passed, its row is what the page shows."""
    yield
    if item.get_closest_marker("fault") is None:
        return
    assert isinstance(item, pytest.Function)
    fault = item.funcargs.get("fault")
    assert isinstance(fault, Fault), "it is to take the fixture `fault`"
    if item.config.getoption("--write-faults"):
        fault.write()
    else:
        fault.compare()
