"""Commands of the system that a test cannot do without: see `tools/system_parts.py`."""

import shutil

import pytest


def needed(*commands: str) -> None:
    """Fail the test where one of them is not there: without its real part it would show nothing."""
    for command in commands:
        if shutil.which(command) is None:
            pytest.fail(f"{command} is not on this machine; `make setup` installs it")
