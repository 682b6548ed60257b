"""Limits and keys in the transaction that books the calls, against real files."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import Engine, text

from fakes.books import NOON_US, a_settlement, an_opening, books_on_disk, rows_of
from fakes.desk import BY, ELSEWHERE, EVERYTHING, KINDS, NOTHING_SAID, Desk, a_desk, no_vault, of
from fakes.prices import CENT, CentPerToken
from wellhead.call import Attempt, CallState, Opening, Settlement
from wellhead.database import limit_windows
from wellhead.database.registry import DatabaseRegistry
from wellhead.errors import BooksUnavailable, Refused
from wellhead.ledger.writer import Writer
from wellhead.limit import Action, Limit, Measure, Scope, ScopeKind, Window
from wellhead.moments import HOUR_US
from wellhead.money import COST_NANOUSD_MAX
from wellhead.registry import NewLimit
from wellhead.usage import COUNT_MAX, NO_USAGE, Usage, UsageSource

# Counting calls.


def test_a_limit_admits_exactly_its_amount_in_order_of_arrival(desk: Desk) -> None:
    limit = desk.limit(3)
    calls = [desk.call() for _ in range(5)]

    assert desk.open(*calls) == [None, None, None, "rate_limited", "rate_limited"]
    assert desk.windows(limit) == [("", 3, 0, 2)]
    assert [row["state"] for row in rows_of(desk.engine, "calls")] == ["pending"] * 3 + ["refused"] * 2


def test_a_refused_call_is_in_the_books_with_its_reason(desk: Desk) -> None:
    limit = desk.limit(0, name="nothing at all")
    call = desk.call()

    told = desk.refusal(call)
    row = desk.row(call)
    assert (row["state"], row["status_code"], row["error_code"]) == ("refused", 429, "rate_limited")
    assert row["error_message"] == told.message
    assert "nothing at all" in told.message
    assert (row["attempts"], row["hold_input_tokens"], row["finished_us"]) == (0, None, desk.clock.us)
    (total,) = rows_of(desk.engine, "usage_total")
    assert (total["outcome"], total["calls"]) == ("refused", 1)
    assert desk.windows(limit) == [("", 0, 0, 1)]


def test_a_call_refused_by_one_limit_takes_nothing_of_another(desk: Desk) -> None:
    wide, narrow = desk.limit(100), desk.limit(1, window=Window.DAY)
    tokens = desk.limit(10_000, Measure.TOTAL_TOKENS)

    calls = [desk.call(hold_input_tokens=10, hold_output_tokens=20) for _ in range(4)]
    assert desk.open(*calls) == [None] + ["rate_limited"] * 3
    assert desk.windows(wide) == [("", 1, 0, 0)]
    assert desk.windows(narrow) == [("", 1, 0, 3)]
    assert desk.windows(tokens) == [("", 0, 30, 0)]


def test_a_new_window_begins_by_itself(desk: Desk) -> None:
    desk.limit(2)

    assert desk.open(*[desk.call() for _ in range(3)])[-1] == "rate_limited"
    desk.clock.us += HOUR_US
    assert desk.open(*[desk.call() for _ in range(3)]) == [None, None, "rate_limited"]


def test_a_sliding_window_frees_when_what_filled_it_is_a_window_ago(desk: Desk) -> None:
    desk.limit(1, window=Window.MINUTE, sliding=True)

    assert desk.open(desk.call(), desk.call()) == [None, "rate_limited"]
    assert desk.refusal(desk.call()).retry_after_s == 60
    desk.clock.us += 60_000_000
    assert desk.open(desk.call()) == ["rate_limited"]
    desk.clock.us += 1_000_000
    assert desk.open(desk.call()) == [None]


def test_everybody_of_a_kind_has_a_count_of_their_own_where_nobody_is_named(desk: Desk) -> None:
    limit = desk.limit(1, scope=Scope(ScopeKind.MODEL))

    assert desk.open(*[desk.call(model=m) for m in ("a", "b", "a")]) == [None, None, "rate_limited"]
    assert desk.windows(limit) == [("a", 1, 0, 1), ("b", 1, 0, 0)]


def test_a_limit_for_one_key_leaves_others_alone(desk: Desk) -> None:
    key, other = desk.key().key, desk.key().key
    desk.limit(1, scope=Scope(ScopeKind.KEY, str(key.id)))

    mine = [desk.call(key_id=key.id) for _ in range(2)]
    assert desk.open(*mine, desk.call(key_id=other.id), desk.call()) == [None, "rate_limited", None, None]


def test_a_successor_has_what_its_predecessors_left_of_their_limits(desk: Desk) -> None:
    old = desk.key().key
    named = desk.limit(3, scope=Scope(ScopeKind.KEY, str(old.id)), window=Window.TOTAL)
    each = desk.limit(9, scope=Scope(ScopeKind.KEY))
    desk.open(desk.call(key_id=old.id))

    new = desk.registry.rotate_key(BY, old.id, 600).key
    newest = desk.registry.rotate_key(BY, new.id, 600).key
    calls = [desk.call(key_id=key.id) for key in (newest, old, new)]
    assert desk.open(*calls) == [None, None, "rate_limited" if not named.is_budget else "budget_exhausted"]
    assert desk.windows(named) == [("", 3, 0, 1)]
    assert desk.windows(each) == [(str(old.id), 3, 0, 0)]
    assert desk.differences() == []
    late = desk.limit(3, scope=Scope(ScopeKind.KEY, str(newest.id)))
    assert desk.open(desk.call(key_id=old.id)) == ["budget_exhausted"]
    assert desk.windows(late) == [("", 3, 0, 1)]


def test_a_limit_that_is_younger_than_this_clock_loses_no_hold(desk: Desk) -> None:
    desk.clock.us += 250_000
    budget = desk.limit(1000, Measure.TOTAL_TOKENS, window=Window.TOTAL)
    desk.clock.us -= 250_000
    call = desk.call(hold_input_tokens=100, hold_output_tokens=100)

    desk.open(call)
    desk.settle(call)
    assert desk.windows(budget) == [("", 200, 0, 0)]
    assert desk.differences() == []


def test_shadow_and_warning_limits_let_calls_through_and_count_what_did_not_fit(desk: Desk) -> None:
    shadow = desk.limit(1, action=Action.SHADOW)
    warning = desk.limit(2, action=Action.WARN)

    assert desk.open(*[desk.call() for _ in range(4)]) == [None] * 4
    assert desk.windows(shadow) == [("", 4, 0, 3)]
    assert desk.windows(warning) == [("", 4, 0, 2)]


@pytest.mark.parametrize("more", [{}, {"window": Window.MINUTE, "sliding": True}])
def test_whoever_is_refused_in_the_batch_that_fills_a_window_is_told_when_it_frees(
    desk: Desk, more: dict[str, Any]
) -> None:
    desk.limit(3, **more)
    desk.open(desk.call())
    desk.clock.us += 1_000_000
    calls = [desk.call() for _ in range(3)]

    told = desk.clerk.book(calls, [])[calls[-1].id]
    assert isinstance(told, Refused)
    wait_s = 60 if more else 3599
    assert (told.retry_after_s, told.quotas[0].frees_s) == (wait_s, wait_s)
    assert "it frees at" in told.message


def test_a_batch_of_refused_calls_looks_once_when_its_limit_frees(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    frees = limit_windows.frees

    def counting(*asked: Any) -> Any:
        looks.append(asked)
        return frees(*asked)

    monkeypatch.setattr(limit_windows, "frees", counting)
    desk.limit(1)
    desk.open(*[desk.call() for _ in range(500)])
    assert len(looks) == 1


def test_a_limit_that_is_made_counts_what_its_window_has_seen_already(desk: Desk) -> None:
    over, under_way = desk.call(), desk.call()
    desk.open(over, under_way)
    desk.settle(over)

    limit = desk.limit(2)
    assert desk.open(desk.call()) == ["rate_limited"]
    assert desk.windows(limit) == [("", 2, 0, 1)]


def test_a_limit_that_is_changed_or_deleted_holds_for_the_next_call(desk: Desk) -> None:
    limit = desk.limit(0)
    assert desk.open(desk.call()) == ["rate_limited"]

    desk.registry.change_limit(BY, limit.id, amount=1)
    assert desk.open(desk.call(), desk.call()) == [None, "rate_limited"]
    desk.registry.delete_limit(BY, limit.id)
    assert desk.open(desk.call()) == [None]


# Holds.


def test_a_hold_is_replaced_by_the_fact(desk: Desk) -> None:
    limit = desk.limit(1000, Measure.TOTAL_TOKENS)
    call = desk.call(hold_input_tokens=100, hold_output_tokens=400)

    desk.open(call)
    assert desk.windows(limit) == [("", 0, 500, 0)]
    assert desk.row(call)["hold_output_tokens"] == 400
    desk.settle(call)
    assert desk.windows(limit) == [("", 200, 0, 0)]
    assert desk.row(call)["hold_output_tokens"] is None


def test_parallel_calls_cannot_overspend_what_their_holds_leave(priced: Desk) -> None:
    budget = priced.limit(10 * CENT, Measure.COST)
    calls = [priced.call(hold_input_tokens=1, hold_output_tokens=3) for _ in range(5)]

    assert priced.open(*calls) == [None, None, "budget_held", "budget_held", "budget_held"]
    assert priced.windows(budget) == [("", 0, 8 * CENT, 3)]
    spent = a_settlement(usage=Usage(input_tokens=1, output_tokens=1, total_tokens=2))
    priced.settle(*calls[:2], end=spent)
    assert priced.windows(budget) == [("", 4 * CENT, 0, 3)]
    assert priced.row(calls[0])["cost_nanousd"] == 2 * CENT
    assert priced.open(priced.call(hold_input_tokens=3, hold_output_tokens=3)) == [None]


def test_a_spent_budget_is_told_as_such(priced: Desk) -> None:
    priced.limit(2 * CENT, Measure.COST, window=Window.MONTH, name="november")
    first = priced.call(hold_input_tokens=1, hold_output_tokens=1)
    priced.open(first)
    priced.settle(first, end=a_settlement(usage=Usage(input_tokens=1, output_tokens=1, total_tokens=2)))

    told = priced.refusal(priced.call())
    assert (told.code, told.status) == ("budget_exhausted", 402)
    assert "'november' (0.02 USD per month for all calls) leaves no room: 0.02 used" in told.message
    assert priced.refusal(priced.call(dialect="anthropic_messages")).status == 429


def test_a_call_whose_usage_nobody_reported_is_charged_an_estimate(desk: Desk) -> None:
    limit = desk.limit(10_000, Measure.TOTAL_TOKENS)
    call = desk.call(hold_input_tokens=100, hold_output_tokens=4000)

    desk.open(call)
    desk.settle(call, end=structs.replace(NOTHING_SAID, response_bytes=2001))
    assert desk.windows(limit) == [("", 100 + 501, 0, 0)]
    row = desk.row(call)
    assert (row["total_tokens"], row["hold_input_tokens"], row["hold_output_tokens"]) == (None, 100, 501)
    assert desk.differences() == []


def test_a_budget_admits_what_has_no_price(priced: Desk) -> None:
    budget = priced.limit(CENT, Measure.COST)

    call = priced.call(model="unpriced", hold_input_tokens=1, hold_output_tokens=1)
    assert priced.open(call) == [None]
    priced.settle(call)
    assert priced.windows(budget) == [("", 0, 0, 0)]


def test_what_clients_ask_for_never_overflows_what_limits_count(desk: Desk) -> None:
    limit = desk.limit(10, Measure.TOTAL_TOKENS, window=Window.MINUTE, sliding=True, action=Action.SHADOW)
    batches = []
    for _ in range(3):
        batches.append([desk.call(hold_input_tokens=5, hold_output_tokens=COUNT_MAX) for _ in range(1000)])
        assert set(desk.open(*batches[-1])) == {None}
        desk.clock.us += 1_000_000
    assert desk.open(desk.call()) == [None]

    for calls in batches:
        desk.settle(*calls)
    assert sum(used for _, used, _, _ in desk.windows(limit)) == 3000 * 200
    assert desk.differences() == []


def test_a_price_beyond_belief_is_held_as_the_most_that_is_believed(priced: Desk) -> None:
    priced.limit(CENT, Measure.COST, action=Action.SHADOW)
    call = priced.call(hold_input_tokens=1, hold_output_tokens=COUNT_MAX)
    assert priced.open(call) == [None]
    assert priced.row(call)["hold_nanousd"] == COST_NANOUSD_MAX


ENDS = {
    "completed": a_settlement(),
    "failed": a_settlement(state=CallState.FAILED, status_code=500),
    "aborted": a_settlement(state=CallState.ABORTED, usage=Usage(), usage_source=UsageSource.ABSENT),
    "never sent": a_settlement(state=CallState.FAILED, status_code=502, attempts=1, usage=Usage()),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_every_end_releases_the_place_among_calls_at_one_time(desk: Desk, end: Settlement) -> None:
    limit = desk.limit(1, Measure.CONCURRENT_CALLS, window=Window.TOTAL)
    first = desk.call()

    assert desk.open(first, desk.call()) == [None, "rate_limited"]
    desk.settle(first, end=end)
    assert desk.windows(limit)[0][:3] == ("", 0, 0)
    assert desk.open(desk.call()) == [None]


def test_an_end_and_a_beginning_in_one_batch_need_one_place(desk: Desk) -> None:
    limit = desk.limit(1, Measure.CONCURRENT_CALLS, window=Window.TOTAL)
    first, second = desk.call(), desk.call()
    desk.open(first)

    assert desk.clerk.book([second], [(first, a_settlement())]) == {}
    assert desk.windows(limit) == [("", 0, 1, 0)]


def test_a_call_that_is_over_before_it_was_booked_leaves_nothing_behind(desk: Desk) -> None:
    limit = desk.limit(5, Measure.CONCURRENT_CALLS, window=Window.TOTAL)
    tokens = desk.limit(100, Measure.INPUT_TOKENS)
    calls = [desk.call(hold_input_tokens=60, hold_output_tokens=0) for _ in range(2)]
    gone = a_settlement(state=CallState.ABORTED, attempts=0, usage=Usage())

    rulings = desk.clerk.book(calls, [(call, gone) for call in calls])
    assert list(rulings) == [calls[1].id]
    assert [row["state"] for row in rows_of(desk.engine, "calls")] == ["aborted", "refused"]
    assert desk.windows(limit) == [("", 0, 0, 0)]
    assert desk.windows(tokens) == [("", 0, 0, 1)]


def test_settling_twice_gives_back_once(desk: Desk) -> None:
    limit = desk.limit(1000, Measure.TOTAL_TOKENS)
    call = desk.call(hold_input_tokens=100, hold_output_tokens=100)
    desk.open(call)

    desk.settle(call)
    desk.settle(call)
    assert desk.windows(limit) == [("", 200, 0, 0)]


def test_recovery_releases_the_holds_of_a_worker_that_died(engine: Engine) -> None:
    (desk,) = [next(desks := a_desk(engine, process=ELSEWHERE))]
    limit = desk.limit(1000, Measure.TOTAL_TOKENS)
    places = desk.limit(1, Measure.CONCURRENT_CALLS, window=Window.TOTAL)
    desk.open(desk.call(hold_input_tokens=100, hold_output_tokens=100))
    desk.clerk.hang_up()

    desk.clock.us += 2 * 60_000_000
    desk.another_clerk().sign_off()
    assert desk.windows(limit) == [("", 0, 0, 0)]
    assert desk.windows(places) == [("", 0, 0, 0)]
    assert desk.differences() == []
    desks.close()


def test_recovery_keeps_the_holds_as_a_charge_where_that_is_set(engine: Engine) -> None:
    (desk,) = [next(desks := a_desk(engine, process=ELSEWHERE))]
    limit = desk.limit(1000, Measure.TOTAL_TOKENS)
    desk.open(desk.call(hold_input_tokens=100, hold_output_tokens=100))
    desk.clerk.hang_up()

    desk.clock.us += 2 * 60_000_000
    desk.another_clerk(charge_interrupted=True).sign_off()
    assert desk.windows(limit) == [("", 200, 0, 0)]
    assert desk.differences() == []
    desks.close()


def test_a_worker_that_signs_off_releases_what_is_still_open(desk: Desk) -> None:
    limit = desk.limit(9, Measure.CONCURRENT_CALLS, window=Window.TOTAL)
    leaving = desk.another_clerk()
    leaving.book([an_opening(leaving.next_id()) for _ in range(3)], [])
    assert desk.windows(limit) == [("", 0, 3, 0)]

    leaving.sign_off()
    assert desk.windows(limit) == [("", 0, 0, 0)]


async def test_ten_thousand_calls_that_were_cancelled_leave_no_place_taken(engine: Engine) -> None:
    registry = DatabaseRegistry(engine, no_vault, lambda: NOON_US)
    asked = NewLimit(Measure.CONCURRENT_CALLS, Window.TOTAL, 64, scope=EVERYTHING)
    registry.create_limit(BY, asked)
    writer = Writer(engine)
    writer.start()
    gone = a_settlement(state=CallState.ABORTED, usage=Usage(), usage_source=UsageSource.ABSENT)
    admitted = 0

    async def come_and_go(count: int) -> None:
        nonlocal admitted
        for _ in range(count):
            call = an_opening(writer.next_id())
            opening = asyncio.ensure_future(writer.open(call))
            await asyncio.sleep(0)
            if call.id % 3 == 0:
                opening.cancel()  # Whether it is booked already, nobody knows.
            try:
                await opening
                admitted += 1
            except (asyncio.CancelledError, Refused):
                pass
            writer.settle(call, gone)

    await asyncio.gather(*[come_and_go(100) for _ in range(100)])
    await asyncio.to_thread(writer.close)
    assert admitted > 0
    ((_, used, held, _),) = [
        (row["subject"], row["used"], row["held"], row["exceeded"])
        for row in rows_of(engine, "limit_windows")
    ]
    assert (used, held) == (0, 0)
    assert {row["state"] for row in rows_of(engine, "calls")} <= {"aborted", "refused"}


# Clocks that do not agree.


def test_a_limit_from_a_clock_that_is_ahead_leaves_the_windows_of_others_alone(desk: Desk) -> None:
    desk.limit(2, window=Window.MINUTE)
    desk.clock.us += HOUR_US
    desk.limit(1000)
    desk.clock.us -= HOUR_US

    assert desk.open(desk.call(), desk.call(), desk.call()) == [None, None, "rate_limited"]
    desk.clock.us += 60_000_000
    assert desk.open(desk.call()) == [None]
    assert desk.differences() == []


def test_a_limit_for_good_from_a_clock_that_is_ahead_counts_from_its_first_call(desk: Desk) -> None:
    desk.clock.us += 200_000
    limit = desk.limit(500, Measure.TOTAL_TOKENS, window=Window.TOTAL)
    desk.clock.us -= 200_000

    calls = [desk.call(hold_input_tokens=100, hold_output_tokens=100) for _ in range(3)]
    assert desk.open(*calls) == [None, None, "budget_held"]
    desk.settle(*calls[:2])
    assert desk.windows(limit) == [("", 400, 0, 1)]
    assert desk.differences() == []


def test_a_key_that_was_replaced_without_an_overlap_is_dead_for_clocks_that_are_behind(desk: Desk) -> None:
    key = desk.key().key
    assert desk.open(desk.call(key_id=key.id)) == [None]
    desk.clock.us += 200_000
    desk.registry.rotate_key(BY, key.id, overlap_s=0)
    desk.clock.us -= 200_000

    assert desk.open(desk.call(key_id=key.id)) == ["key_withered"]


# Keys.


def test_a_registry_that_cannot_be_read_lets_nothing_through_and_loses_no_end(desk: Desk) -> None:
    limit = desk.limit(1000, Measure.TOTAL_TOKENS)
    call = desk.call()
    desk.open(call)
    with desk.engine.begin() as connection:
        connection.execute(text("UPDATE limits SET measure='words'"))
        connection.execute(text("UPDATE registry SET version=version+1"))

    for do in (lambda: desk.open(desk.call()), lambda: desk.settle(call), desk.clerk.tick):
        with pytest.raises(BooksUnavailable, match="row 1 of limits is not understood"):
            do()
    with desk.engine.begin() as connection:
        connection.execute(text("UPDATE limits SET measure='total_tokens'"))
    desk.settle(call)
    assert desk.windows(limit) == [("", 200, 0, 0)]


def test_a_key_that_was_revoked_after_the_gateway_looked_is_refused_all_the_same(desk: Desk) -> None:
    key = desk.key().key
    assert desk.open(desk.call(key_id=key.id)) == [None]

    desk.registry.revoke_key(BY, key.id)
    assert desk.open(desk.call(key_id=key.id), desk.call()) == ["key_revoked", None]
    assert [row["state"] for row in rows_of(desk.engine, "calls")] == ["pending", "pending"]


def test_a_key_withers_at_its_moment(desk: Desk) -> None:
    key = desk.key(expires_us=NOON_US + 1_000_000).key
    desk.clock.us = NOON_US + 999_999
    assert desk.open(desk.call(key_id=key.id)) == [None]

    desk.clock.us += 1
    assert desk.open(desk.call(key_id=key.id)) == ["key_withered"]


def test_what_a_key_does_not_allow_is_booked_as_refused(desk: Desk) -> None:
    key = desk.key(allowed_models=("gpt-*",), allowed_providers=("openai",)).key

    assert desk.open(desk.call(key_id=key.id, model="claude")) == ["model_not_allowed"]
    assert desk.open(desk.call(key_id=key.id, model="gpt-5", provider="groq")) == ["provider_not_allowed"]
    assert desk.open(desk.call(key_id=key.id, model="gpt-5")) == [None]
    assert [row["state"] for row in rows_of(desk.engine, "calls")] == ["refused", "refused", "pending"]
    assert [row["key_id"] for row in rows_of(desk.engine, "calls")] == [key.id] * 3


def test_the_last_use_of_a_key_is_written_down_once_a_second(desk: Desk) -> None:
    key = desk.key().key
    desk.open(desk.call(key_id=key.id))
    first = desk.clock.us
    desk.clock.us += 500_000
    desk.open(desk.call(key_id=key.id))
    assert rows_of(desk.engine, "key_use") == [{"key_id": key.id, "last_used_us": first}]

    desk.clock.us += 500_000
    desk.open(desk.call(key_id=key.id))
    assert rows_of(desk.engine, "key_use") == [{"key_id": key.id, "last_used_us": desk.clock.us}]


# Another provider.


def test_a_call_that_moves_is_counted_for_whoever_serves_it(desk: Desk) -> None:
    everybodys, firsts, seconds = desk.limit(10), desk.limit(10, scope=of("a")), desk.limit(10, scope=of("b"))
    tokens = desk.limit(1000, Measure.TOTAL_TOKENS, scope=of("b"))
    at_once = desk.limit(5, Measure.CONCURRENT_CALLS, window=Window.TOTAL)
    call = desk.call(provider="a", hold_input_tokens=30, hold_output_tokens=50)
    assert desk.open(call) == [None]
    assert desk.row(call)["hold_input_tokens"] is None
    desk.clock.us += 1_000_000

    assert desk.clerk.move(structs.replace(call, provider="b", path="/v1/other")) is None
    row = desk.row(call)
    assert (row["state"], row["provider"], row["path"]) == ("pending", "b", "/v1/other")
    assert (row["hold_input_tokens"], row["hold_output_tokens"]) == (30, 50)
    assert (row["admitted_us"], row["started_us"]) == (desk.clock.us, call.started_us)
    assert [sum(used for _, used, _, _ in desk.windows(one)) for one in (everybodys, firsts, seconds)] == [
        *(1, 0, 1)
    ]
    assert desk.windows(tokens) == [("", 0, 80, 0)]
    assert desk.windows(at_once) == [("", 0, 1, 0)]
    assert desk.differences() == []

    desk.settle(call)
    assert desk.windows(tokens) == [("", 200, 0, 0)]
    assert desk.windows(at_once) == [("", 0, 0, 0)]
    assert desk.differences() == []
    assert {row["provider"]: row["calls"] for row in rows_of(desk.engine, "usage_total")} == {"b": 1}


def test_a_call_that_does_not_fit_elsewhere_stays_as_it_was(desk: Desk) -> None:
    firsts, seconds = desk.limit(10, scope=of("a")), desk.limit(1, scope=of("b"))
    call, other = desk.call(provider="a"), desk.call(provider="b")
    assert desk.open(call, other) == [None, None]
    before = desk.row(call)

    refused = desk.clerk.move(structs.replace(call, provider="b"))
    assert refused is not None
    assert (refused.code, refused.status) == ("rate_limited", 429)
    assert desk.row(call) == before
    assert [windows[0][1] for windows in (desk.windows(firsts), desk.windows(seconds))] == [1, 1]
    desk.settle(call)
    assert desk.differences() == []
    assert desk.row(call)["state"] == "completed"


def test_a_key_that_does_not_allow_the_other_provider_keeps_the_call_where_it_is(desk: Desk) -> None:
    issued = desk.key(allowed_providers=("a",))
    call = desk.call(provider="a", key_id=issued.key.id)
    assert desk.open(call) == [None]
    refused = desk.clerk.move(structs.replace(call, provider="b"))
    assert refused is not None
    assert refused.code == "provider_not_allowed"
    assert desk.row(call)["provider"] == "a"


def test_a_full_limit_of_its_own_does_not_keep_a_call_from_moving(desk: Desk) -> None:
    one = desk.limit(1)
    call = desk.call(provider="a")
    assert desk.open(call) == [None]
    assert desk.clerk.move(structs.replace(call, provider="b")) is None
    assert desk.windows(one) == [("", 1, 0, 0)]


def test_a_call_that_is_over_moves_no_more(desk: Desk) -> None:
    call = desk.call(provider="a")
    desk.open(call)
    desk.settle(call)
    with pytest.raises(BooksUnavailable):
        desk.clerk.move(structs.replace(call, provider="b"))
    assert desk.row(call)["provider"] == "a"


def test_a_call_that_is_not_to_be_sent_is_booked_whole_and_takes_nothing(desk: Desk) -> None:
    limit = desk.limit(1)
    call = desk.call(provider="a", hold_input_tokens=9)
    end = a_settlement(state=CallState.REFUSED, status_code=503, error_code="breaker_open", usage=NO_USAGE)
    for _ in range(2):  # A second time changes nothing.
        desk.settle(call, end=end)
    row = desk.row(call)
    assert (row["state"], row["error_code"], row["provider"]) == ("refused", "breaker_open", "a")
    assert row["admitted_us"] is None
    assert desk.windows(limit) == []
    assert desk.differences() == []
    assert [row["outcome"] for row in rows_of(desk.engine, "usage_total")] == ["refused"]


def test_what_a_call_went_through_is_booked_with_its_end(desk: Desk) -> None:
    tried = (
        Attempt("a", 3, NOON_US, None, None, "bad_gateway"),
        Attempt("a", 4, NOON_US + 1, 20, 500, "upstream_error", unmetered=True),
        Attempt("b", None, NOON_US + 2, 30, 200),
    )
    plain, hard = desk.call(), desk.call()
    desk.open(plain, hard)
    desk.settle(plain)
    for _ in range(2):
        desk.settle(hard, end=a_settlement(attempts=3, tried=tried))
    rows = rows_of(desk.engine, "attempts")
    assert [row["call_id"] for row in rows] == [hard.id] * 3
    assert [row["number"] for row in rows] == [1, 2, 3]
    names = [field.name for field in structs.fields(Attempt)]
    assert [Attempt(**{name: row[name] for name in names}) for row in rows] == list(tried)
    # A call that is over in the batch it was opened in has them, too.
    at_once = desk.call()
    desk.clerk.book([at_once], [(at_once, a_settlement(tried=tried[:1]))])
    assert len(rows_of(desk.engine, "attempts")) == 4


# Whatever happens.

Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["open", "settle", "unreported", "interrupt", "limit", "change", "delete", "later", "move"]
        ),
        st.integers(0, 50),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_windows_always_say_what_the_calls_say(steps: list[Step], tmp_path_factory: Any) -> None:
    engine = books_on_disk(tmp_path_factory.mktemp("books"))
    desks = a_desk(engine, CentPerToken())
    desk = next(desks)
    under_way: list[Opening] = []
    limits: list[Limit] = []
    for what, n in steps:
        match what:
            case "open":
                calls = [
                    desk.call(model=f"m{n % 3}", hold_input_tokens=n, hold_output_tokens=2 * n)
                    for _ in range(1 + n % 3)
                ]
                codes = desk.open(*calls)
                under_way += [call for call, code in zip(calls, codes, strict=True) if code is None]
            case "settle" if under_way:
                desk.settle(under_way.pop(n % len(under_way)))
            case "unreported" if under_way:
                end = structs.replace(NOTHING_SAID, response_bytes=n * 10, state=CallState.ABORTED)
                desk.settle(under_way.pop(n % len(under_way)), end=end)
            case "move" if under_way:
                place = n % len(under_way)
                to = structs.replace(under_way[place], provider=f"p{n % 3}", hold_output_tokens=n)
                if desk.clerk.move(to) is None:
                    under_way[place] = to
            case "interrupt":
                other = desk.another_clerk(prices=CentPerToken())
                other.book([an_opening(other.next_id(), hold_input_tokens=n, hold_output_tokens=n)], [])
                other.sign_off()
            case "limit":
                limits.append(KINDS[n % len(KINDS)](desk, n))
            case "change" if limits:
                desk.registry.change_limit(BY, limits[n % len(limits)].id, amount=n)
            case "delete" if limits:
                desk.registry.delete_limit(BY, limits.pop(n % len(limits)).id)
            case "later":
                desk.clock.us += n * 7_000_000
        assert desk.differences() == []
    desks.close()
    engine.dispose()
