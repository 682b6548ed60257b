"""For tests everywhere: the row of the manual that shows what a test saw of a fault (`fault_table`)."""

from collections.abc import Generator

import pytest

from fault_table import SECTIONS, Fault


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "write what the tests of faults see into docs/reliability.md instead of comparing it"
    parser.addoption("--write-faults", action="store_true", help=told)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(section, what): a row of docs/reliability.md (fault_table)")


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
