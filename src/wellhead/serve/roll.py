"""A rolling restart: one process after another gives its place to a new one.

::

    old  running ........................ told to leave, answers what it has ... gone
    new          started .... ready ──────┘ accepts from here on

The new process is there before the old one is told to leave, and both have the
same listening socket, so there is no moment in which nobody accepts.  A roll keeps
books only; the supervisor starts, tells and ends the processes.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from wellhead.config.settings import Settings
from wellhead.serve.child import Child

FIXED = ("gateway.bind", "control.bind", "database")
"""Settings that hold until the program is started again: sockets and books are handed on as they are."""


@dataclass(slots=True)
class Roll:
    """The places that are still to be given to new processes, and who is about to take one."""

    settings: Settings
    places: deque[Child | None]
    """The old processes in their order; `None`: a place that is new."""
    surplus: deque[Child] = field(default_factory=deque)
    """Old processes that nobody follows."""
    old: Child | None = None
    new: Child | None = None
    """Started, and not ready yet; it takes the place of `old`."""

    @property
    def is_over(self) -> bool:
        return not self.places and self.new is None


def plan(settings: Settings, children: Sequence[Child]) -> Roll:
    """Replace every process; as many gateways as the settings want, from one that there is at least."""
    gateways = [child for child in children if child.role == "gateway"]
    others = [child for child in children if child.role != "gateway"]
    wanted = settings.gateway.workers if gateways else 0
    places: deque[Child | None] = deque(gateways[:wanted])
    places.extend([None] * (wanted - len(gateways)))
    places.extend(others)
    return Roll(settings, places, deque(gateways[wanted:]))


def with_fixed(found: Settings, present: Settings) -> tuple[Settings, list[str]]:
    """The settings that were read anew, without what only a new start can change; and what that is."""
    changed = [
        name
        for name, is_same in zip(
            FIXED,
            (
                found.gateway.bind == present.gateway.bind,
                found.control.bind == present.control.bind,
                found.database == present.database,
            ),
            strict=True,
        )
        if not is_same
    ]
    kept = replace(
        found,
        gateway=replace(found.gateway, bind=present.gateway.bind),
        control=replace(found.control, bind=present.control.bind),
        database=present.database,
    )
    return kept, changed
