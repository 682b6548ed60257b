"""The modules a process has loaded once it is ready for its settings."""

import subprocess
import sys

CODE = """
import sys
from wellhead.serve import worker
from wellhead import compose_{role}
compose_{role}.prepare_{role}()
print(*sorted(sys.modules))
"""


def loaded_by(role: str) -> set[str]:
    """Their names, as a fresh process of that role tells them."""
    ended = subprocess.run(
        [sys.executable, "-c", CODE.format(role=role)], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ended.stdout.split())
