"""What a call takes of the limits it meets, and what its end gives back."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fakes.access import a_limit
from fakes.books import NOON_US, a_settlement, an_opening
from wellhead.call import CallState, Opening, Settlement
from wellhead.limit import Measure, Scope, ScopeKind, Window
from wellhead.money import COST_NANOUSD_MAX
from wellhead.policy.limits import (
    HOLD_TOKENS_MAX,
    Limits,
    Met,
    fact,
    given_back,
    held,
    kept,
    kept_when_priced,
    taken,
    with_holds,
)
from wellhead.usage import NO_USAGE, Usage, UsageSource

EVERY = tuple(Measure)
TOKENS = (Measure.INPUT_TOKENS, Measure.OUTPUT_TOKENS, Measure.TOTAL_TOKENS)


def quote(call: Opening, input_tokens: int, output_tokens: int) -> int | None:
    """A token read costs 3 nano-dollars and one written 15, whatever the model, if there is one."""
    return None if call.model is None else 3 * input_tokens + 15 * output_tokens


def no_quote(_call: Opening, _input: int, _output: int) -> None:
    return None


def admitted(**changes: Any) -> Opening:
    """A call as the books took it: it may read 1000 tokens and write 400."""
    holds = {"hold_input_tokens": 1000, "hold_output_tokens": 400, "hold_nanousd": 9000}
    return an_opening(1, **{"admitted_us": NOON_US, **holds, **changes})


def unreported(**changes: Any) -> Settlement:
    """An end of which the upstream did not say what it used: 800 bytes are 200 tokens."""
    return a_settlement(
        **{
            "usage": NO_USAGE,
            "usage_source": UsageSource.ABSENT,
            "upstream_latency_us": 50_000,
            "response_bytes": 800,
            **changes,
        }
    )


def one_of_each() -> list[Met]:
    return [(a_limit(measure, id=n), "") for n, measure in enumerate(EVERY)]


# Which limits a call meets.


def test_a_call_finds_its_own_limits_among_many_in_the_order_of_their_ids() -> None:
    limits = [
        a_limit(id=9, scope=Scope(ScopeKind.GLOBAL)),
        a_limit(id=8, scope=Scope(ScopeKind.KEY, "7")),
        a_limit(id=7, scope=Scope(ScopeKind.KEY, "8")),
        a_limit(id=6, scope=Scope(ScopeKind.KEY)),
        a_limit(id=5, scope=Scope(ScopeKind.PROJECT, "3")),
        a_limit(id=4, scope=Scope(ScopeKind.PROVIDER, "openai")),
        a_limit(id=3, scope=Scope(ScopeKind.PROVIDER, "groq")),
        a_limit(id=2, scope=Scope(ScopeKind.MODEL, "demo-*")),
        a_limit(id=1, scope=Scope(ScopeKind.CLIENT)),
        *(a_limit(id=n, scope=Scope(ScopeKind.KEY, str(n))) for n in range(100, 3000)),
    ]
    met = Limits(limits).met_by(an_opening(1, key_id=7, project_id=3))
    assert [(limit.id, subject) for limit, subject in met] == [
        (1, "codex/@7"),
        (2, ""),
        (4, ""),
        (5, ""),
        (6, "7"),
        (8, ""),
        (9, ""),
    ]


def test_a_call_without_key_or_project_meets_none_of_theirs() -> None:
    limits = [a_limit(id=n, scope=Scope(kind)) for n, kind in enumerate((ScopeKind.KEY, ScopeKind.PROJECT))]
    assert Limits(limits).met_by(an_opening(1)) == ()
    assert Limits([]).met_by(an_opening(1, key_id=7)) == ()


@pytest.mark.parametrize(
    "other",
    [
        {"provider": "groq"},
        {"model": "gpt-5"},
        {"key_id": 8},
        {"project_id": 9},
        {"tool": "opencode"},
        {"client": "desktop"},
        {"client_address": "10.0.0.2", "client": None},
    ],
)
def test_what_was_found_for_one_caller_is_not_told_of_another(other: dict[str, Any]) -> None:
    limits = Limits(a_limit(id=n, scope=Scope(kind)) for n, kind in enumerate(ScopeKind))
    one = {
        "provider": "openai",
        "model": "demo",
        "key_id": 7,
        "project_id": 3,
        "tool": None,
        "client": "laptop",
        "client_address": "10.0.0.1",
    }
    if "client_address" in other:
        one |= {"client": None, "key_id": None}
    first = limits.met_by(an_opening(1, **one))
    assert limits.met_by(an_opening(2, **one)) == first
    assert limits.met_by(an_opening(3, **one | other)) != first


# What is reserved.


@pytest.mark.parametrize(
    ("measures", "hold"),
    [
        ((), (None, None, None)),
        ((Measure.CALLS, Measure.CONCURRENT_CALLS), (None, None, None)),
        ((Measure.INPUT_TOKENS,), (1000, 400, None)),
        ((Measure.OUTPUT_TOKENS,), (1000, 400, None)),
        ((Measure.TOTAL_TOKENS, Measure.CALLS), (1000, 400, None)),
        ((Measure.COST,), (1000, 400, 9000)),
        ((Measure.COST, Measure.TOTAL_TOKENS), (1000, 400, 9000)),
    ],
)
def test_tokens_and_money_are_reserved_where_a_limit_counts_them(
    measures: tuple[Measure, ...], hold: tuple[int | None, ...]
) -> None:
    asking = an_opening(1, hold_input_tokens=1000, hold_output_tokens=400)
    assert with_holds(asking, [(a_limit(measure), "") for measure in measures], quote) == hold


def test_a_budget_reserves_nothing_where_there_is_no_price() -> None:
    asking = an_opening(1, hold_input_tokens=1000, hold_output_tokens=400)
    assert with_holds(asking, [(a_limit(Measure.COST), "")], no_quote) == (1000, 400, None)


def test_a_call_that_says_nothing_of_its_size_reserves_nothing_of_it() -> None:
    assert with_holds(an_opening(1), one_of_each(), quote) == (0, 0, 0)


def test_no_client_can_ask_for_so_much_that_sums_do_not_fit_into_64_bits() -> None:
    def dear(_call: Opening, input_tokens: int, output_tokens: int) -> int:
        return 10**9 * (input_tokens + output_tokens)

    asking = an_opening(1, hold_input_tokens=2**53, hold_output_tokens=2**53)
    hold = with_holds(asking, one_of_each(), dear)
    assert hold == (HOLD_TOKENS_MAX, HOLD_TOKENS_MAX, COST_NANOUSD_MAX)


@pytest.mark.parametrize(
    ("measure", "used_and_held"),
    [
        (Measure.CALLS, (1, 0)),
        (Measure.CONCURRENT_CALLS, (0, 1)),
        (Measure.INPUT_TOKENS, (0, 1000)),
        (Measure.OUTPUT_TOKENS, (0, 400)),
        (Measure.TOTAL_TOKENS, (0, 1400)),
        (Measure.COST, (0, 9000)),
    ],
)
def test_what_a_call_takes_when_it_is_admitted(measure: Measure, used_and_held: tuple[int, int]) -> None:
    assert taken(measure, admitted()) == used_and_held


# What the end gives back.


@pytest.mark.parametrize(
    ("measure", "used_and_held"),
    [
        (Measure.CALLS, (0, 0)),
        (Measure.CONCURRENT_CALLS, (0, -1)),
        (Measure.INPUT_TOKENS, (120, -1000)),
        (Measure.OUTPUT_TOKENS, (80, -400)),
        (Measure.TOTAL_TOKENS, (200, -1400)),
        (Measure.COST, (1560, -9000)),
    ],
)
def test_the_facts_take_the_place_of_the_hold(measure: Measure, used_and_held: tuple[int, int]) -> None:
    end = a_settlement(cost_nanousd=1560)
    assert given_back(a_limit(measure), admitted(), end) == used_and_held


@pytest.mark.parametrize(
    ("measure", "used_and_held"),
    [
        (Measure.INPUT_TOKENS, (1000, -1000)),
        (Measure.OUTPUT_TOKENS, (200, -400)),
        (Measure.TOTAL_TOKENS, (1200, -1400)),
        (Measure.COST, (6000, -9000)),
    ],
)
def test_what_nobody_reported_is_charged_as_it_was_estimated(
    measure: Measure, used_and_held: tuple[int, int]
) -> None:
    call, end = admitted(), unreported()
    assert given_back(a_limit(measure), call, settled(call, end)) == used_and_held


@pytest.mark.parametrize("measure", EVERY)
def test_a_call_that_was_never_admitted_gives_nothing_back(measure: Measure) -> None:
    refused = an_opening(1, admitted_us=None)
    assert given_back(a_limit(measure), refused, a_settlement(state=CallState.REFUSED)) == (0, 0)


@pytest.mark.parametrize("measure", [*TOKENS, Measure.COST])
def test_what_was_admitted_before_a_total_was_made_does_not_count_for_it(measure: Measure) -> None:
    call, end = admitted(), a_settlement(cost_nanousd=5)
    made_later = a_limit(measure, window=Window.TOTAL, created_us=NOON_US + 1)
    made_at_once = a_limit(measure, window=Window.TOTAL, created_us=NOON_US)
    assert given_back(made_later, call, end) == (0, 0)
    assert given_back(made_at_once, call, end) == (fact(measure, end), -held(measure, call))
    # Places among calls at one time are counted from those under way, whenever they began.
    places = a_limit(Measure.CONCURRENT_CALLS, window=Window.TOTAL, created_us=NOON_US + 1)
    assert given_back(places, call, end) == (0, -1)


# What is kept of a hold.


@pytest.mark.parametrize(
    ("end", "stays"),
    [
        (a_settlement(upstream_latency_us=1), (None, None, None)),
        # No usage was reported: the input as it was estimated, the output by its bytes.
        (unreported(), (1000, 200, 6000)),
        (unreported(response_bytes=797), (1000, 200, 6000)),
        (unreported(response_bytes=0), (1000, None, 3000)),
        (unreported(response_bytes=None), (1000, None, 3000)),
        (unreported(response_bytes=1_000_000), (1000, 400, 9000)),
        # Left before the end of the stream: what was said so far, and the rest by its bytes.
        (
            unreported(
                state=CallState.ABORTED,
                usage=Usage(input_tokens=120, output_tokens=1),
                usage_source=UsageSource.REPORTED,
                incomplete=True,
                cost_nanousd=375,
            ),
            (None, 199, 2985),
        ),
        # ...and where what was said has no price yet, that as well.
        (
            unreported(
                usage=Usage(input_tokens=120), usage_source=UsageSource.REPORTED, incomplete=True
            ),
            (None, 200, 3360),
        ),
        (
            unreported(
                usage=Usage(input_tokens=120, output_tokens=300),
                usage_source=UsageSource.REPORTED,
                incomplete=True,
                cost_nanousd=1,
            ),
            (None, None, None),
        ),
        # A stream that broke off.
        (unreported(state=CallState.FAILED, status_code=200, incomplete=True), (1000, 200, 6000)),
        # Errors cost nothing.
        (unreported(state=CallState.FAILED, status_code=400), (None, None, None)),
        (unreported(state=CallState.FAILED, status_code=529), (None, None, None)),
        # Left before the answer began: the upstream read the request all the same.
        (
            unreported(
                state=CallState.ABORTED, status_code=499, upstream_latency_us=None, response_bytes=0
            ),
            (1000, None, 3000),
        ),
        # Nothing was answered, or nothing was ever sent.
        (unreported(state=CallState.FAILED, status_code=502, upstream_latency_us=None), (None, None, None)),
        (unreported(state=CallState.ABORTED, attempts=0, upstream_latency_us=None), (None, None, None)),
        (unreported(state=CallState.REFUSED, attempts=0, upstream_latency_us=None), (None, None, None)),
    ],
)  # fmt: skip
def test_an_estimate_stands_in_for_what_the_upstream_did_not_report(
    end: Settlement, stays: tuple[int | None, ...]
) -> None:
    assert kept(admitted(streamed=True), end, quote, charge_interrupted=False) == stays


def test_whoever_leaves_before_an_answer_that_is_no_stream_has_it_written_all_the_same() -> None:
    left = unreported(state=CallState.ABORTED, status_code=499, upstream_latency_us=None, response_bytes=0)

    assert kept(admitted(streamed=False), left, quote, charge_interrupted=False) == (1000, 400, 9000)
    answered = unreported(response_bytes=797)
    assert kept(admitted(streamed=False), answered, quote, charge_interrupted=False) == (1000, 200, 6000)


@pytest.mark.parametrize(("charge", "stays"), [(False, (None, None, None)), (True, (1000, 400, 9000))])
def test_what_an_interrupted_call_held_is_released_or_charged_whole(
    charge: bool, stays: tuple[int | None, ...]
) -> None:
    end = a_settlement(state=CallState.INTERRUPTED, status_code=None, attempts=0, usage=NO_USAGE)
    assert kept(admitted(), end, quote, charge) == stays


def test_a_call_that_held_nothing_keeps_nothing() -> None:
    free = an_opening(1, admitted_us=NOON_US)
    for charge in (False, True):
        assert kept(free, unreported(), quote, charge) == (None, None, None)
        interrupted = unreported(state=CallState.INTERRUPTED)
        assert kept(free, interrupted, quote, charge) == (None, None, None)


def test_without_a_price_no_money_is_kept() -> None:
    assert kept(admitted(hold_nanousd=None), unreported(), quote, False) == (1000, 200, None)
    assert kept(admitted(), unreported(), no_quote, False) == (1000, 200, None)


def quote_with_fee(_call: Opening, input_tokens: int, output_tokens: int) -> int:
    """A fee for every call, beside its tokens."""
    return 5000 + 3 * input_tokens + 15 * output_tokens


@pytest.mark.parametrize(
    ("end", "stays"),
    [
        # Nothing is booked of it, so the fee is kept with the rest.
        (unreported(), 5000 + 3 * 1000 + 15 * 200),
        # What was said has its price, and the fee is in there.
        (
            unreported(
                usage=Usage(input_tokens=120, output_tokens=1),
                usage_source=UsageSource.REPORTED,
                incomplete=True,
                cost_nanousd=5375,
            ),
            15 * 199,
        ),
        # All that it may have used was said: nothing is left to keep.
        (
            unreported(
                usage=Usage(input_tokens=120, output_tokens=300),
                usage_source=UsageSource.REPORTED,
                incomplete=True,
                cost_nanousd=9860,
            ),
            None,
        ),
        # It has no price yet: all of it is kept, with one fee.
        (
            unreported(usage=Usage(input_tokens=120), usage_source=UsageSource.REPORTED, incomplete=True),
            5000 + 3 * 120 + 15 * 200,
        ),
    ],
)
def test_a_fee_for_each_call_counts_once(end: Settlement, stays: int | None) -> None:
    call = admitted(streamed=True, hold_nanousd=20_000)
    found = kept(call, end, quote_with_fee, charge_interrupted=False)[2]
    assert found == stays
    assert (end.cost_nanousd or 0) + (found or 0) <= quote_with_fee(call, 1000, 400)


def test_a_fee_that_was_booked_with_the_price_is_not_kept_beside_it() -> None:
    end = replace(unreported(), hold_output_tokens=199, hold_nanousd=7985, cost_nanousd=5375)
    assert kept_when_priced(admitted(), end, quote_with_fee) == 15 * 199


# Any call, any end.

counts = st.integers(0, 10**6)
maybe = st.none() | counts
openings = st.builds(
    lambda given, nanousd, model: admitted(
        hold_input_tokens=given and given[0],
        hold_output_tokens=given and given[1],
        hold_nanousd=nanousd if given else None,
        model=model,
    ),
    st.none() | st.tuples(counts, counts),
    maybe,
    st.none() | st.just("demo-large"),
)
usages = st.builds(
    lambda i, o: Usage(input_tokens=i, output_tokens=o, total_tokens=(i or 0) + (o or 0)), maybe, maybe
)
ends = st.builds(
    lambda **fields: a_settlement(**fields),
    state=st.sampled_from([state for state in CallState if state is not CallState.PENDING]),
    status_code=st.sampled_from([None, 200, 400, 499, 502, 503]),
    usage=usages,
    usage_source=st.sampled_from(UsageSource),
    cost_nanousd=maybe,
    upstream_latency_us=maybe,
    response_bytes=maybe,
    attempts=st.integers(0, 2),
    incomplete=st.booleans(),
)


def settled(call: Opening, end: Settlement, charge: bool = False) -> Settlement:
    """The end as the books write it."""
    hold = kept(call, end, quote, charge)
    return replace(end, hold_input_tokens=hold[0], hold_output_tokens=hold[1], hold_nanousd=hold[2])


@settings(max_examples=1000)
@given(openings, ends, st.booleans())
def test_what_is_kept_is_never_more_than_was_held(call: Opening, end: Settlement, charge: bool) -> None:
    booked = settled(call, end, charge)
    for measure in (*TOKENS, Measure.COST):
        assert 0 <= held(measure, booked) <= held(measure, call)


@settings(max_examples=1000)
@given(openings, ends, st.booleans(), st.sampled_from(EVERY))
def test_of_every_call_a_limit_ends_with_its_facts_and_what_was_kept_and_nothing_held(
    call: Opening, end: Settlement, charge: bool, measure: Measure
) -> None:
    booked = settled(call, end, charge)
    sums: Counter[str] = Counter()
    for used, holds in (taken(measure, call), given_back(a_limit(measure), call, booked)):
        sums["used"] += used
        sums["held"] += holds
    for_good = {Measure.CALLS: 1, Measure.CONCURRENT_CALLS: 0}
    assert sums["used"] == for_good.get(measure, fact(measure, booked) + held(measure, booked))
    assert sums["held"] == 0


@settings(max_examples=300)
@given(openings, ends)
def test_no_limit_ever_counts_less_than_nothing(call: Opening, end: Settlement) -> None:
    booked = settled(call, end)
    for limit in (a_limit(measure, window=window) for measure in EVERY for window in Window):
        before, after = taken(limit.measure, call), given_back(limit, call, booked)
        assert min(before) >= 0
        assert before[0] + after[0] >= 0


def test_a_limit_is_a_budget_where_waiting_a_little_does_not_help() -> None:
    budgets = {
        (measure, window)
        for measure in EVERY
        for window in Window
        if a_limit(measure, window=window).is_budget
    }
    assert budgets == {
        *((Measure.COST, window) for window in Window),
        *((measure, Window.TOTAL) for measure in (*TOKENS, Measure.CALLS)),
    }


@pytest.mark.parametrize(
    ("end", "stays"),
    [
        ({"hold_input_tokens": 10, "hold_output_tokens": 5, "hold_nanousd": 999}, 150),
        ({"hold_input_tokens": None, "hold_output_tokens": 5, "hold_nanousd": 999}, 50),
        # All of it is known now: nothing has to be estimated beside its cost.
        ({"hold_nanousd": 999}, None),
        # Nothing was held in money.
        ({"hold_input_tokens": 10, "hold_output_tokens": 5}, None),
    ],
)
def test_once_a_call_has_its_price_only_what_nobody_reported_is_held_at_that_price(
    end: dict[str, int | None], stays: int | None
) -> None:
    def ten_a_token(_call: Opening, input_tokens: int, output_tokens: int) -> int:
        return 10 * (input_tokens + output_tokens)

    assert kept_when_priced(admitted(), replace(unreported(), **end), ten_a_token) == stays
    assert kept_when_priced(admitted(), replace(unreported(), **end), lambda *_: None) is None
