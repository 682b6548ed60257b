"""Old calls are removed day by day."""

from collections.abc import Callable

from fakes.books import NOON_US
from fakes.control import silent_log
from wellhead.jobs.retention import CallsRetention
from wellhead.ledger.retention import Removed
from wellhead.moments import DAY_US


async def test_what_is_older_than_so_many_days_is_removed() -> None:
    looks: list[int] = []

    def remove(before_us: int, is_ending: Callable[[], bool]) -> Removed:
        assert not is_ending()
        looks.append(before_us)
        return Removed(3, before_us)

    now_us = NOON_US
    job = CallsRetention(remove, days=90, now_us=lambda: now_us, log=silent_log())

    await job.run()
    now_us += DAY_US
    await job.run()

    assert looks == [NOON_US - 90 * DAY_US, NOON_US - 89 * DAY_US]
