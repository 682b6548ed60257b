import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from msgspec.structs import astuple, fields, replace
from sqlalchemy import inspect, text

from fakes.books import NOON_US, an_opening, closed_of, rollups_of, rows_of
from wellhead.call import Opening
from wellhead.database import calls, retention, rollups, versions
from wellhead.database.backup import checked
from wellhead.database.bulk import placeholders
from wellhead.database.calls import Settled
from wellhead.database.day_sheets import packed_sessions
from wellhead.database.engine import make_engine, transaction, writing_connection
from wellhead.database.reports import DatabaseReports
from wellhead.database.schema import metadata
from wellhead.database.upgrade import is_current, upgrade
from wellhead.demo.history import history
from wellhead.errors import BooksUnavailable
from wellhead.histogram import unpacked
from wellhead.ledger.check import check
from wellhead.ledger.closing import close
from wellhead.ledger.rebuild import rebuild
from wellhead.ledger.rollup import tally
from wellhead.moments import DAY_US
from wellhead.report import Dimension, Question

ALEMBICS = "alembic_version"


def test_migrations_make_exactly_the_schema(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    upgrade_to("head", url)

    engine = make_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    engine.dispose()

    assert differences == []


def test_migrations_make_the_same_statements_as_the_schema(tmp_path: Path) -> None:
    """Alembic's comparison does not see `WITHOUT ROWID`, the `WHERE` of an index, or the order of columns."""
    migrated, made = tmp_path / "migrated.db", tmp_path / "made.db"
    upgrade_to("head", f"sqlite:///{migrated}")
    engine = make_engine(f"sqlite:///{made}")
    metadata.create_all(engine)
    engine.dispose()

    assert {one for one in statements(migrated) if one[0] != ALEMBICS} == statements(made)


def test_new_books_are_those_that_migrations_make(tmp_path: Path) -> None:
    """They are made at once, and nothing must tell them apart: no table, no row, no version."""
    migrated, made = tmp_path / "migrated.db", tmp_path / "made.db"
    upgrade_to("head", f"sqlite:///{migrated}")
    upgrade(f"sqlite:///{made}")

    assert statements(made) == statements(migrated)
    assert all_rows(made) == all_rows(migrated)
    assert all_rows(made)["registry"] == [(1, 1, None)]


def test_the_versions_are_those_of_the_migrations() -> None:
    scripts = ScriptDirectory.from_config(config_of_migrations())

    assert versions.known() == [one.revision for one in scripts.walk_revisions()][::-1]
    assert scripts.get_heads() == versions.known()[-1:]


def test_a_database_is_current_only_after_its_upgrade(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    assert not is_current(url)

    upgrade(url)
    assert is_current(url)


def test_upgrading_twice_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    upgrade(url)
    before = statements(tmp_path / "books.db")

    upgrade(url)

    assert statements(tmp_path / "books.db") == before


def test_the_registry_of_migrated_books_begins_with_its_first_version(tmp_path: Path) -> None:
    upgrade_to("head", f"sqlite:///{tmp_path}/books.db")

    with closing(sqlite3.connect(tmp_path / "books.db")) as connection:
        assert connection.execute("SELECT * FROM registry").fetchall() == [(1, 1, None)]


def test_books_of_the_first_version_keep_their_calls(tmp_path: Path) -> None:
    file = tmp_path / "books.db"
    upgrade_to("0001", f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection, connection:
        required = "id, state, worker_id, started_us, provider, dialect, method, path, streamed"
        connection.execute(f"INSERT INTO calls ({required}) VALUES (7,'completed',1,2,'p','d','POST','/',0)")

    upgrade(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT id, admitted_us FROM calls").fetchall() == [(7, None)]


def test_books_with_calls_get_the_rollups_that_rebuilding_gives(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    upgrade_to("0003", url)
    engine = make_engine(url)
    settled = [
        (replace(call, origin="http://localhost") if call.id % 7 == 0 else call, end)
        for call, end in history(NOON_US, 1, 2_000)
    ]
    with closing(writing_connection(engine)) as connection, transaction(connection):
        put_in(connection, [opening for opening, _ in settled])
        put_in(connection, [an_opening(5)])
        calls.settle(connection, calls.settled_rows(settled))
        book_rollups_of_the_third_version(connection, settled)

    upgrade(url)
    assert check(engine, NOON_US) == []
    filled = rollups_of(engine)
    rebuild(engine, NOON_US)
    assert rollups_of(engine) == filled
    assert all(filled.values())
    assert "latency_hourly" not in inspect(engine).get_table_names()
    engine.dispose()


def test_books_of_the_ninth_version_keep_what_was_removed_and_what_they_added_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    upgrade_to("0003", url)
    engine = make_engine(url)
    settled = list(history(NOON_US, 1, 500))
    with closing(writing_connection(engine)) as connection, transaction(connection):
        put_in(connection, [opening for opening, _ in settled])
        calls.settle(connection, calls.settled_rows(settled))
        book_rollups_of_the_third_version(connection, settled)
    upgrade_to("0009", url)
    with closing(writing_connection(engine)) as connection, transaction(connection):
        assert connection.execute("SELECT count(*) FROM spending_daily").fetchone()[0]
        connection.execute("INSERT INTO latency_removed SELECT * FROM latency_total")

    upgrade(url)

    assert rows_of(engine, "latency_removed") == rows_of(engine, "latency_total") != []
    assert check(engine, NOON_US) != []  # As if as many calls more had been removed.
    with closing(writing_connection(engine)) as connection, transaction(connection):
        connection.execute("DELETE FROM latency_removed")
    assert check(engine, NOON_US) == []
    assert close(engine, NOON_US // DAY_US + 1, rest=lambda _: None) > 0
    assert check(engine, NOON_US) == []
    engine.dispose()


def test_days_that_the_tenth_version_closed_are_open_until_they_are_closed_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    upgrade_to("0010", url)
    engine = make_engine(url)
    settled = list(history(NOON_US, 1, 500))
    with closing(writing_connection(engine)) as connection, transaction(connection):
        put_in(connection, [opening for opening, _ in settled])
        calls.settle(connection, calls.settled_rows(settled))
        rollups.add(connection, tally(settled))
        day = settled[0][1].finished_us // DAY_US
        connection.execute("INSERT INTO closed_days VALUES (?,1)", (day,))
        connection.execute("INSERT INTO session_sheets VALUES (?,x'00')", (day,))

    upgrade(url)

    assert closed_of(engine) == {}
    assert check(engine, NOON_US) == []
    assert close(engine, NOON_US // DAY_US + 1, rest=lambda _: None) > 0
    assert day in closed_of(engine)
    assert check(engine, NOON_US) == []
    engine.dispose()


def test_how_long_calls_took_is_told_of_days_once_they_are_closed_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    upgrade_to("0011", url)
    engine = make_engine(url)
    settled = list(history(NOON_US, 3, 900))
    first = min(end.finished_us for _, end in settled) // DAY_US
    with closing(writing_connection(engine)) as connection, transaction(connection):
        put_in(connection, [opening for opening, _ in settled])
        calls.settle(connection, calls.settled_rows(settled))
        rollups.add(connection, tally(settled))
        for day in (first, first + 1):
            connection.execute("INSERT INTO closed_days VALUES (?,1)", (day,))
            nothing = packed_sessions({}, {}, {}).sheet
            connection.execute("INSERT INTO session_sheets VALUES (?,?)", (day, nothing))
        retention.mark(connection, (first + 1) * DAY_US)

    upgrade(url)

    assert list(closed_of(engine)) == [first]  # Its calls are gone: it cannot be counted again.
    asked = Question((), (Dimension.TOOL,), ((first + 1) * DAY_US, NOON_US))
    before = DatabaseReports(engine).percentiles(asked, (50, 99))
    assert close(engine, NOON_US // DAY_US, rest=lambda _: None) > 0
    assert DatabaseReports(engine).percentiles(asked, (50, 99)) == before
    gone = Question((), (Dimension.TOOL,), (first * DAY_US, (first + 1) * DAY_US))
    assert DatabaseReports(engine).percentiles(gone, (50,)) == {}
    engine.dispose()


def book_rollups_of_the_third_version(connection: sqlite3.Connection, settled: list[Settled]) -> None:
    """They had nothing by the day, and a row for each bucket."""
    counted = tally(settled)
    for table, rows in (("usage_hourly", counted.usage_hourly), ("usage_total", counted.usage_total)):
        connection.executemany(f"INSERT INTO {table} VALUES {placeholders(len(rows[0]))}", rows)
    for hour, provider, model, *_, latency, ttft in counted.models_hourly:
        both = unpacked(latency), unpacked(ttft)
        for number in both[0].keys() | both[1].keys():
            values = (hour, provider, model, number, both[0].get(number, 0), both[1].get(number, 0))
            connection.execute("INSERT INTO latency_hourly VALUES (?,?,?,?,?,?)", values)


def test_several_processes_may_upgrade_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    program = f"from wellhead.database.upgrade import upgrade; upgrade({url!r})"
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(4)]

    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0, 0]
    assert is_current(url)


def test_an_upgrade_that_fails_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE price_lists (in_the_way INTEGER)"))

    with pytest.raises(BooksUnavailable, match="price_lists"):
        upgrade(url)

    assert inspect(engine).get_table_names() == ["price_lists"]
    engine.dispose()


def test_books_are_copied_before_they_are_changed_and_the_newest_copies_are_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    for number in range(3):
        (tmp_path / f"books.db.before-000{number}-x").write_text("")
        os.utime(tmp_path / f"books.db.before-000{number}-x", (number, number))
    upgrade_to("0003", url)
    assert not is_current(url)

    upgrade(url, copies=2)
    upgrade(url, copies=2)

    *_, older, copy = sorted(path.name for path in tmp_path.iterdir())
    assert older == "books.db.before-0002-x"
    assert checked(tmp_path / copy).revision == "0003"
    assert is_current(url)


def test_new_books_and_books_that_are_current_are_not_copied(tmp_path: Path) -> None:
    for _ in range(2):
        upgrade(f"sqlite:///{tmp_path}/books.db")
    upgrade_to("0003", f"sqlite:///{tmp_path}/others.db")
    upgrade(f"sqlite:///{tmp_path}/others.db", copies=0)

    assert {path.suffix for path in tmp_path.iterdir()} <= {".db", ".db-shm", ".db-wal"}


def test_a_file_that_is_no_database_is_said_to_be_unavailable(tmp_path: Path) -> None:
    (tmp_path / "books.db").write_bytes(b"not a database, " * 100)

    with pytest.raises(BooksUnavailable, match=r"books\.db: .* not a database"):
        upgrade(f"sqlite:///{tmp_path}/books.db")


def test_a_gateway_process_never_imports_alembic() -> None:
    program = "import sys, wellhead.ledger.writer; sys.exit('alembic' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def config_of_migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", "wellhead.database:migrations")
    return config


def test_calls_of_the_twelfth_version_are_made_as_before(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    upgrade_to("0012", url)
    engine = make_engine(url)
    made = [
        an_opening(1, user_agent="codex", credential_hash=b"a" * 32, session="s"),
        an_opening(2, started_us=NOON_US + DAY_US, path="/v1/messages", method="GET"),
        an_opening(3, user_agent="codex", credential_hash=b"a" * 32),
    ]
    with closing(writing_connection(engine)) as connection, transaction(connection):
        put_in(connection, made)

    upgrade(url)

    with closing(writing_connection(engine)) as connection:
        assert calls.pending_of(connection, 1, 10) == made
        assert connection.execute("SELECT count(*) FROM request_forms").fetchone() == (2,)
        more = an_opening(4, user_agent="codex", credential_hash=b"a" * 32)
        calls.insert(connection, calls.pending_rows(1, [more]))  # It finds the form that is there.
        assert connection.execute("SELECT count(*) FROM request_forms").fetchone() == (2,)
        assert calls.pending_of(connection, 1, 10) == [*made, more]
    engine.dispose()


def test_very_many_calls_of_the_twelfth_version_are_taken_over_piece_by_piece(tmp_path: Path) -> None:
    url, file = f"sqlite:///{tmp_path}/books.db", tmp_path / "books.db"
    upgrade_to("0012", url)
    engine = make_engine(url)
    made = [an_opening(n, path=f"/v1/{n % 3}", user_agent="codex " * 20) for n in range(1, 45_000)]
    with closing(writing_connection(engine)) as connection, transaction(connection):
        put_in(connection, made)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = file.stat().st_size

    upgrade(url, 0)

    with closing(writing_connection(engine)) as connection:
        assert calls.pending_of(connection, 1, 50_000) == made
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    assert file.stat().st_size < 1.1 * before  # New ones take the room of the old ones.


def put_in(connection: sqlite3.Connection, openings: Sequence[Opening]) -> None:
    """Pending calls, as books of up to the twelfth version have them."""
    names = [field.name for field in fields(Opening)]
    query = f"INSERT INTO calls ({','.join(names)},worker_id,state) VALUES {placeholders(len(names) + 2)}"
    rows = ([int(v) if isinstance(v, bool) else v for v in astuple(one)] for one in openings)
    connection.executemany(query, ([*row, 1, "pending"] for row in rows))


def upgrade_to(revision: str, url: str) -> None:
    config = config_of_migrations()
    engine = make_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def statements(path: Path) -> set[tuple[str, str]]:
    connection = sqlite3.connect(path)
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    # A column that came later stands in the same place, but on the line of the one before it.
    found = {(name, " ".join(sql.split())) for name, sql in connection.execute(query)}
    connection.close()
    return found


def all_rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables}


def test_books_of_a_newer_version_or_of_somebody_else_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "books.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('9999')"
        )

    with pytest.raises(BooksUnavailable, match=r"books\.db: .* newer version .* another program"):
        upgrade(f"sqlite:///{file}")
