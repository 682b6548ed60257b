"""Makes anew from the calls what was added up: the rollups, and the windows of limits that count.

As both are added up by the same functions when a call ends, this changes nothing,
unless somebody edited the books by hand.  Of days whose calls were removed (see
`retention`) what was added up stays as it is.  It keeps the write lock until it is done,
so gateways refuse calls for as long: it is for quiet hours.
"""

from contextlib import closing

from sqlalchemy import Engine

from wellhead.database import calls, limit_windows, retention, rollups
from wellhead.database.directory import load_directory
from wellhead.database.engine import outages, transaction, writing_connection
from wellhead.database.rollups import Rollup
from wellhead.ledger.closing import close, last_day
from wellhead.ledger.rollup import tally_by_day
from wellhead.moments import DAY_US


def rebuild(engine: Engine, now_us: int) -> None:
    """Put rollups and windows back to what the calls say, in one transaction; then close days that are over.

    How many calls did not fit into a limit is in no call, and stays as it is.
    """
    with outages(), closing(writing_connection(engine)) as connection, transaction(connection):
        since_us = retention.removed_before_us(connection)
        rollups.clear(connection, since_us)
        for day, rollup in tally_by_day(calls.all_settled(connection)):
            rollups.add(connection, rollup if day * DAY_US >= since_us else of_removed_days(rollup))
        wrong = limit_windows.differences(connection, load_directory(connection).limits, now_us)
        limit_windows.add(connection, [one.remedy for one in wrong if one.bucket >= since_us])
    close(engine, last_day(now_us), rest=lambda _: None)


def of_removed_days(rollup: Rollup) -> Rollup:
    """What calls still add of days that others were removed of: everything by time stays as it is."""
    return Rollup(latency_total=rollup.latency_total)
