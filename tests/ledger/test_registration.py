"""A worker's slot, its ids, and its word that it lives; as the clerk keeps them."""

import pytest
from sqlalchemy import Engine, text

from fakes.books import NOON_US, a_settlement, an_opening, rollups_of, rows_of
from fakes.desk import ELSEWHERE, HERE, Clock
from wellhead.call import Opening
from wellhead.call_id import slot_of
from wellhead.database.workers import SLOTS_MAX
from wellhead.errors import BooksUnavailable
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.recovery import BEAT_US, IDLE_BEAT_US, SILENCE_US_MAX


def opening(clerk: Clerk) -> Opening:
    return an_opening(clerk.next_id())


def heartbeat_us(engine: Engine) -> int:
    (row,) = rows_of(engine, "workers")
    beaten: int = row["heartbeat_us"]
    return beaten


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
    clerk.waiting.queued, clerk.waiting.lost = 7, 1
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
