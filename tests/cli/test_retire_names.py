"""`wellhead db retire-names`: makes room for new names in monitoring."""

from contextlib import closing
from datetime import UTC, datetime

from fakes.books import a_settlement, an_opening, rows_of
from fakes.commands import Commands
from wellhead.database import metric_names, rollups
from wellhead.database.engine import make_engine, transaction, writing_connection
from wellhead.ledger.rollup import tally
from wellhead.moments import DAY_US


def give_names(commands: Commands) -> None:
    """`old` was seen two days ago, `new` just now."""
    now_us = round(datetime.now(UTC).timestamp() * 1_000_000)
    ended = [
        (an_opening(1, model="old", tool=None), a_settlement(finished_us=now_us - 2 * DAY_US)),
        (an_opening(2, model="new", tool=None), a_settlement(finished_us=now_us)),
    ]
    engine = make_engine(f"sqlite:///{commands.database}")
    with closing(writing_connection(engine)) as connection, transaction(connection):
        rollups.add(connection, tally(ended))
    metric_names.give(engine)
    engine.dispose()


def retired(commands: Commands) -> dict[str, str | None]:
    engine = make_engine(f"sqlite:///{commands.database}")
    rows = rows_of(engine, "metric_names")
    engine.dispose()
    return {row["name"]: row["retired_as"] for row in rows}


def test_who_was_not_seen_for_long_retires_and_is_told(commands: Commands) -> None:
    commands.well("db", "init")
    give_names(commands)
    old = {"kind": "model", "provider": "openai", "name": "old"}
    dry = commands.json("db", "retire-names", "--unseen", "1d", "--dry-run")
    assert dry == {"retired_as": None, "names": [old]}
    assert retired(commands) == {"old": None, "new": None}

    ended = commands.run("db", "retire-names", "--unseen", "1d")
    assert (ended.code, "say --yes to confirm" in ended.err) == (2, True)

    shared = f"retired-{datetime.now(UTC).date()}"
    said = commands.well("db", "retire-names", "--unseen", "1d", "--yes")
    assert "old" in said
    assert said.endswith(f"They go on as {shared}.\n")
    assert retired(commands) == {"old": shared, "new": None}
    assert (
        commands.well("db", "retire-names", "--unseen", "1d", "--yes") == "Nobody was unseen for so long.\n"
    )


def test_an_age_that_is_none_is_wrong_use(commands: Commands) -> None:
    ended = commands.run("db", "retire-names", "--unseen", "soon")
    assert (ended.code, "--unseen" in ended.err) == (2, True)
