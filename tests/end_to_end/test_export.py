"""Two hundred thousand calls out of the real program: in constant memory, and with the client's speed."""

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import psutil
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from fakes import many
from fakes.program import Wellhead
from wellhead.database.engine import make_engine
from wellhead.database.upgrade import upgrade

COUNT = 200_000
GROWTH_MAX = 40_000_000
"""Bytes that a control process may grow by while it exports, whatever the number of calls..."""
PARQUET_GROWTH_MAX = 160_000_000
"""...and with pyarrow, which it loads for the first time."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wellhead]:
    directory = tmp_path_factory.mktemp("books")
    url = f"sqlite:///{directory / 'books.db'}"
    upgrade(url)
    engine = make_engine(url)
    many.calls(engine, COUNT)
    engine.dispose()
    with Wellhead(command="control", directory=directory) as program:
        yield program


class Memory:
    """The most that the control process has had, from now on."""

    def __init__(self, program: Wellhead) -> None:
        (pid,) = program.pids_of("control")
        self.process = psutil.Process(pid)
        self.before = self.most = self.process.memory_info().rss

    def look(self) -> None:
        self.most = max(self.most, self.process.memory_info().rss)

    @property
    def growth(self) -> int:
        return self.most - self.before


def figures(database: Path) -> tuple[int, int, int]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as books:
        query = "SELECT count(*), sum(total_tokens), sum(cost_nanousd) FROM calls"
        count, tokens, cost = books.execute(query).fetchone()
    return count, tokens, cost


def log_pages(database: Path) -> int:
    """How many pages of the write-ahead log cannot be put back into the database just now."""
    with closing(sqlite3.connect(database, isolation_level=None)) as books:
        busy, _, _ = books.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return int(busy)


def test_two_hundred_thousand_calls_are_exported_in_constant_memory_and_agree_with_the_books(
    program: Wellhead,
) -> None:
    memory = Memory(program)
    count = tokens = cost = 0
    with httpx.stream("GET", f"{program.control_url}/admin/export?format=csv", timeout=60) as answer:
        assert answer.status_code == 200
        lines = csv.reader(answer.iter_lines())
        names = next(lines)
        at = {name: names.index(name) for name in ("total_tokens", "cost_nanousd")}
        for values in lines:
            count += 1
            tokens += int(values[at["total_tokens"]])
            cost += int(values[at["cost_nanousd"]])
            if count % 10_000 == 0:
                memory.look()
    assert (count, tokens, cost) == figures(program.database_path)
    assert count == COUNT
    assert memory.growth < GROWTH_MAX, memory.growth


def test_parquet_of_two_hundred_thousand_calls_is_made_in_constant_memory(program: Wellhead) -> None:
    memory = Memory(program)
    content = io.BytesIO()
    with httpx.stream("GET", f"{program.control_url}/admin/export?format=parquet", timeout=60) as answer:
        for piece in answer.iter_raw():
            content.write(piece)
            memory.look()
    table = pq.read_table(content, columns=["total_tokens", "cost_nanousd"])
    count, tokens, cost = figures(program.database_path)
    assert table.num_rows == count
    assert sum(table["total_tokens"].to_pylist()) == tokens
    assert sum(table["cost_nanousd"].to_pylist()) == cost
    assert memory.growth < PARQUET_GROWTH_MAX, memory.growth


def test_a_slow_client_holds_up_its_export_and_nobody_else(program: Wellhead) -> None:
    memory = Memory(program)
    with httpx.stream("GET", f"{program.control_url}/admin/export?format=jsonl", timeout=60) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        still = idle_for(memory.process, 0.5)
        assert memory.growth < GROWTH_MAX
        # Nothing of the database is held meanwhile, and others are answered.
        assert log_pages(program.database_path) == 0
        assert httpx.get(f"{program.control_url}/ready").status_code == 200
        more = sum(len(next(pieces)) for _ in range(1_000))
    assert still
    assert more > 1_000_000, "it goes on with the client"


def test_a_client_that_leaves_ends_its_export(program: Wellhead) -> None:
    memory = Memory(program)
    with httpx.stream("GET", f"{program.control_url}/admin/export?format=json", timeout=60) as answer:
        next(answer.iter_raw())
    assert idle_for(memory.process, 0.3)
    assert httpx.get(f"{program.control_url}/admin/stats").status_code == 200


def idle_for(process: Any, seconds: float, within_s: float = 20.0) -> bool:
    """Whether a process comes to rest: it uses next to no time of a processor for so long."""
    deadline = monotonic() + within_s
    while monotonic() < deadline:
        before = sum(process.cpu_times()[:2])
        sleep(seconds)
        if sum(process.cpu_times()[:2]) - before <= 0.02:
            return True
    return False
