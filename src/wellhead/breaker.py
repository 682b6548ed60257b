"""Circuit breakers, in words: what is told to one, and what an operator sees of it.

A subject is what calls go to and what may be down as a whole: a provider, by its
id, or one credential of ours towards it.
"""

from dataclasses import dataclass
from enum import StrEnum

_CREDENTIAL = "/credential/"
"""No id of a provider has a slash in it."""


class Outcome(StrEnum):
    """How a call ended, as far as its subject is to blame."""

    SUCCESS = "success"
    """It answered, be it that the request was wrong."""
    FAILURE = "failure"
    """It failed, or did not answer."""
    NEUTRAL = "neutral"
    """Nobody can tell: the client left, say."""


class State(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"
    """All of them."""
    OPEN = "open"
    """None."""
    HALF_OPEN = "half-open"
    """One, to see whether the others may follow."""


class Kind(StrEnum):
    """What a breaker stands before."""

    PROVIDER = "provider"
    CREDENTIAL = "credential"


def of_credential(provider: str, credential_id: int) -> str:
    """The subject that one credential towards a provider is."""
    return f"{provider}{_CREDENTIAL}{credential_id}"


def parts_of(subject: str) -> tuple[str, str]:
    """The provider of a subject, and the credential's number; empty where it is the provider itself."""
    provider, _, credential_id = subject.partition(_CREDENTIAL)
    return provider, credential_id


def kind_of(subject: str) -> Kind:
    """What a subject is."""
    return Kind.CREDENTIAL if parts_of(subject)[1] else Kind.PROVIDER


@dataclass(frozen=True, slots=True)
class Shared:
    """A breaker as all workers share it; as a subject of which nothing is known, without particulars."""

    subject: str
    state: State = State.CLOSED
    failures: int = 0
    """In a row, as the worker counted that was the last to say so."""
    version: int = 0
    """Which change of all breakers was the last of this one; grows with time.  0: there was none yet."""
    opening: int = 0
    """The version with which it opened last."""
    changed_us: int = 0
    opened_us: int | None = None
    """When it opened last; `None` if it is closed."""
    opened_by: str | None = None
    """Which process saw the failures."""
    retry_us: int | None = None
    """When a call may try, or may try again as nothing was heard of the one that does."""
    probe_by: str | None = None
    """Which process has the one call that may try; `None`: nobody."""
    active_us: int = 0
    """When a call last came to it, to some seconds."""

    def state_at(self, now_us: int) -> State:
        """What it comes to at a moment: an open one becomes half-open all by itself."""
        is_due = self.retry_us is not None and now_us >= self.retry_us
        return State.HALF_OPEN if self.state is State.OPEN and is_due else self.state
