"""The rows of limit_windows: what calls used of limits, bucket by bucket.

::

    add        with every batch, in the transaction that books the calls
    recount    the same figures from `calls`: what a new limit starts with, what a check compares

`used` is what calls took for good, `held` what those under way reserve, `exceeded`
how many did not fit (that alone cannot be counted again).  What a bucket is, is said
in `wellhead.policy.windows`.  All of it runs inside a transaction of the caller's.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

from wellhead import call_id
from wellhead.call import Opening
from wellhead.database import costs
from wellhead.database.bulk import ROWS_MAX, Bulk, placeholders
from wellhead.database.snapshot import snapshot
from wellhead.limit import Limit, Measure, ScopeKind, Window
from wellhead.moments import MINUTE_US
from wellhead.policy import scopes, windows

WindowRow = tuple[int, str, int, int, int, int]
"""Limit, subject, bucket; used, held, exceeded (or what is added to them)."""
Place = tuple[int, str, int]
"""The key of a row: limit, subject, bucket."""
THE_BEGINNING: Place = (0, "", 0)
"""Before all rows."""

BEFORE_ADMISSION_US = 24 * 3600 * 1_000_000
"""How long a call may take from its beginning, when it got its id, to its admission: its body has to come."""

_ADD = Bulk(
    "INSERT INTO limit_windows (limit_id,subject,bucket,used,held,exceeded) VALUES ",
    placeholders(6),
    " ON CONFLICT (limit_id,subject,bucket) DO UPDATE SET used=limit_windows.used+excluded.used,"
    "held=limit_windows.held+excluded.held,exceeded=limit_windows.exceeded+excluded.exceeded",
)

_NEXT = (
    "SELECT limit_id,subject,bucket,held,used=0 AND held=0 AND exceeded=0 FROM limit_windows"
    " WHERE (limit_id,subject,bucket)>(?,?,?) ORDER BY limit_id,subject,bucket LIMIT ?"
)
_REMOVE = Bulk("DELETE FROM limit_windows WHERE (limit_id,subject,bucket) IN (VALUES ", placeholders(3), ")")


def add(connection: sqlite3.Connection, rows: Iterable[WindowRow]) -> None:
    """Add to the rows; those that are not there yet begin at zero."""
    # Everybody takes them in the same order.
    _ADD.run(connection, sorted(rows))


def standings(
    connection: sqlite3.Connection, wanted: Iterable[tuple[int, str, int]]
) -> dict[tuple[int, str], tuple[int, int]]:
    """Used and held of each limit and subject, over the buckets from a first one on."""
    asked = sorted(wanted)
    found = {(limit_id, subject): (0, 0) for limit_id, subject, _ in asked}
    start = 0
    while start < len(asked):
        size = min(ROWS_MAX, 1 << (len(asked) - start).bit_length() - 1)
        values = tuple(chain.from_iterable(asked[start : start + size]))
        for limit_id, subject, used, held in connection.execute(_standings_of(size), values):
            found[limit_id, subject] = used, held
        start += size
    return found


@cache
def _standings_of(size: int) -> str:
    # The cross join keeps what is asked for outside, and so every step a look into the key.
    asked = ",".join([placeholders(3)] * size)
    return (
        f"SELECT w.limit_id,w.subject,sum(w.used),sum(w.held) FROM (VALUES {asked}) AS v"  # noqa: S608
        " CROSS JOIN limit_windows w"
        " WHERE w.limit_id=v.column1 AND w.subject=v.column2 AND w.bucket>=v.column3"
        " GROUP BY w.limit_id,w.subject"
    )


def frees(
    connection: sqlite3.Connection, limit_id: int, subject: str, since: int
) -> list[tuple[int, int, int]]:
    """The buckets that count with what is used and held in each, the first to be free again first."""
    query = (
        "SELECT bucket,used,held FROM limit_windows"
        " WHERE limit_id=? AND subject=? AND bucket>=? ORDER BY bucket"
    )
    return connection.execute(query, (limit_id, subject, since)).fetchall()


def prune(
    connection: sqlite3.Connection, limits: Mapping[int, Limit], now_us: int, after: Place, count: int
) -> Place | None:
    """Look at so many rows behind a place and clear away those that count no more; the last of them.

    `None`: there are no more.  A row that holds stays until its calls have ended; less than nothing is held
    where one ended that was open before the limit was made.  What belongs to a limit that is not among
    `limits` is left alone: it may be a new one.
    """
    seen = connection.execute(_NEXT, (*after, count)).fetchall()
    since = {id_: windows.kept_since(limits[id_], now_us) for id_ in {row[0] for row in seen} & limits.keys()}
    _REMOVE.run(
        connection,
        [
            (limit_id, subject, bucket)
            for limit_id, subject, bucket, held, is_nothing in seen
            if limit_id in since and (is_nothing or (bucket < since[limit_id] and held <= 0))
        ],
    )
    return seen[-1][:3] if len(seen) == count else None


Sums = dict[tuple[str, int], tuple[int, int]]
"""By subject and bucket: used, held."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is certain already of a window: that may be long, but the time under the lock must not be."""

    below_id: int
    """No call with a lower id is still to come..."""
    pending: Sequence[int]
    """...and of those that are there only these have not ended yet."""
    sums: Sums
    """What the others count..."""
    again_us: int
    """...as long as calls were last priced again then."""


def count_earlier(connection: sqlite3.Connection, limit: Limit, now_us: int) -> Earlier | None:
    """Count what can be counted before the lock is taken; `None` where that would save nothing."""
    if limit.window is Window.TOTAL:
        return None
    since_bucket, below_id = windows.since(limit, now_us), _first_id(now_us)
    with snapshot(connection):
        pending = connection.execute("SELECT id FROM calls WHERE state='pending' AND id<?", (below_id,))
        return Earlier(
            below_id,
            [id_ for (id_,) in pending],
            _counted(
                connection,
                limit,
                since_bucket,
                "id>=? AND id<? AND state<>'pending'",
                _first_id(since_bucket),
                below_id,
            ),
            costs.last_again_us(connection),
        )


def recount(
    connection: sqlite3.Connection, limit: Limit, since_bucket: int, earlier: Earlier | None = None
) -> Sums:
    """Used and held by subject and bucket, from the calls that were admitted since a bucket began."""
    if limit.measure is Measure.CONCURRENT_CALLS:
        return _counted(connection, limit, since_bucket, "state='pending'")
    first_id = _first_id(limit.created_us if limit.window is Window.TOTAL else since_bucket)
    if earlier is None or _was_repriced(connection, limit, earlier):
        return _counted(connection, limit, since_bucket, "id>=?", first_id)
    # The window may have moved on meanwhile.
    still = {key: sums for key, sums in earlier.sums.items() if key[1] >= since_bucket}
    later = _counted(connection, limit, since_bucket, "id>=?", max(first_id, earlier.below_id))
    ended = _counted(
        connection,
        limit,
        since_bucket,
        "id IN (SELECT value FROM json_each(?))",
        json.dumps(earlier.pending),
    )
    return _added(still, later, ended)


def _was_repriced(connection: sqlite3.Connection, limit: Limit, earlier: Earlier) -> bool:
    return limit.measure is Measure.COST and costs.last_again_us(connection) != earlier.again_us


def _added(*parts: Sums) -> Sums:
    sums: defaultdict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for part in parts:
        for key, pair in part.items():
            sums[key].append(pair)
    return {
        key: (sum(used for used, _ in pairs), sum(held for _, held in pairs)) for key, pairs in sums.items()
    }


def _counted(
    connection: sqlite3.Connection, limit: Limit, since_bucket: int, which: str, *values: int | str
) -> Sums:
    """The same of the calls that a condition chooses; it says which rows are looked at, too."""
    sums: defaultdict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    roots = _roots(connection)
    for call, used, held in _grouped(connection, limit, since_bucket, roots, which, values):
        subject = scopes.subject_of(limit, call, roots)
        if subject is not None and (used or held):
            assert call.admitted_us is not None
            total = sums[subject, windows.bucket_of(limit, call.admitted_us)]
            total[0] += used
            total[1] += held
    return {key: (used, held) for key, (used, held) in sums.items()}


@dataclass(frozen=True, slots=True)
class Difference:
    """A bucket whose figures are not those of the calls."""

    limit_id: int
    subject: str
    bucket: int
    kept: tuple[int, int]
    """Used and held, as the window has it."""
    counted: tuple[int, int]
    """The same from the calls."""

    @property
    def remedy(self) -> WindowRow:
        """What has to be added to put it right."""
        used, held = (counted - kept for kept, counted in zip(self.kept, self.counted, strict=True))
        return self.limit_id, self.subject, self.bucket, used, held, 0


def differences(connection: sqlite3.Connection, limits: Iterable[Limit], now_us: int) -> list[Difference]:
    """Where the windows that count now do not agree with the calls; reads one state of the books."""
    found: list[Difference] = []
    with snapshot(connection):
        for limit in limits:
            since = windows.since(limit, now_us)
            kept, counted = _kept(connection, limit.id, since), recount(connection, limit, since)
            found += (
                Difference(limit.id, *key, kept.get(key, (0, 0)), counted.get(key, (0, 0)))
                for key in sorted(kept.keys() | counted.keys())
                if kept.get(key, (0, 0)) != counted.get(key, (0, 0))
            )
    return found


def _kept(
    connection: sqlite3.Connection, limit_id: int, since: int
) -> Mapping[tuple[str, int], tuple[int, int]]:
    query = "SELECT subject,bucket,used,held FROM limit_windows WHERE limit_id=? AND bucket>=?"
    return {
        (subject, bucket): (used, held)
        for subject, bucket, used, held in connection.execute(query, (limit_id, since))
    }


# Recounting.  The calls are added up by whom they may count for and by spans that lie wholly within
# a bucket each, so that what policy decides is asked once for a span and not for every call.

_WHOSE: Mapping[ScopeKind, Sequence[str]] = {
    ScopeKind.GLOBAL: (),
    ScopeKind.PROJECT: ("project_id",),
    ScopeKind.KEY: ("key_id",),
    ScopeKind.CLIENT: ("tool", "client", "key_id", "client_address"),
    ScopeKind.MODEL: ("model",),
    ScopeKind.PROVIDER: ("provider",),
}
_FACT = {
    Measure.INPUT_TOKENS: "input_tokens",
    Measure.OUTPUT_TOKENS: "output_tokens",
    Measure.TOTAL_TOKENS: "total_tokens",
    Measure.COST: "cost_nanousd",
}
_HOLD = {
    Measure.INPUT_TOKENS: "coalesce(hold_input_tokens,0)",
    Measure.OUTPUT_TOKENS: "coalesce(hold_output_tokens,0)",
    Measure.TOTAL_TOKENS: "coalesce(hold_input_tokens,0)+coalesce(hold_output_tokens,0)",
    Measure.COST: "coalesce(hold_nanousd,0)",
}


def _grouped(
    connection: sqlite3.Connection,
    limit: Limit,
    since_bucket: int,
    roots: scopes.Roots,
    which: str,
    chosen: Sequence[int | str],
) -> Iterator[tuple[Opening, int, int]]:
    """A call that stands for all of a span and a scope, and what those used and hold."""
    whose = _WHOSE[limit.scope.kind]
    span, bounds = _span_of(limit, since_bucket)
    conditions, values = _conditions(limit, since_bucket, roots)
    columns = ",".join((span, *whose))
    places = ",".join(str(place) for place in range(1, 2 + len(whose)))
    query = (
        f"SELECT {columns},{_amounts(limit.measure)} FROM calls"  # noqa: S608
        f" WHERE {' AND '.join((which, *conditions))} GROUP BY {places}"
    )
    for began_us, *names, used, held in connection.execute(query, (*bounds, *chosen, *values)):
        known: dict[str, Any] = {"provider": "", **dict(zip(whose, names, strict=True))}
        call = Opening(
            id=0, started_us=began_us, admitted_us=began_us, dialect="", method="", path="", **known
        )
        yield call, used, held


def _span_of(limit: Limit, since_bucket: int) -> tuple[str, tuple[int, ...]]:
    """The beginning of a call's span, in SQL."""
    if limit.window is Window.TOTAL:
        return "0", ()
    if limit.sliding:
        size_us = windows.LENGTH_US[limit.window] // windows.BUCKETS
        return "admitted_us/?*?", (size_us, size_us)
    # Nearly always all of them are in the first window; every later one begins at a full minute.
    until_us = windows.frees_us(limit, since_bucket)
    assert until_us is not None
    return (
        "CASE WHEN admitted_us<? THEN ? ELSE admitted_us/?*? END",
        (until_us, since_bucket, MINUTE_US, MINUTE_US),
    )


def _amounts(measure: Measure) -> str:
    if measure is Measure.CALLS:
        return "count(*),0"
    if measure is Measure.CONCURRENT_CALLS:
        return "0,count(*)"
    hold = _HOLD[measure]
    return (
        f"sum(CASE state WHEN 'pending' THEN 0 ELSE coalesce({_FACT[measure]},0)+{hold} END),"
        f"sum(CASE state WHEN 'pending' THEN {hold} ELSE 0 END)"
    )


def _conditions(limit: Limit, since_bucket: int, roots: scopes.Roots) -> tuple[list[str], list[Any]]:
    scope, values = limit.scope, list[Any]()
    if limit.measure is Measure.CONCURRENT_CALLS:
        conditions = ["admitted_us IS NOT NULL"]
    else:
        conditions = ["state<>'refused'", "admitted_us>=?"]
        values.append(limit.created_us if limit.window is Window.TOTAL else since_bucket)
    if scope.kind is ScopeKind.PROJECT and scope.id is not None:
        conditions.append("project_id=?")
        values.append(int(scope.id))
    elif scope.kind is ScopeKind.KEY and scope.id is not None:
        root = int(scopes.root_of(scope.id, roots))
        line = [root, *(key for key, first in roots.items() if first == root)]
        conditions.append(f"key_id IN {placeholders(len(line))}")
        values += line
    elif scope.kind is ScopeKind.PROVIDER and scope.id is not None:
        conditions.append("provider=?")
        values.append(scope.id)
    for column, wanted in (("tool", scope.tool), ("client", scope.client)):
        if wanted is not None:
            conditions.append(f"{column}=?")
            values.append(wanted)
    return conditions, values


def _roots(connection: sqlite3.Connection) -> scopes.Roots:
    query = "SELECT id,predecessor_id FROM keys WHERE predecessor_id IS NOT NULL ORDER BY id"
    return scopes.roots_of(connection.execute(query))


def _first_id(since_us: int) -> int:
    """No call admitted from that moment on has a lower id."""
    return call_id.first_of((since_us - BEFORE_ADMISSION_US) // 1000)
