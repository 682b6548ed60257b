"""The entry point of a supervised process: `python -m wellhead.serve.worker ROLE LINE [LISTENER]`.

LINE and LISTENER are inherited file descriptors.  What the role needs is
imported while the supervisor is still busy with the database; the settings
arriving are the word to begin.
"""

import gc
import resource
import socket
import sys
from collections.abc import Callable
from typing import Any

from wellhead import compose, compose_control, compose_gateway, hosting, logs
from wellhead.errors import WellheadError
from wellhead.serve.line import READY, receive_settings

FILES_MAX = 65_536
"""Open files a process asks for: each call needs two, and the usual soft limit is 1,024."""


def main(role: str, line_fd: int, listener_fd: int | None) -> int:
    prepare, run = ROLES[role]
    _import(prepare)
    line = socket.socket(fileno=line_fd)
    settings = receive_settings(line)
    if settings is None:
        return 0
    log = logs.configure(settings.log.level, settings.log.format, component=role)
    _raise_files_limit()
    try:
        if listener_fd is None:
            run(settings, log)
        else:
            listener = socket.socket(fileno=listener_fd)
            run(settings, listener, hosting.Life(line, ready=READY), log)
    except WellheadError as error:
        log.error("worker.failed", reason=str(error))
        return 1
    except Exception:
        log.exception("worker.crashed")
        return 1
    return 0


def _import(prepare: Callable[[], None]) -> None:
    """Load what the role needs without looking for garbage, and never look at it again: it stays."""
    gc.disable()
    try:
        prepare()
    finally:
        gc.enable()
        gc.freeze()


def _raise_files_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


ROLES: dict[str, tuple[Callable[[], None], Callable[..., Any]]] = {
    "upgrade": (compose.prepare_upgrade, compose.run_upgrade),
    "declare": (compose.prepare_upgrade, compose.run_declare),
    "gateway": (compose_gateway.prepare_gateway, compose_gateway.run_gateway),
    "control": (compose_control.prepare_control, compose_control.run_control),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None))
