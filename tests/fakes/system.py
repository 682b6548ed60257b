"""Commands of the system that a test cannot do without: see `tools/system_parts.py`."""

import shutil
import sys
from pathlib import Path

import pytest


def needed(*commands: str) -> None:
    """Fail the test where one of them is not there: without its real part it would show nothing."""
    for command in commands:
        if path_of(command) is None:
            pytest.fail(f"{command} is not on this machine; `make setup` installs it")


def path_of(command: str) -> str | None:
    """Where a command is: on the path, or beside this Python."""
    beside = Path(sys.executable).with_name(command)
    return str(beside) if beside.exists() else shutil.which(command)
