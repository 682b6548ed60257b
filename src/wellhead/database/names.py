"""What people call projects and keys."""

from sqlalchemy import Engine, select

from wellhead.database.engine import outages
from wellhead.database.schema import keys, projects


def project_names(engine: Engine) -> dict[str, str]:
    """The names of all projects, archived ones too, by their uuids."""
    with outages(), engine.connect() as connection:
        rows = connection.execute(select(projects.c.uuid, projects.c.name))
        return {uuid: name for uuid, name in rows}  # noqa: C416  (rows are no pairs to mypy)


def key_names(engine: Engine) -> dict[int, str]:
    """The names of all keys, revoked ones too, by their numbers."""
    with outages(), engine.connect() as connection:
        rows = connection.execute(select(keys.c.id, keys.c.name))
        return {id_: name for id_, name in rows}  # noqa: C416  (rows are no pairs to mypy)
