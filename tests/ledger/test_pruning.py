"""What counts no more is cleared away, and nothing else."""

import pytest

from fakes.desk import HERE, Desk
from wellhead.ledger import pruning
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.pruning import PRUNE_US
from wellhead.limit import Measure, Scope, ScopeKind, Window


def test_windows_that_count_no_more_are_cleared_away_but_not_those_that_hold(desk: Desk) -> None:
    limit = desk.limit(1000, Measure.TOTAL_TOKENS, window=Window.MINUTE)
    over, under_way = (desk.call(hold_input_tokens=1, hold_output_tokens=1) for _ in range(2))
    desk.open(over)
    desk.settle(over)
    desk.clock.us += 60_000_000
    desk.open(under_way)
    desk.clock.us += PRUNE_US

    desk.clerk.tick()
    assert desk.windows(limit) == [("", 0, 2, 0)]
    desk.settle(under_way)
    desk.clock.us += PRUNE_US
    desk.clerk.tick()
    assert desk.windows(limit) == []


def test_a_neighbour_whose_clock_is_ahead_does_not_clear_away_what_counts_here(desk: Desk) -> None:
    desk.limit(2, window=Window.MINUTE)
    desk.clock.us += 59_900_000
    assert desk.open(desk.call(), desk.call()) == [None, None]
    ahead = Clerk(desk.engine, lambda: desk.clock.us + 250_000, HERE)
    ahead.sign_on()

    ahead.tick()
    assert desk.open(desk.call()) == ["rate_limited"]
    ahead.sign_off()


def test_clearing_away_goes_on_with_every_tick_until_all_was_looked_at(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "PRUNE_ROWS", 10)
    monkeypatch.setattr(pruning, "PRUNE_STEPS", 2)
    limit = desk.limit(1, window=Window.MINUTE, scope=Scope(ScopeKind.MODEL))
    desk.open(*[desk.call(model=f"m{n}") for n in range(50)])
    desk.clock.us += PRUNE_US

    left = []
    for _ in range(4):
        desk.clock.us += 10_000_000
        desk.clerk.tick()
        left.append(len(desk.windows(limit)))
    assert left == [30, 10, 0, 0]


def test_subjects_without_a_call_under_way_are_forgotten(desk: Desk) -> None:
    limit = desk.limit(1, Measure.CONCURRENT_CALLS, window=Window.TOTAL, scope=Scope(ScopeKind.MODEL))
    calls = [desk.call(model=f"m{n}") for n in range(50)]
    desk.open(*calls)
    desk.settle(*calls[1:])
    desk.clock.us += PRUNE_US

    desk.clerk.tick()
    assert desk.windows(limit) == [("m0", 0, 1, 0)]
