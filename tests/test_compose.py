"""What a gateway process is made of."""

import subprocess
import sys

CODE = """
import sys
from wellhead.serve import worker
from wellhead import compose
compose.prepare_{role}()
print(*sorted(sys.modules))
"""


def modules(role: str) -> set[str]:
    ended = subprocess.run(
        [sys.executable, "-c", CODE.format(role=role)], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ended.stdout.split())


def test_a_gateway_process_loads_nothing_of_the_control_plane() -> None:
    unwanted = {
        "fastapi",
        "starlette",
        "pydantic",
        "alembic",
        "typer",
        "yaml",
        "wellhead.control",
        "wellhead.cli",
    }
    assert modules("gateway") & unwanted == set()


def test_a_control_process_loads_nothing_of_the_data_plane() -> None:
    assert modules("control") & {"aiohttp", "wellhead.gateway", "wellhead.ledger.writer", "alembic"} == set()
