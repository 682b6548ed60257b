"""The supervisor's loop: one thread that waits for signals, lines and due times.

::

    starting --all ready--> running --signal--> stopping --all gone--> ended
        |                      |  ^
     one dies: give up         |  one dies: start it again, with back-off
                               +--SIGHUP: settings read anew, one process after the other replaced

A second signal while stopping ends everything at once.  SIGHUP ends a program that
was started at a terminal, for there it says that the terminal is gone; see
`docs/decisions/0008-sighup.md`.
"""

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from wellhead.config.settings import Settings
from wellhead.errors import ConfigError
from wellhead.logs import Log
from wellhead.master_key import master_key, next_key
from wellhead.secret_files import SecretFileError
from wellhead.serve import roll, sockets
from wellhead.serve.child import GONE_MAX_S, Child, inherited
from wellhead.serve.roll import Roll

EXIT_CODES = {signal.SIGINT: 0, signal.SIGTERM: 143, signal.SIGHUP: 129}
"""The signals that end the program, and the exit codes that say so."""
CRASHED = 1
MARGIN_S = 15.0
"""What a process gets beyond the grace period before it is killed: time to book the last calls."""
AT_ONCE_S = 3.0
"""What it gets after a second signal, to book what it cut."""


class Supervisor:
    """Runs a set of roles until a signal or a failure to start; `greet` is called once all are ready.

    `reread` reads the settings anew for a rolling restart, and raises `ConfigError`.  Without it, or at
    a terminal, SIGHUP ends the program like any other signal.
    """

    def __init__(
        self,
        settings: Settings,
        roles: tuple[str, ...],
        log: Log,
        *,
        greet: Callable[[dict[str, str]], None] = lambda _urls: None,
        reread: Callable[[], Settings] | None = None,
    ) -> None:
        self._settings = settings
        self._log = log
        self._greet = greet
        self._reread = None if os.isatty(0) else reread
        self._started_s = time.monotonic()
        addresses = {"gateway": settings.gateway.bind, "control": settings.control.bind}
        self._listeners = sockets.bind_all({role: addresses[role] for role in roles})
        environ = inherited(settings, os.environ)
        self._upgrade_role = "declare" if "gateway" in roles else "upgrade"
        self._upgrade: Child | None = Child(self._upgrade_role, None, environ)
        counts = {"gateway": settings.gateway.workers, "control": 1}
        self._children = [Child(r, self._listeners[r], environ) for r in roles for _ in range(counts[r])]
        self._ready = False
        self._wanted: Settings | None = None
        """The settings that a roll is to bring, while the database is prepared for them."""
        self._roll: Roll | None = None
        self._once_more = False
        """A further roll was asked for while one was under way."""
        self._leaving: list[Child] = []
        """Old processes that were told to leave."""
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
        for child in self._all():
            if child.due_s is not None and child.due_s <= now_s:
                self._restart(child)
            if child.ready_by_s is not None and child.ready_by_s <= now_s:
                child.ready_by_s = None
                self._log.error("worker.not_ready", role=child.role, pid=child.pid)
                child.signal(signal.SIGKILL)
            if child.gone_by_s is not None and child.gone_by_s <= now_s:
                child.gone_by_s = None
                self._log.error("worker.not_gone", role=child.role, pid=child.pid)
                child.signal(signal.SIGKILL)
        if self._deadline_s is not None and self._deadline_s <= now_s:
            self._kill()

    def _wait_s(self) -> float | None:
        moments = [self._deadline_s]
        moments += [m for c in self._all() for m in (c.due_s, c.ready_by_s, c.gone_by_s)]
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
            return
        if self._ready:
            took_ms = round(child.age_s * 1000)
            self._log.info("worker.ready", role=child.role, pid=child.pid, startup_ms=took_ms)
        if self._roll is not None and child is self._roll.new:
            self._take_over()
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
            elif child in self._leaving:
                self._leaving.remove(child)
                self._log.info("worker.left", role=child.role, pid=pid, exit_code=code)
            elif self._exit_code is None:
                if self._roll is not None and child is self._roll.new:
                    self._give_up_roll(f"the new {child.role} process could not start (exit code {code})")
                else:
                    self._died(child, pid, code)

    def _upgraded(self, code: int) -> None:
        self._upgrade = None
        if self._exit_code is not None:
            return
        if self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            if code != 0:
                self._refuse_reload(["the database could not be prepared for the new settings"])
            else:
                self._roll = roll.plan(wanted, self._children)
                self._replace_next()
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
        if number is signal.SIGHUP and self._reread is not None:
            self._reload(self._reread)
            return
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
        gateway = self._settings.gateway
        self._deadline_s = self._stopped_s + gateway.shutdown_delay_s + gateway.shutdown_grace_s + MARGIN_S
        self._close_listeners()
        for child in self._all():
            child.due_s = child.gone_by_s = None
        self._tell_all(signal.SIGTERM)

    def _kill(self) -> None:
        self._log.error("shutdown.hard_kill", pids=[c.pid for c in self._living()])
        self._tell_all(signal.SIGKILL)
        self._deadline_s = None

    def _tell_all(self, number: signal.Signals) -> None:
        for child in self._living():
            child.signal(number)

    # A rolling restart.

    def _reload(self, reread: Callable[[], Settings]) -> None:
        """Read the settings anew and replace every process; keeps everything as it is where they are bad."""
        if self._exit_code is not None or not self._ready:
            self._log.warning("reload.ignored", reason="the program is starting or stopping")
            return
        if self._roll is not None or self._wanted is not None:
            self._once_more = True
            return
        try:
            found, changed = roll.with_fixed(reread(), self._settings)
            self._wanted = with_master_key(found, self._log)
        except ConfigError as error:
            self._refuse_reload([f"{problem.path}: {problem.message}" for problem in error.problems])
            return
        except SecretFileError as error:
            self._refuse_reload([str(error)])
            return
        if changed:
            self._log.warning("reload.needs_new_start", settings=changed)
        self._log.info("reload.started")
        self._upgrade = Child(self._upgrade_role, None, inherited(self._wanted, os.environ))
        try:
            self._start(self._upgrade)
        except OSError as error:
            self._upgrade, self._wanted = None, None
            self._refuse_reload([f"no process could be started: {error.strerror}"])
            return
        self._upgrade.begin(self._wanted)

    def _refuse_reload(self, problems: list[str]) -> None:
        advice = "nothing has changed; put it right and send SIGHUP again"
        self._log.error("reload.refused", problems=problems, advice=advice)

    def _replace_next(self) -> None:
        """Start the next new process, or end the roll."""
        assert self._roll is not None
        if not self._roll.places:
            self._end_roll()
            return
        old = self._roll.places.popleft()
        role = "gateway" if old is None else old.role
        environ = inherited(self._roll.settings, os.environ)
        new = Child(role, self._listeners[role], environ)
        try:
            self._start(new)
        except OSError as error:
            self._give_up_roll(f"no process could be started: {error.strerror}")
            return
        self._roll.old, self._roll.new = old, new
        new.begin(self._roll.settings)

    def _take_over(self) -> None:
        """The new process is ready, and takes the place of the old one."""
        assert self._roll is not None
        old, new = self._roll.old, self._roll.new
        assert new is not None
        self._settings = self._roll.settings
        self._roll.old = self._roll.new = None
        if old is None:
            self._children.append(new)
        else:
            self._children[self._children.index(old)] = new
            self._log.info("worker.replaced", role=old.role, pid=old.pid, by=new.pid)
            self._tell_to_leave(old)
        self._replace_next()

    def _tell_to_leave(self, old: Child) -> None:
        old.due_s = None
        if not old.is_alive:
            return
        old.gone_by_s = time.monotonic() + GONE_MAX_S + self._settings.gateway.shutdown_grace_s
        self._leaving.append(old)
        old.signal(signal.SIGHUP)

    def _end_roll(self) -> None:
        assert self._roll is not None
        for child in self._roll.surplus:
            self._children.remove(child)
            self._log.info("worker.replaced", role=child.role, pid=child.pid, by=None)
            self._tell_to_leave(child)
        self._roll = None
        self._log.info("reload.complete", workers=self._settings.gateway.workers)
        if self._once_more and self._reread is not None:
            self._once_more = False
            self._reload(self._reread)

    def _give_up_roll(self, reason: str) -> None:
        self._roll = None
        self._once_more = False
        advice = "the old processes go on; see the log of the new one, and send SIGHUP again"
        self._log.error("reload.failed", reason=reason, advice=advice)

    def _all(self) -> list[Child]:
        """Every process but the one that prepares the database."""
        new = [] if self._roll is None or self._roll.new is None else [self._roll.new]
        return [*self._children, *new, *self._leaving]

    def _living(self) -> list[Child]:
        return [c for c in (self._upgrade, *self._all()) if c is not None and c.is_alive]

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
