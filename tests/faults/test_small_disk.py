"""A disk that is full, or may not be written: the real program on a file system of its own.

It runs in a mount namespace, where a small `tmpfs` lies over the directory of its books.  The test sees
that through `/proc`, and has the books read inside, for SQLite goes by real paths.  A namespace can be
made by root alone; without one the tests are left out.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from fakes.load import ASK, CHAT, CHUNK, HEAD, JSON, USAGE
from fakes.program import Wellhead, clean_environment, command
from fakes.stand import GRACE_S
from fakes.wire import Exchange, WireClient, WireServer, answer, post, talk, until
from fault_table import Fault

RUNNING = 5
DISK = "4m"
IN_NAMESPACE = ("unshare", "--mount", "sh", "-c")
ON_SMALL_DISK = f'mount -t tmpfs -o size={DISK} none "$0" && exec "$@"'
ON_READ_ONLY_DISK = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
ROWS = """
import json, sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
connection.row_factory = sqlite3.Row
query = "SELECT * FROM calls LEFT JOIN request_forms ON number = request_form ORDER BY id"
print(json.dumps([dict(row) for row in connection.execute(query)], default=repr))
"""


def _has_namespaces() -> bool:
    try:
        tried = subprocess.run([*IN_NAMESPACE, ON_SMALL_DISK, "/mnt", "true"], capture_output=True)
    except OSError:
        return False
    return tried.returncode == 0


pytestmark = pytest.mark.skipif(not _has_namespaces(), reason="no mount namespace can be made here")


class OnSmallDisk(Wellhead):
    """The program with its books on a small disk."""

    def __init__(self, upstream: str, directory: Path) -> None:
        settings = {"gateway": {"shutdown_grace_s": GRACE_S}}
        super().__init__(command="gateway", upstream=upstream, config=settings, directory=directory)
        outside, self.database_path = self.database_path, directory / "disk/books.db"
        self.database_path.parent.mkdir()
        inside = [str(self.database_path) if word == str(outside) else word for word in self._command]
        self._command = [*IN_NAMESPACE, ON_SMALL_DISK, str(self.database_path.parent), *inside]

    def calls(self, after: int = 0) -> list[dict[str, Any]]:
        inside = ("nsenter", "--target", str(self.pid), "--mount", sys.executable, "-c", ROWS)
        read = subprocess.run([*inside, str(self.database_path)], capture_output=True, check=True)
        rows: list[dict[str, Any]] = json.loads(read.stdout)
        return [row for row in rows if row["id"] > after]

    @property
    def _filler(self) -> Path:
        return Path(f"/proc/{self.pid}/root{self.database_path.with_name('filler')}")

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as filler:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        filler.write(bytes(size))
                except OSError:
                    continue

    def make_room(self) -> None:
        self._filler.unlink()


@asynccontextmanager
async def a_small_disk(directory: Path) -> AsyncIterator[tuple[OnSmallDisk, WireServer, int]]:
    async with WireServer(answer(USAGE, JSON)) as upstream:
        program = OnSmallDisk(upstream.url, directory)
        await asyncio.to_thread(program.__enter__)
        try:
            yield program, upstream, int(program.gateway_url.rpartition(":")[2])
        finally:
            await asyncio.to_thread(program.__exit__, None, None, None)


@pytest.mark.fault("The disk", "it is full: neither the database nor the spool can grow")
async def test_on_a_full_disk_running_calls_finish_and_all_is_booked_when_there_is_room(
    tmp_path: Path, fault: Fault
) -> None:
    go_on = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.send(HEAD + CHUNK)
        await go_on.wait()
        await exchange.send(b"0\r\n\r\n")

    async with a_small_disk(tmp_path) as (program, upstream, port):
        upstream.script = script
        clients = [await WireClient.connect(port) for _ in range(RUNNING)]
        for client in clients:
            await client.send(post(CHAT, ASK, JSON))
            await client.reader.readuntil(CHUNK)
        program.fill()
        refused = await talk(port, post(CHAT, ASK, JSON))
        assert (refused.status, refused.header(b"x-wellhead-error")) == (503, b"books_unavailable")
        assert len(upstream.requests) == RUNNING
        go_on.set()
        for client in clients:
            assert (await client.reader.readuntil(b"0\r\n\r\n")).endswith(b"0\r\n\r\n")
            client.close()
        rows = program.calls()
        assert [row["state"] for row in rows] == ["pending"] * RUNNING
        fault.client(refused, whose="new calls")
        fault.client_sees("200, whole", "running calls")
        fault.books([], whose="new calls")
        fault.books(rows, whose="running calls")
        program.make_room()
        room_s = monotonic()
        await until(lambda: bool(program.events("books.books_available")))
        fault.over(monotonic() - room_s, 2, "what waited in memory is booked")
        rows = program.calls()
        assert {(row["state"], row["total_tokens"]) for row in rows} == {("completed", 10)}
        fault.books(rows, whose="then")
        upstream.script = answer(USAGE, JSON)
        fault.next_call(await talk(port, post(CHAT, ASK, JSON)))
        assert program.events("books.settlements_lost") == []


@pytest.mark.fault("The disk", "it may not be written at the start")
def test_on_a_disk_that_may_not_be_written_the_program_does_not_start(tmp_path: Path, fault: Fault) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    books = disk / "books.db"
    assert command(tmp_path, "projects", "create", "blue", "--database", str(books)).returncode == 0
    before = books.read_bytes()
    binds = ("--gateway-bind", "127.0.0.1:0", "--control-bind", "127.0.0.1:0")
    serve = (sys.executable, "-m", "wellhead", "serve", "--database", str(books), *binds)
    ended = subprocess.run(
        [*IN_NAMESPACE, ON_READ_ONLY_DISK, str(disk), *serve],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environment(tmp_path),
        cwd=tmp_path,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    told = ended.stdout + ended.stderr
    assert "attempt to write a readonly database" in told or "unable to open database file" in told, told
    assert books.read_bytes() == before
    fault.client_sees("the program does not start, and says why")
    fault.books_say("nothing is changed")
    fault.over_when("when it may be written, and the program is started")
