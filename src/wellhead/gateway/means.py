"""What the attempts of all calls are made with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from wellhead.directory import Directory
from wellhead.gateway.client import Patience
from wellhead.gateway.credentials import Credentials
from wellhead.gateway.door import Door
from wellhead.policy.retry import Retries
from wellhead.ports import Books, Breakers, Upstream


class Log(Protocol):
    """A structured logger: an event's name and its fields."""

    def debug(self, event: str, **fields: object) -> object: ...

    def warning(self, event: str, **fields: object) -> object: ...

    def exception(self, event: str, **fields: object) -> object: ...


@dataclass(frozen=True, slots=True)
class Means:
    """What the attempts of all calls are made with."""

    directory: Directory
    """For its providers."""
    books: Books
    upstream: Upstream
    breakers: Breakers
    door: Door
    credentials: Credentials
    retries: Retries
    now_us: Callable[[], int]
    log: Log
    patience: Patience
