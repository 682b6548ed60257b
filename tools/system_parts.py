"""Installs what the tests need of the system beside Python: Debian packages, those that are missing.

`make setup` runs it.  Where it cannot (no apt-get, no rights) it says what to install; the tests that need
the part fail until it is there, for a test that passes without its real part has shown nothing.

Of a package that brings a service only the command is taken, and put beside this Python: nobody wants a
server started on their machine for the sake of a test.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = {
    "curl": "curl",  # tests/end_to_end/test_walkthrough.py, tests/docs
    "jq": "jq",  # tests/docs/test_keys_page.py
    "chromium": "chromium",  # tests/browser
}
"""Commands, and the packages that they are in."""
TAKEN_OUT = {"promtool": ("prometheus", "usr/bin/promtool")}  # tests/deploy
"""Commands, the packages that they are in, and where."""
TIMEOUT_S = 600


def main() -> int:
    missing = sorted({package for command, package in PACKAGES.items() if shutil.which(command) is None})
    taken_out = [command for command in TAKEN_OUT if not (_beside(command).exists() or shutil.which(command))]
    if not missing and not taken_out:
        return 0
    print(f"installing for the tests: {' '.join([*missing, *taken_out])}", flush=True)
    try:
        _as_root("update", "-qq")
        if missing:
            _as_root("install", "-qq", "--no-install-recommends", "-y", *missing)
        for command in taken_out:
            _take_out(command)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"could not install them ({error}); some tests will fail until you have", file=sys.stderr)
    return 0


def _as_root(*arguments: str) -> None:
    _run([*([] if os.geteuid() == 0 else ["sudo", "-n"]), "apt-get", *arguments])


def _take_out(command: str) -> None:
    package, path = TAKEN_OUT[command]
    with tempfile.TemporaryDirectory() as folder:
        # As root it would drop its rights for the download, and could not write here.
        _run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package], folder)
        (found,) = Path(folder).glob("*.deb")
        _run(["dpkg-deb", "-x", str(found), folder])
        shutil.move(Path(folder, path), _beside(command))


def _beside(command: str) -> Path:
    return Path(sys.executable).with_name(command)


def _run(command: list[str], folder: str | None = None) -> None:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, cwd=folder, env=environ, timeout=TIMEOUT_S, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
