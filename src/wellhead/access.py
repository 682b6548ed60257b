"""Who may use the gateway, and with what: projects, keys and credentials.

A *key* is what Wellhead gives to a client; a *credential* is a secret towards an
upstream; a *project* is who a key belongs to and who pays.  Plain values: how a
key looks is said in `wellhead.policy.keys`, who may do what with it in
`wellhead.policy.admission`, where they are kept in `wellhead.database.registry`.

Times are whole microseconds since the epoch (UTC).
"""

from dataclasses import dataclass, field
from enum import StrEnum

Patterns = tuple[str, ...] | None
"""Globs (`*`, `?`, `[...]`), any of which allows; `None` allows everything, an empty tuple nothing."""
Tags = tuple[tuple[str, str], ...]
"""Names and values that an operator attached, sorted by name."""


class KeyState(StrEnum):
    """What a key is worth at a moment."""

    ACTIVE = "active"
    WITHERED = "withered"
    """It has expired."""
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Project:
    """Who a key belongs to and who pays."""

    id: int
    """Its number in the books (`calls.project_id`)."""
    uuid: str
    """What interfaces call it."""
    name: str
    created_us: int
    archived_us: int | None = None
    """From then on its keys are refused."""


@dataclass(frozen=True, slots=True)
class Key:
    """A client credential issued by Wellhead; the secret itself is kept nowhere."""

    id: int
    hash: bytes = field(repr=False)
    """SHA-256 (32 bytes) of the secret."""
    prefix: str
    """The secret's first eight characters, for people to tell keys apart."""
    name: str
    created_us: int
    project_id: int | None = None
    expires_us: int | None = None
    """From this moment on it is withered."""
    revoked_us: int | None = None
    allowed_models: Patterns = None
    allowed_providers: Patterns = None
    allowed_endpoints: Patterns = None
    """Of request paths without a provider's prefix, such as `/v1/chat/*`."""
    allowed_accounts: Patterns = None
    """Kept and shown; the account is known only once the upstream chose it."""
    tags: Tags = ()
    predecessor_id: int | None = None
    """The key that this one was made to replace."""

    def state(self, now_us: int) -> KeyState:
        """What it is worth at a moment."""
        if self.revoked_us is not None:
            return KeyState.REVOKED
        if self.expires_us is not None and self.expires_us <= now_us:
            return KeyState.WITHERED
        return KeyState.ACTIVE


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret towards an upstream, for the calls of one project or, without one, of everybody with a key."""

    id: int
    provider: str
    """The provider's id."""
    name: str
    created_us: int
    project_id: int | None = None
    disabled_us: int | None = None
    secret: str | None = field(default=None, repr=False)
    """Only in a gateway's Directory; `None` everywhere else, and where the master key does not open it."""
