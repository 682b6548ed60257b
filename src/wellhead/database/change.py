"""A change of the registry: one transaction, its rows in the audit, and the next version.

::

    with changing(engine, by, now_us) as change:
        change.connection.execute(...)
        change.note("project.create", "project", uuid, None, told(project))

The write lock is taken at the start, so that what is looked at stays so until it is
changed.  Without a note nothing was changed, and the version stays.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, insert, update

from wellhead.database import audit
from wellhead.database.audit import Told
from wellhead.database.engine import outages
from wellhead.database.schema import registry
from wellhead.registry import Actor

THE_ROW = 1


class Change:
    """What is being done, by whom and when."""

    def __init__(self, connection: Connection, by: Actor, now_us: int) -> None:
        self.connection = connection
        self.by = by
        self.now_us = now_us
        self.is_noted = False

    def note(
        self, action: str, object_kind: str, object_id: str | None, before: Told | None, after: Told | None
    ) -> None:
        """Write down one thing that is different now."""
        self.is_noted = True
        audit.write(self.connection, self.now_us, self.by, action, object_kind, object_id, before, after)

    def mention(self, action: str, object_kind: str, object_id: str | None) -> None:
        """Write down what was done that made nothing different here."""
        audit.write(self.connection, self.now_us, self.by, action, object_kind, object_id)


@contextmanager
def changing(engine: Engine, by: Actor, now_us: Callable[[], int]) -> Iterator[Change]:
    """All of it or nothing; `BooksUnavailable` if the database does not let us."""
    writing = engine.execution_options(begin="BEGIN IMMEDIATE")
    with outages(), writing.begin() as connection:
        # The moment is asked under the lock: changes are dated in the order they were made.
        change = Change(connection, by, now_us())
        yield change
        if change.is_noted:
            _count(connection, change.now_us)


def _count(connection: Connection, now_us: int) -> None:
    counted = update(registry).where(registry.c.id == THE_ROW)
    values = {"version": registry.c.version + 1, "changed_us": now_us}
    if connection.execute(counted.values(values)).rowcount == 0:
        connection.execute(insert(registry).values(id=THE_ROW, version=1, changed_us=now_us))
