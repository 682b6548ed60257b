"""What tests of the books share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fakes.books import books_on_disk
from fakes.desk import HERE, Clock, Desk, a_desk
from fakes.prices import CentPerToken
from wellhead.ledger.clerk import Clerk


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Empty books."""
    made = books_on_disk(tmp_path)
    yield made
    made.dispose()


@pytest.fixture
def desk(engine: Engine) -> Iterator[Desk]:
    yield from a_desk(engine)


@pytest.fixture
def priced(engine: Engine) -> Iterator[Desk]:
    yield from a_desk(engine, CentPerToken())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clerk(engine: Engine, clock: Clock) -> Iterator[Clerk]:
    made = Clerk(engine, clock.now_us, HERE)
    made.sign_on()
    yield made
    made.sign_off()
