import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from fakes.books import NOON_US
from fakes.registry import BY
from wellhead.database.directory import is_current, load_directory
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.registry import DatabaseRegistry
from wellhead.directory import Directory
from wellhead.errors import BooksUnavailable
from wellhead.limit import Action, Measure, Scope, ScopeKind, Window
from wellhead.registry import NewKey, NewLimit
from wellhead.vault import Vault

A_SECRET = "sk-canary-0123456789"
VAULT = Vault(bytes(range(32)))


@pytest.fixture
def registry(engine: Engine) -> DatabaseRegistry:
    return DatabaseRegistry(engine, lambda: VAULT, lambda: NOON_US)


@pytest.fixture
def connection(engine: Engine) -> Iterator[sqlite3.Connection]:
    with closing(writing_connection(engine)) as made:
        yield made


def test_an_empty_registry_is_an_empty_directory(connection: sqlite3.Connection) -> None:
    assert load_directory(connection) == Directory()
    assert is_current(connection, Directory())


def test_what_operators_made_is_in_the_directory(
    registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    project = registry.create_project(BY, "research")
    key = registry.create_key(
        BY,
        NewKey(
            "laptop",
            project.uuid,
            expires_us=NOON_US + 1,
            allowed_models=("gpt-*",),
            allowed_providers=(),
            tags=(("b", "2"), ("a", "1")),
        ),
    ).key
    limit = registry.create_limit(
        BY,
        NewLimit(
            Measure.COST,
            Window.WEEK,
            7,
            Scope(ScopeKind.CLIENT, tool="codex", client="laptop"),
            Action.SHADOW,
            sliding=True,
            zone="Europe/Berlin",
            name="a trial",
        ),
    )

    directory = load_directory(connection, lambda: [VAULT])
    assert (directory.version, directory.changed_us) == (3, NOON_US)
    assert directory.projects == {project.id: project}
    assert directory.keys == {key.hash: key}
    assert directory.keys_by_id == {key.id: key}
    assert directory.limits == (limit,)
    assert directory.providers == ()


def test_keys_that_are_worth_nothing_any_more_are_there_too(
    registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    revoked = registry.revoke_key(BY, registry.create_key(BY, NewKey("a")).key.id)

    assert load_directory(connection).keys[revoked.hash] == revoked


def test_credentials_are_found_by_project_and_provider_with_their_secrets(
    registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    project = registry.create_project(BY, "research")
    own = [registry.create_credential(BY, "openai", n, f"{A_SECRET}{n}", project.uuid) for n in "ab"]
    shared = registry.create_credential(BY, "openai", "c", f"{A_SECRET}c")
    disabled = registry.create_credential(BY, "anthropic", "d", A_SECRET)
    registry.change_credential(BY, disabled.id, disabled=True)

    assert load_directory(connection, lambda: [VAULT]).credentials == {
        (project.id, "openai"): tuple(replace(one, secret=f"{A_SECRET}{one.name}") for one in own),
        (None, "openai"): (replace(shared, secret=f"{A_SECRET}c"),),
    }


@pytest.mark.parametrize("vaults", [[], [Vault(bytes(32))]])
def test_without_the_right_master_key_a_credential_is_there_without_its_secret(
    registry: DatabaseRegistry, connection: sqlite3.Connection, vaults: list[Vault]
) -> None:
    made = registry.create_credential(BY, "openai", "main", A_SECRET)

    assert load_directory(connection, lambda: vaults).credentials == {(None, "openai"): (made,)}
    assert made.secret is None


@pytest.mark.parametrize("change", ["provider='anthropic'", "project_id=7", "sealed=x'00'", "sealed=x''"])
def test_a_row_that_somebody_moved_or_damaged_gives_no_secret(
    registry: DatabaseRegistry, connection: sqlite3.Connection, change: str
) -> None:
    registry.create_credential(BY, "openai", "main", A_SECRET)
    connection.execute(f"UPDATE credentials SET {change}")

    (some,) = load_directory(connection, lambda: [VAULT]).credentials.values()
    assert [one.secret for one in some] == [None]


def test_a_directory_does_not_show_its_secrets(
    registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    registry.create_credential(BY, "openai", "main", A_SECRET)
    issued = registry.create_key(BY, NewKey("laptop"))

    directory = load_directory(connection, lambda: [VAULT])
    shown = repr(directory) + repr(directory.credentials) + repr(directory.keys_by_id)
    assert A_SECRET not in shown
    assert issued.secret not in shown
    assert repr(issued.key.hash) not in shown


def test_it_is_read_inside_a_transaction_of_the_callers_or_in_one_of_its_own(
    registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    registry.create_project(BY, "research")

    with transaction(connection):
        assert load_directory(connection).version == 1
        assert connection.in_transaction
    load_directory(connection)
    assert not connection.in_transaction


def test_what_changes_while_it_is_read_is_seen_wholly_or_not_at_all(
    registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    registry.create_project(BY, "a")
    changed: list[object] = []

    def change_once(statement: str) -> None:
        if "FROM projects" in statement and not changed:
            changed.append(registry.create_key(BY, NewKey("laptop")))

    connection.set_trace_callback(change_once)
    directory = load_directory(connection)
    connection.set_trace_callback(None)

    assert changed
    assert (directory.version, directory.keys_by_id) == (1, {})
    assert load_directory(connection).version == 2


def test_it_is_current_until_the_registry_changes(
    registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    registry.create_project(BY, "a")
    directory = load_directory(connection)
    assert is_current(connection, directory)

    registry.create_project(BY, "b")
    assert not is_current(connection, directory)


def test_restored_books_that_changed_as_often_are_others(
    registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    registry.create_project(BY, "a")
    directory = load_directory(connection)

    connection.execute("UPDATE registry SET changed_us=changed_us+1")
    assert not is_current(connection, directory)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE keys SET tags='[1'", "row 1 of keys"),
        ("UPDATE keys SET tags='1'", "row 1 of keys"),
        ("UPDATE keys SET allowed_models='0'", "row 1 of keys"),
        ("UPDATE limits SET measure='words'", "row 1 of limits"),
        ("UPDATE limits SET zone='Mars/Olympus'", "row 1 of limits"),
    ],
)
def test_a_row_that_is_not_understood_makes_the_registry_unreadable(
    registry: DatabaseRegistry, connection: sqlite3.Connection, statement: str, told: str
) -> None:
    registry.create_key(BY, NewKey("laptop"))
    registry.create_limit(BY, NewLimit(Measure.CALLS, Window.DAY, 1, Scope(ScopeKind.GLOBAL)))
    connection.execute(statement)

    with pytest.raises(BooksUnavailable, match=told):
        load_directory(connection)
    assert not connection.in_transaction
