"""What one worker knows of one breaker, and whether the present call is its probe."""

import asyncio
from contextvars import ContextVar

from wellhead.breaker import Shared, State
from wellhead.policy import breaker as machine
from wellhead.policy.breaker import Breaker, Phase, Ticket


class Known:
    """One breaker that is not simply closed, or was not a moment ago."""

    __slots__ = (
        "breaker",
        "has_probe",
        "is_probe_free",
        "rejected",
        "rejected_said_us",
        "said_opening",
        "saying",
        "shared",
        "subject",
        "wanted_us",
        "wants_probe",
    )

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.breaker = Breaker()
        self.shared = Shared(subject)
        """As it is in the books, as far as is known."""
        self.said_opening = 0
        """The last opening of `breaker` that the others know of."""
        self.saying: asyncio.Task[None] | None = None
        """Makes what is shared like `breaker`."""
        self.wants_probe = False
        """This worker asks to send the probe, since..."""
        self.wanted_us = 0
        self.has_probe = False
        """The probe of PROBING is this worker's..."""
        self.is_probe_free = False
        """...and no call is it yet."""
        self.rejected = 0
        """Calls, since it was last said."""
        self.rejected_said_us: int | None = None

    def is_in(self, phase: Phase) -> bool:
        return self.breaker.phase is phase

    @property
    def is_healthy(self) -> bool:
        """There is nothing to know about it."""
        return (
            self.is_in(Phase.CLOSED)
            and self.breaker.failures == 0
            and self.shared.state is State.CLOSED
            and self.saying is None
        )


_PROBES: ContextVar[dict[Known, Ticket]] = ContextVar("wellhead_probes")
"""Which probes the present call is.  A call enters and leaves in one task (or in tasks that it started)."""


def carry(known: Known) -> None:
    """The present call is the probe."""
    probes = _PROBES.get(None)
    if probes is None:
        probes = {}
        _PROBES.set(probes)
    probes[known] = machine.ticket(known.breaker)


def ticket_of(known: Known) -> Ticket | None:
    """What the present call has to show that it is the probe; only once."""
    return _PROBES.get({}).pop(known, None)
