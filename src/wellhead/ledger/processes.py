"""Which process this is, and whether another one still runs.

A process number is used again sooner or later, and is known only inside its host
(and container).  So a process is its number, the tick at which the kernel started
it, and a host that names the boot and the process namespace as well.
"""

import os
import socket
import sys
from pathlib import Path

from wellhead.database.workers import Process

_PROC = Path("/proc")
_STATE_FIELD = 0
_START_FIELD = 19
"""Places in /proc/PID/stat, counted from behind the command's closing bracket; see proc(5)."""
_GONE = ("Z", "X", "x")


def this_process() -> Process:
    return Process(_host(), os.getpid(), _started_ticks(os.getpid()) or 0)


def is_running(process: Process) -> bool | None:
    """Whether a process of this very host still runs; `None` where that cannot be known."""
    if sys.platform == "win32":  # Asking with signal 0 would end the process there.
        return None
    if sys.platform != "linux":
        return is_there(process.pid)
    ticks = _started_ticks(process.pid)
    return ticks is not None and ticks == process.started_ticks


def _host() -> str:
    boot = _read(_PROC / "sys/kernel/random/boot_id")[:8]
    try:
        namespace = str((_PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}/{boot}/{namespace}"


def _started_ticks(pid: int) -> int | None:
    """`None` for a process that is not there, or only as a corpse its parent has not buried."""
    _, _, stat = _read(_PROC / str(pid) / "stat").rpartition(")")
    fields = stat.split()
    if len(fields) <= _START_FIELD or fields[_STATE_FIELD] in _GONE:
        return None
    return int(fields[_START_FIELD])


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def is_there(pid: int) -> bool:
    """Whether a process of this host has that number, whichever it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
