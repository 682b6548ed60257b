"""The rig: where a measurement finds its cores, directory and programs, and how processes live on it.

::

    load core    wrk, the upstream, the measuring clients
    proxy core   what is measured: Wellhead, nginx as a proxy, LiteLLM

On a machine with one core both are the same, and the run says so.  Whatever is
started here is ended here, by its own process id.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

START_MAX_S = 60.0
STOP_MAX_S = 10.0
POLL_S = 0.005
KEPT = ("PATH", "LANG", "LD_LIBRARY_PATH")
"""What a measured program sees of the surrounding environment: no settings, no proxies, no keys."""
LOG_TAIL = 1500
"""Characters of a failed program's log that are shown."""


class Unmeasured(Exception):
    """A figure cannot be had here, for a reason that is no fault of the program (a missing tool)."""


class Failed(Exception):
    """A measured program did not do what it must; the figure would be a lie."""


@dataclass(frozen=True, slots=True)
class Rig:
    """One run's place."""

    home: Path
    load: frozenset[int]
    proxy: frozenset[int]

    @property
    def everywhere(self) -> frozenset[int]:
        return self.load | self.proxy

    def tool(self, name: str) -> str:
        """Where a tool is installed.  Raises `Unmeasured`."""
        found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if found is None:
            raise Unmeasured(f"{name} is not installed")
        return found

    def directory(self, name: str) -> Path:
        """A new directory for one program."""
        for number in range(1000):
            path = self.home / f"{name}-{number}"
            if not path.exists():
                path.mkdir()
                return path
        raise AssertionError("more directories than any run needs")


def build(home: Path) -> Rig:
    """A rig on the first and the last core this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    return Rig(home, frozenset(allowed[:1]), frozenset(allowed[-1:]))


@contextlib.contextmanager
def running(
    command: list[str], *, cores: frozenset[int], home: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program for the length of a block, in a directory of its own, pinned to cores."""
    surroundings = {name: os.environ[name] for name in KEPT if name in os.environ} | {"HOME": str(home)}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=surroundings | dict(environment or {}),
            cwd=home,
            process_group=0,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_MAX_S)
    except subprocess.TimeoutExpired:
        # Its group is of our making, so this reaches the program and its workers only.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], home: Path) -> None:
    """Wait until a program is ready.  Raises `Failed` with the end of its log."""
    deadline = time.monotonic() + START_MAX_S
    while not ready():
        if process.poll() is not None:
            raise Failed(f"{home.name} ended with exit code {process.returncode}:\n{_tail(home)}")
        if time.monotonic() > deadline:
            raise Failed(f"{home.name} was not ready after {START_MAX_S:.0f} s:\n{_tail(home)}")
        time.sleep(POLL_S)


def _tail(home: Path) -> str:
    return (home / "log").read_text("utf-8", "replace")[-LOG_TAIL:]


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
