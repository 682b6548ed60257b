"""Prices calls again that have ended: those that had no price, or all of a time whose prices were wrong.

::

    read some ─► price ─► lock ─► still as they were? ─► cost, audit, rollups, limits ─► rest as long

Every call is priced as of when it began.  What changes is added as a *difference* to all
that was added up from the call, in the same transaction, so that everything agrees
before and after; gateways go on meanwhile, and wait for one transaction at most.

What the provider said itself stays, and so does a cost that the present lists do not
know any more: it was a price once.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from operator import sub
from sqlite3 import Connection

from msgspec import structs
from sqlalchemy import Engine, LargeBinary, Table

from wellhead.call import Opening, Settlement
from wellhead.cost import Costed, CostState
from wellhead.database import costs, limit_windows, rollups
from wellhead.database.bulk import Row
from wellhead.database.calls import Settled
from wellhead.database.costs import Chosen
from wellhead.database.directory import is_current, load_directory
from wellhead.database.engine import outages, transaction, writing_connection
from wellhead.database.limit_windows import WindowRow
from wellhead.database.rollups import TABLES, Rollup
from wellhead.directory import Directory
from wellhead.ledger.admission import Admission
from wellhead.ledger.rollup import tally
from wellhead.ledger.say import say_nothing
from wellhead.policy import windows
from wellhead.policy.limits import kept_when_priced
from wellhead.ports import Prices

BACKFILL = "backfill"
REPRICED = "repriced"
CHUNK_MAX = 500
"""Calls per transaction: gateways wait for it."""
REST_MIN_S = 0.005
"""Between two of them, so that gateways get their turn; as long as the last one took, if that is longer."""
LINES_MAX = 1000
"""Models that are told apart in what is told; the others are one line."""
OTHERS = ("(others)", "(others)")
SETTLED = "settled"


@dataclass(slots=True)
class Line:
    """What becomes of one model's calls; money in nano-dollars, over the calls whose cost is known."""

    calls: int = 0
    changed: int = 0
    unpriced_before: int = 0
    unpriced_after: int = 0
    before_nanousd: int = 0
    after_nanousd: int = 0


@dataclass(slots=True)
class Repricing:
    """What was looked at, and what became of it."""

    scanned: int = 0
    updated: int = 0
    """Calls whose cost is another one now (would be, where nothing is written)."""
    ok: int = 0
    """Of those scanned that have a price now..."""
    pending: int = 0
    """...have none yet..."""
    unsupported: int = 0
    """...and never will."""
    is_whole: bool = True
    """Whether all that were chosen were looked at."""
    lines: dict[tuple[str, str], Line] = field(default_factory=dict)
    """By provider and model."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A call's present end, and the one that takes its place."""

    opening: Opening
    old: Settlement
    new: Settlement
    costed: Costed


class Repricer:
    """Prices calls of one database by one price list."""

    def __init__(
        self,
        engine: Engine,
        prices: Prices,
        *,
        now_us: Callable[[], int],
        chunk: int = CHUNK_MAX,
        rest: Callable[[float], object] = time.sleep,
    ) -> None:
        self._engine, self._prices, self._now_us = engine, prices, now_us
        self._chunk, self._rest = min(chunk, CHUNK_MAX), rest
        self._directory: Directory | None = None

    def run(
        self,
        chosen: Chosen,
        reason: str,
        *,
        writes: bool = True,
        most: int | None = None,
        is_ending: Callable[[], bool] = lambda: False,
    ) -> Repricing:
        """Price the chosen calls, at most so many; raises `BooksUnavailable`, and what is booked then stays.

        Without `writes` nothing is booked, and the result says what would be.
        """
        told = Repricing()
        after = (-1, -1)
        with outages(), closing(writing_connection(self._engine)) as connection:
            if not writes:
                connection.execute("PRAGMA query_only=ON")
            while True:
                count = self._chunk if most is None else min(self._chunk, most - told.scanned)
                found = costs.to_price_again(connection, chosen, after, count) if count else []
                if not found:
                    return told
                if is_ending():
                    told.is_whole = False
                    return told
                last, end = found[-1]
                after = (end.finished_us, last.id)
                changes = [change for pair in found if (change := self._change(*pair)) is not None]
                if changes and writes:
                    changes = self._booked(connection, changes, reason)
                _tell(told, found, changes)

    def _change(self, opening: Opening, old: Settlement) -> _Change | None:
        bare = structs.replace(old, cost_nanousd=None, cost_state=None, rate_id=None)
        costed = self._prices.price(opening, bare)
        if costed is None or (costed.state, costed.nanousd) == (old.cost_state, old.cost_nanousd):
            return None
        if costed.nanousd is None and old.cost_nanousd is not None:
            return None
        new = structs.replace(bare, cost_nanousd=costed.nanousd, cost_state=costed.state)
        if costed.nanousd is not None:
            kept = kept_when_priced(opening, old, self._prices.estimate)
            new = structs.replace(new, hold_nanousd=kept)
        return _Change(opening, old, new, costed)

    def _booked(self, connection: Connection, changes: Sequence[_Change], reason: str) -> list[_Change]:
        """Book them in one transaction; those of calls that are not as they were any more are left out."""
        began_s = time.monotonic()
        with transaction(connection):
            there = costs.again(connection, [change.opening.id for change in changes])
            valid = [one for one in changes if there.get(one.opening.id) == (one.opening, one.old)]
            self._book(connection, valid, reason)
        self._rest(max(time.monotonic() - began_s, REST_MIN_S))
        return valid

    def _book(self, connection: Connection, changes: Sequence[_Change], reason: str) -> None:
        # Later than any other, whatever the clock does: see `cost_audits_again`.
        now_us = max(self._now_us(), costs.last_again_us(connection) + 1)
        numbers = costs.next_numbers(connection, [change.opening.id for change in changes])
        used = {rate.digest: rate for change in changes for rate in change.costed.rates()}
        rate_ids = {digest: costs.rate_id(connection, rate, now_us) for digest, rate in used.items()}
        audits = []
        for change in changes:
            id_, costed = change.opening.id, change.costed
            rate_id = None if costed.rate is None else rate_ids[costed.rate.digest]
            costs.put_right(connection, id_, structs.replace(change.new, rate_id=rate_id))
            why = () if costed.reason == SETTLED else (costed.reason,)
            again = structs.replace(costed, reason=reason, trouble=(*why, *costed.trouble))
            audits.append(costs.audit_row(id_, now_us, again, rate_ids, numbers[id_]))
        costs.note(connection, audits)
        old = [(change.opening, change.old) for change in changes]
        new = [(change.opening, change.new) for change in changes]
        rollups.add(connection, _rollup_difference(tally(new), tally(old)))
        limit_windows.add(connection, self._window_difference(connection, new, old, now_us))

    def _window_difference(
        self, connection: Connection, new: Sequence[Settled], old: Sequence[Settled], now_us: int
    ) -> list[WindowRow]:
        """What changes about the limits that calls count for, as far as the windows are still kept."""
        if self._directory is None or not is_current(connection, self._directory):
            self._directory = load_directory(connection)
        rules = Admission(self._directory, self._prices.estimate, False, say_nothing)
        kept_since = {limit.id: windows.kept_since(limit, now_us) for limit in self._directory.limits}
        rows = _difference(rules.settled(new), rules.settled(old), 3)
        return [(*row,) for row in rows if row[2] >= kept_since[row[0]]]


def _rollup_difference(new: Rollup, old: Rollup) -> Rollup:
    """What has to be added to each rollup: no cost is part of a key, and no latency depends on one."""

    def of(table: Table) -> list[Row]:
        if "cost_nanousd" not in table.columns:
            return []
        size, end = len(table.primary_key.columns), len(table.columns)
        histograms = sum(isinstance(column.type, LargeBinary) for column in table.columns)
        after, before = (
            [row[: end - histograms] for row in getattr(rollup, table.name)] for rollup in (new, old)
        )
        return [(*row, *(b"",) * histograms) for row in _difference(after, before, size)]

    return Rollup(**{table.name: of(table) for table in TABLES})


def _difference(new: Sequence[Row], old: Sequence[Row], key_size: int) -> list[Row]:
    """By the first columns: the new figures less the old ones, where they are not the same."""
    after, before = ({row[:key_size]: row[key_size:] for row in rows} for rows in (new, old))
    found = []
    for key in sorted(after.keys() | before.keys()):
        some = after.get(key) or before[key]
        nothing = (0,) * len(some)
        more = tuple(map(sub, after.get(key, nothing), before.get(key, nothing)))
        if any(more):
            found.append((*key, *more))
    return found


def _tell(told: Repricing, found: Sequence[Settled], changes: Sequence[_Change]) -> None:
    changed = {change.opening.id: change.new for change in changes}
    told.scanned += len(found)
    told.updated += len(changed)
    for opening, old in found:
        new = changed.get(opening.id, old)
        told.ok += new.cost_state is CostState.PRICED
        told.pending += new.cost_state is CostState.PENDING
        told.unsupported += new.cost_state is CostState.UNPRICEABLE
        name = (opening.provider, opening.model or "")
        line = told.lines.get(name)
        if line is None:
            line = told.lines.setdefault(name if len(told.lines) < LINES_MAX else OTHERS, Line())
        line.calls += 1
        line.changed += opening.id in changed
        line.unpriced_before += old.cost_nanousd is None
        line.unpriced_after += new.cost_nanousd is None
        line.before_nanousd += old.cost_nanousd or 0
        line.after_nanousd += new.cost_nanousd or 0
