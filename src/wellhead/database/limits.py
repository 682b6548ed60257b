"""The rows of limits, looked at and changed, with the windows that belong to them."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, or_, select, update

from wellhead.database import limit_windows as counted
from wellhead.database import projects, validity
from wellhead.database import registry_rows as rows
from wellhead.database.audit import difference, told
from wellhead.database.change import Change
from wellhead.database.limit_windows import Earlier
from wellhead.database.paging import new_id, page
from wellhead.database.schema import keys, limit_windows, limits
from wellhead.errors import Conflict, Invalid, NotFound
from wellhead.limit import Action, Limit, ScopeKind, Source
from wellhead.policy import windows
from wellhead.registry import PAGE_MAX, LimitUse, NewLimit, Page, Standing, Unchanged

Identity = tuple[object, ...]
"""What tells the limits of the configuration apart."""

COLUMNS = tuple(limits.c[name] for name in rows.LIMIT)


def listed(
    connection: Connection, now_us: int, after: int, count: int, standings_max: int = PAGE_MAX
) -> Page[LimitUse]:
    found = page(connection, select(*COLUMNS), limits.c.id, after, count, rows.limit_from)
    return Page(tuple(_with_use(connection, found.entries, now_us, standings_max)), found.next)


def shown(connection: Connection, now_us: int, id_: int) -> LimitUse:
    (use,) = _with_use(connection, [_one(connection, id_)], now_us)
    return use


def count_earlier(connection: Connection, now_us: int, new: NewLimit) -> Earlier | None:
    """What can be counted for a limit before the lock is taken that makes it."""
    limit = _resolved(connection, now_us, new, Source.OPERATOR)
    return counted.count_earlier(driver(connection), limit, now_us)


def create(change: Change, new: NewLimit, earlier: Earlier | None) -> Limit:
    made = put_in(change, _resolved(change.connection, change.now_us, new, Source.OPERATOR))
    _seed(change, made, earlier)
    return made


def alter(
    change: Change, id_: int, amount: int | None, action: Action | None, name: str | Unchanged | None
) -> Limit:
    old = _of_operator(change.connection, id_)
    new = old
    if amount is not None:
        new = replace(new, amount=validity.amount(old.measure, amount))
    if action is not None:
        new = replace(new, action=Action(action))
    if not isinstance(name, Unchanged):
        new = replace(new, name=None if name is None else validity.name(name))
    return _store(change, old, new)


def remove(change: Change, id_: int) -> None:
    _remove(change, _of_operator(change.connection, id_))


def put_in(change: Change, limit: Limit) -> Limit:
    """A new limit, of which nothing is used yet."""
    result = change.connection.execute(insert(limits).values(rows.limit_values(limit)))
    made = replace(limit, id=new_id(result))
    change.note("limit.create", "limit", str(made.id), None, told(made))
    return made


def _seed(change: Change, made: Limit, earlier: Earlier | None) -> None:
    """Count what the calls in the books used of a new limit's present windows."""
    raw = driver(change.connection)
    sums = counted.recount(raw, made, windows.since(made, change.now_us), earlier)
    counted.add(raw, ((made.id, *key, used, held, 0) for key, (used, held) in sums.items()))


def count_declared_earlier(
    connection: Connection, now_us: int, declared: Sequence[NewLimit]
) -> dict[Identity, Earlier | None]:
    """The same as `count_earlier` for those that are not there yet."""
    wanted = [_resolved(connection, now_us, new, Source.CONFIGURATION) for new in declared]
    there = _declared(connection)
    return {
        _identity(limit): counted.count_earlier(driver(connection), limit, now_us)
        for limit in wanted
        if _identity(limit) not in there
    }


def declare(change: Change, declared: Sequence[NewLimit], earlier: Mapping[Identity, Earlier | None]) -> None:
    """Bring the configuration's limits to just this list; those that stay keep their number and windows."""
    wanted = [_resolved(change.connection, change.now_us, new, Source.CONFIGURATION) for new in declared]
    there = _declared(change.connection)
    if len({_identity(limit) for limit in wanted}) < len(wanted):
        raise Invalid("two limits have the same scope, measure, window and name")
    for limit in wanted:
        old = there.pop(_identity(limit), None)
        if old is None:
            _seed(change, put_in(change, limit), earlier.get(_identity(limit)))
        else:
            _store(change, old, replace(old, amount=limit.amount, action=limit.action))
    for old in there.values():
        _remove(change, old)


def _declared(connection: Connection) -> dict[Identity, Limit]:
    found = _of(connection, limits.c.source == Source.CONFIGURATION.value)
    return {_identity(limit): limit for limit in found}


def _identity(limit: Limit) -> Identity:
    return limit.scope, limit.measure, limit.window, limit.sliding, limit.zone, limit.name


def _resolved(connection: Connection, now_us: int, new: NewLimit, source: Source) -> Limit:
    def has_key(id_: int) -> bool:
        return connection.execute(select(keys.c.id).where(keys.c.id == id_)).first() is not None

    scope = validity.scope(new.scope, lambda uuid: projects.named(connection, uuid).id, has_key)
    return validity.limit(new, scope, now_us, source)


def _store(change: Change, old: Limit, new: Limit) -> Limit:
    if new != old:
        change.connection.execute(update(limits).where(limits.c.id == new.id).values(rows.limit_values(new)))
        change.note("limit.change", "limit", str(new.id), *difference(old, new))
    return new


def _remove(change: Change, gone: Limit) -> None:
    change.connection.execute(delete(limits).where(limits.c.id == gone.id))
    change.connection.execute(delete(limit_windows).where(limit_windows.c.limit_id == gone.id))
    change.note("limit.delete", "limit", str(gone.id), told(gone), None)


def _one(connection: Connection, id_: int) -> Limit:
    found = _of(connection, limits.c.id == id_)
    if not found:
        raise NotFound("there is no such limit")
    return found[0]


def _of_operator(connection: Connection, id_: int) -> Limit:
    limit = _one(connection, id_)
    if limit.source is Source.CONFIGURATION:
        raise Conflict("the configuration made this limit: change it there")
    return limit


def _of(connection: Connection, *conditions: ColumnElement[bool]) -> list[Limit]:
    query = select(*COLUMNS).where(*conditions).order_by(limits.c.id)
    return [rows.limit_from(row) for row in connection.execute(query)]


def _with_use(
    connection: Connection, some: Sequence[Limit], now_us: int, standings_max: int = PAGE_MAX
) -> list[LimitUse]:
    of = {
        limit.id: int(limit.scope.id)
        for limit in some
        if limit.scope.kind is ScopeKind.PROJECT and limit.scope.id
    }
    belonging = projects.numbered(connection, set(of.values()))
    return [
        LimitUse(
            limit,
            belonging[of[limit.id]] if limit.id in of else None,
            _standings(connection, limit, now_us, standings_max),
        )
        for limit in some
    ]


def _standings(connection: Connection, limit: Limit, now_us: int, count: int) -> tuple[Standing, ...]:
    t = limit_windows.c
    used, held, exceeded = func.sum(t.used), func.sum(t.held), func.sum(t.exceeded)
    # The first bucket that frees something; of a window that only refused, any.
    first = func.coalesce(func.min(case((t.used + t.held > 0, t.bucket))), func.min(t.bucket))
    query = (
        select(t.subject, used, held, exceeded, first)
        .where(t.limit_id == limit.id, t.bucket >= windows.since(limit, now_us))
        .group_by(t.subject)
        .having(or_(used != 0, held != 0, exceeded != 0))
        .order_by((used + held).desc(), t.subject)
        .limit(count)
    )
    return tuple(
        Standing(subject, in_use, reserved, over, windows.frees_us(limit, bucket))
        for subject, in_use, reserved, over, bucket in connection.execute(query)
    )


def driver(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection, in the same transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver
