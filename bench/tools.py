"""nginx and wrk: found, or installed when this machine allows it.

Debian's own packages through `apt-get`, as root; anywhere else a person is told
what is missing, and the rows that need it are named as missing.
"""

import os
import shutil
import subprocess

from bench.rig import Rig, Unmeasured

NEEDED = ("nginx", "wrk")
"""Each is also the name of its package."""
INSTALL_MAX_S = 180.0


def provide(rig: Rig) -> list[str]:
    """Install what is missing if that is possible; says what is missing in the end, and why."""
    missing = _missing(rig)
    if not missing:
        return []
    if shutil.which("apt-get") is None:
        return [f"{name}: not installed, and there is no apt-get here to install it with" for name in missing]
    if os.geteuid() != 0:
        return [f"{name}: not installed; as root: apt-get install {name}" for name in missing]
    trouble = _install(missing)
    return [f"{name}: apt-get could not install it: {trouble}" for name in _missing(rig)]


def _missing(rig: Rig) -> list[str]:
    missing = []
    for name in NEEDED:
        try:
            rig.tool(name)
        except Unmeasured:
            missing.append(name)
    return missing


def _install(names: list[str]) -> str:
    """Install packages; says what the last failing command had to say."""
    print(f"installing {' and '.join(names)} with apt-get", flush=True)
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *names]
    trouble = ""
    # The package lists are often missing or old on a fresh machine, but need not be.
    for command in (install, ["apt-get", "update", "--quiet"], install):
        trouble = _run(command)
        if command is install and not trouble:
            break
    return trouble


def _run(command: list[str]) -> str:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=INSTALL_MAX_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
    return "" if done.returncode == 0 else lines[-1]
