"""The rows of attempts: what a call went through before it had an answer, or came to nothing."""

import sqlite3
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from msgspec.structs import fields
from sqlalchemy import Connection, func, select, text

from wellhead.call import Attempt
from wellhead.database.bulk import Bulk, Row, placeholders
from wellhead.database.calls import Settled
from wellhead.database.schema import attempts, calls
from wellhead.unmetered import Unmetered

LINES_MAX = 1000

_FIELDS = tuple(field.name for field in fields(Attempt))
_COLUMNS = ("call_id", "number", *_FIELDS)
_values = attrgetter(*_FIELDS)
_NOTE = Bulk(f"INSERT INTO attempts ({','.join(_COLUMNS)}) VALUES ", placeholders(len(_COLUMNS)))  # noqa: S608


def rows(settled: Iterable[Settled]) -> list[Row]:
    """The attempts of calls that ended, in the form that `note` takes; most calls have none to tell of."""
    return [
        (opening.id, number, *_values(attempt))
        for opening, end in settled
        if end.tried
        for number, attempt in enumerate(end.tried, start=1)
    ]


def note(connection: sqlite3.Connection, some: Sequence[Row]) -> None:
    """Write down attempts; part of the transaction that books the ends of their calls."""
    _NOTE.run(connection, some)


def unmetered(connection: Connection, since_us: int, until_us: int) -> list[Unmetered]:
    """Attempts that began in [since, until) whose usage nobody knows, by provider and model.

    The most expensive come first, and there are no more lines than `LINES_MAX`.
    """
    t = attempts.c
    cost = func.coalesce(func.sum(t.cost_nanousd_max), 0)
    query = (
        select(
            t.provider,
            calls.c.model,
            func.count(),
            func.count(t.cost_nanousd_max),
            func.coalesce(func.sum(t.input_tokens_max), 0),
            func.coalesce(func.sum(t.output_tokens_max), 0),
            cost,
        )
        .select_from(attempts.join(calls, calls.c.id == t.call_id))
        # As the partial index wants it said.
        .where(text("unmetered = 1"), t.started_us >= since_us, t.started_us < until_us)
        .group_by(t.provider, calls.c.model)
        .order_by(cost.desc(), func.count().desc(), t.provider, calls.c.model)
        .limit(LINES_MAX)
    )
    return [Unmetered(*row) for row in connection.execute(query)]


def of_call(connection: Connection, call_id: int) -> list[dict[str, Any]]:
    """The attempts of a call, the first one first; none where the call itself says it all."""
    query = select(attempts).where(attempts.c.call_id == call_id).order_by(attempts.c.number)
    return [dict(row._mapping) for row in connection.execute(query)]
