"""Single calls out of the books: one by its id, and listings by pages."""

from sqlalchemy import Connection, Text, cast, func, or_, select

from wellhead.database import call_pages
from wellhead.database.request_forms import SHOWN_COLUMNS
from wellhead.database.schema import calls, keys, projects, retention, usage_hourly, whole_calls
from wellhead.moments import HOUR_US
from wellhead.report import CallFilter, CallPage, CallRow

_UUIDS = projects.alias("its_project")
_UUID = select(_UUIDS.c.uuid).where(_UUIDS.c.id == calls.c.project_id).scalar_subquery()
_SHOWN = (*SHOWN_COLUMNS, func.coalesce(_UUID, cast(calls.c.project_id, Text)).label("project"))
SELECTED = select(*_SHOWN).select_from(whole_calls)
"""Calls as reports have them."""


def one(connection: Connection, id_: int) -> CallRow | None:
    """A call by its id, with `key_name`, `key_prefix` and `project_name`; `None` if there is none."""
    names = keys.c.name.label("key_name"), keys.c.prefix.label("key_prefix")
    source = whole_calls.outerjoin(keys, keys.c.id == calls.c.key_id)
    source = source.outerjoin(projects, projects.c.id == calls.c.project_id)
    query = select(*_SHOWN, *names, projects.c.name.label("project_name")).select_from(source)
    row = connection.execute(query.where(calls.c.id == id_)).mappings().first()
    return None if row is None else dict(row)


def newest(
    connection: Connection,
    wanted: CallFilter,
    *,
    count: int,
    offset: int,
    before: int | None,
    since_us: int | None,
    until_us: int | None,
) -> CallPage:
    """So many calls that match and began in [since, until), by their ids, and how to go on."""
    place = call_pages.Place(call_pages.END if before is None else before, offset)
    find = call_pages.everything if wanted.is_everything else call_pages.page
    ids, further = find(connection, wanted, place, count=count, since_us=since_us, until_us=until_us)
    query = SELECTED.where(calls.c.id.in_(ids)).order_by(calls.c.id.desc())
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return CallPage(rows) if further is None else CallPage(rows, further.before, further.offset)


def ended(
    connection: Connection,
    since_us: int | None,
    until_us: int | None,
    *,
    count: int,
    after: tuple[int, int] | None,
) -> list[CallRow]:
    """So many calls that ended in [since, until), the last first; after one by its end and its id."""
    t = calls.c
    # Without this the partial index is not used.
    query = SELECTED.where(t.finished_us.is_not(None))
    if since_us is not None:
        query = query.where(t.finished_us >= since_us)
    if until_us is not None:
        query = query.where(t.finished_us < until_us)
    if after is not None:
        at_us, id_ = after
        query = query.where(t.finished_us <= at_us, or_(t.finished_us < at_us, t.id < id_))
    query = query.order_by(t.finished_us.desc(), t.id.desc()).limit(count)
    return [dict(row) for row in connection.execute(query).mappings()]


def first_and_last_us(connection: Connection) -> tuple[int | None, int | None]:
    """When the first and the last call in the books began; of removed ones, the hour in which they ended."""
    t, hour = calls.c, usage_hourly.c.hour
    first, last = (
        connection.scalar(select(t.started_us).order_by(one).limit(1)) for one in (t.id, t.id.desc())
    )
    if connection.scalar(select(retention.c.removed_before_us)):
        first_hour, last_hour = (connection.scalar(select(one(hour))) for one in (func.min, func.max))
        if first_hour is not None and last_hour is not None:
            first = first_hour * HOUR_US if first is None else min(first, first_hour * HOUR_US)
            last = last_hour * HOUR_US if last is None else last
    return first, last
