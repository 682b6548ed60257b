from dataclasses import replace

import pytest

from fakes.books import NOON_US
from wellhead.database.workers import Process, Worker
from wellhead.ledger.presence import is_up
from wellhead.ledger.processes import this_process
from wellhead.ledger.recovery import IDLE_SILENCE_US_MAX, SILENCE_US_MAX

HERE = this_process()
ELSEWHERE = replace(HERE, host="elsewhere")
DEAD = replace(HERE, started_ticks=HERE.started_ticks + 1)


@pytest.mark.parametrize(
    ("process", "has_calls", "silent_us", "up"),
    [
        (HERE, True, SILENCE_US_MAX, True),
        # It runs, but says nothing: it is stopped, say.
        (HERE, True, SILENCE_US_MAX + 1, False),
        (HERE, False, IDLE_SILENCE_US_MAX, True),
        (HERE, False, IDLE_SILENCE_US_MAX + 1, False),
        (DEAD, False, 0, False),
        (ELSEWHERE, True, SILENCE_US_MAX, True),
        (ELSEWHERE, True, SILENCE_US_MAX + 1, False),
    ],
)
def test_a_worker_is_up_that_runs_and_was_heard_of(
    process: Process, has_calls: bool, silent_us: int, up: bool
) -> None:
    worker = Worker(0, process, NOON_US, NOON_US)
    assert is_up(worker, has_calls, NOON_US + silent_us) is up
