import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from wellhead.database.bulk import ROWS_MAX, Bulk, placeholders

INSERT = Bulk("INSERT INTO t VALUES ", placeholders(2))


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        made.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, half)")
        yield made


@pytest.mark.parametrize("count", [0, 1, 2, 3, 63, 64, 65, 127, 200])
def test_all_rows_are_run_in_their_order(connection: sqlite3.Connection, count: int) -> None:
    rows = [(n, n // 2) for n in range(count)]

    assert INSERT.run(connection, rows) == count
    assert connection.execute("SELECT * FROM t ORDER BY rowid").fetchall() == rows


def test_many_rows_are_few_statements(connection: sqlite3.Connection) -> None:
    seen: list[str] = []
    connection.set_trace_callback(seen.append)

    INSERT.run(connection, [(n, n) for n in range(3 * ROWS_MAX + 5)])
    assert len(seen) == 3 + 2


def test_a_row_left_over_is_run_alone_where_there_is_a_statement_for_it(
    connection: sqlite3.Connection,
) -> None:
    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    insert = Bulk(
        "INSERT INTO t (n, half) VALUES ", placeholders(2), alone="INSERT INTO t (n, half) VALUES (?, -?)"
    )

    insert.run(connection, [(n, n) for n in range(5)])
    assert len(seen) == 2
    assert connection.execute("SELECT half FROM t ORDER BY n").fetchall() == [(0,), (1,), (2,), (3,), (-4,)]


def test_rows_touched_are_counted_over_all_statements(connection: sqlite3.Connection) -> None:
    INSERT.run(connection, [(n, 0) for n in range(100)])
    update = Bulk(
        "UPDATE t SET half = v.column2 FROM (VALUES ", placeholders(2), ") AS v WHERE n = v.column1"
    )

    assert update.run(connection, [(n, 1) for n in range(50, 250)]) == 50
