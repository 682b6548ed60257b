"""The command line in this process, as a user at a machine of their own would have it.

::

    ended = commands.run("projects", "create", "blue")
    assert (ended.code, ended.err) == (0, "")
    keys = commands.json("keys", "list")
"""

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fakes.program import KEPT
from wellhead.cli.main import app


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


class Printed:
    """What is written to both streams while they are patched; `capsys` is for one test alone."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._written = (io.BytesIO(), io.BytesIO())
        for name, written in zip(("stdout", "stderr"), self._written, strict=True):
            patch.setattr(f"sys.{name}", io.TextIOWrapper(written, "utf-8", write_through=True))

    def readouterr(self) -> tuple[str, str]:
        """What came since the last look, of each."""
        out, err = (written.getvalue().decode() for written in self._written)
        for written in self._written:
            written.seek(0)
            written.truncate()
        return out, err


class Commands:
    """Runs commands in a directory that is also the home, without anything configured."""

    def __init__(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str] | Printed
    ) -> None:
        self.home = home
        self.database = home / ".local/share/wellhead/wellhead.db"
        self.key_file = self.database.with_name("wellhead.db.master-key")
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, *arguments: str, stdin: str = "", **environ: str) -> Ended:
        """Run one command to its end."""
        with self._monkeypatch.context() as patch:
            for name in set(os.environ) - set(KEPT):
                patch.delenv(name)
            for name, value in {"HOME": str(self.home), **environ}.items():
                patch.setenv(name, value)
            patch.chdir(self.home)
            patch.setattr("sys.stdin", io.StringIO(stdin))
            self._capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                app(list(arguments))
        out, err = self._capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Ended(code, out, err)

    def well(self, *arguments: str, stdin: str = "", **environ: str) -> str:
        """Run one that must succeed; says what it printed."""
        ended = self.run(*arguments, stdin=stdin, **environ)
        assert ended.code == 0, ended.err
        return ended.out

    def json(self, *arguments: str, stdin: str = "", **environ: str) -> Any:
        """The same with `--json`, read."""
        return json.loads(self.well(*arguments, "--json", stdin=stdin, **environ))

    def refused(self, *arguments: str, stdin: str = "", **environ: str) -> tuple[int, str]:
        """Run one that must fail with one line; says its exit code and what the line says."""
        ended = self.run(*arguments, stdin=stdin, **environ)
        assert ended.out == ""
        (line,) = ended.err.splitlines()
        assert line.startswith("wellhead: ")
        return ended.code, line.removeprefix("wellhead: ")
