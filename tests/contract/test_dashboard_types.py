"""The dashboard is typed by the API as it is."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_types_of_the_dashboard_are_those_of_the_openapi_document() -> None:
    command = [sys.executable, "tools/dashboard_types.py", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert checked.returncode == 0, f"web/src/api/schema.ts is behind the API: `make types`\n{checked.stderr}"
