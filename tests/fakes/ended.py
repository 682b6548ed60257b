"""Books with calls at chosen moments, booked by the ledger itself under a clock of the test's.

::

    book(url, [a_call(us("2026-03-08T07:00Z"), model="gpt-4o", input_tokens=10)])
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from fakes.books import a_settlement, an_opening
from fakes.prices import CentPerToken
from wellhead.call import CallState, Opening, Settlement
from wellhead.database.engine import make_engine
from wellhead.database.upgrade import upgrade
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.processes import this_process
from wellhead.ledger.rules import Rules
from wellhead.moments import EPOCH, SECOND_US
from wellhead.ports import Prices
from wellhead.usage import NO_USAGE, Usage, UsageSource

CENTS = CentPerToken()


@dataclass(frozen=True, slots=True)
class Ended:
    """A call as it will be booked; its id comes with that."""

    opening: Opening
    end: Settlement


def us(text: str) -> int:
    """A moment in microseconds."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def a_call(
    ended_us: int,
    *,
    input_tokens: int | None = 120,
    output_tokens: int = 80,
    state: CallState = CallState.COMPLETED,
    took_us: int = SECOND_US,
    **opening: Any,
) -> Ended:
    """A call that ended at a moment; without `input_tokens` nobody said what it used."""
    usage, source = NO_USAGE, UsageSource.ABSENT
    if input_tokens is not None:
        total = input_tokens + output_tokens
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens, total_tokens=total)
        source = UsageSource.REPORTED
    end = a_settlement(
        finished_us=ended_us,
        latency_us=took_us,
        usage=usage,
        usage_source=source,
        state=state,
        status_code=200 if state is CallState.COMPLETED else 502,
        model_served=opening.get("model"),
    )
    return Ended(an_opening(0, **{"started_us": ended_us - took_us, **opening}), end)


def book(url: str, calls: Iterable[Ended], prices: Prices = CENTS) -> list[int]:
    """Open and settle them, each at its own time; says their ids."""
    upgrade(url)
    engine = make_engine(url)
    clock = [0]
    clerk = Clerk(engine, lambda: clock[0], this_process(), Rules(prices=prices))
    ids: list[int] = []
    try:
        for call in sorted(calls, key=lambda one: one.opening.started_us):
            clock[0] = call.opening.started_us
            if not ids:
                clerk.sign_on()
            opening = replace(call.opening, id=clerk.next_id())
            clerk.book([opening], [])
            clock[0] = call.end.finished_us
            clerk.book([], [(opening, call.end)])
            ids.append(opening.id)
    finally:
        if ids:
            clerk.sign_off()
        engine.dispose()
    return ids


def totals(path: Path, condition: str = "1") -> tuple[int, int, int]:
    """Calls, tokens and nano-dollars of the rows themselves."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as books:
        query = "SELECT count(*), coalesce(sum(total_tokens), 0), coalesce(sum(cost_nanousd), 0) FROM calls"
        found = books.execute(f"{query} WHERE state <> 'pending' AND {condition}").fetchone()
    return found[0], found[1], found[2]
