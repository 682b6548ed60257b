"""The settings of what upstreams may do: how long they may take, how often they are asked, when no more."""

from dataclasses import dataclass

from wellhead.config import values
from wellhead.config.providers import TIMEOUT_MAX_S
from wellhead.config.setting import setting
from wellhead.directory import Timeouts

BREAKER_FAILURES_MAX = 1000
BREAKER_OPEN_MAX_S = 3600.0
BREAKER_EVICT_MAX_S = 86_400.0
RETRIES_MAX = 100
RATE_LIMITED_MAX = 20


@dataclass(frozen=True, slots=True)
class TimeoutSettings:
    """How long an upstream may take; the fields are those of `wellhead.directory.Timeouts`."""

    connect_s: float = setting(
        10.0,
        values.seconds(0, TIMEOUT_MAX_S),
        "How long connecting to an upstream may take; 0: as long as it does.",
    )
    headers_s: float = setting(
        0.0,
        values.seconds(0, TIMEOUT_MAX_S),
        "How long its response's head may be in coming; 0: as long as it is.",
    )
    first_chunk_s: float = setting(
        0.0,
        values.seconds(0, TIMEOUT_MAX_S),
        "How long the first of a stream may be in coming after the head; 0: as long as it is.",
    )
    idle_s: float = setting(
        0.0,
        values.seconds(0, TIMEOUT_MAX_S),
        "How long an upstream may send nothing in the middle of a response; 0: as long as it does.",
    )
    total_s: float = setting(
        0.0,
        values.seconds(0, TIMEOUT_MAX_S),
        "How long a call may take altogether, with all its attempts; 0: as long as it does.",
    )

    @property
    def all(self) -> Timeouts:
        """As providers have them."""
        return Timeouts(self.connect_s, self.headers_s, self.first_chunk_s, self.idle_s, self.total_s)


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """How often a request is sent once more, where that is safe."""

    max: int = setting(
        2, values.whole(0, RETRIES_MAX), "How often a request is sent once more when that cannot do harm."
    )
    rate_limited_max: int = setting(
        0,
        values.whole(0, RATE_LIMITED_MAX),
        "How often it is sent once more after a 429 that says when, if it asks for no stream.",
    )


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When calls to a provider, or with one of its credentials, are held back."""

    failures: int = setting(
        5,
        values.whole(0, BREAKER_FAILURES_MAX),
        "How many failures in a row open the circuit breaker of a provider; 0: it has none.",
    )
    half_open_after_s: float = setting(
        30.0,
        values.seconds(0, BREAKER_OPEN_MAX_S),
        "How long a breaker stays open before one call may try whether the provider answers again.",
    )
    evict_after_s: float = setting(
        300.0,
        values.seconds(0, BREAKER_EVICT_MAX_S),
        "How long a breaker that is closed and without failures is listed after its last call.",
    )
