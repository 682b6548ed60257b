"""Which versions of the schema there are, and which of them books have.

Known without Alembic, which takes longer to load than everything else of a command
or of the program's start; it is needed only where there is something to migrate.
"""

from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from wellhead.database.schema import metadata, registry

MIGRATIONS = Path(__file__).parent / "migrations" / "versions"

alembic_version = Table(
    "alembic_version",
    MetaData(),  # It is Alembic's and no part of the schema; this is how Alembic makes it.
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def known() -> list[str]:
    """All versions, the oldest first: the file of a migration begins with `v` and its version."""
    return sorted(path.name[1:5] for path in MIGRATIONS.glob("v*_*.py"))


def is_newest(connection: Connection) -> bool:
    """Whether every migration has run."""
    if not inspect(connection).has_table(alembic_version.name):
        return False
    found = connection.execute(select(alembic_version.c.version_num)).scalars().all()
    return found == known()[-1:]


def is_empty(connection: Connection) -> bool:
    """Whether there is nothing yet."""
    return not inspect(connection).get_table_names()


def make(connection: Connection) -> None:
    """Make new books as all migrations would make them, in a fifth of the time."""
    make_tables(connection)
    connection.execute(insert(registry).values(id=1, version=1))
    alembic_version.create(connection)
    connection.execute(insert(alembic_version).values(version_num=known()[-1]))


def make_tables(connection: Connection) -> None:
    """All tables, with their indexes in an order that is always the same.

    Between two indexes that seem as good to SQLite it decides by which of them was made first.  This is the
    order in which migrations made those where it matters: `calls_finished` before `calls_long`.
    """
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table))
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            connection.execute(CreateIndex(index))
