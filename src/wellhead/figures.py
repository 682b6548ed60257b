"""The figures that monitoring reads: everything since the books were opened, and how things stand now.

What clients name (models) may be anything, and monitoring keeps a series for every
name it ever saw.  So only some stand here under their names, and the others
together as `OTHER`; who once has a name keeps it, so that no sum ever goes down.
All sums together are those of the reports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wellhead.breaker import State
from wellhead.limit import Limit
from wellhead.quota import AccountGauge
from wellhead.report import Key, Line

OTHER = "other"
"""Stands for all that have no name of their own; so nobody can have this one."""
UNKNOWN = "unknown"
"""Nobody said."""
NOBODYS = "none"
"""The project of calls that belong to none."""


@dataclass(frozen=True, slots=True)
class Durations:
    """How long calls took that are alike."""

    keys: tuple[Key, ...]
    calls: Mapping[int, int]
    """By their bucket."""
    us: int
    """All of them together."""


@dataclass(frozen=True, slots=True)
class LimitFigure:
    """How a limit stands; of one that counts each by itself, the one that has used most."""

    limit: Limit
    used: int
    held: int


@dataclass(frozen=True, slots=True)
class WorkerFigure:
    """A gateway process, as of its last heartbeat."""

    slot: int
    is_up: bool
    heartbeat_us: int
    calls_open: int
    """As the books have it now."""
    queued: int
    commits: int
    commit_us: int
    settlements_lost: int
    host: str = ""
    pid: int = 0
    started_us: int = 0


@dataclass(frozen=True, slots=True)
class BooksFigure:
    """How large the books are, and where."""

    kind: str
    """The engine."""
    place: str
    """Without user and password."""
    migration: str | None
    """The last one."""
    calls: int
    bytes: int
    log_bytes: int = 0
    """Of a write-ahead log beside it."""
    free_bytes: int = 0
    """Of these bytes, what is left over."""


@dataclass(frozen=True, slots=True)
class WorkerSpool:
    """What waits in the spool of a gateway process, or of one that had its slot before."""

    slot: int
    entries: int
    bytes: int
    since_us: int | None
    """When the oldest of it was kept."""


@dataclass(frozen=True, slots=True)
class SpoolFigure:
    """What waits beside the database because it could not be booked."""

    workers: Sequence[WorkerSpool] = ()
    """Those with a spool, by their slots."""
    bytes_max: int = 0
    """Of each."""
    damaged: int = 0
    """Files that were put aside since they could not be read to their ends."""

    @property
    def entries(self) -> int:
        return sum(one.entries for one in self.workers)

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.workers)

    @property
    def since_us(self) -> int | None:
        return min((one.since_us for one in self.workers if one.since_us is not None), default=None)


@dataclass(frozen=True, slots=True)
class BreakerFigure:
    """How a circuit breaker stands."""

    provider: str
    credential_id: str
    """Empty for that of the provider itself."""
    state: State


@dataclass(frozen=True, slots=True)
class Figures:
    """One state of the books."""

    usage: Sequence[Line]
    """By provider, model, outcome and streamed."""
    tools: Sequence[Line]
    projects: Sequence[Line]
    """By uuid."""
    project_names: Mapping[str, str]
    """Of those that stand in `projects`, by uuid."""
    today: Sequence[Line]
    """Calls that ended on the present UTC day, by provider and model."""
    latency: Sequence[Durations]
    """By provider, model and outcome; a bucket is a whole doubling (see `wellhead.histogram`)."""
    ttft: Sequence[Durations]
    """By provider and model, in the same way."""
    answers: Sequence[Durations]
    """By outcome, provider, status (0: nobody was told one) and streamed; the buckets are the finest."""
    limits: Sequence[LimitFigure]
    workers: Sequence[WorkerFigure]
    breakers: Sequence[BreakerFigure]
    gauges: Sequence[AccountGauge]
    database_bytes: int
    last_call_us: int | None
    """When the last call began."""
