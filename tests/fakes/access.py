"""Keys, credentials and limits as tests want them, and a Directory that knows them."""

from dataclasses import replace
from typing import Any

from fakes.books import NOON_US
from wellhead.access import Credential, Key, Project
from wellhead.directory import Directory
from wellhead.limit import Limit, Measure, Scope, ScopeKind, Window
from wellhead.policy.keys import RANDOM_BYTES, SHOWN_CHARS, digest, new_secret

EVERYTHING = Scope(ScopeKind.GLOBAL)


def a_secret(seed: int = 1) -> str:
    """A key's secret, the same for the same seed."""
    return new_secret(digest(f"seed {seed}")[:RANDOM_BYTES])


def a_key(secret: str = a_secret(), **changes: Any) -> Key:  # the same for all tests
    return replace(Key(7, digest(secret), secret[:SHOWN_CHARS], "laptop", NOON_US - 1_000_000), **changes)


def a_project(**changes: Any) -> Project:
    return replace(
        Project(3, "77b0c0de-0000-4000-8000-000000000001", "water", NOON_US - 2_000_000), **changes
    )


def a_credential(id_: int = 1, **changes: Any) -> Credential:
    credential = Credential(id_, "openai", f"account {id_}", NOON_US - 1_000_000, secret=f"upstream-{id_}")
    return replace(credential, **changes)


def a_limit(
    measure: Measure = Measure.CALLS, amount: int = 10, window: Window = Window.HOUR, **changes: Any
) -> Limit:
    return replace(Limit(1, EVERYTHING, measure, window, amount, NOON_US - 1_000_000), **changes)


def knowing(directory: Directory, *known: Key | Project | Credential) -> Directory:
    """The Directory with these in it as well, one version on."""
    keys = [one for one in known if isinstance(one, Key)]
    credentials = dict(directory.credentials)
    for one in known:
        if isinstance(one, Credential):
            whose = one.project_id, one.provider
            credentials[whose] = (*credentials.get(whose, ()), one)
    return replace(
        directory,
        version=directory.version + 1,
        keys={**directory.keys, **{key.hash: key for key in keys}},
        keys_by_id={**directory.keys_by_id, **{key.id: key for key in keys}},
        projects={**directory.projects, **{one.id: one for one in known if isinstance(one, Project)}},
        credentials=credentials,
    )
