"""Days are closed soon after they are over."""

from collections.abc import Callable

from fakes.books import NOON_US
from fakes.control import silent_log
from wellhead.jobs.closing import DaysClosing
from wellhead.moments import HOUR_US


async def test_days_that_are_over_at_the_moment_are_closed() -> None:
    looks: list[int] = []

    def close(now_us: int, is_ending: Callable[[], bool]) -> int:
        assert not is_ending()
        looks.append(now_us)
        return len(looks) % 2

    now_us = NOON_US
    job = DaysClosing(close, now_us=lambda: now_us, log=silent_log())

    await job.run()
    now_us += HOUR_US
    await job.run()

    assert looks == [NOON_US, NOON_US + HOUR_US]
