"""The rows of keys, looked at and changed; what was done with them comes from the rollup."""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, or_, select, update

from wellhead.access import Key, KeyState, Project
from wellhead.call import CallState
from wellhead.database import limits, projects, validity
from wellhead.database import registry_rows as rows
from wellhead.database.audit import difference, told
from wellhead.database.change import Change
from wellhead.database.paging import new_id, page
from wellhead.database.schema import key_use, keys, usage_total
from wellhead.errors import Conflict, Invalid, NotFound
from wellhead.limit import Scope, ScopeKind
from wellhead.policy.keys import RANDOM_BYTES, SHOWN_CHARS, digest, new_secret
from wellhead.registry import Issued, KeyChange, KeyUse, NewKey, Page, Revoked

COLUMNS = tuple(keys.c[name] for name in rows.KEY)


def listed(
    connection: Connection, now_us: int, after: int, count: int, project: str | None, state: KeyState | None
) -> Page[KeyUse]:
    query = select(*COLUMNS)
    if project is not None:
        query = query.where(keys.c.project_id == projects.named(connection, project).id)
    if state is not None:
        query = query.where(_is_in(state, now_us))
    found = page(connection, query, keys.c.id, after, count, rows.key_from)
    return Page(tuple(_with_use(connection, found.entries, now_us)), found.next)


def shown(connection: Connection, now_us: int, id_: int) -> KeyUse:
    (use,) = _with_use(connection, [_one(connection, keys.c.id == id_)], now_us)
    return use


def of_secret(connection: Connection, now_us: int, secret: str) -> KeyUse:
    (use,) = _with_use(connection, [_one(connection, keys.c.hash == digest(secret))], now_us)
    return use


def create(change: Change, new: NewKey) -> Issued:
    new = validity.new_key(new, change.now_us)
    if any(asked.scope is not None for asked in new.limits):
        raise Invalid("a limit that is made with a key has that key as its scope")
    project = None if new.project is None else projects.open_one(change.connection, new.project)
    issued = _issue(
        change,
        Key(
            id=0,
            hash=b"",
            prefix="",
            name=new.name,
            created_us=change.now_us,
            project_id=None if project is None else project.id,
            expires_us=new.expires_us,
            allowed_models=new.allowed_models,
            allowed_providers=new.allowed_providers,
            allowed_endpoints=new.allowed_endpoints,
            allowed_accounts=new.allowed_accounts,
            tags=new.tags,
        ),
    )
    for asked in new.limits:
        # Nothing is there to be counted: nobody called with this key.
        limits.put_in(change, validity.limit(asked, _scope(issued.key), change.now_us))
    return issued


def alter(change: Change, id_: int, wanted: KeyChange) -> Key:
    old = _one(change.connection, keys.c.id == id_)
    differing: dict[str, Any] = validity.key_change(wanted, change.now_us)
    if old.revoked_us is not None:
        raise Conflict("the key is revoked")
    new = replace(old, **differing)
    if new != old:
        _store(change, new)
        change.note("key.change", "key", str(id_), *difference(old, new))
    return new


def revoke(change: Change, id_: int) -> Key:
    old = _one(change.connection, keys.c.id == id_)
    return old if old.revoked_us is not None else _revoke(change, old)


def revoke_all_of(change: Change, project: str) -> Revoked:
    of = projects.named(change.connection, project).id
    found = change.connection.execute(select(*COLUMNS).where(keys.c.project_id == of).order_by(keys.c.id))
    all_ = [rows.key_from(row) for row in found]
    good = [key for key in all_ if key.revoked_us is None]
    for key in good:
        _revoke(change, key)
    return Revoked(len(good), len(all_) - len(good))


def rotate(change: Change, id_: int, overlap_s: int) -> Issued:
    now_us = change.now_us
    old = _one(change.connection, keys.c.id == id_)
    ends_us = now_us + validity.overlap_us(overlap_s, now_us)
    if old.state(now_us) is not KeyState.ACTIVE:
        raise Conflict(f"the key is {old.state(now_us)}")
    if old.project_id is not None:
        projects.open_one(change.connection, _project_of(change.connection, old.project_id).uuid)
    withering = replace(old, expires_us=min(ends_us, old.expires_us or ends_us))
    _store(change, withering)
    change.note("key.rotate", "key", str(id_), *difference(old, withering))
    return _issue(change, replace(old, created_us=now_us, predecessor_id=id_))


def _one(connection: Connection, condition: ColumnElement[bool]) -> Key:
    row = connection.execute(select(*COLUMNS).where(condition)).one_or_none()
    if row is None:
        raise NotFound("there is no such key")
    return rows.key_from(row)


def _issue(change: Change, like: Key) -> Issued:
    secret = new_secret(secrets.token_bytes(RANDOM_BYTES))
    key = replace(like, hash=digest(secret), prefix=secret[:SHOWN_CHARS])
    result = change.connection.execute(insert(keys).values(rows.key_values(key)))
    key = replace(key, id=new_id(result))
    change.note("key.create", "key", str(key.id), None, told(key))
    return Issued(key, secret)


def _store(change: Change, key: Key) -> None:
    change.connection.execute(update(keys).where(keys.c.id == key.id).values(rows.key_values(key)))


def _revoke(change: Change, key: Key) -> Key:
    revoked = replace(key, revoked_us=change.now_us)
    _store(change, revoked)
    change.note("key.revoke", "key", str(key.id), *difference(key, revoked))
    return revoked


def _scope(key: Key) -> Scope:
    return Scope(ScopeKind.KEY, str(key.id))


def _project_of(connection: Connection, id_: int) -> Project:
    return projects.numbered(connection, {id_})[id_]


def _is_in(state: KeyState, now_us: int) -> ColumnElement[bool]:
    """The same as `Key.state` says, for the database."""
    t = keys.c
    if state is KeyState.REVOKED:
        return t.revoked_us.is_not(None)
    if state is KeyState.WITHERED:
        return and_(t.revoked_us.is_(None), t.expires_us <= now_us)
    return and_(t.revoked_us.is_(None), or_(t.expires_us.is_(None), t.expires_us > now_us))


def _with_use(connection: Connection, some: Iterable[Key], now_us: int) -> list[KeyUse]:
    """The keys with what was done with them: two more queries, however many keys."""
    some = list(some)
    ids = [key.id for key in some]
    t = usage_total.c
    sums = select(
        t.key_id,
        func.sum(t.calls),
        func.sum(t.total_tokens),
        # Nothing where nothing has a price, which is not the same as a price of nothing.
        func.sum(case((t.priced_calls > 0, t.cost_nanousd))),
    )
    sums = sums.where(t.key_id.in_(ids), t.outcome != CallState.REFUSED.value).group_by(t.key_id)
    used = {key_id: found for key_id, *found in connection.execute(sums)}
    last = select(key_use.c.key_id, key_use.c.last_used_us).where(key_use.c.key_id.in_(ids))
    last_used = {row.key_id: row.last_used_us for row in connection.execute(last)}
    belonging = projects.numbered(connection, {key.project_id for key in some if key.project_id is not None})
    uses = []
    for key in some:
        calls, total_tokens, cost_nanousd = used.get(key.id, (0, 0, 0))
        uses.append(
            KeyUse(
                key=key,
                project=None if key.project_id is None else belonging[key.project_id],
                state=key.state(now_us),
                last_used_us=last_used.get(key.id),
                calls=calls,
                total_tokens=total_tokens,
                cost_nanousd=cost_nanousd,
            )
        )
    return uses
