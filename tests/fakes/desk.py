"""A clerk at work on real books, with limits made and looked at as a test wants them."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from msgspec import structs
from sqlalchemy import Engine

from fakes.books import NOON_US, a_settlement, an_opening, rows_of
from fakes.prices import CENT
from wellhead.call import Opening, Settlement
from wellhead.database import limit_windows
from wellhead.database.engine import writing_connection
from wellhead.database.registry import DatabaseRegistry
from wellhead.errors import CallerError, Refused
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.processes import this_process
from wellhead.ledger.rules import NO_PRICES, Rules
from wellhead.limit import Action, Limit, Measure, Scope, ScopeKind, Window
from wellhead.ports import Prices
from wellhead.registry import Actor, Issued, NewKey, NewLimit
from wellhead.usage import Usage, UsageSource

HERE = this_process()
ELSEWHERE = replace(HERE, host="elsewhere")
BY = Actor("tests")
EVERYTHING = Scope(ScopeKind.GLOBAL)
NOTHING_SAID = a_settlement(usage=Usage(), usage_source=UsageSource.ABSENT, upstream_latency_us=5)


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.us = NOON_US

    def now_us(self) -> int:
        return self.us


@dataclass
class Desk:
    """A clerk, the registry of its books, and a look into them."""

    engine: Engine
    clock: Clock
    registry: DatabaseRegistry
    clerk: Clerk

    def limit(self, amount: int, measure: Measure = Measure.CALLS, **more: Any) -> Limit:
        asked = {"window": Window.HOUR, "scope": EVERYTHING, **more}
        return self.registry.create_limit(BY, NewLimit(measure=measure, amount=amount, **asked))

    def key(self, **more: Any) -> Issued:
        return self.registry.create_key(BY, NewKey("laptop", **more))

    def call(self, **more: Any) -> Opening:
        return an_opening(self.clerk.next_id(), started_us=self.clock.us, **more)

    def open(self, *calls: Opening) -> list[str | None]:
        """What became of each: `None`, or the code of its refusal."""
        rulings = self.clerk.book(calls, [])
        return [ruling.code if isinstance(ruling := rulings.get(c.id), CallerError) else None for c in calls]

    def refusal(self, call: Opening) -> Refused:
        ruling = self.clerk.book([call], [])[call.id]
        assert isinstance(ruling, Refused)
        return ruling

    def settle(self, *calls: Opening, end: Settlement | None = None) -> None:
        end = end or a_settlement()
        self.clerk.book([], [(call, structs.replace(end, finished_us=self.clock.us)) for call in calls])

    def windows(self, limit: Limit) -> list[tuple[str, int, int, int]]:
        """Subject, used, held, exceeded of each row."""
        rows = rows_of(self.engine, "limit_windows")
        return [
            (row["subject"], row["used"], row["held"], row["exceeded"])
            for row in rows
            if row["limit_id"] == limit.id
        ]

    def differences(self) -> list[limit_windows.Difference]:
        with closing(writing_connection(self.engine)) as connection:
            return limit_windows.differences(connection, self.clerk.refresh().limits, self.clock.us)

    def row(self, call: Opening) -> dict[str, Any]:
        return next(row for row in rows_of(self.engine, "calls") if row["id"] == call.id)

    def another_clerk(self, **rules: Any) -> Clerk:
        clerk = Clerk(self.engine, self.clock.now_us, HERE, Rules(**rules))
        clerk.sign_on()
        return clerk


def a_desk(engine: Engine, prices: Prices = NO_PRICES, process: Any = HERE) -> Generator[Desk, None, None]:
    clock = Clock()
    clerk = Clerk(engine, clock.now_us, process, Rules(prices=prices))
    clerk.sign_on()
    yield Desk(engine, clock, DatabaseRegistry(engine, no_vault, clock.now_us), clerk)
    clerk.sign_off()


def no_vault() -> Any:
    raise AssertionError("nothing is sealed here")


def of(provider: str) -> Scope:
    """The calls of one provider."""
    return Scope(ScopeKind.PROVIDER, provider)


KINDS: Sequence[Callable[[Desk, int], Limit]] = (
    lambda desk, n: desk.limit(n),
    lambda desk, n: desk.limit(n * 20, Measure.TOTAL_TOKENS, window=Window.MINUTE, sliding=True),
    lambda desk, n: desk.limit(n * 10, Measure.INPUT_TOKENS, window=Window.DAY, zone="America/New_York"),
    lambda desk, n: desk.limit(n, Measure.CONCURRENT_CALLS, window=Window.TOTAL),
    lambda desk, n: desk.limit(n * CENT, Measure.COST, window=Window.TOTAL, action=Action.SHADOW),
    lambda desk, n: desk.limit(n, scope=Scope(ScopeKind.MODEL), window=Window.HOUR, sliding=True),
    lambda desk, n: desk.limit(n, scope=Scope(ScopeKind.PROVIDER), window=Window.TOTAL),
    lambda desk, n: desk.limit(n * 20, Measure.OUTPUT_TOKENS, scope=of("p1")),
)
"""Limits of every kind, made with some amount."""
