"""One page of a listing: so many rows after the last id that was seen."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, CursorResult, Select

from wellhead.database import validity
from wellhead.registry import Page

T = TypeVar("T")


def page(
    connection: Connection,
    query: Select[Any],
    id_: Column[int],
    after: int,
    count: int,
    value_of: Callable[[Sequence[Any]], T],
) -> Page[T]:
    """The rows of a query by their ids, the oldest first; the id is their first column."""
    size = validity.page_size(count)
    # One more than asked for tells whether there is another page.
    found = connection.execute(query.where(id_ > after).order_by(id_).limit(size + 1)).all()
    shown = found[:size]
    return Page(tuple(map(value_of, shown)), shown[-1][0] if len(found) > size else None)


def new_id(result: CursorResult[Any]) -> int:
    """The number that the database gave to the row that was just put in."""
    key = result.inserted_primary_key
    assert key is not None
    (id_,) = key
    return int(id_)
