"""The rows of admin_audit: who changed what, and how it was before and after.

What is told of a value leaves out its secret, its hash, and what is not set; of a
change only what is different is told.
"""

import json
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select

from wellhead.access import Credential, Key, Project
from wellhead.database.schema import admin_audit
from wellhead.limit import Limit, Scope
from wellhead.registry import Actor, AuditEntry, Page

Told = dict[str, Any]

_UNTOLD = ("id", "hash", "secret")


def told(value: Project | Key | Credential | Limit) -> Told:
    """What the audit says of something."""
    return {name: found for name, found in _all_of(value).items() if found is not None}


def difference(before: Any, after: Any) -> tuple[Told, Told]:
    """What the audit says of a change: the fields that differ, as they were and as they are."""
    old, new = _all_of(before), _all_of(after)
    different = [name for name in old if old[name] != new[name]]
    return {name: old[name] for name in different}, {name: new[name] for name in different}


def _all_of(value: Any) -> Told:
    return {f.name: _plain(f.name, getattr(value, f.name)) for f in fields(value) if f.name not in _UNTOLD}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Scope):
        return {f.name: _plain(f.name, found) for f in fields(value) if (found := getattr(value, f.name))}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return dict(value) or None if name == "tags" else list(value)
    assert not is_dataclass(value)
    return value


def write(
    connection: Connection,
    at_us: int,
    by: Actor,
    action: str,
    object_kind: str,
    object_id: str | None,
    before: Told | None = None,
    after: Told | None = None,
) -> None:
    """Write down what somebody did."""
    row = {
        "at_us": at_us,
        "actor": by.name,
        "address": by.address,
        "action": action,
        "object_kind": object_kind,
        "object_id": object_id,
        "before": None if before is None else json.dumps(before, ensure_ascii=False),
        "after": None if after is None else json.dumps(after, ensure_ascii=False),
    }
    connection.execute(insert(admin_audit).values(row))


def page(
    connection: Connection,
    count: int,
    *,
    before: int | None,
    since_us: int | None,
    until_us: int | None,
    **wanted: str | None,
) -> Page[AuditEntry]:
    """The newest entries first; `wanted` are columns and what they must be."""
    t = admin_audit.c
    query = select(admin_audit).order_by(t.id.desc()).limit(count + 1)
    if before is not None:
        query = query.where(t.id < before)
    if since_us is not None:
        query = query.where(t.at_us >= since_us)
    if until_us is not None:
        query = query.where(t.at_us < until_us)
    for column, value in wanted.items():
        if value is not None:
            query = query.where(t[column] == value)
    entries = tuple(
        AuditEntry(
            id=row.id,
            at_us=row.at_us,
            actor=Actor(row.actor, row.address),
            action=row.action,
            object_kind=row.object_kind,
            object_id=row.object_id,
            before=None if row.before is None else json.loads(row.before),
            after=None if row.after is None else json.loads(row.after),
        )
        for row in connection.execute(query)
    )
    return Page(entries[:count], entries[count - 1].id if len(entries) > count else None)
