"""The board: the circuit breakers of one worker, in step with those of all others.

::

    calls ── enter, leave ──► board (event loop) ── put ──► what is shared   (a thread)
                               ▲                              │
                               └──────── look, twice a second ┘

A call to what is healthy costs a look into two sets.  Only a breaker that changes is
written down, and only whoever would send the one probe waits for that, for
`CLAIM_S_MAX`.  Without a database each worker decides for itself, and says so later.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from wellhead.breaker import Outcome, Shared, State
from wellhead.clock import monotonic_us
from wellhead.errors import BooksUnavailable
from wellhead.gateway.known_breaker import Known, carry, ticket_of
from wellhead.logs import Log
from wellhead.moments import DAY_US, SECOND_US
from wellhead.policy import breaker as machine
from wellhead.policy import shared_breaker as sharing
from wellhead.policy.breaker import Breaker, Phase, Rules
from wellhead.ports import SharedBreakers

LOOK_S = 0.5
"""How often the board looks at what is shared."""
CLAIM_S_MAX = 0.05
"""How long a call waits to learn whether it is the probe."""
PATIENCE_US = SECOND_US
"""When nothing is heard for so long about a probe that was asked for, the worker decides for itself."""
START_S_MAX = 1.0
"""How long a start waits to see what is open."""
CLOSE_S_MAX = 1.0
"""How long an end waits to give back what the worker has."""
TRIES_MAX = 3
"""How often news are put that others come before."""
FULL_LOOK_EVERY = 20
"""Looks, of which one is at everything, in case one at the changes missed one."""
ACTIVITY_LOOKS = 20
"""Looks between two times that the board says where calls went."""
FORGET_LOOKS = 120
"""Looks between two times that the board has idle ones forgotten."""
FORGOTTEN_US = DAY_US
"""Whatever its state, one that nobody called for so long is forgotten."""
SUBJECTS_MAX = 10_000
"""Failures of further ones are not counted."""

READ, WRITE = "read", "write"

T = TypeVar("T")


class BreakerBoard:
    """Implements `wellhead.ports.Breakers`; everything but `shared` happens in the event loop."""

    def __init__(
        self,
        shared: SharedBreakers,
        rules: Rules,
        *,
        me: str,
        now_us: Callable[[], int],
        log: Log,
        ticks_us: Callable[[], int] = monotonic_us,
    ) -> None:
        """`me` is what others call this worker; `ticks_us` a clock that nobody sets."""
        assert rules.failures > 0
        self._shared = shared
        self._rules = rules
        self._me = me
        self._wall_us = now_us
        self._ticks_us = ticks_us
        self._log = log
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="wellhead-breakers")
        self._known: dict[str, Known] = {}
        self._touched: set[str] = set()
        self._failures: dict[str, int] = {}
        """Of closed ones, as they changed since the others were told."""
        self._looks = 0
        self._looked_us: int | None = None
        self._seen_version = 0
        self._faults: dict[str, str] = {}
        """Why it cannot be read, or written, just now."""
        self._looking: asyncio.Task[None] | None = None

    # What calls do.

    def is_open(self, subject: str) -> bool:
        known = self._known.get(subject)
        if known is None:
            return False
        now = machine.at(known.breaker, self._ticks_us())
        if now.phase is Phase.PROBING:
            return not known.is_probe_free
        return now.phase is Phase.OPEN or (now.phase is Phase.HALF_OPEN and known.wants_probe)

    async def enter(self, subject: str) -> int | None:
        self._touched.add(subject)
        known = self._known.get(subject)
        if known is None or known.is_in(Phase.CLOSED):
            return None
        self._pass_time(known)
        if known.is_in(Phase.HALF_OPEN):
            await self._ask_for_probe(known)
        if known.is_probe_free and known.is_in(Phase.PROBING):
            known.is_probe_free = False
            carry(known)
            return None
        # Another worker's probe may have closed it meanwhile.
        return None if known.is_in(Phase.CLOSED) else self._reject(known)

    def leave(self, subject: str, outcome: Outcome) -> None:
        known = self._known.get(subject)
        if known is None:
            if outcome is not Outcome.FAILURE or len(self._known) >= SUBJECTS_MAX:
                return
            known = self._known[subject] = Known(subject)
        now_us = self._ticks_us()
        before = known.breaker
        ticket = ticket_of(known)
        known.breaker = machine.ended(before, outcome, ticket, self._rules, now_us)
        if known.breaker is not before:
            self._say_change(known, before)
        self._settle(known)

    # One breaker.

    def _pass_time(self, known: Known) -> None:
        known.breaker = machine.at(known.breaker, self._ticks_us())
        if known.breaker.phase is not Phase.PROBING:
            known.has_probe = known.is_probe_free = False

    async def _ask_for_probe(self, known: Known) -> None:
        """Have the probe be this worker's, if it may be; waits a short while at most."""
        now_us = self._ticks_us()
        if known.wants_probe:
            if now_us - known.wanted_us > PATIENCE_US:
                self._take_probe(known)
            return
        if self._faults:
            self._take_probe(known)
            return
        known.wants_probe, known.wanted_us = True, now_us
        await asyncio.wait({self._say(known)}, timeout=CLAIM_S_MAX)

    def _take_probe(self, known: Known) -> None:
        known.wants_probe = False
        before = known.breaker
        known.breaker = machine.taken(before, self._rules, self._ticks_us())
        if known.breaker.probe != before.probe:
            known.has_probe = known.is_probe_free = True

    def _settle(self, known: Known) -> None:
        """After a change: tell the others, or have nothing left to know."""
        if known.breaker.phase is not Phase.PROBING:
            known.has_probe = known.is_probe_free = False
        if known.is_healthy:
            self._known.pop(known.subject, None)
        elif self._news(known) is not None and not self._faults:
            self._say(known)

    def _reject(self, known: Known) -> int:
        now_us = self._ticks_us()
        wait_s = machine.wait_s(known.breaker, now_us)
        known.rejected += 1
        # Thousands a second may be rejected; one line a second says so.
        if known.rejected_said_us is None or now_us - known.rejected_said_us >= SECOND_US:
            self._log.warning(
                "upstream.breaker_reject",
                providerId=known.subject,
                retryAfterSec=wait_s,
                rejected=known.rejected,
            )
            known.rejected, known.rejected_said_us = 0, now_us
        return wait_s

    def _say_change(self, known: Known, before: Breaker) -> None:
        now = known.breaker
        if now.phase is Phase.CLOSED:
            self._failures[known.subject] = now.failures
        if now.opening != before.opening:
            self._log.warning(
                "upstream.breaker_open",
                providerId=known.subject,
                failures=now.failures,
                retryAfterSec=machine.wait_s(now, self._ticks_us()),
            )
        elif now.phase is Phase.CLOSED and before.phase is not Phase.CLOSED:
            self._log.info("upstream.breaker_closed", providerId=known.subject)

    # What is shared.

    def _news(self, known: Known) -> Shared | None:
        return sharing.news(
            known.breaker,
            known.shared,
            said_opening=known.said_opening,
            probes=known.wants_probe or known.has_probe,
            me=self._me,
            rules=self._rules,
            now_us=self._ticks_us(),
            wall_us=self._wall_us(),
        )

    def _say(self, known: Known) -> asyncio.Task[None]:
        if known.saying is None:
            known.saying = asyncio.get_running_loop().create_task(self._put_news(known))
        return known.saying

    async def _put_news(self, known: Known) -> None:
        """Have what is shared be like the breaker, or the breaker like what is shared."""
        try:
            for _ in range(TRIES_MAX):
                new = self._news(known)
                if new is None:
                    break
                said, seen = known.breaker, known.shared
                is_mine, found = await self._in_thread(self._shared.put, new, seen.version)
                self._set_fault(WRITE, None)
                known.shared = found
                if is_mine:
                    known.said_opening = said.opening
                    if new.probe_by == self._me and known.wants_probe:
                        self._take_probe(known)
                elif not sharing.insists(known.breaker, seen, found, said_opening=known.said_opening):
                    self._adopt(known, seen, found)
        except BooksUnavailable as error:
            self._set_fault(WRITE, str(error))
            if known.wants_probe:
                self._take_probe(known)
        except Exception:
            self._log.exception("breakers.put_failed", providerId=known.subject)
        finally:
            known.saying = None
            known.wants_probe = False
            if known.is_healthy:
                self._known.pop(known.subject, None)

    def _adopt(self, known: Known, before: Shared, found: Shared) -> None:
        now_us = self._ticks_us()
        since_us = None if self._looked_us is None else now_us - self._looked_us
        age_us = sharing.age_us(found, self._wall_us(), since_us)
        known.breaker = sharing.adopted(known.breaker, before, found, age_us, now_us)
        known.shared = found
        known.said_opening = known.breaker.opening
        known.has_probe = known.is_probe_free = known.wants_probe = False
        self._log.debug("breaker.adopted", providerId=known.subject, state=found.state, by=found.opened_by)

    def _take_note(self, rows: Iterable[Shared]) -> None:
        """What a look found."""
        for found in rows:
            self._seen_version = max(self._seen_version, found.version)
            known = self._known.get(found.subject)
            if known is None:
                if found.state is State.CLOSED or len(self._known) >= SUBJECTS_MAX:
                    continue
                known = self._known[found.subject] = Known(found.subject)
            # What is being put comes back with what is there by then.
            if known.saying is None and found.version != known.shared.version:
                self._adopt(known, known.shared, found)
                if known.is_healthy:
                    del self._known[found.subject]

    async def _look(self) -> None:
        is_full = self._looks % FULL_LOOK_EVERY == 0
        began_us = self._ticks_us()
        rows = await self._in_thread(self._shared.look, 0 if is_full else self._seen_version)
        self._set_fault(READ, None)
        self._take_note(rows)
        if is_full and len(rows) < SUBJECTS_MAX:
            self._miss(found.subject for found in rows)
        self._looked_us = began_us
        self._looks += 1

    def _miss(self, subjects: Iterable[str]) -> None:
        """What was shared once and is no more (forgotten, or other books) counts as closed."""
        there = set(subjects)
        for known in list(self._known.values()):
            if known.subject not in there and known.shared.version and known.saying is None:
                self._adopt(known, known.shared, Shared(known.subject))
                if known.is_healthy:
                    del self._known[known.subject]

    async def _tell(self) -> None:
        """What the others do not know yet."""
        for known in list(self._known.values()):
            if known.saying is None and self._news(known) is not None:
                await self._say(known)
                if self._faults:
                    return  # The others would only wait for the same.
        touched = set(self._touched) if self._looks % ACTIVITY_LOOKS == 0 else set()
        said = {**dict.fromkeys(touched), **self._failures}
        # After a fault also nothing at all is written, to see whether it is over.
        is_due = bool(said) or WRITE in self._faults
        if is_due and await self._write(self._shared.touch, said, self._wall_us()):
            self._touched -= touched
            for subject, count in said.items():
                # What went on while this was written is told the next time.
                if count is not None and self._failures.get(subject) == count:
                    del self._failures[subject]
        if self._looks % FORGET_LOOKS == 0:
            now_us = self._wall_us()
            long_ago_us = now_us - FORGOTTEN_US
            await self._write(self._shared.forget, now_us - self._rules.evict_after_us, long_ago_us)

    async def _write(self, work: Callable[..., None], *arguments: Any) -> bool:
        try:
            await self._in_thread(work, *arguments)
        except BooksUnavailable as error:
            self._set_fault(WRITE, str(error))
            return False
        self._set_fault(WRITE, None)
        return True

    # Its life.

    async def start(self) -> None:
        """See what is open, and go on looking."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._keep_step(), START_S_MAX)
        self._looking = asyncio.get_running_loop().create_task(self._keep_looking())

    async def close(self) -> None:
        """Give back what this worker has, and end."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        for known in list(self._known.values()):
            if known.has_probe and known.breaker.phase is Phase.PROBING:
                ticket = machine.ticket(known.breaker)
                known.breaker = machine.ended(
                    known.breaker, Outcome.NEUTRAL, ticket, self._rules, self._ticks_us()
                )
                self._settle(known)
        saying = {known.saying for known in self._known.values() if known.saying is not None}
        if saying:
            await asyncio.wait(saying, timeout=CLOSE_S_MAX)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self._keep_step()

    async def _keep_step(self) -> None:
        try:
            await self._look()
            await self._tell()
        except BooksUnavailable as error:
            self._set_fault(READ, str(error))
        except Exception:
            self._log.exception("breakers.look_failed")

    def _set_fault(self, what: str, fault: str | None) -> None:
        if fault is not None:
            if not self._faults:
                self._log.warning("breakers.alone", reason=fault)
            self._faults[what] = fault
        elif self._faults.pop(what, None) is not None and not self._faults:
            self._log.info("breakers.together")

    def _in_thread(self, work: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
