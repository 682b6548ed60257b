"""Reaches into the processes of a running program, for what no signal does: its clock jumps, a thread ends.

::

    inside = Inside(directory)
    async with a_stand(environ=inside.environ) as stand:      # or Wellhead(environ=...)
        inside.clock_jumps(3600)
        inside.end_thread("wellhead-books")

Python loads `sitecustomize` before anything else, so nothing of the program knows.
"""

import os
from pathlib import Path

_SITECUSTOMIZE = """
import ctypes
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
real_ns, sleep = time.time_ns, time.sleep


def told(name):
    try:
        return (HERE / name).read_text()
    except OSError:
        return ""


def time_ns():
    return real_ns() + int(told("jump_s") or 0) * 1_000_000_000


def end_thread():
    while not (name := told("end_thread")):
        sleep(0.02)
    for thread in threading.enumerate():
        if thread.name == name:
            end = ctypes.pythonapi.PyThreadState_SetAsyncExc
            end(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
            (HERE / "end_thread").unlink()


time.time_ns = time_ns
threading.Thread(target=end_thread, daemon=True).start()
"""


class Inside:
    """What a test may do to the processes that are started with this environment."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / "sitecustomize.py").write_text(_SITECUSTOMIZE)

    @property
    def environ(self) -> dict[str, str]:
        places = [str(self._directory), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(places)}

    def clock_jumps(self, by_s: int) -> None:
        """From now on the wall clock of every process is so far from the real one."""
        self._tell("jump_s", str(by_s))

    def end_thread(self, name: str) -> None:
        """The thread ends at its next step, in one process that has one of this name."""
        self._tell("end_thread", name)

    def _tell(self, what: str, value: str) -> None:
        # At once and whole, for the processes may look at any moment.
        new = self._directory / f".{what}"
        new.write_text(value)
        new.replace(self._directory / what)
