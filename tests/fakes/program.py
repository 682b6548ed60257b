"""The real program, as a user starts it: `python -m wellhead serve` with books of its own.

::

    with Wellhead(upstream=url) as wellhead:
        httpx.post(wellhead.gateway_url + "/v1/chat/completions", ...)

It listens on free ports, has an empty home, and sees nothing of the surrounding
environment that could configure it.  Leaving the block ends it; a test that ends
it itself calls `stop` (or `signal` and `wait`) and looks at the exit code.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

import yaml

from wellhead.database.request_forms import JOINED

START_MAX_S = 60.0
STOP_MAX_S = 60.0
WAIT_MAX_S = 30.0
"""How long a test waits for what must come; it says nothing about how soon that is."""
COMMAND_MAX_S = 60.0
KEPT = ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""What a process needs of the environment; everything else would make tests depend on the machine."""

NOBODY = Path(__file__).parents[1] / "data" / "nobody.pem"
"""A certificate whose key nobody has.  To read those of the whole world takes 25 ms, for each client anew."""
TRUST = {"SSL_CERT_FILE": str(NOBODY)}
OFFLINE = {"WELLHEAD_PRICING__REFRESH_INTERVAL_S": "0", **TRUST}
"""No test asks anybody on the network, and nobody there is trusted."""

Line = dict[str, Any]


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment without any setting in it, and with an empty home."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, **OFFLINE, "HOME": str(home), **(extra or {})}


def command(home: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a command that ends by itself, in a home of its own, which is also where it is started."""
    return subprocess.run(
        [sys.executable, "-m", "wellhead", *arguments],
        env=clean_environment(home, environ),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=COMMAND_MAX_S,
        check=False,
    )


class Wellhead:
    """One running program with a database in a directory of its own."""

    def __init__(
        self,
        *,
        upstream: str | None = None,
        config: Mapping[str, Any] | None = None,
        arguments: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        command: str = "serve",
        directory: Path | None = None,
        terminal: int | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="wellhead-") if directory is None else None
        self.directory = Path(self._temporary.name) if self._temporary else directory or Path()
        self.database_path = self.directory / "books.db"
        self._file = self.directory / "wellhead.yaml"
        self.configure(config or {})
        self._command = [sys.executable, "-m", "wellhead", command, "--config", str(self._file)]
        self._command += ["--database", str(self.database_path), "--log-format", "json"]
        if command != "control":
            self._command += ["--gateway-bind", "127.0.0.1:0"]
            self._command += ["--upstream", upstream] if upstream else []
        if command != "gateway":
            self._command += ["--control-bind", "127.0.0.1:0"]
        self._command += arguments
        self._environ = clean_environment(self.directory, environ)
        self._terminal = subprocess.DEVNULL if terminal is None else terminal
        """Its standard input; as a rule none, as for a service."""
        self._lines: list[str] = []
        self._logged: list[Line] = []
        self._named: dict[str, list[Line]] = {}
        """The same by event, for tests ask for one again and again."""
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the file that it reads at its start, and again for a rolling restart."""
        self._file.write_text(yaml.safe_dump(dict(config)))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            if self._temporary:
                self._temporary.cleanup()

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self._lines.clear()
        self._logged.clear()
        self._named.clear()
        self._process = subprocess.Popen(
            self._command,
            stdin=self._terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            env=self._environ,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
        ]
        for reader in self._readers:
            reader.start()
        self.wait_until(
            lambda: bool(self.events("serve.ready")) or self._process_ended(), START_MAX_S, "it is not ready"
        )
        assert self.events("serve.ready"), f"it ended at once:\n{self.output}"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it in good order; says its exit code."""
        if self._process is not None and self._process.poll() is None:
            self.signal(number)
        return self.wait()

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout_s: float = STOP_MAX_S) -> int:
        """Wait until it has ended; says its exit code.  One that does not end is killed, and that fails."""
        assert self._process is not None
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"it did not end within {timeout_s} s:\n{self.output}") from None
        for reader in self._readers:
            reader.join(5)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        return code

    @property
    def gateway_url(self) -> str:
        return str(self.events("serve.ready")[-1]["gateway"])

    @property
    def control_url(self) -> str:
        return str(self.events("serve.ready")[-1]["control"])

    @property
    def pid(self) -> int:
        """The supervisor's."""
        assert self._process is not None
        return self._process.pid

    @property
    def pids(self) -> list[int]:
        """Those of the gateway processes that are running."""
        return self.pids_of("gateway")

    def pids_of(self, role: str) -> list[int]:
        died = {line["pid"] for name in ("worker.died", "worker.replaced") for line in self.events(name)}
        started = [line["pid"] for line in self.events("worker.started") if line["role"] == role]
        return [pid for pid in started if pid not in died]

    def calls(self, after: int = 0) -> list[Line]:
        """The rows of the ledger so far, oldest first; `after` is the last call that is not wanted."""
        with closing(sqlite3.connect(f"file:{self.database_path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            query = f"SELECT * FROM {JOINED} WHERE id > ? ORDER BY id"
            return [dict(row) for row in connection.execute(query, (after,))]

    @property
    def output(self) -> str:
        """Everything it wrote to stdout and stderr so far."""
        return "\n".join(list(self._lines))

    def log_lines(self) -> list[Line]:
        """Its log so far, of all processes, in the order it came."""
        return list(self._logged)

    def events(self, name: str) -> list[Line]:
        """The log lines of one event."""
        return list(self._named.get(name, ()))

    def wait_for_event(self, name: str, count: int = 1, timeout_s: float = WAIT_MAX_S) -> Line:
        """The event's latest line, once there are so many of them."""
        self.wait_until(lambda: len(self.events(name)) >= count, timeout_s, f"no {name}")
        return self.events(name)[-1]

    def wait_until(
        self, reached: Callable[[], bool], timeout_s: float = WAIT_MAX_S, otherwise: str = ""
    ) -> None:
        """Wait for a condition; fails at the deadline with what it wrote."""
        deadline = monotonic() + timeout_s
        while not reached():
            assert monotonic() < deadline, (
                f"{otherwise or 'not reached'} within {timeout_s} s:\n{self.output}"
            )
            sleep(0.01)

    def _process_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _read(self, stream: Any) -> None:
        for line in stream:
            self._lines.append(line.rstrip("\n"))
            if line.startswith("{"):
                told = json.loads(line)
                self._logged.append(told)
                self._named.setdefault(told["msg"], []).append(told)
