from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fakes.books import books_on_disk


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Empty books."""
    made = books_on_disk(tmp_path)
    yield made
    made.dispose()
