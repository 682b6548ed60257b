"""The registry on an engine: implements `wellhead.registry.Registry`.

A look is one read transaction, a change one writing one; what is done in it stands
in a module for each noun: `projects`, `keys`, `credentials`, `limits`, `audit`.
"""

# ruff: noqa: A002  (the port names its arguments so)

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from wellhead.access import Credential, Key, KeyState, Project
from wellhead.breaker import Shared
from wellhead.database import audit, breakers, credentials, keys, limits, projects, validity
from wellhead.database.change import Change, changing
from wellhead.database.credentials import AskVault
from wellhead.database.engine import outages
from wellhead.errors import Invalid
from wellhead.limit import Action, Limit
from wellhead.registry import (
    UNCHANGED,
    Actor,
    AuditEntry,
    Issued,
    KeyChange,
    KeyUse,
    LimitUse,
    NewKey,
    NewLimit,
    Page,
    Revoked,
    Unchanged,
)
from wellhead.vault import Vault

THE_CONFIGURATION = Actor("configuration")
"""Who makes and unmakes the limits that it declares."""


class DatabaseRegistry:
    """Blocking, safe in several threads and processes.

    `vault` is asked only when a secret is to be sealed.
    """

    def __init__(self, engine: Engine, vault: AskVault, now_us: Callable[[], int]) -> None:
        self._engine = engine
        self._vault = vault
        self._now_us = now_us

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        with _strange_values(), outages(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _changing(self, by: Actor) -> Iterator[Change]:
        with _strange_values(), changing(self._engine, by, self._now_us) as change:
            yield change

    # Projects.

    def projects(self, *, after: int = 0, count: int = 100, archived: bool | None = None) -> Page[Project]:
        with self._looking() as connection:
            return projects.listed(connection, after, count, archived)

    def project(self, uuid: str) -> Project:
        with self._looking() as connection:
            return projects.named(connection, uuid)

    def create_project(self, by: Actor, name: str) -> Project:
        with self._changing(by) as change:
            return projects.create(change, name)

    def change_project(
        self, by: Actor, uuid: str, *, name: str | None = None, archived: bool | None = None
    ) -> Project:
        with self._changing(by) as change:
            return projects.alter(change, uuid, name, archived)

    def delete_project(self, by: Actor, uuid: str) -> None:
        with self._changing(by) as change:
            projects.remove(change, uuid)

    def project_uuids(self, ids: Sequence[int]) -> dict[int, str]:
        with self._looking() as connection:
            return {id_: project.uuid for id_, project in projects.numbered(connection, set(ids)).items()}

    # Keys.

    def keys(
        self,
        *,
        after: int = 0,
        count: int = 100,
        project: str | None = None,
        state: KeyState | None = None,
    ) -> Page[KeyUse]:
        with self._looking() as connection:
            return keys.listed(connection, self._now_us(), after, count, project, state)

    def key(self, id: int) -> KeyUse:
        with self._looking() as connection:
            return keys.shown(connection, self._now_us(), id)

    def key_of(self, secret: str) -> KeyUse:
        with self._looking() as connection:
            return keys.of_secret(connection, self._now_us(), secret)

    def create_key(self, by: Actor, new: NewKey) -> Issued:
        with self._changing(by) as change:
            return keys.create(change, new)

    def change_key(self, by: Actor, id: int, change: KeyChange) -> Key:
        with self._changing(by) as changed:
            return keys.alter(changed, id, change)

    def revoke_key(self, by: Actor, id: int) -> Key:
        with self._changing(by) as change:
            return keys.revoke(change, id)

    def revoke_keys_of(self, by: Actor, project: str) -> Revoked:
        with self._changing(by) as change:
            return keys.revoke_all_of(change, project)

    def rotate_key(self, by: Actor, id: int, overlap_s: int) -> Issued:
        with self._changing(by) as change:
            return keys.rotate(change, id, overlap_s)

    # Credentials.

    def credentials(
        self, *, after: int = 0, count: int = 100, project: str | None = None, provider: str | None = None
    ) -> Page[Credential]:
        with self._looking() as connection:
            return credentials.listed(connection, after, count, project, provider)

    def credential(self, id: int) -> Credential:
        with self._looking() as connection:
            return credentials.shown(connection, id)

    def create_credential(
        self, by: Actor, provider: str, name: str, secret: str, project: str | None = None
    ) -> Credential:
        with self._changing(by) as change:
            return credentials.create(change, self._vault, provider, name, secret, project)

    def change_credential(
        self,
        by: Actor,
        id: int,
        *,
        name: str | None = None,
        secret: str | None = None,
        disabled: bool | None = None,
    ) -> Credential:
        with self._changing(by) as change:
            return credentials.alter(change, self._vault, id, name, secret, disabled)

    def delete_credential(self, by: Actor, id: int) -> None:
        with self._changing(by) as change:
            credentials.remove(change, id)

    def rotate_master(self, by: Actor, old: Vault, new: Vault) -> int:
        """Seal every credential under another master key, or none; how many were not under it yet.

        `VaultError` if one of them opens under neither.
        """
        with self._changing(by) as change:
            return credentials.rotate_master(change, old, new)

    # Limits.

    def limits(self, *, after: int = 0, count: int = 100) -> Page[LimitUse]:
        with self._looking() as connection:
            return limits.listed(connection, self._now_us(), after, count)

    def limit(self, id: int) -> LimitUse:
        with self._looking() as connection:
            return limits.shown(connection, self._now_us(), id)

    def create_limit(self, by: Actor, new: NewLimit) -> Limit:
        with self._looking() as connection:
            earlier = limits.count_earlier(connection, self._now_us(), new)
        with self._changing(by) as change:
            return limits.create(change, new, earlier)

    def change_limit(
        self,
        by: Actor,
        id: int,
        *,
        amount: int | None = None,
        action: Action | None = None,
        name: str | Unchanged | None = UNCHANGED,
    ) -> Limit:
        with self._changing(by) as change:
            return limits.alter(change, id, amount, action, name)

    def delete_limit(self, by: Actor, id: int) -> None:
        with self._changing(by) as change:
            limits.remove(change, id)

    def declare_limits(self, declared: Sequence[NewLimit]) -> None:
        """Bring the limits that the configuration made to just these.

        One with the same scope, measure, window and name stays, with its number and what was used of it.
        """
        with self._looking() as connection:
            earlier = limits.count_declared_earlier(connection, self._now_us(), declared)
        with self._changing(THE_CONFIGURATION) as change:
            limits.declare(change, declared, earlier)

    # Breakers.

    def breakers(self) -> Sequence[Shared]:
        with self._looking() as connection:
            return breakers.listed(connection)

    def breaker(self, subject: str) -> Shared:
        with self._looking() as connection:
            return breakers.named(connection, subject)

    def reset_breaker(self, by: Actor, subject: str) -> None:
        with self._changing(by) as change:
            breakers.reset(change, subject)

    # What was done.

    def note(self, by: Actor, action: str, object_kind: str, object_id: str | None = None) -> None:
        with self._changing(by) as change:
            change.mention(action, object_kind, object_id)

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
        with self._looking() as connection:
            return audit.page(
                connection,
                validity.page_size(count),
                before=before,
                since_us=since_us,
                until_us=until_us,
                action=action,
                object_kind=object_kind,
                object_id=object_id,
                actor=actor,
            )


@contextmanager
def _strange_values() -> Iterator[None]:
    """What the driver cannot even ask for (a number beyond 64 bits, half a character) is `Invalid`."""
    try:
        yield
    except (OverflowError, UnicodeEncodeError):
        # Without the cause: it repeats the value, which may be a secret.
        raise Invalid("a number is too large, or a text is not Unicode") from None
