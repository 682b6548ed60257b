"""The rows of price_lists: the lists that were fetched, the newest of a source last.

The document lies there compressed.  What it says is said by whoever fetched it; a
digest is that of what came over the network, so that the same list is known again.
"""

import zlib

from sqlalchemy import Connection, Engine, delete, insert, select, update

from wellhead.database.engine import outages
from wellhead.database.schema import price_lists
from wellhead.price_list import FetchedList

KEPT = 5
"""Lists of a source; older ones are cleared away."""

_c = price_lists.c
_HEAD = (_c.id, _c.source, _c.digest, _c.since_us, _c.checked_us)


def newest(engine: Engine) -> FetchedList | None:
    """The list that counts; `None` where none was fetched yet."""
    with outages(), engine.connect() as connection:
        return _newest(connection)


def document(engine: Engine, id_: int) -> bytes | None:
    """What a list says; `None` when it was cleared away."""
    with outages(), engine.connect() as connection:
        found = connection.execute(select(_c.document).where(_c.id == id_)).scalar_one_or_none()
    return None if found is None else zlib.decompress(found)


def keep(
    engine: Engine, source: str, digest: bytes, said: bytes, now_us: int, *, after: int | None
) -> FetchedList | None:
    """Put in a list that was made of the one with the id `after`.

    `None`: that is not the newest one any more, so this one has to be made anew.
    """
    packed = zlib.compress(said)
    with outages(), _writing(engine).begin() as connection:
        before = _newest(connection, source)
        if (None if before is None else before.id) != after:
            return None
        values = {"source": source, "digest": digest, "since_us": now_us, "checked_us": now_us}
        connection.execute(insert(price_lists).values(**values, document=packed))
        of_source = select(_c.id).where(_c.source == source).order_by(_c.id.desc())
        old = connection.execute(of_source.offset(KEPT)).scalars().all()
        connection.execute(delete(price_lists).where(_c.id.in_(old)))
        return _newest(connection, source)


def check_off(engine: Engine, id_: int, now_us: int) -> None:
    """Write down that the source still says the same; never that it said so earlier."""
    later = (_c.id == id_, _c.checked_us < now_us)
    with outages(), _writing(engine).begin() as connection:
        connection.execute(update(price_lists).where(*later).values(checked_us=now_us))


def _newest(connection: Connection, source: str | None = None) -> FetchedList | None:
    query = select(*_HEAD).order_by(_c.id.desc()).limit(1)
    if source is not None:
        query = query.where(_c.source == source)
    found = connection.execute(query).one_or_none()
    return None if found is None else FetchedList(**found._mapping)


def _writing(engine: Engine) -> Engine:
    return engine.execution_options(begin="BEGIN IMMEDIATE")
