"""The runner of loops.

::

    first_s ─► work ─► interval_s ± 10 % ─► work ─► ...
                 │ fails
                 └─► interval × 2, × 4, ... at most retry_max_s ─► work

A loop that fails `failures_max` times in a row is disabled until the process starts
again.  Loops never end each other, and what one raises ends nothing.  Work that blocks
runs in a thread (`in_thread`), and is told when it should end.
"""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from wellhead.background import LoopState
from wellhead.errors import BooksUnavailable, WellheadError
from wellhead.logs import Log

JITTER = 0.1
"""By how much of its length a pause is longer or shorter, so that processes do not go in step."""
RETRY_MAX_S = 60.0
FAILURES_MAX = 100
DOUBLINGS_MAX = 20
END_MAX_S = 5.0
"""How long work in a thread is waited for when the process ends."""
ERROR_CHARS_MAX = 300

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loop:
    """One thing to do again and again."""

    name: str
    interval_s: float
    work: Callable[[], Awaitable[object]]
    first_s: float = 0.0
    """How long the first run waits."""
    retry_max_s: float = RETRY_MAX_S
    failures_max: int | None = FAILURES_MAX
    """`None`: it is tried for ever."""


class Runner:
    """Runs loops until it is cancelled."""

    def __init__(
        self,
        loops: Iterable[Loop],
        *,
        now_us: Callable[[], int],
        log: Log,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`chance` gives numbers between 0 and 1, by which pauses differ."""
        self._loops = tuple(loops)
        self._now_us, self._log, self._sleep, self._chance = now_us, log, sleep, chance
        self._states = {loop.name: LoopState(loop.name, loop.interval_s) for loop in self._loops}
        assert len(self._states) == len(self._loops), "loops have names of their own"

    def states(self) -> tuple[LoopState, ...]:
        """How every loop stands now."""
        return tuple(self._states.values())

    async def run(self) -> None:
        """Run all of them; ends only by being cancelled, or when every loop is disabled."""
        async with asyncio.TaskGroup() as tasks:
            for loop in self._loops:
                tasks.create_task(self._keep_running(loop), name=f"loop-{loop.name}")

    async def _keep_running(self, loop: Loop) -> None:
        pause_s = loop.first_s
        while True:
            self._note(loop, next_run_us=self._now_us() + round(pause_s * 1_000_000))
            await self._sleep(pause_s)
            error = await self._run_once(loop)
            state = self._states[loop.name]
            reason = None if error is None else str(error) or type(error).__name__
            if state.is_disabled:
                self._log.error("loop.disabled", name=loop.name, total_failures=state.failures, error=reason)
                return
            pause_s = self._pause_s(loop, state.failures)
            if error is not None:
                self._log.warning(
                    "loop.error",
                    name=loop.name,
                    attempt=state.failures,
                    next_delay_ms=round(pause_s * 1000),
                    error=reason,
                )

    async def _run_once(self, loop: Loop) -> Exception | None:
        """Do its work once; gives what went wrong."""
        before = self._states[loop.name]
        began_us = self._now_us()
        self._note(loop, is_running=True, runs=before.runs + 1, last_run_us=began_us, next_run_us=None)
        try:
            await loop.work()
        except Exception as error:
            failures = before.failures + 1
            self._note(
                loop,
                is_running=False,
                failures=failures,
                failed_runs=before.failed_runs + 1,
                is_disabled=loop.failures_max is not None and failures >= loop.failures_max,
                last_error_us=self._now_us(),
                last_error=_told(error),
            )
            return error
        ended_us = self._now_us()
        self._note(loop, is_running=False, failures=0, last_success_us=ended_us)
        self._log.debug("loop.tick", name=loop.name, elapsed_ms=max(ended_us - began_us, 0) // 1000)
        return None

    def _pause_s(self, loop: Loop, failures: int) -> float:
        pause_s = loop.interval_s
        if failures:
            pause_s = min(pause_s * 2 ** min(failures, DOUBLINGS_MAX), loop.retry_max_s)
        return pause_s * (1 + JITTER * (2 * self._chance() - 1))

    def _note(self, loop: Loop, **changes: object) -> None:
        self._states[loop.name] = replace(self._states[loop.name], **changes)  # type: ignore[arg-type]


async def in_thread(work: Callable[[Callable[[], bool]], T]) -> T:
    """Run blocking work in a thread; it is handed a question that is true once it should end.

    Cancelled, this asks the work to end and waits for that, but not for long.
    """
    ending = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(work, ending.is_set))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        ending.set()
        await asyncio.wait((running,), timeout=END_MAX_S)
        raise


def _told(error: Exception) -> str:
    """What went wrong, for everybody to read: our own errors' texts are made for that, a driver's is not."""
    if isinstance(error, BooksUnavailable):
        return "the database cannot be used"
    if isinstance(error, WellheadError):
        return str(error)[:ERROR_CHARS_MAX]
    return type(error).__name__
