import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import Engine, text

from fakes.books import NOON_US, a_settlement, an_opening, rollups_of, rows_of
from wellhead.call import CallState, Opening
from wellhead.call_id import slot_of
from wellhead.database.engine import make_engine
from wellhead.database.gauges import GAUGES_MAX
from wellhead.database.workers import SLOTS_MAX
from wellhead.errors import BooksUnavailable
from wellhead.ledger.clerk import Clerk, Waiting
from wellhead.ledger.fit import TEXT_CHARS_MAX
from wellhead.ledger.gauges import WRITE_US
from wellhead.ledger.processes import this_process
from wellhead.ledger.rebuild import rebuild
from wellhead.ledger.recovery import BEAT_US, IDLE_BEAT_US, SILENCE_US_MAX
from wellhead.quota import Gauge
from wellhead.usage import COUNT_MAX, Usage

HERE = this_process()
ELSEWHERE = replace(HERE, host="elsewhere")


class Clock:
    def __init__(self) -> None:
        self.us = NOON_US

    def now_us(self) -> int:
        return self.us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clerk(engine: Engine, clock: Clock) -> Iterator[Clerk]:
    made = Clerk(engine, clock.now_us, HERE)
    made.sign_on()
    yield made
    made.sign_off()


def opening(clerk: Clerk) -> Opening:
    return an_opening(clerk.next_id())


def test_a_call_may_be_opened_and_settled_in_one_batch(clerk: Clerk, engine: Engine) -> None:
    call = opening(clerk)

    assert clerk.book([call], [(call, a_settlement())]) == {}
    (row,) = rows_of(engine, "calls")
    assert (row["id"], row["state"], row["total_tokens"]) == (call.id, "completed", 200)


def test_nothing_is_booked_in_a_file_that_was_taken_away(
    engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    path = Path(str(engine.url.database))
    strict = make_engine(str(engine.url), must_exist=True)
    clerk = Clerk(strict, clock.now_us, HERE)
    clerk.sign_on()
    before, after = opening(clerk), opening(clerk)
    clerk.book([before], [])
    path.rename(tmp_path / "elsewhere.db")
    for _ in range(2):
        with pytest.raises(BooksUnavailable, match=r"taken away|not there"):
            clerk.book([after], [])
    assert not path.exists()
    (tmp_path / "elsewhere.db").rename(path)
    clerk.book([after], [(before, a_settlement())])
    assert {row["id"]: row["state"] for row in rows_of(engine, "calls")} == {
        before.id: "completed",
        after.id: "pending",
    }
    clerk.sign_off()
    strict.dispose()


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


def test_living_workers_have_different_slots(engine: Engine, clock: Clock, clerk: Clerk) -> None:
    other = Clerk(engine, clock.now_us, HERE)
    other.sign_on()

    assert other.worker.slot != clerk.worker.slot
    other.sign_off()


def test_when_all_slots_are_taken_signing_on_is_refused(engine: Engine, clock: Clock) -> None:
    with engine.begin() as connection:
        for slot in range(SLOTS_MAX):
            connection.execute(
                text(
                    "INSERT INTO workers (slot,host,pid,process_started_ticks,started_us,heartbeat_us)"
                    " VALUES (:slot, 'elsewhere', 1, 1, :now, :now)"
                ),
                {"slot": slot, "now": NOON_US},
            )

    with pytest.raises(BooksUnavailable, match="slots"):
        Clerk(engine, clock.now_us, HERE).sign_on()


def test_signing_off_books_what_is_open_and_gives_the_slot_back(engine: Engine, clock: Clock) -> None:
    clerk = Clerk(engine, clock.now_us, HERE)
    clerk.sign_on()
    clerk.book([opening(clerk)], [])

    clerk.sign_off()
    assert [row["state"] for row in rows_of(engine, "calls")] == ["interrupted"]
    assert rows_of(engine, "workers") == []


def test_a_worker_with_open_calls_beats_and_an_idle_one_leaves_the_disk_alone(
    clerk: Clerk, engine: Engine, clock: Clock
) -> None:
    call = opening(clerk)
    clerk.book([call], [])
    clock.us += BEAT_US
    clerk.tick()
    assert heartbeat_us(engine) == clock.us

    clerk.book([], [(call, a_settlement())])
    beaten_us = clock.us
    clock.us += BEAT_US * 2
    clerk.tick()
    assert heartbeat_us(engine) == beaten_us

    clock.us = beaten_us + IDLE_BEAT_US
    clerk.tick()
    assert heartbeat_us(engine) == clock.us


def test_an_idle_worker_says_that_it_lives_with_the_first_call_it_opens(
    clerk: Clerk, engine: Engine, clock: Clock
) -> None:
    clock.us += BEAT_US

    clerk.book([opening(clerk)], [])
    assert heartbeat_us(engine) == clock.us


def test_a_worker_says_how_busy_it_is_with_each_beat(clerk: Clerk, engine: Engine, clock: Clock) -> None:
    first, second = opening(clerk), opening(clerk)
    clerk.book([first, second], [])
    clerk.waiting = Waiting(queued=7, lost=1)
    clock.us += BEAT_US
    clerk.book([], [(first, a_settlement())])

    (row,) = rows_of(engine, "workers")
    assert (row["calls_open"], row["queued"], row["settlements_lost"]) == (2, 7, 1)
    assert row["commits"] == 1
    assert 0 < row["commit_us"] < 10_000_000


def test_the_last_call_to_end_leaves_a_worker_that_is_not_busy(clerk: Clerk, engine: Engine) -> None:
    first, second = opening(clerk), opening(clerk)
    clerk.book([first, second], [])
    clerk.book([], [(first, a_settlement())])
    assert rows_of(engine, "workers")[0]["commits"] == 0  # No beat was due.

    clerk.book([], [(second, a_settlement())])
    (row,) = rows_of(engine, "workers")
    assert (row["calls_open"], row["commits"]) == (0, 2)


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
    clerk = Clerk(engine, clock.now_us, HERE, say=lambda event, **_: said.append(event))
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


def test_a_worker_that_slept_finds_its_calls_booked_and_gets_another_slot(
    engine: Engine, clock: Clock
) -> None:
    sleeper, other = Clerk(engine, clock.now_us, ELSEWHERE), Clerk(engine, clock.now_us, HERE)
    sleeper.sign_on()
    other.sign_on()
    running, late = opening(sleeper), opening(sleeper)
    sleeper.book([running], [])
    clock.us += SILENCE_US_MAX + 1
    other.tick()
    successor = Clerk(engine, clock.now_us, HERE)
    successor.sign_on()
    assert successor.worker.slot == slot_of(running.id)

    assert list(sleeper.book([late], [(running, a_settlement())])) == [late.id]

    assert [(row["id"], row["state"]) for row in rows_of(engine, "calls")] == [(running.id, "interrupted")]
    assert [row["outcome"] for row in rollups_of(engine)["usage_total"]] == ["interrupted"]
    assert len({sleeper.worker.slot, other.worker.slot, successor.worker.slot}) == 3
    assert sleeper.book([opening(sleeper)], []) == {}
    for clerk in (sleeper, other, successor):
        clerk.sign_off()


def test_a_worker_that_slept_does_not_take_its_old_slot_again(engine: Engine, clock: Clock) -> None:
    sleeper, other = Clerk(engine, clock.now_us, ELSEWHERE), Clerk(engine, clock.now_us, HERE)
    other.sign_on()
    sleeper.sign_on()
    late = opening(sleeper)
    sleeper.book([opening(sleeper)], [])
    clock.us += SILENCE_US_MAX + 1
    other.tick()

    assert list(sleeper.book([late], [])) == [late.id]
    assert sleeper.worker.slot != slot_of(late.id)
    sleeper.sign_off()
    other.sign_off()


def test_ids_go_on_after_the_latest_in_the_books_when_the_clock_was_set_back(
    engine: Engine, clock: Clock
) -> None:
    first = Clerk(engine, clock.now_us, HERE)
    first.sign_on()
    call = opening(first)
    first.book([call], [(call, a_settlement())])
    first.sign_off()

    clock.us -= 3_600_000_000
    second = Clerk(engine, clock.now_us, HERE)
    second.sign_on()
    assert second.next_id() > call.id
    second.sign_off()


def heartbeat_us(engine: Engine) -> int:
    (row,) = rows_of(engine, "workers")
    beaten: int = row["heartbeat_us"]
    return beaten


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
