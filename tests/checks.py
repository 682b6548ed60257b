"""Runs every check of the project, one after the other, and closes with one summary.

Used by `make check` and `make test`.  Each check is a command of its own, so a
person can run just that one.  All of them run even when one fails: a newcomer
wants the whole list at once.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
NODE = ("python", "tools/node.py")

WORKERS = min(8, (os.cpu_count() or 2) * 3 // 2)
"""Processes that run tests, with half a gigabyte each: half as many again as there are cores, since a test
waits for other processes a good part of its time."""

CHECKS = (
    ("format", ("ruff", "format", "--check", "--quiet", ".")),
    ("lint", ("ruff", "check", "--quiet", ".")),
    ("types", ("mypy",)),
    ("layers", ("lint-imports", "--no-cache")),
    ("pages: format", (*NODE, "prettier", "--check", "--log-level", "warn", ".")),
    ("pages: lint", (*NODE, "eslint", "--max-warnings", "0", ".")),
    ("pages: types", (*NODE, "tsc", "--noEmit")),
    ("pages: tests", (*NODE, "vitest", "run", "--reporter", "dot")),
    (
        "tests",
        ("pytest", "-m", "not soak", "-n", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder"),
    ),
)


def environment() -> dict[str, str]:
    """Ours, but bytecode may be kept.

    Without it each process of pytest rewrites the assertions of 600 modules anew, those of its plugins
    among them, and that takes longer than to find all tests.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> int:
    failed = []
    lines = []
    for name, command in CHECKS:
        print(f"== {name}: {' '.join(command)}", flush=True)
        started = time.monotonic()
        code = subprocess.run(
            [str(BIN / command[0]), *command[1:]], env=environment(), check=False
        ).returncode
        lines.append(f"  {name:<14} {'ok' if code == 0 else 'FAILED':<7} {time.monotonic() - started:6.1f} s")
        if code != 0:
            failed.append(name)
    print("\n".join(["", "summary", *lines]))
    print("all checks passed" if not failed else f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
