"""Makes the rollups anew from the calls.

As rollups are added up by the same function when a call ends, this changes nothing,
unless somebody edited the books by hand.  It keeps the write lock until it is done,
so gateways refuse calls for as long: it is for quiet hours.
"""

from contextlib import closing

from sqlalchemy import Engine

from wellhead.database import calls, rollups
from wellhead.database.engine import outages, transaction, writing_connection
from wellhead.ledger.rollup import tally


def rebuild(engine: Engine) -> None:
    """Put the three rollups back to what the calls say, in one transaction."""
    with outages(), closing(writing_connection(engine)) as connection, transaction(connection):
        rollups.clear(connection)
        rollups.add(connection, tally(calls.all_settled(connection)))
