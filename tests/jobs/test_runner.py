"""Loops run at their intervals, survive what their work raises, and say how they stand."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fakes.control import silent_log
from wellhead.background import LoopState, Standing
from wellhead.errors import BooksUnavailable
from wellhead.jobs.fetch import FetchFailed
from wellhead.jobs.runner import JITTER, Loop, Runner, in_thread

HALF = 0.5
"""The chance that makes pauses neither longer nor shorter."""


class Clock:
    """A clock that only sleepers move, and that stops them for good after so many sleeps."""

    def __init__(self, sleeps: int) -> None:
        self.us = 0
        self.slept: list[float] = []
        self.done = asyncio.Event()
        self._left = sleeps

    def now_us(self) -> int:
        return self.us

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._left == 0:
            self.done.set()
            await asyncio.Event().wait()
        self._left -= 1
        self.us += round(seconds * 1_000_000)


def runner(clock: Clock, *loops: Loop, chance: float = HALF) -> Runner:
    return Runner(loops, now_us=clock.now_us, log=silent_log(), sleep=clock.sleep, chance=lambda: chance)


async def run(clock: Clock, *loops: Loop, chance: float = HALF) -> tuple[LoopState, ...]:
    """Run loops until the clock is done; says how they stand then."""
    made = runner(clock, *loops, chance=chance)
    running = asyncio.create_task(made.run())
    done = asyncio.create_task(clock.done.wait())
    await asyncio.wait((running, done), return_when=asyncio.FIRST_COMPLETED)
    done.cancel()
    states = made.states()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return states


def failing(times: int, error: Exception) -> Callable[[], Awaitable[None]]:
    left = times

    async def work() -> None:
        nonlocal left
        if left:
            left -= 1
            raise error

    return work


async def nothing() -> None: ...


async def test_a_loop_runs_after_its_first_pause_and_then_at_its_interval() -> None:
    clock = Clock(3)
    (state,) = await run(clock, Loop("tidy", 30, nothing, first_s=7))
    assert clock.slept == [7, 30, 30, 30]
    assert (state.runs, state.failures, state.standing) == (3, 0, Standing.PASS)
    assert (state.last_run_us, state.last_success_us) == (67_000_000, 67_000_000)
    assert state.next_run_us == 97_000_000


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 1 - JITTER), (1.0, 1 + JITTER)])
async def test_pauses_differ_by_a_tenth(chance: float, factor: float) -> None:
    clock = Clock(1)
    await run(clock, Loop("tidy", 100, nothing), chance=chance)
    assert clock.slept == [0, pytest.approx(100 * factor)]


async def test_after_a_failure_it_waits_twice_as_long_each_time_up_to_a_bound() -> None:
    clock = Clock(6)
    (state,) = await run(clock, Loop("tidy", 5, failing(5, FetchFailed("gone")), retry_max_s=60))
    assert clock.slept == [0, 10, 20, 40, 60, 60, 5]
    assert (state.runs, state.failed_runs, state.failures) == (6, 5, 0)
    assert (state.last_error, state.standing) == ("gone", Standing.PASS)


async def test_a_long_interval_does_not_make_the_retry_late() -> None:
    clock = Clock(2)
    (state,) = await run(clock, Loop("fetch", 21_600, failing(9, FetchFailed("gone"))))
    assert clock.slept == [0, 60, 60]
    assert (state.failures, state.standing) == (2, Standing.WARN)
    assert state.last_error_us == 60_000_000


async def test_what_fails_a_hundred_times_in_a_row_is_disabled_and_the_others_go_on() -> None:
    clock = Clock(300)
    broken, well = await run(
        clock, Loop("broken", 1, failing(10**6, KeyError("x"))), Loop("well", 1, nothing)
    )
    assert (broken.runs, broken.failures, broken.is_disabled) == (100, 100, True)
    assert (broken.standing, broken.next_run_us) == (Standing.FAIL, None)
    assert well.runs > 150
    assert well.standing is Standing.PASS


async def test_what_is_never_to_be_disabled_is_tried_for_ever() -> None:
    clock = Clock(500)
    work = failing(10**6, FetchFailed("gone"))
    (state,) = await run(clock, Loop("fetch", 1, work, failures_max=None))
    assert (state.failures, state.standing) == (500, Standing.WARN)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("sk-secret"), "ValueError"),
        (BooksUnavailable("no answer from db.example.com"), "the database cannot be used"),
        (FetchFailed("x" * 1000), "x" * 300),
    ],
)
async def test_what_is_told_of_an_error_is_for_everybody(error: Exception, told: str) -> None:
    (state,) = await run(Clock(1), Loop("tidy", 1, failing(1, error)))
    assert state.last_error == told


async def test_a_loop_that_is_at_work_says_so() -> None:
    working = asyncio.Event()

    async def work() -> None:
        working.set()
        await asyncio.Event().wait()

    made = runner(Clock(9), Loop("slow", 1, work))
    running = asyncio.create_task(made.run())
    await working.wait()
    (state,) = made.states()
    assert (state.is_running, state.next_run_us) == (True, None)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_work_in_a_thread_is_asked_to_end_and_waited_for() -> None:
    began, ended = threading.Event(), threading.Event()

    def work(is_ending: Callable[[], bool]) -> None:
        began.set()
        while not is_ending():
            pass
        ended.set()

    running = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(began.wait)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


async def test_work_in_a_thread_gives_its_result_or_its_error() -> None:
    def bad(_: Any) -> None:
        raise FetchFailed("gone")

    assert await in_thread(lambda is_ending: is_ending()) is False
    with pytest.raises(FetchFailed):
        await in_thread(bad)
