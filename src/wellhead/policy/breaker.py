"""A circuit breaker: a state machine as a table.

::

    CLOSED ──── too many failures in a row ────► OPEN
       ▲                                         ▲  │
       │ the probe succeeds     the probe fails  │  │ time is up
       ├─────────────────────────────────────────┤  ▼
       ├──────────────────────────────────── HALF_OPEN
       │                             taken │     ▲ given back, or nothing heard of it for too long
       │                                   ▼     │
       └──────────────────────────────────  PROBING

Calls go through while it is CLOSED; in HALF_OPEN one goes, the probe, and the others
only after it.  The ends of calls that are no probe stand in the row of CLOSED alone:
so what began before it opened neither closes it nor keeps it open.

Time is passed in, as microseconds of a clock that nobody sets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from wellhead.breaker import Outcome
from wellhead.moments import SECOND_US

PROBE_US_MIN = 10 * SECOND_US
PROBE_US_MAX = 60 * SECOND_US


@dataclass(frozen=True, slots=True)
class Rules:
    """When breakers change."""

    failures: int = 5
    """In a row, until one opens; at least 1."""
    half_open_after_us: int = 30 * SECOND_US
    """How long one stays open before a call may try."""
    evict_after_us: int = 300 * SECOND_US
    """How long one that is closed, without failures and idle is remembered."""

    @property
    def probe_us(self) -> int:
        """After how long another probe may go: its worker may have died, its upstream may be silent."""
        return min(max(self.half_open_after_us, PROBE_US_MIN), PROBE_US_MAX)


class Phase(Enum):
    """Where a breaker stands."""

    CLOSED = auto()
    OPEN = auto()
    HALF_OPEN = auto()
    PROBING = auto()


class Event(Enum):
    """What can happen to one."""

    SUCCEEDED = auto()
    FAILED = auto()
    FAILED_TOO_OFTEN = auto()
    TIME_UP = auto()
    TAKEN = auto()
    PROBE_SUCCEEDED = auto()
    PROBE_FAILED = auto()
    PROBE_GIVEN_BACK = auto()


TRANSITIONS: Mapping[Phase, Mapping[Event, Phase]] = {
    Phase.CLOSED: {
        Event.SUCCEEDED: Phase.CLOSED,
        Event.FAILED: Phase.CLOSED,
        Event.FAILED_TOO_OFTEN: Phase.OPEN,
    },
    Phase.OPEN: {
        Event.TIME_UP: Phase.HALF_OPEN,
    },
    Phase.HALF_OPEN: {
        Event.TAKEN: Phase.PROBING,
        # Of one that took so long that another might have gone already.
        Event.PROBE_SUCCEEDED: Phase.CLOSED,
        Event.PROBE_FAILED: Phase.OPEN,
    },
    Phase.PROBING: {
        Event.PROBE_SUCCEEDED: Phase.CLOSED,
        Event.PROBE_FAILED: Phase.OPEN,
        Event.PROBE_GIVEN_BACK: Phase.HALF_OPEN,
        Event.TIME_UP: Phase.HALF_OPEN,
    },
}
"""What is not in the row of a phase changes nothing in it."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """Where one stands, and how it came there."""

    phase: Phase = Phase.CLOSED
    failures: int = 0
    """In a row."""
    until_us: int = 0
    """Of OPEN: when time is up; of PROBING: when the probe counts as lost."""
    opening: int = 0
    """How often it has opened."""
    probe: int = 0
    """How often it was probed."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Tells a probe from all other calls."""

    opening: int
    probe: int


def at(breaker: Breaker, now_us: int) -> Breaker:
    """What has become of one by now."""
    is_timed = breaker.phase in (Phase.OPEN, Phase.PROBING)
    return _after(breaker, Event.TIME_UP) if is_timed and now_us >= breaker.until_us else breaker


def taken(breaker: Breaker, rules: Rules, now_us: int) -> Breaker:
    """The same with its one probe on the way, where it may be."""
    return _after(at(breaker, now_us), Event.TAKEN, rules, now_us)


def ticket(breaker: Breaker) -> Ticket:
    """What the probe that is on the way shows at its end."""
    assert breaker.phase is Phase.PROBING
    return Ticket(breaker.opening, breaker.probe)


def ended(breaker: Breaker, outcome: Outcome, shown: Ticket | None, rules: Rules, now_us: int) -> Breaker:
    """What the end of a call makes of one; the same value where nothing changed."""
    now = at(breaker, now_us)
    event = _event(now, outcome, shown, rules)
    return now if event is None else _after(now, event, rules, now_us)


def wait_s(breaker: Breaker, now_us: int) -> int:
    """In how many seconds it is worth while to come again."""
    if breaker.phase is not Phase.OPEN:
        return 1  # Its probe may come to an end at any moment.
    return max(-(-(breaker.until_us - now_us) // SECOND_US), 1)


def _event(breaker: Breaker, outcome: Outcome, shown: Ticket | None, rules: Rules) -> Event | None:
    if shown is not None and shown.opening == breaker.opening and breaker.phase is not Phase.CLOSED:
        match outcome:
            case Outcome.SUCCESS:
                return Event.PROBE_SUCCEEDED
            case Outcome.FAILURE:
                return Event.PROBE_FAILED
        # Another one may be on the way already, and that is not given back.
        return Event.PROBE_GIVEN_BACK if shown.probe == breaker.probe else None
    match outcome:
        case Outcome.SUCCESS:
            return Event.SUCCEEDED
        case Outcome.FAILURE:
            return Event.FAILED_TOO_OFTEN if breaker.failures + 1 >= rules.failures else Event.FAILED
    return None


def _after(breaker: Breaker, event: Event, rules: Rules = Rules(), now_us: int = 0) -> Breaker:
    phase = TRANSITIONS[breaker.phase].get(event)
    match phase:
        case None:
            return breaker
        case Phase.CLOSED if event is Event.FAILED:
            return replace(breaker, failures=breaker.failures + 1)
        case Phase.CLOSED if breaker.phase is Phase.CLOSED and not breaker.failures:
            return breaker
        case Phase.CLOSED:
            return replace(breaker, phase=phase, failures=0, until_us=0)
        case Phase.OPEN:
            return replace(
                breaker,
                phase=phase,
                failures=breaker.failures + 1,
                until_us=now_us + rules.half_open_after_us,
                opening=breaker.opening + 1,
            )
        case Phase.HALF_OPEN:
            return replace(breaker, phase=phase, until_us=0)
        case Phase.PROBING:
            return replace(breaker, phase=phase, until_us=now_us + rules.probe_us, probe=breaker.probe + 1)
