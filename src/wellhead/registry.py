"""The registry: projects, keys, credentials and limits, as operators manage them.

`Registry` is the port; `wellhead.database.registry` implements it, the tests have a
fake.  Every method blocks (call it in a thread) and every change is one
transaction: the change, its row in `admin_audit`, and the next version number, which
every gateway notices before it admits its next call.

A project is named by its uuid, everything else by its number.  Listings are paged by
the last id seen, newest last (the audit: newest first).

Raises everywhere `NotFound`, `Conflict`, `Invalid` (see `wellhead.errors`), and
`BooksUnavailable` when the database does not answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from wellhead.access import Credential, Key, KeyState, Patterns, Project, Tags
from wellhead.breaker import Shared
from wellhead.limit import Action, Limit, Measure, Scope, Window

T = TypeVar("T")

PAGE_MAX = 1000
"""Entries of a page at most."""
NAME_CHARS_MAX = 200
"""Of any name that an operator gives."""


class Unchanged:
    """Stands for a value that a change leaves as it is, where `None` means something."""


UNCHANGED = Unchanged()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked for a change."""

    name: str
    """Such as `admin`, `token`, `local` or `cli:alice`; never a secret."""
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some entries, and where the next ones begin."""

    entries: tuple[T, ...]
    next: int | None = None
    """What to give as `after` for the next page; `None`: this is the last one."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """What an operator says of a key to be made."""

    name: str
    project: str | None = None
    """The project's uuid."""
    expires_us: int | None = None
    allowed_models: Patterns = None
    allowed_providers: Patterns = None
    allowed_endpoints: Patterns = None
    allowed_accounts: Patterns = None
    tags: Tags = ()
    limits: tuple["NewLimit", ...] = ()
    """Made with it, in the same transaction; their scope is the new key."""


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What is to be different about a key."""

    name: str | Unchanged = UNCHANGED
    expires_us: int | Unchanged | None = UNCHANGED
    allowed_models: Patterns | Unchanged = UNCHANGED
    allowed_providers: Patterns | Unchanged = UNCHANGED
    allowed_endpoints: Patterns | Unchanged = UNCHANGED
    allowed_accounts: Patterns | Unchanged = UNCHANGED
    tags: Tags | Unchanged = UNCHANGED


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key with what was done with it."""

    key: Key
    project: Project | None
    state: KeyState
    """At the moment of asking."""
    last_used_us: int | None
    """To the second."""
    calls: int
    """That ended, refused ones left out."""
    total_tokens: int
    cost_nanousd: int | None
    """Of those that have a price; `None`: there were calls, and none of them has."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key.  The secret is in this value and nowhere else."""

    key: Key
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Revoked:
    """What revoking all keys of a project did."""

    revoked: int
    already_revoked: int


@dataclass(frozen=True, slots=True)
class NewLimit:
    """What an operator says of a limit to be made."""

    measure: Measure
    window: Window
    amount: int
    scope: Scope | None = None
    """A project is named by its uuid here.  `None` only inside a `NewKey`."""
    action: Action = Action.REFUSE
    sliding: bool = False
    zone: str = "UTC"
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of a limit is used, for one of those it counts."""

    subject: str
    """Whom it counts, as text: a key's number, a model, `tool/client`; empty where it counts all together."""
    used: int
    held: int
    """Reserved for calls that are under way."""
    exceeded: int
    """Calls in this window that did not fit."""
    frees_us: int | None
    """When the window ends, or the first of a sliding one is free again; `None`: never by itself."""


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A limit with how it stands now."""

    limit: Limit
    project: Project | None
    """Of a limit for one project: that project."""
    standings: tuple[Standing, ...]
    """The fullest first, at most `PAGE_MAX`; empty as long as nothing was counted."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change that an operator made."""

    id: int
    at_us: int
    actor: Actor
    action: str
    """Such as `key.create`, `key.revoke`, `limit.change`, `session.login`."""
    object_kind: str
    object_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    """Without secrets."""


class Registry(Protocol):
    """See the module."""

    # Projects.

    def projects(
        self, *, after: int = 0, count: int = 100, archived: bool | None = None
    ) -> Page[Project]: ...

    def project(self, uuid: str) -> Project: ...

    def create_project(self, by: Actor, name: str) -> Project:
        """`Conflict` if a project that is not archived has the name."""
        ...

    def change_project(
        self, by: Actor, uuid: str, *, name: str | None = None, archived: bool | None = None
    ) -> Project: ...

    def delete_project(self, by: Actor, uuid: str) -> None:
        """`Conflict` unless it is empty: no key, credential, limit or call refers to it."""
        ...

    # Keys.

    def keys(
        self,
        *,
        after: int = 0,
        count: int = 100,
        project: str | None = None,
        state: KeyState | None = None,
    ) -> Page[KeyUse]: ...

    def key(self, id: int) -> KeyUse: ...  # noqa: A002

    def key_of(self, secret: str) -> KeyUse:
        """The key with this secret."""
        ...

    def create_key(self, by: Actor, new: NewKey) -> Issued:
        """`Conflict` if the project is archived."""
        ...

    def change_key(self, by: Actor, id: int, change: KeyChange) -> Key:  # noqa: A002
        """`Conflict` if it is revoked."""
        ...

    def revoke_key(self, by: Actor, id: int) -> Key:  # noqa: A002
        """Revoking it again changes nothing."""
        ...

    def revoke_keys_of(self, by: Actor, project: str) -> Revoked: ...

    def rotate_key(self, by: Actor, id: int, overlap_s: int) -> Issued:  # noqa: A002
        """A successor with the same rights and expiry; the old one withers after the overlap.

        `Conflict` if the old one is not active.  Limits count both as one key.
        """
        ...

    # Credentials.

    def credentials(
        self, *, after: int = 0, count: int = 100, project: str | None = None, provider: str | None = None
    ) -> Page[Credential]: ...

    def credential(self, id: int) -> Credential: ...  # noqa: A002

    def create_credential(
        self, by: Actor, provider: str, name: str, secret: str, project: str | None = None
    ) -> Credential: ...

    def change_credential(
        self,
        by: Actor,
        id: int,  # noqa: A002
        *,
        name: str | None = None,
        secret: str | None = None,
        disabled: bool | None = None,
    ) -> Credential: ...

    def delete_credential(self, by: Actor, id: int) -> None: ...  # noqa: A002

    # Limits.

    def limits(self, *, after: int = 0, count: int = 100) -> Page[LimitUse]: ...

    def limit(self, id: int) -> LimitUse: ...  # noqa: A002

    def create_limit(self, by: Actor, new: NewLimit) -> Limit:
        """What the calls in the books used of its present window already counts (not with `total`)."""
        ...

    def change_limit(
        self,
        by: Actor,
        id: int,  # noqa: A002
        *,
        amount: int | None = None,
        action: Action | None = None,
        name: str | Unchanged | None = UNCHANGED,
    ) -> Limit:
        """`Conflict` for one that the configuration made."""
        ...

    def delete_limit(self, by: Actor, id: int) -> None:  # noqa: A002
        """`Conflict` for one that the configuration made."""
        ...

    # Breakers.

    def breakers(self) -> Sequence[Shared]:
        """Those that calls came to lately or that are not closed, by subject."""
        ...

    def breaker(self, subject: str) -> Shared: ...

    def reset_breaker(self, by: Actor, subject: str) -> None:
        """Close it in all workers, without failures."""
        ...

    # What was done.

    def note(self, by: Actor, action: str, object_kind: str, object_id: str | None = None) -> None:
        """Write down what an operator did that changed nothing here (a login, say)."""
        ...

    def audit(
        self,
        *,
        before: int | None = None,
        count: int = 100,
        action: str | None = None,
        object_kind: str | None = None,
        object_id: str | None = None,
        actor: str | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
    ) -> Page[AuditEntry]:
        """Newest first; `next` is what to give as `before`."""
        ...

    def project_uuids(self, ids: Sequence[int]) -> dict[int, str]:
        """What interfaces call these projects."""
        ...
