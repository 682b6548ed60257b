"""What every `wellhead.ports.SharedBreakers` promises: the database's, and the tests' fake."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Barrier

import pytest

from fakes.books import NOON_US, books_on_disk, rows_of
from fakes.breakers import FakeSharedBreakers
from wellhead.breaker import Shared, State
from wellhead.database.breakers import DatabaseBreakers
from wellhead.database.engine import make_engine
from wellhead.ports import SharedBreakers

S = 1_000_000
OPEN = Shared(
    "openai",
    State.OPEN,
    failures=5,
    changed_us=NOON_US,
    opened_us=NOON_US,
    opened_by="host:7",
    retry_us=NOON_US + 30 * S,
)


@dataclass
class Case:
    """What is shared, and a look into it from outside."""

    shared: SharedBreakers
    rows: Callable[[], dict[str, Shared]]


@pytest.fixture(params=["database", "fake"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "fake":
        fake = FakeSharedBreakers()
        yield Case(fake, lambda: fake.rows)
        return
    engine = books_on_disk(tmp_path)
    own = make_engine(str(engine.url))

    def rows() -> dict[str, Shared]:
        found = (Shared(**{**row, "state": State(row["state"])}) for row in rows_of(engine, "breakers"))
        return {row.subject: row for row in found}

    yield Case(DatabaseBreakers(own), rows)
    own.dispose()
    engine.dispose()


def test_what_one_puts_another_finds(case: Case) -> None:
    is_mine, made = case.shared.put(OPEN, 0)
    assert is_mine
    assert made.version == made.opening >= 1
    assert made == replace(OPEN, version=made.version, opening=made.opening, active_us=NOON_US)
    assert case.shared.look(0) == [made]
    assert case.shared.look(made.version - 1) == [made]
    assert case.shared.look(made.version) == []


def test_versions_grow_over_all_breakers_and_as_time_goes_by(case: Case) -> None:
    _, first = case.shared.put(OPEN, 0)
    _, second = case.shared.put(replace(OPEN, subject="other"), 0)
    _, third = case.shared.put(replace(first, changed_us=NOON_US + S), first.version)
    _, early = case.shared.put(replace(second, changed_us=NOON_US - 3600 * S), second.version)
    assert first.version < second.version < third.version < early.version
    assert third.version >= NOON_US + S
    assert [row.subject for row in case.shared.look(first.version)] == ["openai", "other"]


def test_an_opening_stays_what_it_was_unless_it_is_a_new_one(case: Case) -> None:
    _, opened = case.shared.put(OPEN, 0)
    _, probing = case.shared.put(replace(opened, state=State.HALF_OPEN, probe_by="me"), opened.version)
    assert probing.opening == opened.opening < probing.version
    _, again = case.shared.put(replace(probing, opening=0, state=State.OPEN), probing.version)
    assert again.opening == again.version


def test_whoever_comes_second_learns_what_is_there(case: Case) -> None:
    _, opened = case.shared.put(OPEN, 0)
    assert case.shared.put(replace(OPEN, failures=9), 0) == (False, opened)
    assert case.shared.put(replace(OPEN, subject="other"), 99) == (False, Shared("other"))
    assert case.rows() == {"openai": opened}


def test_of_many_who_put_at_once_one_succeeds(case: Case) -> None:
    _, opened = case.shared.put(OPEN, 0)
    together = Barrier(8)

    def claim(n: int) -> bool:
        together.wait(10)
        probing = replace(opened, state=State.HALF_OPEN, probe_by=f"worker {n}")
        return case.shared.put(probing, opened.version)[0]

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(claim, range(8))) == [False] * 7 + [True]


def test_a_touch_is_no_change(case: Case) -> None:
    case.shared.touch({"openai": None, "vllm": 3}, NOON_US)
    rows = case.rows()
    assert rows["openai"] == Shared("openai", active_us=NOON_US)
    assert rows["vllm"] == Shared("vllm", failures=3, active_us=NOON_US)
    assert case.shared.look(0) == []
    assert case.shared.put(OPEN, 0)[0]


def test_a_touch_never_makes_a_breaker_older_nor_changes_one_that_is_open(case: Case) -> None:
    _, opened = case.shared.put(OPEN, 0)
    case.shared.touch({"openai": 2}, NOON_US - S)
    assert case.rows()["openai"] == opened
    case.shared.touch({"openai": None}, NOON_US + S)
    assert case.rows()["openai"] == replace(opened, active_us=NOON_US + S)


def test_failures_of_a_closed_one_stay_unless_they_are_said(case: Case) -> None:
    case.shared.touch({"vllm": 3}, NOON_US)
    case.shared.touch({"vllm": None}, NOON_US)
    assert case.rows()["vllm"].failures == 3
    case.shared.touch({"vllm": 0}, NOON_US)
    assert case.rows()["vllm"].failures == 0


def test_touching_nothing_changes_nothing(case: Case) -> None:
    case.shared.touch({}, NOON_US)
    assert case.rows() == {}


def test_the_idle_and_healthy_are_forgotten_first(case: Case) -> None:
    case.shared.put(OPEN, 0)
    case.shared.touch({"healthy": None, "failing": 1}, NOON_US)
    case.shared.touch({"busy": None}, NOON_US + S)
    case.shared.forget(NOON_US, NOON_US)
    assert len(case.rows()) == 4
    case.shared.forget(NOON_US + 1, NOON_US)
    assert set(case.rows()) == {"openai", "failing", "busy"}
    case.shared.forget(NOON_US, NOON_US + 1)
    assert set(case.rows()) == {"busy"}


def test_what_comes_after_the_last_one_was_forgotten_is_still_newer(case: Case) -> None:
    _, opened = case.shared.put(OPEN, 0)
    case.shared.forget(NOON_US + S, NOON_US + S)
    _, again = case.shared.put(replace(OPEN, changed_us=NOON_US + 2 * S), 0)
    assert case.shared.look(opened.version) == [again]
