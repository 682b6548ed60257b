"""Our errors, sorted by whose fault they are; plain values inside.

HTTP statuses and bodies are made of them only in `gateway/replies.py` and
`control/`.  `code` is stable: clients, dashboards and tests may rely on it.
"""

from dataclasses import dataclass
from enum import StrEnum


class WellheadError(Exception):
    """The root of all errors that this program raises on purpose."""


class CallerError(WellheadError):
    """The client asked for something that cannot be done; `status` and `code` say what."""

    def __init__(self, code: str, status: int, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Quota:
    """How a limit stands, for the headers `RateLimit` and `RateLimit-Policy`."""

    name: str
    amount: int
    left: int
    window_s: int | None
    """`None`: it counts for good."""
    frees_s: int | None
    """Seconds until something of it is free again; `None`: never by itself."""


class Refused(CallerError):
    """A call was not admitted, and is booked as refused; `quotas` are the limits it did not fit into."""

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        *,
        retry_after_s: int | None = None,
        quotas: tuple[Quota, ...] = (),
    ) -> None:
        super().__init__(code, status, message, retry_after_s=retry_after_s)
        self.quotas = quotas


class BreakerOpen(CallerError):
    """The circuit breaker before a provider lets no call through just now, and nobody stands in for it."""

    def __init__(self, provider: str, retry_after_s: int) -> None:
        told = f"Calls to the upstream {provider} fail, so none is sent to it just now; try again shortly"
        super().__init__("breaker_open", 503, told, retry_after_s=retry_after_s)
        self.provider = provider


class RegistryError(WellheadError):
    """The registry will not do what an operator asked; the message says why and what to do."""


class NotFound(RegistryError):
    """There is no such project, key, credential or limit."""


class Conflict(RegistryError):
    """It does not go together with what is there already."""


class Invalid(RegistryError):
    """A value cannot be used."""


class UpstreamError(WellheadError):
    """The upstream could not be reached or broke off; the message is safe to show (no URL, no secret)."""

    code = "bad_gateway"
    was_sent = True
    """Some of the request may have reached the upstream."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UpstreamUnreachable(UpstreamError):
    """No connection came about (DNS, refused, TLS): no byte of the request reached the upstream."""

    was_sent = False


class NoRoomToConnect(UpstreamUnreachable):
    """This machine has no file or port left for a connection: no fault of the upstream's."""


class Wait(StrEnum):
    """What of an upstream is waited for, each for so long at most."""

    CONNECT = "connect"
    """A connection to it; nothing was sent before."""
    HEADERS = "headers"
    """The head of its response."""
    FIRST_CHUNK = "first_chunk"
    """The first of a stream."""
    IDLE = "idle"
    """More of its response."""
    TOTAL = "total"
    """The end of all of it."""


class UpstreamTimeout(UpstreamError):
    """The upstream took longer than a configured limit; `code` says which."""

    def __init__(self, wait: Wait, message: str) -> None:
        super().__init__(message)
        self.wait = wait
        self.code = f"upstream_timeout_{wait.value}"
        self.was_sent = wait is not Wait.CONNECT


class UpstreamBroke(UpstreamError):
    """The connection ended before the response was complete, or what came was not HTTP."""

    code = "stream_error"


class BooksUnavailable(WellheadError):
    """The ledger cannot take an opening now (database locked, full or gone, or its queue is full)."""

    code = "books_unavailable"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the configuration."""

    path: str
    """The setting, as `gateway.bind` or `providers[0].auth.type`."""
    message: str
    """What is wrong with its value and what is allowed."""


class ConfigError(WellheadError):
    """The operator's settings cannot be used; every mistake is in `problems`."""

    code = "CONFIG_INVALID"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{p.path}: {p.message}" for p in problems))
        self.problems = problems
