"""One supervised process: started, watched, ended."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping

from wellhead.config.aliases import ALIASES, Where
from wellhead.config.settings import Settings
from wellhead.serve.line import READY, send_settings

BACKOFF_FIRST_S = 0.1
"""From the second failure on: whoever dies once is back at once."""
BACKOFF_MAX_S = 10.0
READY_MAX_S = 60.0
"""How long a process may take to get ready; one that hangs is killed and started again."""
GONE_MAX_S = 630.0
"""How long one that was told to leave may take beyond its grace period: `hosting.LEAVING_MAX_S` and some."""
STEADY_S = 30.0
"""A process that lived this long is forgiven its earlier failures."""


PREFIX = "WELLHEAD_"


def inherited(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process: ours, without what the settings were read from.

    It gets those over the line.  An environment can be read from outside for as long as its process
    lives, and is passed on to whatever that starts, so no secret stays in it.
    """
    names = {alias.name for alias in ALIASES if alias.where is Where.ENVIRONMENT}
    secrets = {provider.auth.value for provider in settings.providers}
    secrets |= {value for provider in settings.providers for _, value in provider.headers}
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(PREFIX) and name not in names and value not in secrets
    }


def backoff_s(failures: int) -> float:
    """How long to wait before the next start, after so many failures in a row."""
    return 0.0 if failures <= 1 else min(BACKOFF_FIRST_S * 2.0 ** (failures - 2), BACKOFF_MAX_S)


class Child:
    """A process of one role, through all its restarts."""

    def __init__(self, role: str, listener: socket.socket | None, environ: Mapping[str, str]) -> None:
        self.role = role
        self.listener = listener
        self.environ = environ
        self.process: subprocess.Popen[bytes] | None = None
        self.line: socket.socket | None = None
        self.is_ready = False
        self.due_s: float | None = None
        """When to start it again, by the monotonic clock."""
        self.ready_by_s: float | None = None
        """When it must be ready, by the same clock."""
        self.gone_by_s: float | None = None
        """When it must have ended, having been told to leave, by the same clock."""
        self._failures = 0
        self._started_s = 0.0

    @property
    def is_alive(self) -> bool:
        return self.process is not None

    @property
    def age_s(self) -> float:
        """How long ago its process was started."""
        return time.monotonic() - self._started_s

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Start the process; it loads its code and waits for the settings.  `OSError` if it cannot be had.

        It gets a process group of its own, so that Ctrl-C on a terminal reaches
        it through the supervisor only, once.
        """
        self.due_s = None
        ours, theirs = socket.socketpair()
        fds = [theirs.fileno()] + ([self.listener.fileno()] if self.listener else [])
        command = [sys.executable, "-P", "-m", "wellhead.serve.worker", self.role, *map(str, fds)]
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own
                command, pass_fds=fds, process_group=0, env=self.environ
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self.line = ours
        self.is_ready, self._started_s = False, time.monotonic()

    def begin(self, settings: Settings) -> None:
        """Send the settings; a process that is gone already is noticed elsewhere."""
        assert self.line is not None
        self.ready_by_s = time.monotonic() + READY_MAX_S
        with contextlib.suppress(OSError):
            send_settings(self.line, settings)

    def hear(self) -> None:
        """Read what came up the line."""
        assert self.line is not None
        with contextlib.suppress(OSError):
            if self.line.recv(16) == READY:
                self.is_ready, self.ready_by_s = True, None
                return
        self.is_ready = False

    def exit_code(self) -> int | None:
        """The exit code if the process has ended; negative is a signal's number."""
        return self.process.poll() if self.process is not None else None

    def bury(self) -> tuple[int, int]:
        """Forget the process that has ended; says its pid and exit code."""
        assert self.process is not None
        assert self.line is not None
        pid, code = self.process.pid, self.process.wait()
        self.line.close()
        self.process, self.line, self.is_ready, self.ready_by_s = None, None, False, None
        if self.age_s >= STEADY_S:
            self._failures = 0
        return pid, code

    def postpone(self) -> float:
        """Plan the next start; says in how many seconds."""
        self._failures += 1
        delay_s = backoff_s(self._failures)
        self.due_s = time.monotonic() + delay_s
        return delay_s

    def signal(self, number: int) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)
