"""The books under real processes: several at once, and some that are killed."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, text

from fakes.books import book_ends, rollups_of, rows_of
from ledger.spending_process import CALL_NANOUSD
from wellhead.clock import wall_us
from wellhead.database.engine import writing_connection
from wellhead.database.registry import DatabaseRegistry
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.processes import is_running, this_process
from wellhead.ledger.rebuild import rebuild
from wellhead.ledger.recovery import IDLE_SILENCE_US_MAX, recover
from wellhead.limit import Measure, Scope, ScopeKind, Window
from wellhead.registry import Actor, NewLimit
from wellhead.vault import Vault

PROGRAM = Path(__file__).with_name("writing_process.py")
SPENDING = Path(__file__).with_name("spending_process.py")
TESTS = PROGRAM.parent.parent
WRITERS = 3
CALLS = 3000
KILLINGS = 6
CALLS_BEFORE_KILLING_MAX = 3000


def writing_process(engine: Engine, calls: int, program: Path = PROGRAM) -> subprocess.Popen[bytes]:
    path = os.pathsep.join((str(TESTS), os.environ.get("PYTHONPATH", "")))
    return subprocess.Popen(
        [sys.executable, str(program), str(engine.url), str(calls)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )


def test_several_processes_write_one_file_without_errors_or_lost_rows(engine: Engine) -> None:
    processes = [writing_process(engine, CALLS) for _ in range(WRITERS)]

    opened = [int(line) for process in processes for line in process.communicate(timeout=100)[0].split()]
    assert [process.returncode for process in processes] == [0] * WRITERS
    rows = rows_of(engine, "calls")
    assert {row["id"] for row in rows} == set(opened)
    assert Counter(row["state"] for row in rows) == {"completed": WRITERS * CALLS}
    rollups = rollups_of(engine)
    assert sum(row["calls"] for row in rollups["usage_total"]) == WRITERS * CALLS
    assert sum(row["total_tokens"] for row in rollups["usage_hourly"]) == WRITERS * CALLS * 200
    assert rows_of(engine, "workers") == []
    rebuild(engine, wall_us())
    assert rollups_of(engine) == rollups


def test_killing_writers_at_random_moments_loses_no_call_whose_opening_returned(engine: Engine) -> None:
    opened: set[int] = set()
    for _ in range(KILLINGS):
        opened |= written_until_killed(engine, random.randint(1, CALLS_BEFORE_KILLING_MAX))
        clerk = Clerk(engine, wall_us, this_process())
        clerk.sign_on()
        clerk.sign_off()

    rows = rows_of(engine, "calls")
    assert opened <= {row["id"] for row in rows}
    assert {row["state"] for row in rows} <= {"completed", "interrupted"}
    assert rows_of(engine, "workers") == []
    rollups = rollups_of(engine)
    assert sum(row["calls"] for row in rollups["usage_total"]) == len(rows)
    rebuild(engine, wall_us())
    assert rollups_of(engine) == rollups


def test_a_process_that_is_merely_stopped_keeps_its_calls(engine: Engine) -> None:
    process = writing_process(engine, 0)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    much_later_us = wall_us() + 100 * IDLE_SILENCE_US_MAX

    with closing(writing_connection(engine)) as connection:
        assert recover(connection, this_process(), much_later_us, is_running, book_ends) == 0
    assert len(rows_of(engine, "workers")) == 1

    process.kill()
    process.communicate()


def written_until_killed(engine: Engine, calls: int) -> set[int]:
    """The ids that a writer had said when it was killed, some moment after the given number of them."""
    process = writing_process(engine, 0)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(calls)]
    process.kill()
    said += process.stdout.read().splitlines(keepends=True)
    process.stdout.close()
    process.wait()
    return {int(line) for line in said if line.endswith(b"\n")}


def test_a_budget_in_dollars_is_never_overdrawn_by_several_processes(engine: Engine) -> None:
    registry = DatabaseRegistry(engine, no_vault, wall_us)
    budget = NewLimit(Measure.COST, Window.MONTH, 10 * CALL_NANOUSD, Scope(ScopeKind.GLOBAL))
    limit = registry.create_limit(Actor("tests"), budget)
    processes = [writing_process(engine, 70, SPENDING) for _ in range(WRITERS)]
    seen: set[int] = set()

    while any(process.poll() is None for process in processes):
        with engine.connect() as connection:
            spent = connection.execute(text("SELECT coalesce(sum(used + held), 0) FROM limit_windows"))
            seen.add(spent.scalar_one())
    admitted = [int(process.communicate(timeout=100)[0]) for process in processes]
    assert sum(admitted) == 10
    assert max(seen) <= limit.amount
    (window,) = rows_of(engine, "limit_windows")
    assert (window["used"], window["held"], window["exceeded"]) == (limit.amount, 0, 70 * WRITERS - 10)
    assert sum(row["cost_nanousd"] or 0 for row in rows_of(engine, "calls")) == limit.amount


def no_vault() -> Vault:
    raise AssertionError("nothing is sealed here")
