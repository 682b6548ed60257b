"""The one connection that a worker writes with."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from fakes.books import a_settlement, an_opening, rows_of
from fakes.desk import HERE, Clock
from wellhead.database.engine import make_engine
from wellhead.errors import BooksUnavailable
from wellhead.ledger.clerk import Clerk


def test_nothing_is_booked_in_a_file_that_was_taken_away(
    engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    path = Path(str(engine.url.database))
    strict = make_engine(str(engine.url), must_exist=True)
    clerk = Clerk(strict, clock.now_us, HERE)
    clerk.sign_on()
    before, after = an_opening(clerk.next_id()), an_opening(clerk.next_id())
    clerk.book([before], [])
    path.rename(tmp_path / "elsewhere.db")
    for _ in range(2):
        with pytest.raises(BooksUnavailable, match=r"taken away|not there"):
            clerk.book([after], [])
    assert not path.exists()
    (tmp_path / "elsewhere.db").rename(path)
    clerk.book([after], [(before, a_settlement())])
    assert {row["id"]: row["state"] for row in rows_of(engine, "calls")} == {
        before.id: "completed",
        after.id: "pending",
    }
    clerk.sign_off()
    strict.dispose()
