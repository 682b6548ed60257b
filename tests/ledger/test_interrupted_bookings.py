"""Bookings that break off at any step, as on a full disk or under a lock: all of it is booked, or nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from msgspec import structs
from sqlalchemy import Engine

from fakes.books import a_settlement, rows_of
from fakes.desk import BY, KINDS, NOTHING_SAID, Desk, a_desk
from wellhead.call import Opening
from wellhead.database.calls import Settled
from wellhead.errors import BooksUnavailable
from wellhead.ledger.check import check
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.pruning import PRUNE_US
from wellhead.limit import Limit

STEPS = 100
INSTRUCTIONS = 10
"""Of the database's machine, between two chances to break off."""


@contextmanager
def breaking_off(clerk: Clerk, after: int | None) -> Iterator[None]:
    """The clerk's statements break off after so many instructions; `None`: they do not."""
    connection = clerk._held._connection
    if after is None or connection is None:
        yield
        return
    left = iter(range(after))
    connection.set_progress_handler(lambda: next(left, None) is None, INSTRUCTIONS)
    try:
        yield
    finally:
        if connection is clerk._held._connection:  # Otherwise it was given up, and is closed.
            connection.set_progress_handler(None, 0)


@pytest.mark.parametrize("seed", range(4))
def test_what_breaks_off_leaves_calls_limits_and_rollups_in_agreement(engine: Engine, seed: int) -> None:
    random = Random(seed)
    desks = a_desk(engine)
    desk = next(desks)
    under_way: list[Opening] = []
    ended: list[Settled] = []
    limits: list[Limit] = []
    broken = 0
    for _ in range(STEPS):
        with breaking_off(desk.clerk, random.choice((None, random.randint(0, 80)))):
            try:
                one_step(desk, random, under_way, ended, limits)
            except BooksUnavailable:
                broken += 1
        assert desk.differences() == []
    desk.clerk.book([], ended)
    assert broken > STEPS // 20
    assert check(engine, desk.clock.us) == []
    pending = {row["id"] for row in rows_of(engine, "calls") if row["state"] == "pending"}
    assert pending == {call.id for call in under_way}
    desks.close()


def one_step(
    desk: Desk, random: Random, under_way: list[Opening], ended: list[Settled], limits: list[Limit]
) -> None:
    match random.choice(("open", "open", "open", "settle", "settle", "tick", "limit", "delete", "later")):
        case "open":
            calls = [
                desk.call(model=f"m{n % 4}", hold_input_tokens=n, hold_output_tokens=2 * n)
                for n in range(random.randint(1, 40))
            ]
            codes = desk.open(*calls)
            under_way += [call for call, code in zip(calls, codes, strict=True) if code is None]
        case "settle" if under_way:
            random.shuffle(under_way)
            for _ in range(random.randint(1, len(under_way))):
                end = random.choice((a_settlement(), structs.replace(NOTHING_SAID, response_bytes=70)))
                ended.append((under_way.pop(), structs.replace(end, finished_us=desk.clock.us)))
            desk.clerk.book([], ended)
            ended.clear()
        case "tick":
            desk.clock.us += random.choice((0, PRUNE_US))
            desk.clerk.tick()
        case "limit" if len(limits) < len(KINDS):
            limits.append(KINDS[len(limits)](desk, random.randint(0, 60)))
        case "delete" if limits:
            desk.registry.delete_limit(BY, limits.pop().id)
        case "later":
            desk.clock.us += random.randint(0, 9) * 7_000_000
