"""Installs what the tests need of the system beside Python: Debian packages, those that are missing.

`make setup` runs it.  Where it cannot (no apt-get, no rights) it says what to install; the tests that need
the part fail until it is there, for a test that passes without its real part has shown nothing.
"""

import os
import shutil
import subprocess
import sys

PACKAGES = {
    "curl": "curl",  # tests/end_to_end/test_walkthrough.py, tests/docs
    "jq": "jq",  # tests/docs/test_keys_page.py
}
"""Commands, and the packages that they are in."""
TIMEOUT_S = 600


def main() -> int:
    missing = sorted({package for command, package in PACKAGES.items() if shutil.which(command) is None})
    if not missing:
        return 0
    print(f"installing for the tests: {' '.join(missing)}", flush=True)
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", "-y", *missing]):
        try:
            subprocess.run(
                [*as_root, "apt-get", *arguments],
                env=environ,
                timeout=TIMEOUT_S,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        except (OSError, subprocess.SubprocessError) as error:
            print(f"could not install them ({error}); some tests will fail until you have", file=sys.stderr)
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
