"""Commands in the tests' own process, which is another one than that of the program beside which they run."""

from pathlib import Path

import pytest

from fakes.commands import Commands


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path, monkeypatch, capsys)
