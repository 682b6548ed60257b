"""The rows of attempts: what a call went through before it had an answer, or came to nothing."""

import sqlite3
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from msgspec.structs import fields
from sqlalchemy import Connection, select

from wellhead.call import Attempt
from wellhead.database.bulk import Bulk, Row, placeholders
from wellhead.database.calls import Settled
from wellhead.database.schema import attempts

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


def of_call(connection: Connection, call_id: int) -> list[dict[str, Any]]:
    """The attempts of a call, the first one first; none where the call itself says it all."""
    query = select(attempts).where(attempts.c.call_id == call_id).order_by(attempts.c.number)
    return [dict(row._mapping) for row in connection.execute(query)]
