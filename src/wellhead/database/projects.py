"""The rows of projects, looked at and changed."""

from dataclasses import replace
from uuid import uuid4

from sqlalchemy import Connection, delete, exists, insert, or_, select, update

from wellhead.access import Project
from wellhead.database import registry_rows as rows
from wellhead.database import validity
from wellhead.database.audit import difference, told
from wellhead.database.change import Change
from wellhead.database.paging import new_id, page
from wellhead.database.schema import calls, credentials, keys, limits, projects, usage_total
from wellhead.errors import Conflict, NotFound
from wellhead.limit import ScopeKind
from wellhead.registry import Page

COLUMNS = tuple(projects.c[name] for name in rows.PROJECT)


def listed(connection: Connection, after: int, count: int, archived: bool | None) -> Page[Project]:
    query = select(*COLUMNS)
    if archived is not None:
        column = projects.c.archived_us
        query = query.where(column.is_not(None) if archived else column.is_(None))
    return page(connection, query, projects.c.id, after, count, rows.project_from)


def named(connection: Connection, uuid: str) -> Project:
    """`NotFound` if there is none of this uuid."""
    row = connection.execute(select(*COLUMNS).where(projects.c.uuid == uuid)).one_or_none()
    if row is None:
        raise NotFound("there is no such project")
    return rows.project_from(row)


def open_one(connection: Connection, uuid: str) -> Project:
    """A project that something new may belong to."""
    project = named(connection, uuid)
    if project.archived_us is not None:
        raise Conflict("the project is archived")
    return project


def numbered(connection: Connection, ids: set[int]) -> dict[int, Project]:
    """Those of these numbers that there are."""
    query = select(*COLUMNS).where(projects.c.id.in_(ids))
    return {row.id: rows.project_from(row) for row in connection.execute(query)}


def create(change: Change, name: str) -> Project:
    name = validity.name(name)
    _no_namesake(change.connection, name)
    made = Project(0, str(uuid4()), name, change.now_us)
    result = change.connection.execute(
        insert(projects).values(uuid=made.uuid, name=name, created_us=made.created_us)
    )
    made = replace(made, id=new_id(result))
    change.note("project.create", "project", made.uuid, None, told(made))
    return made


def alter(change: Change, uuid: str, name: str | None, archived: bool | None) -> Project:
    old = named(change.connection, uuid)
    new = old if name is None else replace(old, name=validity.name(name))
    if archived is not None and archived is not (old.archived_us is not None):
        new = replace(new, archived_us=change.now_us if archived else None)
    if new == old:
        return old
    if new.archived_us is None:
        _no_namesake(change.connection, new.name, old.id)
    change.connection.execute(
        update(projects).where(projects.c.id == old.id).values(name=new.name, archived_us=new.archived_us)
    )
    archiving = old.archived_us is None and new.archived_us is not None
    action = "project.archive" if archiving else "project.change"
    change.note(action, "project", uuid, *difference(old, new))
    return new


def remove(change: Change, uuid: str) -> None:
    project = named(change.connection, uuid)
    if not _is_empty(change.connection, project):
        raise Conflict("the project is not empty: archive it instead")
    change.connection.execute(delete(projects).where(projects.c.id == project.id))
    change.note("project.delete", "project", uuid, told(project), None)


def _no_namesake(connection: Connection, name: str, but: int = 0) -> None:
    t = projects.c
    query = select(t.id).where(t.name == name, t.archived_us.is_(None), t.id != but).limit(1)
    if connection.execute(query).first() is not None:
        raise Conflict("there is a project of this name already")


def _is_empty(connection: Connection, project: Project) -> bool:
    referring = (
        exists().where(keys.c.project_id == project.id),
        exists().where(credentials.c.project_id == project.id),
        exists().where(limits.c.scope_kind == ScopeKind.PROJECT.value, limits.c.scope_id == str(project.id)),
        # Every call that ended is in the rollup, even when its row was cleared away.
        exists().where(usage_total.c.project_id == project.id),
        exists().where(calls.c.state == "pending", calls.c.project_id == project.id),
    )
    return not connection.execute(select(or_(*referring))).scalar_one()
