"""Batches in the books: whole or not at all, and each call as it was said."""

import json
import sqlite3

import pytest
from msgspec import structs
from sqlalchemy import Engine, text

from fakes.books import NOON_US, a_settlement, an_opening, rollups_of, rows_of
from fakes.desk import HERE, Clock
from wellhead.call import Attempt, CallState, Opening, Settlement
from wellhead.call_id import slot_of
from wellhead.cost import Costed, CostState
from wellhead.database.gauges import GAUGES_MAX
from wellhead.database.reports import DatabaseReports
from wellhead.database.room import RESERVE_CHARS
from wellhead.database.sums import sums
from wellhead.errors import BooksUnavailable
from wellhead.ledger.check import check
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.fit import TEXT_CHARS_MAX
from wellhead.ledger.gauges import WRITE_US
from wellhead.ledger.rebuild import rebuild
from wellhead.ledger.rules import Rules
from wellhead.money import COST_NANOUSD_MAX
from wellhead.quota import Gauge
from wellhead.report import Measure, Question
from wellhead.usage import COUNT_MAX, TOKENS_MAX, Usage


def opening(clerk: Clerk) -> Opening:
    return an_opening(clerk.next_id())


def test_a_call_may_be_opened_and_settled_in_one_batch(clerk: Clerk, engine: Engine) -> None:
    call = opening(clerk)

    assert clerk.book([call], [(call, a_settlement())]) == {}
    (row,) = rows_of(engine, "calls")
    assert (row["id"], row["state"], row["total_tokens"]) == (call.id, "completed", 200)


def test_a_row_says_all_that_was_known(clerk: Clerk, engine: Engine) -> None:
    call = structs.replace(
        opening(clerk), credential_hash=bytes(range(32)), request_bytes=None, max_output_tokens=64
    )
    end = a_settlement(request_bytes=777, trouble=("sse_event_too_long", "odd_count"), streamed=True)

    clerk.book([call], [(call, end)])
    (row,) = rows_of(engine, "calls")
    assert row["credential_hash"] == bytes(range(32))
    assert (row["request_bytes"], row["max_output_tokens"], row["streamed"]) == (777, 64, True)
    assert (row["trouble"], row["cost_state"], row["usage_source"]) == (
        "sse_event_too_long; odd_count",
        "pending",
        "reported",
    )
    assert (row["worker_id"], row["cache_read_tokens"], row["hold_nanousd"]) == (slot_of(call.id), None, None)


def test_a_call_is_booked_with_the_room_that_ends_of_its_kind_needed(clerk: Clerk, engine: Engine) -> None:
    clerk.book([long := opening(clerk)], [])
    usual = {len(row["reserve"]) for row in rows_of(engine, "calls")}
    clerk.book([], [(long, a_settlement(upstream_request_id="r" * 300))])
    clerk.book([call := opening(clerk)], [])
    ended, begun = rows_of(engine, "calls")
    assert ended["reserve"] is None
    assert begun["id"] == call.id
    assert usual == {RESERVE_CHARS}
    assert len(begun["reserve"]) > RESERVE_CHARS + 150


def test_a_second_settlement_changes_nothing(clerk: Clerk, engine: Engine) -> None:
    call = opening(clerk)
    clerk.book([call], [(call, a_settlement())])
    before = rollups_of(engine)

    clerk.book([], [(call, a_settlement(state=CallState.FAILED))])
    assert [row["state"] for row in rows_of(engine, "calls")] == ["completed"]
    assert rollups_of(engine) == before


def test_the_first_of_two_settlements_in_a_batch_counts(clerk: Clerk, engine: Engine) -> None:
    call = opening(clerk)

    clerk.book([call], [(call, a_settlement()), (call, a_settlement(state=CallState.FAILED))])
    assert [row["state"] for row in rows_of(engine, "calls")] == ["completed"]
    assert [row["calls"] for row in rollups_of(engine)["usage_total"]] == [1]


def test_only_what_really_moved_is_added_up(clerk: Clerk, engine: Engine) -> None:
    settled, open_, never_opened = opening(clerk), opening(clerk), opening(clerk)
    clerk.book([settled, open_], [(settled, a_settlement())])

    clerk.book([], [(call, a_settlement()) for call in (settled, open_, never_opened)])
    assert [row["calls"] for row in rollups_of(engine)["usage_total"]] == [2]
    assert len(rows_of(engine, "calls")) == 2


def test_a_batch_that_was_taken_back_and_booked_again_says_how_its_calls_were_made(
    clerk: Clerk, engine: Engine
) -> None:
    opening, stranger = an_opening(clerk.next_id(), path="/new"), an_opening(clerk.next_id())
    clerk.book([opening], [(stranger, a_settlement())])  # Nobody opened that one, which shows in the end.
    clerk.book([an_opening(clerk.next_id(), path="/other")], [])

    assert [row["path"] for row in rows_of(engine, "calls")] == ["/new", "/other"]


def test_a_batch_is_booked_whole_or_not_at_all(clerk: Clerk, engine: Engine) -> None:
    good, bad = opening(clerk), opening(clerk)
    clerk.book([good], [])

    with pytest.raises(sqlite3.IntegrityError):
        clerk.book([opening(clerk), structs.replace(bad, id=good.id)], [(good, a_settlement())])
    assert [row["state"] for row in rows_of(engine, "calls")] == ["pending"]
    assert rollups_of(engine)["usage_total"] == []


def test_large_batches_are_booked_whole(clerk: Clerk, engine: Engine) -> None:
    some = [opening(clerk) for _ in range(1000)]

    clerk.book(some, [(call, a_settlement()) for call in some[:777]])
    states = [row["state"] for row in rows_of(engine, "calls")]
    assert (states.count("completed"), states.count("pending")) == (777, 223)


def test_gauges_go_along_with_a_batch_or_else_with_a_tick(clerk: Clerk, engine: Engine, clock: Clock) -> None:
    def told() -> list[int]:
        return [row["at_us"] for row in rows_of(engine, "quota_gauges")]

    clerk.gauges.note("openai", [Gauge("requests", 1)])
    clerk.book([opening(clerk)], [])
    assert told() == [1]

    clerk.gauges.note("openai", [Gauge("requests", 2)])
    clerk.book([opening(clerk)], [])
    assert told() == [1]  # Less than a second later.
    clock.us += WRITE_US
    clerk.tick()
    assert told() == [2]


def test_gauges_for_which_there_is_no_room_are_said_once(engine: Engine, clock: Clock) -> None:
    said: list[str] = []

    def say(event: str, /, **_facts: object) -> None:
        said.append(event)

    clerk = Clerk(engine, clock.now_us, HERE, say=say)
    clerk.sign_on()
    for number in range(GAUGES_MAX):
        clerk.gauges.note("openai", [Gauge("requests", NOON_US, account=f"a{number}")])
    for _ in range(3):
        clock.us += WRITE_US
        clerk.book((), ())
        clerk.gauges.note("openai", [Gauge("tokens", clock.us)])
    clerk.sign_off()
    assert said == ["quota_gauges_full"]


def test_gauges_of_a_batch_that_was_not_booked_are_kept(clerk: Clerk, engine: Engine) -> None:
    clerk.gauges.note("openai", [Gauge("requests", 1)])
    with engine.connect() as blocking:
        blocking.execute(text("DROP TABLE usage_total"))
        blocking.commit()
    call = opening(clerk)
    with pytest.raises(BooksUnavailable):
        clerk.book([call], [(call, a_settlement())])

    assert len(clerk.gauges) == 1


def test_sums_of_the_largest_usage_that_is_believed_stay_whole_numbers(clerk: Clerk, engine: Engine) -> None:
    """With counts of 2**53 each, a thousand calls of an upstream that lies would be more than 64 bits."""
    largest = 2 * TOKENS_MAX
    usage = Usage(**dict.fromkeys(Usage.__struct_fields__, largest))
    end = a_settlement(usage=usage, cost_nanousd=COST_NANOUSD_MAX, latency_us=10**12)
    count = 1100
    for _ in range(count // 100):
        calls = [opening(clerk) for _ in range(100)]
        clerk.book(calls, [(call, end) for call in calls])
    reports = DatabaseReports(engine)
    measures = (Measure.CALLS, Measure.INPUT_TOKENS, Measure.TOTAL_TOKENS, Measure.COST_NANOUSD)
    (line,) = reports.usage(Question(measures, (), ()))
    expected = (count, count * largest, count * largest, count * COST_NANOUSD_MAX)
    assert tuple(line.sums[measure] for measure in measures) == expected
    assert check(engine, NOON_US) == []
    assert sums(engine).figures["reasoning_tokens"] == count * largest
    assert largest * 10**9 < 2**63, "there is room for a billion such calls"


class ByTheStep:
    """A nano-dollar for each step that it is shown."""

    def estimate(self, call: Opening, input_tokens: int, output_tokens: int) -> None: ...

    def price(self, call: Opening, end: Settlement) -> Costed | None:
        found = json.loads(end.usage_extra or "{}")
        return Costed(CostState.PRICED, "settled", nanousd=len(found["iterations"]))


def test_a_call_is_priced_by_all_of_its_steps_and_as_many_as_fit_are_kept(engine: Engine) -> None:
    clerk = Clerk(engine, Clock().now_us, HERE, Rules(prices=ByTheStep()))
    clerk.sign_on()
    call = opening(clerk)
    steps = [{"input_tokens": 12345, "output_tokens": 7}] * 900
    end = a_settlement(usage_extra=json.dumps({"iterations": steps}), cost_nanousd=None)
    clerk.book([call], [])
    clerk.book([], [(call, end)])
    (row,) = rows_of(engine, "calls")
    kept = json.loads(row["usage_extra"])
    assert row["cost_nanousd"] == 900
    assert (kept["cut_short"], 300 < len(kept["iterations"]) < 900) == (True, True)
    assert row["trouble"] == "usage_extra_cut"
    clerk.sign_off()


class ByTheToken:
    """A nano-dollar for each token, at one provider only."""

    def estimate(self, call: Opening, input_tokens: int, output_tokens: int) -> int | None:
        return input_tokens + output_tokens if call.provider == "dear" else None

    def price(self, call: Opening, end: Settlement) -> None: ...


def test_what_nobody_knows_of_attempts_is_estimated_beside_the_facts(engine: Engine) -> None:
    clerk = Clerk(engine, Clock().now_us, HERE, Rules(prices=ByTheToken()))
    clerk.sign_on()
    call = opening(clerk)
    unmetered = Attempt("dear", None, NOON_US, unmetered=True, input_tokens_max=100, output_tokens_max=4096)
    tried = (
        unmetered,
        structs.replace(unmetered, provider="cheap"),
        structs.replace(unmetered, unmetered=False, input_tokens_max=None, output_tokens_max=None),
        structs.replace(unmetered, input_tokens_max=None, output_tokens_max=None),
        structs.replace(unmetered, output_tokens_max=COUNT_MAX),
    )
    end = a_settlement(tried=tried, attempts=5)
    clerk.book([call], [])
    clerk.book([], [(call, end)])
    clerk.sign_off()
    found = [
        (row["input_tokens_max"], row["output_tokens_max"], row["cost_nanousd_max"])
        for row in rows_of(engine, "attempts")
    ]
    assert found == [
        (100, 4096, 4196),
        (100, 4096, None),
        (None, None, None),
        (None, None, None),
        (100, TOKENS_MAX, 100 + TOKENS_MAX),
    ]
    (row,) = rows_of(engine, "calls")
    assert (row["total_tokens"], row["cost_nanousd"]) == (200, None)
    assert check(engine, NOON_US) == []


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_whatever_texts_and_counts_come_they_are_booked_and_rebuilding_changes_nothing(
    clerk: Clerk, engine: Engine, in_one_batch: bool
) -> None:
    strange = structs.replace(
        opening(clerk), model="\ud800" + "m" * 5000, client="é", max_output_tokens=10**40
    )
    end = a_settlement(error_message="\udfff", usage=Usage(total_tokens=COUNT_MAX + 1), latency_us=-5)

    if in_one_batch:
        clerk.book([strange], [(strange, end)])
    else:
        clerk.book([strange], [])
        clerk.book([], [(strange, end)])
    (row,) = rows_of(engine, "calls")
    assert (len(row["model"]), row["max_output_tokens"], row["total_tokens"], row["latency_us"]) == (
        TEXT_CHARS_MAX,
        *(None, None, None),
    )
    before = rollups_of(engine)
    rebuild(engine, NOON_US)
    assert rollups_of(engine) == before
