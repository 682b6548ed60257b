"""The supervisor's loop: one thread that waits for signals, lines and due times.

::

    starting --all ready--> running --signal--> stopping --all gone--> ended
        |                      |
     one dies: give up      one dies: start it again, with back-off

A second signal while stopping ends everything at once.
"""

import contextlib
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from wellhead.config.settings import Settings
from wellhead.logs import Log
from wellhead.master_key import master_key, next_key
from wellhead.secret_files import SecretFileError
from wellhead.serve import sockets
from wellhead.serve.child import Child, inherited

EXIT_CODES = {signal.SIGINT: 0, signal.SIGTERM: 143, signal.SIGHUP: 129}
"""The signals that end the program, and the exit codes that say so."""
CRASHED = 1
MARGIN_S = 15.0
"""What a process gets beyond the grace period before it is killed: time to book the last calls."""
AT_ONCE_S = 3.0
"""What it gets after a second signal, to book what it cut."""


class Supervisor:
    """Runs a set of roles until a signal or a failure to start; `greet` is called once all are ready."""

    def __init__(
        self,
        settings: Settings,
        roles: tuple[str, ...],
        log: Log,
        *,
        greet: Callable[[dict[str, str]], None] = lambda _urls: None,
    ) -> None:
        self._settings = settings
        self._log = log
        self._greet = greet
        self._started_s = time.monotonic()
        self._listeners = _bind(settings, roles)
        environ = inherited(settings, os.environ)
        upgrade = "declare" if "gateway" in roles else "upgrade"
        self._upgrade: Child | None = Child(upgrade, None, environ)
        counts = {"gateway": settings.gateway.workers, "control": 1}
        self._children = [Child(r, self._listeners[r], environ) for r in roles for _ in range(counts[r])]
        self._ready = False
        self._exit_code: int | None = None
        self._stopped_s = 0.0
        self._deadline_s: float | None = None
        self._selector = selectors.DefaultSelector()

    @property
    def urls(self) -> dict[str, str]:
        """Where each role can be reached."""
        return {role: sockets.url(listener) for role, listener in self._listeners.items()}

    def run(self) -> int:
        """Run to the end; says the exit code."""
        with _signals() as woken, self._selector:
            self._selector.register(woken, selectors.EVENT_READ)
            for child in (self._upgrade, *self._children):
                assert child is not None
                self._start(child)
            assert self._upgrade is not None
            self._upgrade.begin(self._settings)
            while self._exit_code is None or self._living():
                self._turn(woken)
        self._close_listeners()
        total_ms = round((time.monotonic() - (self._stopped_s or self._started_s)) * 1000)
        self._log.info("shutdown.complete", exit_code=self._exit_code, total_ms=total_ms)
        return self._exit_code

    def _turn(self, woken: int) -> None:
        """Wait for something to happen, and see to it."""
        for key, _ in self._selector.select(self._wait_s()):
            if key.fd == woken:
                for number in os.read(woken, 64):
                    if number in EXIT_CODES:
                        self._signalled(signal.Signals(number))
            elif isinstance(key.data, Child):
                self._hear(key.data)
        self._reap()
        now_s = time.monotonic()
        for child in self._children:
            if child.due_s is not None and child.due_s <= now_s:
                self._restart(child)
            if child.ready_by_s is not None and child.ready_by_s <= now_s:
                child.ready_by_s = None
                self._log.error("worker.not_ready", role=child.role, pid=child.pid)
                child.signal(signal.SIGKILL)
        if self._deadline_s is not None and self._deadline_s <= now_s:
            self._kill()

    def _wait_s(self) -> float | None:
        moments = [self._deadline_s, *(m for c in self._children for m in (c.due_s, c.ready_by_s))]
        first_s = min((m for m in moments if m is not None), default=None)
        return None if first_s is None else max(0.0, first_s - time.monotonic())

    def _start(self, child: Child) -> None:
        child.start()
        assert child.line is not None
        self._selector.register(child.line, selectors.EVENT_READ, child)
        self._log.info("worker.started", role=child.role, pid=child.pid)

    def _restart(self, child: Child) -> None:
        try:
            self._start(child)
        except OSError as error:  # no memory or no process to be had just now
            self._log.error(
                "worker.not_started",
                role=child.role,
                reason=error.strerror,
                restart_in_s=child.postpone(),
            )
        else:
            child.begin(self._settings)

    def _hear(self, child: Child) -> None:
        child.hear()
        if not child.is_ready:
            self._unwatch(child)  # the end of the line; the process is reaped when it has ended
        elif not self._ready and all(c.is_ready for c in self._children):
            self._ready = True
            startup_ms = round((time.monotonic() - self._started_s) * 1000)
            self._log.info("serve.ready", **self.urls, pid=os.getpid(), startup_ms=startup_ms)
            self._greet(self.urls)

    def _reap(self) -> None:
        for child in self._living():
            if child.exit_code() is None:
                continue
            self._unwatch(child)
            pid, code = child.bury()
            if child is self._upgrade:
                self._upgraded(code)
            elif self._exit_code is None:
                self._died(child, pid, code)

    def _upgraded(self, code: int) -> None:
        self._upgrade = None
        if self._exit_code is not None:
            return
        if code != 0:
            self._stop(CRASHED, "the database could not be brought up to date")
            return
        try:
            self._settings = with_master_key(self._settings, self._log)
        except SecretFileError as error:
            self._stop(CRASHED, str(error))
            return
        for child in self._children:
            if child.is_alive:
                child.begin(self._settings)

    def _died(self, child: Child, pid: int, code: int) -> None:
        if self._ready:
            restart_in_s = child.postpone()
            self._log.error(
                "worker.died", role=child.role, pid=pid, exit_code=code, restart_in_s=restart_in_s
            )
        else:
            self._stop(CRASHED, f"the {child.role} process could not start (exit code {code})")

    def _signalled(self, number: signal.Signals) -> None:
        if self._exit_code is None:
            self._stop(EXIT_CODES[number], number.name)
            return
        self._log.info("shutdown.signal", signal=number.name, at_once=True)
        self._deadline_s = time.monotonic() + AT_ONCE_S
        self._tell_all(signal.SIGTERM)

    def _stop(self, exit_code: int, reason: str) -> None:
        """Stop accepting, and let the processes end in their own time."""
        say = self._log.error if exit_code == CRASHED else self._log.info
        say("shutdown.signal" if exit_code != CRASHED else "serve.failed", reason=reason)
        self._exit_code = exit_code
        self._stopped_s = time.monotonic()
        self._deadline_s = self._stopped_s + self._settings.gateway.shutdown_grace_s + MARGIN_S
        self._close_listeners()
        for child in self._children:
            child.due_s = None
        self._tell_all(signal.SIGTERM)

    def _kill(self) -> None:
        self._log.error("shutdown.hard_kill", pids=[c.pid for c in self._living()])
        self._tell_all(signal.SIGKILL)
        self._deadline_s = None

    def _tell_all(self, number: signal.Signals) -> None:
        for child in self._living():
            child.signal(number)

    def _living(self) -> list[Child]:
        return [c for c in (self._upgrade, *self._children) if c is not None and c.is_alive]

    def _unwatch(self, child: Child) -> None:
        if child.line is not None and child.line in self._selector.get_map():
            self._selector.unregister(child.line)

    def _close_listeners(self) -> None:
        for listener in self._listeners.values():
            listener.close()


def with_master_key(settings: Settings, log: Log) -> Settings:
    """The settings with the master key that all processes are to use; made now, if there is none yet."""
    found = master_key(settings.master_key, settings.database)
    if found.is_new:
        log.info("master_key.generated", path=str(found.file), advice="keep a copy: it opens the credentials")
    if found.file is None:
        return settings
    if next_key(settings.database) is not None:
        advice = "run: wellhead credentials rotate-master"
        log.warning("master_key.rotation_unfinished", path=str(found.file), advice=advice)
    return replace(settings, master_key=found.text, master_key_file=str(found.file))


def _bind(settings: Settings, roles: tuple[str, ...]) -> dict[str, socket.socket]:
    addresses = {"gateway": settings.gateway.bind, "control": settings.control.bind}
    listeners: dict[str, socket.socket] = {}
    try:
        for role in roles:
            listeners[role] = sockets.bind(addresses[role], f"{role}.bind")
    except sockets.BindError:
        for listener in listeners.values():
            listener.close()
        raise
    return listeners


@contextlib.contextmanager
def _signals() -> Iterator[int]:
    """A file descriptor on which the numbers of arriving signals can be read."""
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    # What whoever started us had us ignore (nohup: SIGHUP) stays ignored.
    numbers = [n for n in (*EXIT_CODES, signal.SIGCHLD) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(woken)
        os.close(wake)
