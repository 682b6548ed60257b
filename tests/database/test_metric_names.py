"""Who has a series of its own: given once, kept for good, and never too many."""

from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy import Engine

from fakes.books import a_settlement, an_opening, rows_of
from wellhead.call import CallState
from wellhead.database import metric_names, rollups
from wellhead.database.engine import transaction, writing_connection
from wellhead.ledger.rollup import tally
from wellhead.usage import NO_USAGE, UsageSource


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
