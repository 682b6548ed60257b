"""Books that are only read: straight from the database, whether or not anything runs on it."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wellhead.errors import BooksUnavailable

if TYPE_CHECKING:
    from sqlalchemy import Engine


@contextmanager
def reading(url: str) -> Iterator["Engine"]:
    """An engine on books that are there and up to date; `BooksUnavailable` says what to do if not."""
    from wellhead.database.engine import make_engine
    from wellhead.database.upgrade import is_current

    path = url.removeprefix("sqlite:///")
    if not Path(path).expanduser().exists():
        raise BooksUnavailable(f"{path}: there is no such file; {_elsewhere(Path(path).expanduser())}")
    if not is_current(url):
        raise BooksUnavailable(
            f"{path}: it is of another version; bring it up to date with `wellhead db init`"
        )
    engine = make_engine(url, must_exist=True)
    try:
        yield engine
    finally:
        engine.dispose()


def _elsewhere(missing: Path) -> str:
    """What to do about books that are not there; whoever tried the demo has others."""
    from wellhead.demo.run import DATABASE

    demo = missing.with_name(DATABASE)
    if missing != demo and demo.exists():
        return f"the demo's books are another: --database {shlex.quote(str(demo))}"
    return "`wellhead db init` makes it"
