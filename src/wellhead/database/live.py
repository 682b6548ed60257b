"""What moves in the books: the calls that opened and those that ended since somebody looked last.

::

    calls_pending     ▒▒▒     all that are open just now: as few as the traffic in flight
    calls_finished    ...▒▒|  those that ended since a moment, out of the index alone
    calls             ▒  ▒    the rows of what is new, by their ids

Ids are ordered by time but committed later, some of them much later (a request whose body
took a minute to come in).  So what is new is found by comparing with what was seen, and
not by the highest id.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select, text

from wellhead.call import CallState
from wellhead.database.call_reports import SELECTED
from wellhead.database.schema import calls
from wellhead.report import CallRow, Movement, Seen

IDS_PER_QUERY = 500
OPEN_MAX = 10_000
"""Open calls that are looked at, the newest."""


def movement(connection: Connection, seen: Seen, count: int) -> Movement:
    """What is new since then, at most so many calls of it: those with the highest ids."""
    open_now = _open(connection)
    ended, since_us, more = _ended(connection, seen, count)
    new = (open_now - seen.open) | (ended.keys() - seen.ended) | (seen.open - open_now)
    rows = _rows(connection, sorted(new)[-count:])
    # Of very many open calls some are not looked at; they have not ended for that.
    moved = [row for row in rows if row["id"] in open_now or row["state"] != CallState.PENDING.value]
    return Movement(open_now, ended, since_us, moved, more + max(len(new) - count, 0))


def _open(connection: Connection) -> frozenset[int]:
    # The state as it is in the index; a bound value would not be recognised.  The order as that of a sum,
    # so that open calls are not looked for among all others by their ids.
    query = select(calls.c.id).where(text("state = 'pending'")).order_by((calls.c.id + 0).desc())
    query = query.limit(OPEN_MAX)
    return frozenset(connection.execute(query).scalars())


def _ended(connection: Connection, seen: Seen, count: int) -> tuple[dict[int, int], int, int]:
    """The last calls that ended and when; from when on these are all; how many new ones were before."""
    t = calls.c
    since = t.finished_us.is_not(None), t.finished_us >= seen.since_us
    most = count + len(seen.ended)
    query = select(t.id, t.finished_us).where(*since).order_by(t.finished_us.desc(), t.id.desc()).limit(most)
    ended = {id_: at_us for id_, at_us in connection.execute(query)}  # noqa: C416  (rows are no pairs to mypy)
    if len(ended) < most:
        return ended, seen.since_us, 0
    new = connection.execute(select(func.count()).where(*since)).scalar_one() - len(seen.ended)
    return ended, min(ended.values()), max(new - len(ended.keys() - seen.ended), 0)


def _rows(connection: Connection, ids: Sequence[int]) -> list[CallRow]:
    found: list[CallRow] = []
    for start in range(0, len(ids), IDS_PER_QUERY):
        query = SELECTED.where(calls.c.id.in_(ids[start : start + IDS_PER_QUERY]))
        found += [dict(row) for row in connection.execute(query).mappings()]
    return found
