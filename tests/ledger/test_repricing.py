"""Calls are priced again, and everything that was added up from them agrees afterwards."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import pytest

from fakes.books import NOON_US, a_settlement, an_opening, books_on_disk, closed_of, rollups_of, rows_of
from fakes.prices import CENT
from ledger.test_many_processes import SPENDING, no_vault, writing_process
from wellhead.call import CallState, Opening, Settlement
from wellhead.clock import wall_us
from wellhead.cost import Costed, CostState, UsedRate
from wellhead.database import costs, limits
from wellhead.database.costs import Chosen
from wellhead.database.registry import DatabaseRegistry
from wellhead.ledger.check import check
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.closing import close
from wellhead.ledger.processes import this_process
from wellhead.ledger.repricing import BACKFILL, OTHERS, REPRICED, Repricer, Repricing
from wellhead.ledger.rules import Rules
from wellhead.limit import Measure, Scope, ScopeKind, Window
from wellhead.moments import DAY_US, HOUR_US
from wellhead.registry import Actor, NewLimit
from wellhead.usage import Usage, UsageSource

USAGE = Usage(input_tokens=3, output_tokens=2, total_tokens=5)
ALL = Chosen(0, 2**62)
PENDING = changed(ALL, only_pending=True)


class PerToken:
    """Every token of a model costs so much; of a model that has no price nothing is known."""

    def __init__(self, **nanousd: int | None) -> None:
        self.nanousd = nanousd

    def estimate(self, call: Opening, input_tokens: int, output_tokens: int) -> int | None:
        each = self.nanousd.get(call.model or "")
        return None if each is None else (input_tokens + output_tokens) * each

    def price(self, call: Opening, end: Settlement) -> Costed | None:
        usage = end.usage
        if end.cost_nanousd is not None:
            return Costed(CostState.PRICED, "reported", end.cost_nanousd)
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        if call.model is None:
            return Costed(CostState.UNPRICEABLE, "no_model")
        cost = self.estimate(call, usage.input_tokens, usage.output_tokens)
        if cost is None:
            return Costed(CostState.PENDING, "no_price")
        each = self.nanousd[call.model]
        rate = UsedRate(str(each).encode().rjust(32), f"{each}", "tests", None, call.model, None, None, "{}")
        return Costed(CostState.PRICED, "settled", cost, rate, call.model, "exact")


class World:
    """Books, in which calls are settled by a price list and priced again by another one."""

    def __init__(self, folder: Path) -> None:
        self.engine = books_on_disk(folder)
        self.registry = DatabaseRegistry(self.engine, no_vault, lambda: NOON_US)
        self.rests: list[float] = []
        self.now_us = self.settled_us = NOON_US
        """When calls are priced again, and when they are booked."""

    def limits(self, *limits: NewLimit) -> None:
        for limit in limits:
            self.registry.create_limit(Actor("tests"), limit)

    def settle(self, prices: PerToken, *calls: tuple[dict[str, Any], dict[str, Any]]) -> list[int]:
        """Calls that end one after the other, each with what is special about it; says their ids."""
        clerk = Clerk(self.engine, lambda: self.settled_us, this_process(), Rules(prices=prices))
        clerk.sign_on()
        pairs = []
        for place, (opening, end) in enumerate(calls):
            call = an_opening(clerk.next_id(), **{"model": "water", **opening})
            usual = {"usage": USAGE, "finished_us": self.settled_us + place * 1000}
            pairs.append((call, a_settlement(**{**usual, **end})))
        rulings = clerk.book([call for call, _ in pairs], [])
        assert rulings == {}
        clerk.book([], pairs)
        clerk.sign_off()
        return [call.id for call, _ in pairs]

    def repricer(self, prices: PerToken, chunk: int = 500) -> Repricer:
        return Repricer(self.engine, prices, now_us=lambda: self.now_us, chunk=chunk, rest=self.rests.append)

    def reprice(
        self, prices: PerToken, chosen: Chosen = ALL, reason: str = REPRICED, **how: Any
    ) -> Repricing:
        told = self.repricer(prices, how.pop("chunk", 500)).run(chosen, reason, **how)
        assert check(self.engine, self.now_us) == []
        return told

    def call(self, id_: int) -> dict[str, Any]:
        return next(row for row in rows_of(self.engine, "calls") if row["id"] == id_)

    def audits(self, id_: int) -> list[dict[str, Any]]:
        return [row for row in rows_of(self.engine, "cost_audits") if row["call_id"] == id_]

    def costs(self) -> list[int | None]:
        return [row["cost_nanousd"] for row in rows_of(self.engine, "calls")]

    def everything(self) -> dict[str, Any]:
        tables = ("calls", "cost_audits", "rates", "limit_windows")
        return {**rollups_of(self.engine), **{table: rows_of(self.engine, table) for table in tables}}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.engine.dispose()


USUAL: tuple[dict[str, Any], dict[str, Any]] = ({}, {})


def test_a_call_that_had_no_price_gets_one_and_its_audit_says_so(world: World) -> None:
    (id_,) = world.settle(PerToken(), USUAL)
    world.now_us += HOUR_US
    assert (world.call(id_)["cost_state"], world.call(id_)["cost_nanousd"]) == ("pending", None)

    told = world.reprice(PerToken(water=7), PENDING, BACKFILL)
    assert (told.scanned, told.updated, told.ok, told.pending, told.unsupported) == (1, 1, 1, 0, 0)
    row = world.call(id_)
    assert (row["cost_state"], row["cost_nanousd"]) == ("priced", 35)
    first, second = world.audits(id_)
    assert (first["number"], first["reason"], first["cost_nanousd"]) == (0, "no_price", None)
    assert (second["number"], second["reason"], second["cost_nanousd"]) == (1, "backfill", 35)
    assert (second["at_us"], second["how"]) == (NOON_US + HOUR_US, "exact")
    (rate,) = rows_of(world.engine, "rates")
    assert rate["id"] == row["rate_id"] == second["rate_id"]
    for table in ("usage_hourly", "models_hourly", "usage_total"):
        (sums,) = rows_of(world.engine, table)
        assert (sums["calls"], sums["priced_calls"], sums["cost_nanousd"]) == (1, 1, 35)


def test_only_what_is_pending_is_filled_in(world: World) -> None:
    world.settle(PerToken(water=7), USUAL, ({"model": "oil"}, {}))
    told = world.reprice(PerToken(water=9, oil=1), PENDING, BACKFILL)
    assert (told.scanned, world.costs()) == (1, [35, 5])


def test_what_still_has_no_price_stays_as_it_is(world: World) -> None:
    world.settle(PerToken(), USUAL, ({"model": None}, {}))
    before = world.everything()
    told = world.reprice(PerToken(), PENDING, BACKFILL)
    assert (told.scanned, told.updated, told.pending) == (1, 0, 1)
    assert world.everything() == before
    assert world.rests == []


def test_what_turns_out_to_have_no_price_ever_is_told_with_the_reason(world: World) -> None:
    class Wiser(PerToken):
        def price(self, call: Opening, end: Settlement) -> Costed | None:
            return Costed(CostState.UNPRICEABLE, "no_model")

    (id_,) = world.settle(PerToken(), USUAL)
    told = world.reprice(Wiser(), PENDING, BACKFILL)
    assert (told.updated, told.unsupported) == (1, 1)
    assert world.audits(id_)[1]["trouble"] == "no_model"


def test_a_wrong_price_is_put_right_up_and_down_and_every_time_is_on_record(world: World) -> None:
    (id_,) = world.settle(PerToken(water=7), USUAL)
    for price in (9, 2, 0, 5):
        world.reprice(PerToken(water=price))
        assert world.call(id_)["cost_nanousd"] == price * 5
    assert [(a["number"], a["reason"], a["cost_nanousd"]) for a in world.audits(id_)] == [
        (0, "settled", 35),
        (1, "repriced", 45),
        (2, "repriced", 10),
        (3, "repriced", 0),
        (4, "repriced", 25),
    ]
    before = world.everything()
    assert world.reprice(PerToken(water=5)).updated == 0
    assert world.everything() == before


def test_what_the_provider_said_itself_stays(world: World) -> None:
    world.settle(PerToken(water=7), ({}, {"cost_nanousd": 123}), USUAL)
    told = world.reprice(PerToken(water=9))
    assert (told.scanned, world.costs()) == (1, [123, 45])


def test_a_cost_that_was_never_on_record_stays(world: World) -> None:
    world.settle(PerToken(water=7), USUAL)
    with world.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM cost_audits")
    assert world.reprice(PerToken(water=9)).scanned == 0


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("UPDATE cost_audits SET cost_nanousd=36 WHERE number=1", [("cost_nanousd", 36, 45)]),
        ("UPDATE cost_audits SET rate_id=1 WHERE number=1", [("rate_id", 1, 2)]),
        (
            "UPDATE cost_audits SET cost_state='pending',cost_nanousd=NULL WHERE number=1",
            [("priced", 0, 1), ("pending", 1, 0), ("known", 0, 1), ("cost_nanousd", 0, 45)],
        ),
        ("UPDATE calls SET cost_state='unpriceable'", [("priced", 1, 0), ("unpriceable", 0, 1)]),
    ],
)
def test_a_cost_that_is_not_that_of_its_last_record_is_told(
    world: World, edit: str, told: list[tuple[str, int, int]]
) -> None:
    (id_,) = world.settle(PerToken(water=7), USUAL)
    world.reprice(PerToken(water=9))
    with world.engine.begin() as connection:
        connection.exec_driver_sql(edit)
    found = [one for one in check(world.engine, NOON_US) if one.table == "cost_audits"]
    assert {(one.where["call_id"], one.where["number"]) for one in found} == {(id_, 1)}
    assert sorted((one.figure, one.kept, one.counted) for one in found) == sorted(told)


def test_a_price_that_nobody_knows_any_more_is_kept(world: World) -> None:
    world.settle(PerToken(water=7), USUAL)
    told = world.reprice(PerToken())
    assert (told.updated, told.ok, world.costs()) == (0, 1, [35])


def test_calls_are_chosen_by_when_they_ended_by_model_and_by_provider(world: World) -> None:
    world.settle(
        PerToken(water=7, oil=7),
        USUAL,
        USUAL,
        ({"model": "oil"}, {}),
        ({"provider": "gemini"}, {}),
        ({"model": "oil"}, {"model_served": "water"}),
    )
    new = PerToken(water=9, oil=9)
    assert world.reprice(new, Chosen(NOON_US, NOON_US + 1000)).updated == 1
    assert world.costs() == [45, 35, 35, 35, 35]
    assert world.reprice(new, changed(ALL, provider="gemini")).updated == 1
    assert world.costs() == [45, 35, 35, 45, 35]
    assert world.reprice(new, changed(ALL, model="water")).updated == 2
    assert world.costs() == [45, 45, 35, 45, 45]
    assert world.reprice(new, changed(ALL, model="nothing")).scanned == 0


def test_a_dry_run_says_what_would_change_and_writes_nothing(world: World) -> None:
    world.settle(PerToken(water=7), USUAL, USUAL, ({"model": "oil"}, {}), ({"model": "tar"}, {}))
    before = world.everything()
    told = world.reprice(PerToken(water=9, oil=1), writes=False)
    assert world.everything() == before
    water, oil, tar = (told.lines["openai", model] for model in ("water", "oil", "tar"))
    assert (water.calls, water.changed, water.before_nanousd, water.after_nanousd) == (2, 2, 70, 90)
    assert (oil.unpriced_before, oil.unpriced_after, oil.after_nanousd) == (1, 0, 5)
    assert (tar.calls, tar.changed, tar.unpriced_after) == (1, 0, 1)
    real = world.reprice(PerToken(water=9, oil=1))
    assert real == told


def test_many_calls_are_booked_in_small_transactions_with_rests_between(world: World) -> None:
    # Several that ended at one moment, too: none is passed over or taken twice.
    world.settle(PerToken(), *[({}, {"finished_us": NOON_US + place // 4}) for place in range(25)])
    told = world.reprice(PerToken(water=7), PENDING, BACKFILL, chunk=3)
    assert (told.scanned, told.updated, len(world.rests)) == (25, 25, 9)
    assert world.costs() == [35] * 25
    assert min(world.rests) > 0


def test_no_more_than_were_asked_for_are_looked_at(world: World) -> None:
    world.settle(PerToken(), *[USUAL] * 7)
    told = world.reprice(PerToken(water=7), PENDING, BACKFILL, chunk=3, most=5)
    assert (told.scanned, told.updated) == (5, 5)
    assert world.costs() == [35] * 5 + [None] * 2


def test_when_it_is_to_end_it_ends_between_two_transactions(world: World) -> None:
    world.settle(PerToken(), *[USUAL] * 7)
    told = world.reprice(
        PerToken(water=7), PENDING, BACKFILL, chunk=3, is_ending=lambda: len(world.rests) == 1
    )
    assert (told.scanned, told.is_whole) == (3, False)
    assert world.costs() == [35] * 3 + [None] * 4


def test_a_call_that_somebody_else_priced_meanwhile_is_left_alone(world: World) -> None:
    world.settle(PerToken(), USUAL, USUAL)

    class Slow(PerToken):
        """While it thinks about the first call somebody else prices both."""

        def price(self, call: Opening, end: Settlement) -> Costed | None:
            if not world.rests:
                world.reprice(PerToken(water=8), PENDING, BACKFILL)
            return super().price(call, end)

    told = world.reprice(Slow(water=9), PENDING, BACKFILL)
    assert (told.updated, world.costs()) == (0, [40, 40])


def test_models_beyond_a_number_are_told_as_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellhead.ledger.repricing.LINES_MAX", 2)
    world.settle(PerToken(), *[({"model": f"m{n}"}, {}) for n in range(5)])
    told = world.reprice(PerToken(), writes=False)
    assert {name: line.calls for name, line in told.lines.items()} == {
        ("openai", "m0"): 1,
        ("openai", "m1"): 1,
        OTHERS: 3,
    }


# Limits.

COST = [
    NewLimit(Measure.COST, window, 10**12, scope, sliding=sliding, zone=zone)
    for window in Window
    for sliding, zone in ((False, "UTC"), (False, "Australia/Lord_Howe"), (True, "UTC"))
    if not (sliding and window is Window.TOTAL)
    for scope in (Scope(ScopeKind.GLOBAL), Scope(ScopeKind.MODEL, "wat*"), Scope(ScopeKind.CLIENT))
]
OTHER = [
    NewLimit(Measure.CALLS, Window.HOUR, 10**9, Scope(ScopeKind.GLOBAL)),
    NewLimit(Measure.TOTAL_TOKENS, Window.HOUR, 10**9, Scope(ScopeKind.GLOBAL)),
    NewLimit(Measure.CONCURRENT_CALLS, Window.TOTAL, 10**9, Scope(ScopeKind.GLOBAL)),
]
CUT = {
    "state": CallState.ABORTED,
    "incomplete": True,
    "usage": Usage(input_tokens=3, output_tokens=2, total_tokens=5),
    "upstream_latency_us": 5,
    "response_bytes": 40,
}
"""The end of a call whose client left: ten tokens came, of which two were reported."""
HELD = {"hold_input_tokens": 3, "hold_output_tokens": 50, "streamed": True}


def test_every_limit_on_cost_counts_the_difference(world: World) -> None:
    world.limits(*COST, *OTHER)
    world.settle(PerToken(oil=7), (HELD, {}), ({**HELD, "model": "oil"}, {}))
    world.reprice(PerToken(water=9, oil=2), PENDING, BACKFILL)
    used = {
        row["limit_id"]: row["used"]
        for row in rows_of(world.engine, "limit_windows")
        if row["limit_id"] <= len(COST)
    }
    assert len(used) == len(COST)
    scopes = [limit.scope.kind for limit in COST if limit.scope is not None]
    assert {used[n + 1] for n, kind in enumerate(scopes) if kind is ScopeKind.MODEL} == {45}
    assert {used[n + 1] for n, kind in enumerate(scopes) if kind is not ScopeKind.MODEL} == {45 + 35}
    world.reprice(PerToken(water=1, oil=0))
    assert rows_of(world.engine, "limit_windows")[0]["used"] == 5


def test_what_is_kept_of_a_hold_is_priced_again_and_what_is_known_is_not_charged_twice(world: World) -> None:
    world.limits(NewLimit(Measure.COST, Window.TOTAL, 10**12, Scope(ScopeKind.GLOBAL)))
    known, unknown = world.settle(PerToken(water=7), (HELD, CUT), ({**HELD, "model": "oil"}, CUT))
    row = world.call(known)
    # Eight tokens beside the two were written: estimated.
    assert (row["cost_nanousd"], row["hold_output_tokens"], row["hold_nanousd"]) == (35, 8, 56)
    assert world.call(unknown)["hold_nanousd"] is None

    world.reprice(PerToken(water=2, oil=3))
    row = world.call(known)
    assert (row["cost_nanousd"], row["hold_output_tokens"], row["hold_nanousd"]) == (10, 8, 16)
    assert world.call(unknown)["cost_nanousd"] == 15
    (window,) = rows_of(world.engine, "limit_windows")
    assert (window["used"], window["held"]) == (10 + 16 + 15, 0)


def test_a_hold_that_stood_for_a_call_without_a_price_gives_way_to_the_price(world: World) -> None:
    class Hesitant(PerToken):
        """Knows what a call may cost, and not what it did."""

        def price(self, call: Opening, end: Settlement) -> Costed | None:
            return Costed(CostState.PENDING, "tier_unknown")

    world.limits(NewLimit(Measure.COST, Window.TOTAL, 10**12, Scope(ScopeKind.GLOBAL)))
    (id_,) = world.settle(Hesitant(water=7), (HELD, CUT))
    assert (world.call(id_)["cost_nanousd"], world.call(id_)["hold_nanousd"]) == (None, 13 * 7)
    world.reprice(PerToken(water=7), PENDING, BACKFILL)
    assert (world.call(id_)["cost_nanousd"], world.call(id_)["hold_nanousd"]) == (35, 56)
    (window,) = rows_of(world.engine, "limit_windows")
    assert window["used"] == 35 + 56


def test_calls_under_way_keep_what_they_hold(world: World) -> None:
    world.limits(NewLimit(Measure.COST, Window.TOTAL, 10**12, Scope(ScopeKind.GLOBAL)))
    prices = PerToken(water=7)
    world.settle(prices, (HELD, {}))
    clerk = Clerk(world.engine, lambda: NOON_US, this_process(), Rules(prices=prices))
    clerk.sign_on()
    open_ = an_opening(clerk.next_id(), model="water", **HELD)
    clerk.book([open_], [])
    world.reprice(PerToken(water=9))
    (window,) = rows_of(world.engine, "limit_windows")
    assert (window["used"], window["held"]) == (45, 53 * 7)
    clerk.book([], [(open_, a_settlement(usage=USAGE, finished_us=NOON_US))])
    (window,) = rows_of(world.engine, "limit_windows")
    assert (window["used"], window["held"]) == (45 + 35, 0)
    assert check(world.engine, NOON_US) == []


def test_a_window_that_is_over_is_left_alone(world: World) -> None:
    world.limits(NewLimit(Measure.COST, Window.MINUTE, 10**12, Scope(ScopeKind.GLOBAL)))
    world.settle(PerToken(water=7), USUAL)
    world.now_us += HOUR_US
    world.reprice(PerToken(water=9))
    assert world.costs() == [45]
    assert [row["used"] for row in rows_of(world.engine, "limit_windows")] == [35]


def test_everything_agrees_while_other_processes_settle_calls(world: World) -> None:
    for window in Window:
        world.limits(
            NewLimit(Measure.COST, window, 10**15, Scope(ScopeKind.GLOBAL), sliding=window is Window.DAY)
        )
    prices = [PerToken(**{"demo-large": n * CENT}) for n in (2, 1, 3)]
    processes = [writing_process(world.engine, 300, SPENDING) for _ in range(2)]
    rounds = updated = 0
    while updated == 0 or any(process.poll() is None for process in processes):
        if all(process.poll() is not None for process in processes):
            # They were quicker than the first round.
            processes.append(writing_process(world.engine, 300, SPENDING))
        repricer = Repricer(world.engine, prices[rounds % 3], now_us=wall_us, chunk=20)
        updated += repricer.run(ALL, REPRICED).updated
        rounds += 1
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    Repricer(world.engine, prices[0], now_us=wall_us).run(ALL, REPRICED)
    assert check(world.engine, wall_us()) == []
    rows = rows_of(world.engine, "calls")
    assert {row["cost_nanousd"] for row in rows} == {8 * CENT}
    assert len(rows) == 300 * len(processes)


def test_days_that_were_closed_are_open_again(world: World) -> None:
    world.settle(PerToken(water=7), USUAL, ({}, {"finished_us": NOON_US + DAY_US}))
    close(world.engine, NOON_US // DAY_US + 2, rest=lambda _: None)

    assert world.reprice(PerToken(water=9), changed(ALL, until_us=NOON_US + HOUR_US)).updated == 1

    assert list(closed_of(world.engine)) == [NOON_US // DAY_US + 1]
    close(world.engine, NOON_US // DAY_US + 2, rest=lambda _: None)
    assert check(world.engine, world.now_us) == []


def test_pages_are_found_by_the_index(world: World) -> None:
    world.settle(PerToken(), USUAL)
    seen: list[str] = []
    with closing(sqlite3.connect(str(world.engine.url.database))) as connection:
        connection.set_trace_callback(seen.append)
        costs.to_price_again(connection, ALL, (-1, -1), 10)
        connection.set_trace_callback(None)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {seen[-1]}").fetchall()
    told = " ".join(str(row[3]) for row in plan)
    assert "calls USING INDEX calls_finished" in told
    assert "TEMP B-TREE" not in told


def test_what_used_nothing_that_anybody_reported_is_not_looked_at(world: World) -> None:
    world.settle(PerToken(water=7), ({}, {"usage": Usage(), "usage_source": UsageSource.ABSENT}))
    assert world.reprice(PerToken(water=9)).scanned == 0


def test_a_limit_that_is_made_while_calls_are_priced_again_counts_what_they_cost_now(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough ago for it to be counted before the lock is taken.
    world.settled_us -= 3 * DAY_US
    world.settle(PerToken(water=7), USUAL)
    world.reprice(PerToken(water=8))
    real = limits.count_earlier

    def counting(*how: Any) -> Any:
        found = real(*how)
        world.reprice(PerToken(water=9))
        return found

    monkeypatch.setattr(limits, "count_earlier", counting)
    world.limits(NewLimit(Measure.COST, Window.WEEK, 10**12, Scope(ScopeKind.GLOBAL), sliding=True))
    (window,) = rows_of(world.engine, "limit_windows")
    assert window["used"] == 45
    assert check(world.engine, world.now_us) == []
