"""The rows of breakers: what all workers share of them, and what operators see and reset.

A change is written only where nobody else made one since whoever wants it looked: the
row carries the number of its last change, and numbers grow over all rows.  So of many
workers that want to send the one probe, one may.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields

from sqlalchemy import Connection, Engine, and_, delete, event, func, or_, select
from sqlalchemy.dialects.sqlite import insert

from wellhead.breaker import Shared, State
from wellhead.database import audit
from wellhead.database.change import Change
from wellhead.database.engine import file_of, outages
from wellhead.database.schema import breakers
from wellhead.errors import NotFound
from wellhead.policy import shared_breaker

BUSY_TIMEOUT_S = 1.0
"""A lock that is held for longer counts as no database at all; workers then decide alone."""
ROWS_MAX = 10_000
"""Of one look; the rest comes with the next one."""

_t = breakers.c
_COLUMNS = tuple(breakers.c[field.name] for field in fields(Shared))


class DatabaseBreakers:
    """Implements `wellhead.ports.SharedBreakers`, on an engine that nobody else uses."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._file = file_of(engine)

        @event.listens_for(engine, "connect")
        def _wait_less(connection: sqlite3.Connection, _: object) -> None:
            connection.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")

    def look(self, after: int) -> Sequence[Shared]:
        query = select(*_COLUMNS).where(_t.version > after).order_by(_t.version).limit(ROWS_MAX)
        with self._connected(self._engine) as connection:
            return [_from(row) for row in connection.execute(query)]

    def put(self, new: Shared, seen: int) -> tuple[bool, Shared]:
        with self._connected(self._writing) as connection:
            found = _one(connection, new.subject) or Shared(new.subject)
            return (False, found) if found.version != seen else (True, _store(connection, new))

    def touch(self, failures: Mapping[str, int | None], at_us: int) -> None:
        with self._connected(self._writing) as connection:
            for subject, count in failures.items():
                values = {"state": State.CLOSED, "failures": count or 0, "active_us": at_us}
                made = insert(breakers).values(_blank(subject) | values)
                updated = {"active_us": func.max(_t.active_us, at_us)}
                connection.execute(made.on_conflict_do_update(index_elements=["subject"], set_=updated))
                if count is not None:
                    counted = breakers.update().where(_t.subject == subject, _t.state == State.CLOSED)
                    connection.execute(counted.values(failures=count))

    def forget(self, healthy_before_us: int, any_before_us: int) -> None:
        is_healthy = and_(_t.state == State.CLOSED, _t.failures == 0, _t.active_us < healthy_before_us)
        with self._connected(self._writing) as connection:
            connection.execute(delete(breakers).where(or_(is_healthy, _t.active_us < any_before_us)))

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        # Another file in the place of the one that is open is where the others look.
        if (found := file_of(self._engine)) != self._file:
            self._engine.dispose()
            self._file = found
        with outages(), engine.begin() as connection:
            yield connection


def listed(connection: Connection) -> list[Shared]:
    """All of them, by name."""
    query = select(*_COLUMNS).order_by(_t.subject).limit(ROWS_MAX)
    return [_from(row) for row in connection.execute(query)]


def named(connection: Connection, subject: str) -> Shared:
    found = _one(connection, subject)
    if found is None:
        raise NotFound("there is no such breaker")
    return found


def reset(change: Change, subject: str) -> None:
    """Close a breaker, whatever it was."""
    found = named(change.connection, subject)
    made = _store(change.connection, shared_breaker.closed(found, change.now_us))
    before, after = ({"state": one.state.value, "failures": one.failures} for one in (found, made))
    # Nothing that the Directory holds is different now, so the registry's version stays.
    audit.write(
        change.connection, change.now_us, change.by, "breaker.reset", "breaker", subject, before, after
    )


def _one(connection: Connection, subject: str) -> Shared | None:
    row = connection.execute(select(*_COLUMNS).where(_t.subject == subject)).one_or_none()
    return None if row is None else _from(row)


def _store(connection: Connection, new: Shared) -> Shared:
    # Greater than any before, also than that of a row which is gone already.
    last = connection.execute(select(func.max(_t.version))).scalar() or 0
    version = max(last + 1, new.changed_us)
    values = {field.name: getattr(new, field.name) for field in fields(Shared)}
    values |= {"version": version, "opening": new.opening or version}
    values["active_us"] = new.active_us or new.changed_us
    made = insert(breakers).values(values)
    connection.execute(made.on_conflict_do_update(index_elements=["subject"], set_=values))
    return Shared(**values)


def _blank(subject: str) -> dict[str, object]:
    blank = Shared(subject)
    return {field.name: getattr(blank, field.name) for field in fields(Shared)}


def _from(row: Sequence[object]) -> Shared:
    values = dict(zip((field.name for field in fields(Shared)), row, strict=True))
    return Shared(**{**values, "state": State(str(values["state"]))})  # type: ignore[arg-type]
