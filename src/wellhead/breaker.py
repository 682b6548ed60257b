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


def kind_of(subject: str) -> Kind:
    """What a subject is."""
    return Kind.CREDENTIAL if _CREDENTIAL in subject else Kind.PROVIDER


@dataclass(frozen=True, slots=True)
class BreakerView:
    """A breaker as all workers share it, at the moment of asking."""

    subject: str
    state: State
    failures: int
    """In a row, up to the last change that was shared."""
    opened_us: int | None
    """When it opened last; `None` if it is closed."""
    retry_us: int | None
    """When a call may try again; `None` if it is closed."""
    changed_us: int
    opened_by: str | None
    """Which process saw the failures, as host and number."""
