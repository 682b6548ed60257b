"""Brings a database to the present schema.

The only module that knows Alembic, and it imports it only when called: a gateway
process never does.
"""

from typing import TYPE_CHECKING

from wellhead.database.engine import make_engine, outages
from wellhead.errors import BooksUnavailable

if TYPE_CHECKING:
    from alembic.config import Config


def upgrade(url: str) -> None:
    """Run all migrations that are missing; makes the file if there is none.  `BooksUnavailable` if it cannot.

    All or nothing, and safe for several processes at once.
    """
    from alembic import command
    from alembic.util import CommandError

    # The lock comes before the look: whoever is second waits, and then finds nothing to do.
    engine = make_engine(url).execution_options(begin="BEGIN IMMEDIATE")
    config = _config()
    try:
        # A transaction that is there already is what keeps Alembic from making one for each migration.
        with outages(), engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except BooksUnavailable as error:
        raise BooksUnavailable(f"{engine.url.database}: {error}") from error
    except CommandError as error:
        said = "a newer version of Wellhead or another program made it; use that one, or another file"
        raise BooksUnavailable(f"{engine.url.database}: {said}") from error
    finally:
        engine.dispose()


def is_current(url: str) -> bool:
    """Whether every migration has run; `BooksUnavailable` if the database does not answer."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    engine = make_engine(url)
    try:
        with outages(), engine.connect() as connection:
            done = MigrationContext.configure(connection).get_current_heads()
    finally:
        engine.dispose()
    return set(done) == set(ScriptDirectory.from_config(_config()).get_heads())


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "wellhead.database:migrations")
    return config
