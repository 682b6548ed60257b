"""Who has a series of its own: given once, kept for good, and never too many."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy import Engine

from fakes.books import a_settlement, an_opening, rows_of
from wellhead.call import CallState
from wellhead.database import metric_names, rollups
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.figures import figures, is_registered
from wellhead.database.registry import DatabaseRegistry
from wellhead.ledger.rollup import tally
from wellhead.moments import DAY_US
from wellhead.registry import Actor
from wellhead.report import Measure
from wellhead.usage import NO_USAGE, UsageSource
from wellhead.vault import Vault


@pytest.fixture
def add(engine: Engine) -> Callable[..., None]:
    def add_up(*models: str, used: bool = True) -> None:
        end = a_settlement()
        if not used:
            end = a_settlement(state=CallState.FAILED, usage=NO_USAGE, usage_source=UsageSource.ABSENT)
        ended = [(an_opening(number, model=model), end) for number, model in enumerate(models)]
        with closing(writing_connection(engine)) as connection, transaction(connection):
            rollups.add(connection, tally(ended))

    return add_up


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_names, "NAMES_MAX", 4)
    monkeypatch.setattr(metric_names, "UNUSED_MAX", 2)
    monkeypatch.setattr(metric_names, "LATE_MAX", 3)


def named(engine: Engine, *, is_named: bool = True) -> list[str]:
    metric_names.give(engine)
    rows = rows_of(engine, "metric_names")
    return [row["name"] for row in rows if row["kind"] == "model" and row["is_named"] is is_named]


def test_of_those_that_are_new_at_the_same_time_the_busiest_are_named(
    engine: Engine, add: Callable[..., None]
) -> None:
    add("a", "b", "b", "c", "c", "d", "d", "e", "e", "e")
    assert named(engine) == ["b", "c", "d", "e"]
    assert named(engine, is_named=False) == ["a"]


def test_half_of_the_names_are_kept_for_what_is_really_used(engine: Engine, add: Callable[..., None]) -> None:
    add("x", "x", "y", "z", used=False)
    assert named(engine) == ["x", "y"]
    add("a", "b", "c")
    assert named(engine) == ["a", "b", "x", "y"]


def test_who_came_too_late_stays_among_the_others_for_good(engine: Engine, add: Callable[..., None]) -> None:
    add("x", "y", "z", used=False)
    assert named(engine) == ["x", "y"]
    add("z", "z", "z")
    assert named(engine) == ["x", "y"]


def test_once_too_many_came_too_late_no_name_is_given_any_more(
    engine: Engine, add: Callable[..., None]
) -> None:
    add(*(f"x{number}" for number in range(5)), used=False)
    assert len(named(engine)) == 2
    assert len(named(engine, is_named=False)) == 3
    add("a")
    assert "a" not in named(engine)


def test_the_same_model_of_two_providers_has_two_names(engine: Engine) -> None:
    ended = [(an_opening(1, provider=provider, model="m"), a_settlement()) for provider in ("p", "q")]
    with closing(writing_connection(engine)) as connection, transaction(connection):
        rollups.add(connection, tally(ended))
    assert named(engine) == ["m", "m"]


# Who retires makes room.

DAY = a_settlement().finished_us // DAY_US


@pytest.fixture
def add_on(engine: Engine) -> Callable[..., None]:
    def add_up(day: int, *models: str) -> None:
        end = a_settlement(finished_us=day * DAY_US)
        ended = [(an_opening(number, model=model, tool=None), end) for number, model in enumerate(models)]
        with closing(writing_connection(engine)) as connection, transaction(connection):
            rollups.add(connection, tally(ended))

    return add_up


def calls_by_name(engine: Engine) -> dict[str, int]:
    found = figures(engine, DAY * DAY_US, is_registered).usage
    sums: Counter[str] = Counter()
    for line in found:
        sums[str(line.keys[1])] += line.sums[Measure.CALLS]
    return dict(sums)


def test_who_was_not_seen_for_long_goes_on_under_one_name_and_makes_room(
    engine: Engine, add_on: Callable[..., None]
) -> None:
    add_on(DAY - 9, "a", "a", "b", "c", "d", "late")
    add_on(DAY, "c")
    assert calls_by_name(engine) == {"a": 2, "b": 1, "c": 2, "d": 1, "other": 1}
    found, shared = metric_names.retire(engine, DAY - 8, "2026-03-01")
    assert [one.name for one in found] == ["a", "b", "d"]
    assert shared == "retired-2026-03-01"
    assert calls_by_name(engine) == {shared: 4, "c": 2, "other": 1}

    # Of three places one is for the name that they share.
    add_on(DAY, "a", "x", "y", "z", "late")
    assert calls_by_name(engine) == {shared: 5, "c": 2, "x": 1, "y": 1, "other": 3}


def test_whoever_retires_later_shares_another_name_so_that_no_sum_jumps(
    engine: Engine, add_on: Callable[..., None]
) -> None:
    add_on(DAY - 9, "a")
    add_on(DAY - 5, "b")
    assert calls_by_name(engine) == {"a": 1, "b": 1}
    assert metric_names.retire(engine, DAY - 8, "2026-03-01")[1] == "retired-2026-03-01"
    assert metric_names.retire(engine, DAY - 4, "2026-03-01")[1] == "retired-2026-03-01-2"
    assert calls_by_name(engine) == {"retired-2026-03-01": 1, "retired-2026-03-01-2": 1}
    assert metric_names.retire(engine, DAY, "2026-03-01")[0] == []


def test_nobody_takes_the_name_of_those_who_retired(engine: Engine, add_on: Callable[..., None]) -> None:
    add_on(DAY, "retired-2026-03-01", "a")
    assert calls_by_name(engine) == {"a": 1, "other": 1}


def test_tools_and_projects_retire_as_well(engine: Engine) -> None:
    registry = DatabaseRegistry(engine, lambda: Vault(bytes(32)), lambda: DAY * DAY_US)
    project = registry.create_project(Actor("me"), "old")
    call = an_opening(1, model=None, tool="made-up", project_id=project.id)
    with closing(writing_connection(engine)) as connection, transaction(connection):
        rollups.add(connection, tally([(call, a_settlement(finished_us=(DAY - 9) * DAY_US))]))
    metric_names.give(engine)
    found, shared = metric_names.retire(engine, DAY, "2026-03-01")
    assert [(one.kind, one.provider, one.name) for one in found] == [
        ("project", "", project.uuid),
        ("tool", "", "made-up"),
    ]
    seen = figures(engine, DAY * DAY_US, is_registered)
    assert [(line.keys, line.sums[Measure.CALLS]) for line in seen.tools] == [((shared,), 1)]
    assert [(line.keys, line.sums[Measure.CALLS]) for line in seen.projects] == [((shared,), 1)]
    assert seen.project_names == {}


def test_a_flood_is_written_down_in_pieces(
    engine: Engine, add: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_names, "LATE_MAX", 100)
    monkeypatch.setattr(metric_names, "_NEW", {"model": metric_names._not_known("model").limit(7)})
    add("a", "b")
    add(*(f"x{number}" for number in range(40)), used=False)
    assert named(engine) == ["a", "b"]
    assert len(named(engine, is_named=False)) == 40
    add("c")
    assert named(engine) == ["a", "b", "c"]
