"""What a gateway process is made of."""

import asyncio
import socket
from dataclasses import dataclass

from fakes.loaded import loaded_by
from wellhead import logs
from wellhead.compose_gateway import end_with_books
from wellhead.hosting import Life


def test_a_gateway_process_loads_nothing_of_the_control_plane() -> None:
    unwanted = {
        "fastapi",
        "starlette",
        "pydantic",
        "alembic",
        "typer",
        "yaml",
        "numpy",
        "wellhead.control",
        "wellhead.cli",
    }
    assert loaded_by("gateway") & unwanted == set()


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
