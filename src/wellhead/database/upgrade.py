"""Brings a database to the present schema.

The only module that knows Alembic, and it imports it only where there is something to
migrate: new books are made at once, and a gateway process never comes here.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from wellhead.database import versions
from wellhead.database.engine import make_engine, outages
from wellhead.errors import BooksUnavailable
from wellhead.moments import to_the_second

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

BEFORE = ".before-"
"""How the name of a copy goes on that is made before migrations run."""
COPIES = 5
"""How many of them are kept."""


def upgrade(url: str, copies: int = COPIES) -> None:
    """Run all migrations that are missing; makes the file if there is none.  `BooksUnavailable` if it cannot.

    All or nothing, and safe for several processes at once.  Books that are to be changed are copied before,
    and the newest `copies` of those copies are kept; 0 makes none.
    """
    # The lock comes before the look: whoever is second waits, and then finds nothing to do.
    engine = make_engine(url).execution_options(begin="BEGIN IMMEDIATE")
    try:
        with outages(), engine.begin() as connection:
            if versions.is_empty(connection):
                versions.make(connection)
            elif not versions.is_newest(connection):
                _migrate(connection, Path(str(engine.url.database)), copies)
    except BooksUnavailable as error:
        raise BooksUnavailable(f"{engine.url.database}: {error}") from error
    finally:
        engine.dispose()


def _migrate(connection: "Connection", books: Path, copies: int) -> None:
    from alembic import command
    from alembic.util import CommandError

    config = _config()
    # A transaction that is there already is what keeps Alembic from making one for each migration.
    config.attributes["connection"] = connection
    try:
        if copies:
            _copy(connection, config, books, copies)
        command.upgrade(config, "head")
    except CommandError as error:
        said = "a newer version of Wellhead or another program made it; use that one, or another file"
        raise BooksUnavailable(said) from error


def _copy(connection: "Connection", config: "Config", books: Path, copies: int) -> None:
    """Copy books that are of an older version; the write lock is held, and nothing was written yet."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from wellhead.database.backup import back_up, keep_newest

    done = set(MigrationContext.configure(connection).get_current_heads())
    scripts = ScriptDirectory.from_config(config)
    newest, known = set(scripts.get_heads()), {one.revision for one in scripts.walk_revisions()}
    if not done or done == newest or not done <= known:
        return  # New, current, or not to be changed at all.
    at = to_the_second(time.time_ns() // 1000).replace(":", "").replace("-", "")
    try:
        back_up(books, books.with_name(f"{books.name}{BEFORE}{max(newest)}-{at}"))
    except BooksUnavailable as error:
        said = f"before the upgrade the books are copied: {error} (or set database_backups to 0)"
        raise BooksUnavailable(said) from error
    keep_newest(books, BEFORE, copies)


def is_current(url: str) -> bool:
    """Whether every migration has run; `BooksUnavailable` if the database does not answer."""
    engine = make_engine(url)
    try:
        with outages(), engine.connect() as connection:
            return versions.is_newest(connection)
    finally:
        engine.dispose()


def is_known(revision: str) -> bool:
    """Whether books of that version can be brought up to date."""
    return revision in versions.known()


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "wellhead.database:migrations")
    return config
