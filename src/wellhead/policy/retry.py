"""Whether a request is sent once more, and where to: a table, and the waits between attempts.

::

    how it ended    worked on?   another credential   another provider   the same again
    crowded         no           -                    -                  -
    unsent          no           -                    yes                yes, whatever the method
    broken          perhaps      -                    -                  idempotent methods
    refused (401)   no           yes                  -                  -
    limited (429)   no           yes                  yes                when it says when, if that is wanted
    failed (5xx)    perhaps      -                    yes                idempotent methods

All of it is before the client has a byte of an answer: after that nothing is sent once
more.  A body that came in pieces is gone once it was sent, and so is the chance of
another attempt.  What an upstream has perhaps worked on is sent once more only where
twice is as good as once (RFC 9110, 9.2.2), or where an operator named another provider
for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum

from wellhead.moments import SECOND_US

IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "DELETE", "PUT"))
BACK_OFF_MS = 200
"""Before the first repetition; twice as much before each further one..."""
BACK_OFF_MS_MAX = 5000
"""...but never more than this."""
JITTER_MS = 100
"""So many different ones are added, so that not all come again at the same moment."""
RETRY_AFTER_S_MAX = 60
"""An upstream that wants to be left alone for longer has given its answer."""
DIGITS_MAX = 9
"""Of a number of seconds; a longer one is beyond all bounds."""


class Ended(StrEnum):
    """How an attempt ended, as far as it matters here."""

    ANSWERED = "answered"
    """That is the answer."""
    CROWDED = "crowded"
    """It could not be sent for want of something here; waiting calls would only want more."""
    UNSENT = "unsent"
    """No byte of the request reached the upstream."""
    BROKEN = "broken"
    """It did, perhaps, and there was no answer: a network failure, or it took too long."""
    REFUSED = "refused"
    """The credential was not accepted."""
    LIMITED = "limited"
    """Too many requests, by the upstream's own count."""
    FAILED = "failed"
    """The upstream says that it failed."""


class Step(StrEnum):
    """What may be done next."""

    OTHER_CREDENTIAL = "other_credential"
    OTHER_PROVIDER = "other_provider"
    AGAIN = "again"
    """The same once more, after a wait."""


class Again(StrEnum):
    """When the same may be sent once more."""

    NEVER = "never"
    ALWAYS = "always"
    IDEMPOTENT = "idempotent"
    WHEN_TOLD = "when_told"


@dataclass(frozen=True, slots=True)
class Rule:
    """What may follow an end."""

    credential: bool = False
    provider: bool = False
    again: Again = Again.NEVER


RULES: Mapping[Ended, Rule] = {
    Ended.ANSWERED: Rule(),
    Ended.CROWDED: Rule(),
    Ended.UNSENT: Rule(provider=True, again=Again.ALWAYS),
    Ended.BROKEN: Rule(again=Again.IDEMPOTENT),
    Ended.REFUSED: Rule(credential=True),
    Ended.LIMITED: Rule(credential=True, provider=True, again=Again.WHEN_TOLD),
    Ended.FAILED: Rule(provider=True, again=Again.IDEMPOTENT),
}


@dataclass(frozen=True, slots=True)
class Retries:
    """How often the same is sent once more."""

    max: int = 2
    rate_limited_max: int = 0
    """After a 429 that says when."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt that is over, and what is known of its call."""

    ended: Ended
    method: str
    can_be_sent_again: bool
    """Its body is still there, whole."""
    streamed: bool = False
    """A stream was asked for."""
    again: int = 0
    """How often the same was sent once more already."""
    again_limited: int = 0
    """The same after a 429."""
    told_s: float | None = None
    """How long the upstream wants to be left alone, if it says so."""


def ended(status: int) -> Ended:
    """How an attempt ended that was answered with a status."""
    if status < 400:
        return Ended.ANSWERED
    if status >= 500:
        return Ended.FAILED
    return {401: Ended.REFUSED, 429: Ended.LIMITED}.get(status, Ended.ANSWERED)


def steps(attempted: Attempted, retries: Retries) -> tuple[Step, ...]:
    """What may be done next, the best first; nothing: what there is goes to the client."""
    if not attempted.can_be_sent_again:
        return ()
    rule = RULES[attempted.ended]
    allowed = (
        (Step.OTHER_CREDENTIAL, rule.credential),
        (Step.OTHER_PROVIDER, rule.provider),
        (Step.AGAIN, _again(rule.again, attempted, retries)),
    )
    return tuple(step for step, is_allowed in allowed if is_allowed)


def _again(when: Again, attempted: Attempted, retries: Retries) -> bool:
    if when is Again.WHEN_TOLD:
        told_s = attempted.told_s
        is_soon = told_s is not None and told_s <= RETRY_AFTER_S_MAX
        return is_soon and not attempted.streamed and attempted.again_limited < retries.rate_limited_max
    if attempted.again >= retries.max:
        return False
    return when is Again.ALWAYS or (when is Again.IDEMPOTENT and attempted.method in IDEMPOTENT)


def wait_s(attempted: Attempted, jitter_ms: int) -> float:
    """How long to wait before the same is sent once more; `jitter_ms` is any number below `JITTER_MS`."""
    if attempted.ended is Ended.LIMITED and attempted.told_s is not None:
        return attempted.told_s
    doubled_ms = BACK_OFF_MS * 2 ** min(attempted.again, 10)
    wait_ms: int = min(doubled_ms + jitter_ms, BACK_OFF_MS_MAX)
    return wait_ms / 1000


def told_s(retry_after: bytes | None, now_us: int) -> float | None:
    """What a `Retry-After` says in seconds (a number or a date); `None` where it says nothing."""
    if not retry_after:
        return None
    if retry_after.isdigit():
        return float(retry_after) if len(retry_after) <= DIGITS_MAX else float("inf")
    try:
        at_s = parsedate_to_datetime(retry_after.decode("ascii")).timestamp()
    except (ValueError, OverflowError, TypeError):  # UnicodeDecodeError is a ValueError
        return None
    return max(at_s - now_us / SECOND_US, 0.0)
