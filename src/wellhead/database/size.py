"""How large the books are: files and calls."""

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, func, inspect, select, text

from wellhead.database.schema import calls, models_hourly, retention, usage_total
from wellhead.figures import BooksFigure
from wellhead.moments import HOUR_US


def books(engine: Engine) -> BooksFigure:
    """As they are now; out of rollups, so that it takes as long with ten million calls as with ten."""
    with engine.connect() as connection:
        page_size = int(connection.execute(text("PRAGMA page_size")).scalar_one())
        free_pages = int(connection.execute(text("PRAGMA freelist_count")).scalar_one())
        migration = _migration(connection)
        count = _calls(connection)
    place = str(engine.url.database)
    return BooksFigure(
        kind=engine.dialect.name,
        place=str(Path(place).resolve()),
        migration=migration,
        calls=count,
        bytes=_bytes(place),
        log_bytes=_bytes(f"{place}-wal"),
        free_bytes=free_pages * page_size,
    )


def _migration(connection: Connection) -> str | None:
    """The last one; `None` where the tables were made otherwise."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _calls(connection: Connection) -> int:
    """Those that ended and were not removed since, and those under way."""
    removed_us = connection.execute(select(retention.c.removed_before_us)).scalar() or 0
    t = models_hourly.c
    ended = connection.scalar(select(func.sum(usage_total.c.calls)))
    removed = connection.scalar(select(func.sum(t.calls)).where(t.hour < removed_us // HOUR_US))
    # The state as it is in the index; a bound value would not be recognised.
    pending = connection.scalar(select(func.count()).select_from(calls).where(text("state = 'pending'")))
    return int(ended or 0) - int(removed or 0) + int(pending or 0)


def _bytes(place: str) -> int:
    with suppress(OSError):
        return os.stat(place).st_size
    return 0
