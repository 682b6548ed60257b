"""A registry in memory: the same promises as the database's, and what tests want to see and set.

::

    registry = FakeRegistry()
    key = registry.create_key(BY, NewKey("laptop")).key
    registry.uses[key.id] = (NOON_US, 3, 600, 1_000)      # last used, calls, tokens, nano-dollars
    registry.unavailable = "locked"                       # from here on everything raises
"""

# ruff: noqa: A002  (the port names its arguments so)

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from secrets import token_bytes
from threading import RLock
from typing import Any, TypeVar
from uuid import uuid4

from fakes.books import NOON_US
from wellhead.access import Credential, Key, KeyState, Project
from wellhead.breaker import Shared
from wellhead.database import validity
from wellhead.database.audit import Told, difference, told
from wellhead.errors import BooksUnavailable, Conflict, Invalid, NotFound
from wellhead.limit import Action, Limit, Scope, ScopeKind, Source
from wellhead.policy.keys import RANDOM_BYTES, SHOWN_CHARS, digest, new_secret
from wellhead.policy.shared_breaker import closed
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
    Standing,
    Unchanged,
)

BY = Actor("admin", "127.0.0.1")
"""Who makes changes in tests."""
NEVER_USED = (None, 0, 0, 0)

T = TypeVar("T", Project, Key, Credential, Limit)


class FakeRegistry:
    """Implements `wellhead.registry.Registry`."""

    def __init__(self, now_us: Callable[[], int] = lambda: NOON_US) -> None:
        self.now_us = now_us
        self.version = 0
        """How many changes there were."""
        self.unavailable: str | None = None
        """Set a reason to have everything raise `BooksUnavailable`."""
        self.uses: dict[int, tuple[int | None, int, int, int | None]] = {}
        """Of keys: last used, calls, total tokens, nano-dollars."""
        self.standings: dict[int, tuple[Standing, ...]] = {}
        """Of limits."""
        self.projects_with_calls: set[str] = set()
        """Their uuids."""
        self.breaker_rows: dict[str, Shared] = {}
        """By subject."""
        self.secrets: dict[int, str] = {}
        """Of credentials."""
        self.entries: list[AuditEntry] = []
        """The audit, the oldest first."""
        self._projects: dict[int, Project] = {}
        self._keys: dict[int, Key] = {}
        self._credentials: dict[int, Credential] = {}
        self._limits: dict[int, Limit] = {}
        self._last_ids: dict[str, int] = {}
        self._lock = RLock()

    # Projects.

    def projects(self, *, after: int = 0, count: int = 100, archived: bool | None = None) -> Page[Project]:
        with self._looking():
            wanted = (p for p in self._projects.values() if archived in (None, p.archived_us is not None))
            return _page(list(wanted), after, count, lambda project: project.id)

    def project(self, uuid: str) -> Project:
        with self._looking():
            return self._project(uuid)

    def create_project(self, by: Actor, name: str) -> Project:
        with self._changing():
            name = validity.name(name)
            self._no_namesake(name)
            project = Project(self._next_id("project"), str(uuid4()), name, self.now_us())
            self._projects[project.id] = project
            self._note(by, "project.create", "project", project.uuid, None, told(project))
            return project

    def change_project(
        self, by: Actor, uuid: str, *, name: str | None = None, archived: bool | None = None
    ) -> Project:
        with self._changing():
            old = self._project(uuid)
            new = old if name is None else replace(old, name=validity.name(name))
            if archived is not None and archived is not (old.archived_us is not None):
                new = replace(new, archived_us=self.now_us() if archived else None)
            if new == old:
                return old
            if new.archived_us is None and (new.name != old.name or old.archived_us is not None):
                self._no_namesake(new.name, old.id)
            archiving = old.archived_us is None and new.archived_us is not None
            self._projects[old.id] = new
            self._note(
                by,
                "project.archive" if archiving else "project.change",
                "project",
                uuid,
                *difference(old, new),
            )
            return new

    def delete_project(self, by: Actor, uuid: str) -> None:
        with self._changing():
            project = self._project(uuid)
            if (
                uuid in self.projects_with_calls
                or any(key.project_id == project.id for key in self._keys.values())
                or any(credential.project_id == project.id for credential in self._credentials.values())
                or any(limit.scope == _of_project(project) for limit in self._limits.values())
            ):
                raise Conflict("the project is not empty: archive it instead")
            del self._projects[project.id]
            self._note(by, "project.delete", "project", uuid, told(project), None)

    # Keys.

    def keys(
        self,
        *,
        after: int = 0,
        count: int = 100,
        project: str | None = None,
        state: KeyState | None = None,
    ) -> Page[KeyUse]:
        with self._looking():
            of = None if project is None else self._project(project).id
            uses = (self._use(key) for key in self._keys.values() if of in (None, key.project_id))
            return _page(
                [use for use in uses if state in (None, use.state)], after, count, lambda use: use.key.id
            )

    def key(self, id: int) -> KeyUse:
        with self._looking():
            return self._use(_found(self._keys, id, "key"))

    def key_of(self, secret: str) -> KeyUse:
        with self._looking():
            hash_ = digest(secret) if secret.isascii() else b""
            key = next((key for key in self._keys.values() if key.hash == hash_), None)
            if key is None:
                raise NotFound("there is no such key")
            return self._use(key)

    def create_key(self, by: Actor, new: NewKey) -> Issued:
        with self._changing():
            now_us = self.now_us()
            new = validity.new_key(new, now_us)
            project = None if new.project is None else self._open_project(new.project)
            for asked in new.limits:
                _has_no_scope(asked)
                validity.limit(asked, Scope(ScopeKind.KEY), now_us)
            issued = self._issue(
                by,
                Key(
                    id=0,
                    hash=b"",
                    prefix="",
                    name=new.name,
                    created_us=now_us,
                    project_id=None if project is None else project.id,
                    expires_us=new.expires_us,
                    allowed_models=new.allowed_models,
                    allowed_providers=new.allowed_providers,
                    allowed_endpoints=new.allowed_endpoints,
                    allowed_accounts=new.allowed_accounts,
                    tags=new.tags,
                ),
            )
            for asked in new.limits:
                self._add_limit(by, validity.limit(asked, _of_key(issued.key), now_us))
            return issued

    def change_key(self, by: Actor, id: int, change: KeyChange) -> Key:
        with self._changing():
            old = _found(self._keys, id, "key")
            changes: dict[str, Any] = validity.key_change(change, self.now_us())
            if old.revoked_us is not None:
                raise Conflict("the key is revoked")
            new = replace(old, **changes)
            if new != old:
                self._keys[id] = new
                self._note(by, "key.change", "key", str(id), *difference(old, new))
            return new

    def revoke_key(self, by: Actor, id: int) -> Key:
        with self._changing():
            old = _found(self._keys, id, "key")
            if old.revoked_us is not None:
                return old
            return self._revoke(by, old)

    def revoke_keys_of(self, by: Actor, project: str) -> Revoked:
        with self._changing():
            of = self._project(project).id
            all_ = [key for key in self._keys.values() if key.project_id == of]
            active = [key for key in all_ if key.revoked_us is None]
            for key in active:
                self._revoke(by, key)
            return Revoked(len(active), len(all_) - len(active))

    def rotate_key(self, by: Actor, id: int, overlap_s: int) -> Issued:
        with self._changing():
            now_us = self.now_us()
            old = _found(self._keys, id, "key")
            ends_us = now_us + validity.overlap_us(overlap_s, now_us)
            if old.state(now_us) is not KeyState.ACTIVE:
                raise Conflict(f"the key is {old.state(now_us)}")
            if old.project_id is not None and self._projects[old.project_id].archived_us is not None:
                raise Conflict("the project is archived")
            withering = replace(old, expires_us=min(ends_us, old.expires_us or ends_us))
            self._keys[id] = withering
            self._note(by, "key.rotate", "key", str(id), *difference(old, withering))
            return self._issue(by, replace(old, created_us=now_us, predecessor_id=id))

    # Credentials.

    def credentials(
        self, *, after: int = 0, count: int = 100, project: str | None = None, provider: str | None = None
    ) -> Page[Credential]:
        with self._looking():
            of = None if project is None else self._project(project).id
            wanted = [
                one
                for one in self._credentials.values()
                if of in (None, one.project_id) and provider in (None, one.provider)
            ]
            return _page(wanted, after, count, lambda credential: credential.id)

    def credential(self, id: int) -> Credential:
        with self._looking():
            return _found(self._credentials, id, "credential")

    def create_credential(
        self, by: Actor, provider: str, name: str, secret: str, project: str | None = None
    ) -> Credential:
        with self._changing():
            provider, name, secret = (
                validity.provider(provider),
                validity.name(name),
                validity.secret(secret),
            )
            of = None if project is None else self._open_project(project).id
            made = Credential(self._next_id("credential"), provider, name, self.now_us(), of)
            self._credentials[made.id] = made
            self.secrets[made.id] = secret
            self._note(by, "credential.create", "credential", str(made.id), None, told(made))
            return made

    def change_credential(
        self,
        by: Actor,
        id: int,
        *,
        name: str | None = None,
        secret: str | None = None,
        disabled: bool | None = None,
    ) -> Credential:
        with self._changing():
            old = _found(self._credentials, id, "credential")
            new = old if name is None else replace(old, name=validity.name(name))
            if disabled is not None and disabled is not (old.disabled_us is not None):
                new = replace(new, disabled_us=self.now_us() if disabled else None)
            before, after = difference(old, new)
            if secret is not None:
                self.secrets[id] = validity.secret(secret)
                after = {**after, "secret": "replaced"}
            if before or after:
                self._credentials[id] = new
                self._note(by, "credential.change", "credential", str(id), before, after)
            return new

    def delete_credential(self, by: Actor, id: int) -> None:
        with self._changing():
            gone = _found(self._credentials, id, "credential")
            del self._credentials[id], self.secrets[id]
            self._note(by, "credential.delete", "credential", str(id), told(gone), None)

    # Limits.

    def limits(self, *, after: int = 0, count: int = 100) -> Page[LimitUse]:
        with self._looking():
            uses = [self._limit_use(limit) for limit in self._limits.values()]
            return _page(uses, after, count, lambda use: use.limit.id)

    def limit(self, id: int) -> LimitUse:
        with self._looking():
            return self._limit_use(_found(self._limits, id, "limit"))

    def create_limit(self, by: Actor, new: NewLimit) -> Limit:
        return self.add_limit(by, new, Source.OPERATOR)

    def add_limit(self, by: Actor, new: NewLimit, source: Source) -> Limit:
        """A limit as an operator or the configuration makes it."""
        with self._changing():
            scope = validity.scope(new.scope, lambda uuid: self._project(uuid).id, self._keys.__contains__)
            return self._add_limit(by, validity.limit(new, scope, self.now_us(), source))

    def change_limit(
        self,
        by: Actor,
        id: int,
        *,
        amount: int | None = None,
        action: Action | None = None,
        name: str | Unchanged | None = UNCHANGED,
    ) -> Limit:
        with self._changing():
            old = self._own_limit(id)
            new = old
            if amount is not None:
                new = replace(new, amount=validity.amount(old.measure, amount))
            if action is not None:
                new = replace(new, action=action)
            if not isinstance(name, Unchanged):
                new = replace(new, name=None if name is None else validity.name(name))
            if new != old:
                self._limits[id] = new
                self._note(by, "limit.change", "limit", str(id), *difference(old, new))
            return new

    def delete_limit(self, by: Actor, id: int) -> None:
        with self._changing():
            gone = self._own_limit(id)
            del self._limits[id]
            self.standings.pop(id, None)
            self._note(by, "limit.delete", "limit", str(id), told(gone), None)

    # Breakers.

    def breakers(self) -> Sequence[Shared]:
        with self._looking():
            return [row for _, row in sorted(self.breaker_rows.items())]

    def breaker(self, subject: str) -> Shared:
        with self._looking():
            if subject not in self.breaker_rows:
                raise NotFound("there is no such breaker")
            return self.breaker_rows[subject]

    def reset_breaker(self, by: Actor, subject: str) -> None:
        with self._looking():
            old = self.breaker(subject)
            new = closed(old, self.now_us())
            self.breaker_rows[subject] = replace(new, version=old.version + 1)
            told_of = [{"state": one.state.value, "failures": one.failures} for one in (old, new)]
            self._note(by, "breaker.reset", "breaker", subject, *told_of)

    # What was done.

    def note(self, by: Actor, action: str, object_kind: str, object_id: str | None = None) -> None:
        with self._looking():
            self._note(by, action, object_kind, object_id, None, None)

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
        with self._looking():
            size = validity.page_size(count)
            wanted = [
                entry
                for entry in reversed(self.entries)
                if (before is None or entry.id < before)
                and action in (None, entry.action)
                and object_kind in (None, entry.object_kind)
                and object_id in (None, entry.object_id)
                and actor in (None, entry.actor.name)
                and (since_us is None or entry.at_us >= since_us)
                and (until_us is None or entry.at_us < until_us)
            ]
            return Page(tuple(wanted[:size]), wanted[size - 1].id if len(wanted) > size else None)

    def project_uuids(self, ids: Sequence[int]) -> dict[int, str]:
        with self._looking():
            return {id_: self._projects[id_].uuid for id_ in ids if id_ in self._projects}

    # Inside.

    @contextmanager
    def _looking(self) -> Iterator[None]:
        with self._lock:
            if self.unavailable is not None:
                raise BooksUnavailable(self.unavailable)
            yield

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._looking():
            before = len(self.entries)
            yield
            if len(self.entries) > before:
                self.version += 1

    def _next_id(self, kind: str) -> int:
        self._last_ids[kind] = id_ = self._last_ids.get(kind, 0) + 1
        return id_

    def _note(
        self, by: Actor, action: str, kind: str, id_: str | None, before: Told | None, after: Told | None
    ) -> None:
        entry = AuditEntry(len(self.entries) + 1, self.now_us(), by, action, kind, id_, before, after)
        self.entries.append(entry)

    def _project(self, uuid: str) -> Project:
        found = next((project for project in self._projects.values() if project.uuid == uuid), None)
        if found is None:
            raise NotFound("there is no such project")
        return found

    def _open_project(self, uuid: str) -> Project:
        project = self._project(uuid)
        if project.archived_us is not None:
            raise Conflict("the project is archived")
        return project

    def _no_namesake(self, name: str, but: int = 0) -> None:
        if any(p.name == name and p.archived_us is None and p.id != but for p in self._projects.values()):
            raise Conflict("there is a project of this name already")

    def _use(self, key: Key) -> KeyUse:
        last_used_us, calls, total_tokens, cost_nanousd = self.uses.get(key.id, NEVER_USED)
        return KeyUse(
            key=key,
            project=None if key.project_id is None else self._projects[key.project_id],
            state=key.state(self.now_us()),
            last_used_us=last_used_us,
            calls=calls,
            total_tokens=total_tokens,
            cost_nanousd=cost_nanousd,
        )

    def _issue(self, by: Actor, like: Key) -> Issued:
        secret = new_secret(token_bytes(RANDOM_BYTES))
        key = replace(like, id=self._next_id("key"), hash=digest(secret), prefix=secret[:SHOWN_CHARS])
        self._keys[key.id] = key
        self._note(by, "key.create", "key", str(key.id), None, told(key))
        return Issued(key, secret)

    def _revoke(self, by: Actor, key: Key) -> Key:
        revoked = self._keys[key.id] = replace(key, revoked_us=self.now_us())
        self._note(by, "key.revoke", "key", str(key.id), *difference(key, revoked))
        return revoked

    def _limit_use(self, limit: Limit) -> LimitUse:
        of = limit.scope.id if limit.scope.kind is ScopeKind.PROJECT else None
        return LimitUse(
            limit, None if of is None else self._projects[int(of)], self.standings.get(limit.id, ())
        )

    def _add_limit(self, by: Actor, limit: Limit) -> Limit:
        made = replace(limit, id=self._next_id("limit"))
        self._limits[made.id] = made
        self._note(by, "limit.create", "limit", str(made.id), None, told(made))
        return made

    def _own_limit(self, id_: int) -> Limit:
        limit = _found(self._limits, id_, "limit")
        if limit.source is Source.CONFIGURATION:
            raise Conflict("the configuration made this limit: change it there")
        return limit


def _of_project(project: Project) -> Scope:
    return Scope(ScopeKind.PROJECT, str(project.id))


def _of_key(key: Key) -> Scope:
    return Scope(ScopeKind.KEY, str(key.id))


def _has_no_scope(new: NewLimit) -> None:
    if new.scope is not None:
        raise Invalid("a limit that is made with a key has that key as its scope")


def _found(among: dict[int, T], id_: int, kind: str) -> T:
    if id_ not in among:
        raise NotFound(f"there is no such {kind}")
    return among[id_]


E = TypeVar("E")


def _page(entries: list[E], after: int, count: int, id_of: Callable[[E], int]) -> Page[E]:
    size = validity.page_size(count)
    later = [entry for entry in entries if id_of(entry) > after]
    return Page(tuple(later[:size]), id_of(later[size - 1]) if len(later) > size else None)
