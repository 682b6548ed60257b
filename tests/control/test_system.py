"""The system page: what runs, the books' size and calls, the workers, the spool."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from fakes.books import NOON_US, a_settlement, an_opening, book_ends, books_on_disk
from fakes.control import a_client, an_app, assert_one_shape
from fakes.reports import FakeReports
from wellhead.call import CallState
from wellhead.control.health import Beside
from wellhead.database import calls, workers
from wellhead.database.engine import make_engine, transaction, writing_connection
from wellhead.database.reports import DatabaseReports
from wellhead.database.schema import retention
from wellhead.database.upgrade import upgrade
from wellhead.database.workers import Load, Process
from wellhead.figures import SpoolFigure, WorkerSpool
from wellhead.moments import DAY_US
from wellhead.ports import Reports


async def system(reports: Reports, **more: Any) -> dict[str, Any]:
    async with a_client(an_app(reports, **more)) as client:
        answer = await client.get("/admin/system")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def upgraded(directory: Path) -> Engine:
    url = f"sqlite:///{directory / 'books.db'}"
    upgrade(url)
    return make_engine(url)


def book(engine: Engine) -> None:
    made = [
        (an_opening(n, started_us=NOON_US - n * DAY_US), a_settlement(finished_us=NOON_US - n * DAY_US + 1))
        for n in (1, 2, 3)
    ]
    made.append((an_opening(4), a_settlement(state=CallState.REFUSED)))
    with closing(writing_connection(engine)) as connection, transaction(connection):
        openings = [*(opening for opening, _ in made), an_opening(9)]
        calls.insert(connection, calls.pending_rows(1, openings))
        book_ends(connection, made)


async def test_it_tells_of_the_program_and_its_books(tmp_path: Path) -> None:
    engine = upgraded(tmp_path)
    with engine.connect() as connection:  # Whoever comes last empties the log.
        connection.execute(text("SELECT 1 FROM calls"))
        book(engine)
    found = await system(DatabaseReports(engine))
    assert (found["version"], found["now"]) == ("1.2.3", "2025-03-01T12:00:00.000Z")
    assert found["python"].count(".") == 2
    books = found["database"]
    file = Path(str(engine.url.database))
    assert (books["kind"], books["path"], books["calls"]) == ("sqlite", str(file.resolve()), 5)
    assert books["bytes"] == file.stat().st_size
    assert books["log_bytes"] == Path(f"{file}-wal").stat().st_size > 0
    assert books["migration"] is not None
    with engine.begin() as connection:
        connection.execute(retention.insert().values(id=1, removed_before_us=NOON_US - 5 * DAY_US // 2))
    assert (await system(DatabaseReports(engine)))["database"]["calls"] == 4
    engine.dispose()


async def test_it_tells_of_each_gateway_process_as_it_was_last_heard_of(tmp_path: Path) -> None:
    engine = books_on_disk(tmp_path)
    with closing(writing_connection(engine)) as connection, transaction(connection):
        process = Process("gpu-1/7f3a/4026", 4242, 5)
        worker = workers.register(connection, process, NOON_US - 5, ())
        workers.beat(connection, worker, NOON_US - 1_000_000, Load(3, 2, 10, 4_000, 1))
        calls.insert(connection, calls.pending_rows(worker.slot, [an_opening(9)]))
    reports = DatabaseReports(engine, lambda one, has_calls, _: has_calls and one.slot == worker.slot)
    (one,) = (await system(reports))["workers"]
    assert one == {
        "worker": worker.slot,
        "host": "gpu-1",
        "pid": 4242,
        "up": True,
        "started_at": "2025-03-01T11:59:59.999Z",
        "heartbeat_at": "2025-03-01T11:59:59.000Z",
        "calls_open": 1,
        "queued": 2,
        "commits": 10,
        "commit_ms": 0.4,
        "settlements_lost": 1,
    }
    engine.dispose()


async def test_it_tells_what_waits_in_the_spool() -> None:
    full = SpoolFigure((WorkerSpool(0, 3, 300, NOON_US), WorkerSpool(1, 1, 50, None)), 1_000, 2)
    found = await system(FakeReports(), beside=Beside(lambda: full))
    assert found["spool"] == {
        "entries": 4,
        "bytes": 350,
        "bytes_max": 1_000,
        "oldest_at": "2025-03-01T12:00:00.000Z",
        "damaged": 2,
    }
    empty = await system(FakeReports(), beside=Beside(lambda: replace(full, workers=())))
    assert (empty["spool"]["entries"], empty["spool"]["oldest_at"]) == (0, None)


async def test_without_books_it_says_so() -> None:
    reports = FakeReports()
    reports.available = False
    async with a_client(an_app(reports)) as client:
        assert_one_shape(await client.get("/admin/system"), 503, "BOOKS_UNAVAILABLE")
