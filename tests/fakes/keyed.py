"""Keys, credentials and limits in the books of a running program, and how calls are refused for them.

::

    with keyed(wellhead) as books:
        project = books.project()
        books.credential("openai", "sk-of-the-project", project)
        secret = books.key(project).secret

What is made holds for the very next call, for this process is just one more that uses
the same database.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from time import time_ns
from typing import Any

from fakes.access import a_secret
from fakes.program import Wellhead
from wellhead.access import Credential, Project
from wellhead.database.engine import make_engine
from wellhead.database.registry import DatabaseRegistry
from wellhead.limit import Limit, Measure, Scope, ScopeKind, Window
from wellhead.master_key import master_key
from wellhead.moments import HOUR_US
from wellhead.registry import Actor, Issued, NewKey, NewLimit
from wellhead.vault import MASTER_KEY_BYTES, Vault

BY = Actor("tests")
ANOTHER_MASTER_KEY = bytes(MASTER_KEY_BYTES)


class Keyed:
    """The registry of a running program's books; `ago` is the same some hours earlier."""

    def __init__(self, wellhead: Wellhead) -> None:
        place = f"sqlite:///{wellhead.database_path}"
        self._engine = make_engine(place, must_exist=True)
        self._vault = Vault(master_key(None, place).key)
        self._numbers = count(1)
        self.registry = self.ago(0)

    def close(self) -> None:
        self._engine.dispose()

    def ago(self, hours: int) -> DatabaseRegistry:
        """What somebody does in it now was done so many hours ago."""
        return DatabaseRegistry(
            self._engine, lambda: self._vault, lambda: time_ns() // 1000 - hours * HOUR_US
        )

    def project(self) -> Project:
        return self.registry.create_project(BY, f"project {next(self._numbers)}")

    def key(self, project: Project | None = None, **rights: Any) -> Issued:
        return self.registry.create_key(BY, self._new_key(project, **rights))

    def withered_key(self) -> Issued:
        """It was made two hours ago and expired an hour ago."""
        expired_us = time_ns() // 1000 - HOUR_US
        return self.ago(2).create_key(BY, self._new_key(expires_us=expired_us))

    def revoked_key(self) -> Issued:
        issued = self.key()
        self.registry.revoke_key(BY, issued.key.id)
        return issued

    def credential(self, provider: str, secret: str, project: Project | None = None) -> Credential:
        """Without a project it is for everybody with a key."""
        of = None if project is None else project.uuid
        return self.registry.create_credential(BY, provider, f"account of {secret[-1]}", secret, of)

    def unreadable_credential(self, provider: str, project: Project) -> Credential:
        """It was sealed with another master key."""
        registry = DatabaseRegistry(
            self._engine, lambda: Vault(ANOTHER_MASTER_KEY), lambda: time_ns() // 1000
        )
        return registry.create_credential(BY, provider, "unreadable", "sk-unreadable", project.uuid)

    def limit(self, key: Issued, measure: Measure, window: Window, amount: int, **more: Any) -> Limit:
        """A limit for one key."""
        scope = Scope(ScopeKind.KEY, str(key.key.id))
        return self.registry.create_limit(BY, NewLimit(measure, window, amount, scope, **more))

    def _new_key(self, project: Project | None = None, **rights: Any) -> NewKey:
        of = None if project is None else project.uuid
        return NewKey(f"key {next(self._numbers)}", project=of, **rights)


@contextmanager
def keyed(wellhead: Wellhead) -> Iterator[Keyed]:
    books = Keyed(wellhead)
    try:
        yield books
    finally:
        books.close()


def misspelt(secret: str) -> str:
    """The same with two characters in the middle changed."""
    return (
        secret[:20]
        + secret[20:22].swapcase().translate(str.maketrans("0123456789", "1234567890"))
        + secret[22:]
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way a call is refused because of a key, a credential or a limit."""

    code: str
    status: int
    key: Callable[[Keyed], str | None]
    """Sets the stage and says what the client presents."""
    rate_status: int | None = None
    """The status in Anthropic's and Gemini's dialects, where it is another one."""
    calls_before: int = 0
    """So many calls get through first."""
    is_booked: bool = True
    waits: bool = False
    """It says when to come back."""

    def status_for(self, dialect: str) -> int:
        is_other = self.rate_status is not None and dialect in ("anthropic", "gemini")
        return self.rate_status if is_other and self.rate_status is not None else self.status


def _allowing(**rights: Any) -> Callable[[Keyed], str]:
    return lambda books: books.key(**rights).secret


def _limited(measure: Measure, window: Window, amount: int, **more: Any) -> Callable[[Keyed], str]:
    def make(books: Keyed) -> str:
        issued = books.key()
        books.limit(issued, measure, window, amount, **more)
        return issued.secret

    return make


def _archived(books: Keyed) -> str:
    project = books.project()
    issued = books.key(project)
    books.registry.change_project(BY, project.uuid, archived=True)
    return issued.secret


def _unreadable(books: Keyed) -> str:
    project = books.project()
    for provider in ("openai", "anthropic", "gemini", "ollama"):
        books.unreadable_credential(provider, project)
    return books.key(project).secret


REFUSALS = (
    Refusal("key_missing", 401, lambda _: None, is_booked=False),
    Refusal("key_malformed", 401, lambda books: misspelt(books.key().secret), is_booked=False),
    Refusal("key_unknown", 401, lambda _: a_secret(time_ns()), is_booked=False),
    Refusal("key_revoked", 401, lambda books: books.revoked_key().secret, is_booked=False),
    Refusal("key_withered", 401, lambda books: books.withered_key().secret, is_booked=False),
    Refusal("project_archived", 403, _archived),
    Refusal("endpoint_not_allowed", 403, _allowing(allowed_endpoints=("/v1/embeddings",))),
    Refusal("provider_not_allowed", 403, _allowing(allowed_providers=("nobody",))),
    Refusal("model_not_allowed", 403, _allowing(allowed_models=("another-*",))),
    # A sliding hour does not end between two calls.
    Refusal(
        "rate_limited",
        429,
        _limited(Measure.CALLS, Window.HOUR, 1, sliding=True),
        calls_before=1,
        waits=True,
    ),
    Refusal(
        "budget_exhausted",
        402,
        _limited(Measure.CALLS, Window.TOTAL, 1),
        rate_status=429,
        calls_before=1,
    ),
    Refusal("credential_unreadable", 503, _unreadable),
)
"""Those that one call after the other can show."""
