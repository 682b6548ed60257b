"""The books of a busy year are as good as any, and every query of the bench is answered from them."""

import tempfile
from pathlib import Path

import pytest
from bench.reports import queries
from bench.year import CALLS_SETTING, END_US, books
from sqlalchemy import text

from bench import year
from wellhead.database.engine import make_engine
from wellhead.database.reports import DatabaseReports
from wellhead.ledger.check import check

SOME = 2_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CALLS_SETTING, str(SOME))
    monkeypatch.setattr(year, "DAYS", 60)  # Each is closed.
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    return tmp_path


def test_the_books_agree_with_themselves_and_answer_every_query(folder: Path) -> None:
    file = books(lambda _: None)
    assert file.is_relative_to(folder)
    engine = make_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        count = connection.execute(
            text("SELECT count(*) FROM calls WHERE finished_us IS NOT NULL")
        ).scalar_one()
    assert 0.8 * SOME < count < 1.2 * SOME
    assert check(engine, END_US) == []

    reports = DatabaseReports(engine)
    names = [name for name, ask in queries() if ask(reports) is not NotImplemented]
    assert len(names) == len(set(names)) > 150
    engine.dispose()


def test_they_are_made_once_and_those_of_another_kind_are_taken_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = books(lambda _: None)
    made = first.stat().st_ino
    assert (books(lambda _: None), first.stat().st_ino) == (first, made)

    monkeypatch.setenv(CALLS_SETTING, str(SOME // 2))
    second = books(lambda _: None)
    assert second != first
    assert list(second.parent.glob("year-*.db")) == [second]
    assert folder in second.parents
