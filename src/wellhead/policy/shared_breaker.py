"""One breaker in several workers: what a worker says to the others, and learns from them.

::

    worker   Breaker ── news ──► Shared    written only if nobody else changed it meanwhile
             Breaker ◄─ adopted ─ Shared   at every look, and when somebody else did

The wall clock is for people and for whoever starts anew.  Between workers it is not
believed further than to their last look at what they share: a clock that jumps, or
differs from host to host, moves a deadline by no more than that.
"""

from dataclasses import replace

from wellhead.breaker import Shared, State
from wellhead.moments import HOUR_US
from wellhead.policy.breaker import Breaker, Phase, Rules

WAIT_US_MAX = HOUR_US
"""Longer than any worker waits by its own rules."""


def adopted(breaker: Breaker, before: Shared, shared: Shared, age_us: int, now_us: int) -> Breaker:
    """A worker's breaker by what is shared, which came to be so `age_us` ago; `before` it knew that."""
    stood_us = 0 if shared.retry_us is None else shared.retry_us - shared.changed_us
    until_us = now_us + max(min(stood_us, WAIT_US_MAX) - age_us, 0)
    breaker = replace(
        breaker,
        failures=shared.failures,
        opening=breaker.opening + (shared.opening != before.opening),
    )
    match shared.state:
        case State.CLOSED:
            return replace(breaker, phase=Phase.CLOSED, failures=0, until_us=0)
        case State.OPEN:
            return replace(breaker, phase=Phase.OPEN, until_us=until_us)
        case State.HALF_OPEN if shared.probe_by is None:
            return replace(breaker, phase=Phase.HALF_OPEN, until_us=0)
        case State.HALF_OPEN:
            return replace(breaker, phase=Phase.PROBING, until_us=until_us, probe=breaker.probe + 1)


def age_us(shared: Shared, wall_us: int, since_look_us: int | None) -> int:
    """How long ago a change was made that was not there at the last look (`None`: there was none yet)."""
    by_the_wall_us = max(wall_us - shared.changed_us, 0)
    return by_the_wall_us if since_look_us is None else min(by_the_wall_us, since_look_us)


def news(
    breaker: Breaker,
    shared: Shared,
    *,
    said_opening: int,
    probes: bool,
    me: str,
    rules: Rules,
    now_us: int,
    wall_us: int,
) -> Shared | None:
    """What a worker's breaker is to be for the others; `None`: it is that already.

    `said_opening` is the last one of the breaker's openings that they know of, `probes` whether this worker
    has the probe or asks for it.
    """
    is_new = breaker.opening != said_opening
    base = replace(shared, failures=breaker.failures, changed_us=wall_us, active_us=wall_us, probe_by=None)
    if is_new:
        base = replace(base, opening=0, opened_us=wall_us, opened_by=me)
    left_us = max(breaker.until_us - now_us, 0)
    match breaker.phase:
        case Phase.CLOSED if shared.state is not State.CLOSED:
            return closed(shared, wall_us)
        case Phase.OPEN if is_new:
            return replace(base, state=State.OPEN, retry_us=wall_us + left_us)
        case Phase.HALF_OPEN if probes:
            return replace(base, state=State.HALF_OPEN, retry_us=wall_us + rules.probe_us, probe_by=me)
        case Phase.PROBING if probes and shared.probe_by != me:
            return replace(base, state=State.HALF_OPEN, retry_us=wall_us + left_us, probe_by=me)
        case Phase.HALF_OPEN if shared.probe_by == me:
            return replace(base, state=State.HALF_OPEN, retry_us=wall_us)
    return None


def closed(shared: Shared, wall_us: int) -> Shared:
    """The same breaker, closed."""
    return replace(
        shared,
        state=State.CLOSED,
        failures=0,
        changed_us=wall_us,
        opened_us=None,
        opened_by=None,
        retry_us=None,
        probe_by=None,
    )


def insists(breaker: Breaker, before: Shared, found: Shared, *, said_opening: int) -> bool:
    """Whether a worker stands by its news, though somebody else changed what is shared meanwhile.

    A probe that succeeded after another one had been sent is as good as that one, as long as the breaker
    did not open anew; and failures count that others have not seen.
    """
    if breaker.phase is Phase.CLOSED:
        return found.state is not State.CLOSED and found.opening == before.opening
    is_new = breaker.opening != said_opening
    return breaker.phase is Phase.OPEN and is_new and found.state is State.CLOSED
