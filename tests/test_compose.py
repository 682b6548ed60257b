"""What a gateway process is made of."""

import asyncio
import socket
import subprocess
import sys
from dataclasses import dataclass

from wellhead import logs
from wellhead.compose import Life, end_with_books

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


@dataclass
class Books:
    is_alive: bool = True


async def test_a_gateway_ends_when_its_books_thread_has() -> None:
    books, (ours, theirs) = Books(), socket.socketpair()
    with ours, theirs:
        life = Life(ours, ready=b"")
        watching = asyncio.create_task(
            end_with_books(books, life, logs.configure("error", "json"), look_s=0.001)
        )
        await asyncio.sleep(0)
        assert not life.asked.is_set()
        books.is_alive = False
        await asyncio.wait_for(watching, 5)
        assert life.asked.is_set()
