"""Reads the registry's part of the Directory, on the clerk's own connection.

Plain SQL, since it runs inside booking transactions; providers come from the
configuration and are put in by whoever asked.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from wellhead.access import Credential
from wellhead.database import registry_rows as rows
from wellhead.database.snapshot import snapshot
from wellhead.directory import Directory
from wellhead.errors import BooksUnavailable
from wellhead.limit import Limit
from wellhead.policy.scopes import roots_of
from wellhead.vault import Vault, VaultError

T = TypeVar("T")


def is_current(connection: sqlite3.Connection, directory: Directory) -> bool:
    """Whether the registry is still what it was when the Directory was read."""
    return _stamp(connection) == (directory.version, directory.changed_us)


def _stamp(connection: sqlite3.Connection) -> tuple[int, int]:
    """How often the registry changed, and when it last did.

    Only together do they tell one state from every other: restored books count again from an earlier one.
    """
    found = connection.execute("SELECT version,coalesce(changed_us,0) FROM registry WHERE id=1").fetchone()
    return (0, 0) if found is None else (int(found[0]), int(found[1]))


AskVaults = Callable[[], Sequence[Vault]]
"""Those that are known just now: while a master key is being replaced there are two."""


def no_vaults() -> Sequence[Vault]:
    return ()


def load_directory(connection: sqlite3.Connection, vaults: AskVaults = no_vaults) -> Directory:
    """Everything but the providers, as one state of the registry.

    A credential that no vault opens is there without its secret; those that are disabled are not.
    Vaults are asked for only where there are credentials.

    A row that cannot be understood (somebody edited it, or a later version wrote it) makes the whole registry
    unreadable: without the limit that it may be, calls would go through.
    """
    with snapshot(connection):
        version, changed_us = _stamp(connection)
        projects = _each(connection, "projects", rows.PROJECT, rows.project_from)
        keys = _each(connection, "keys", rows.KEY, rows.key_from)
        limits = tuple(_each(connection, "limits", rows.LIMIT, _limit))
        credentials = _credentials(connection, vaults)
    return Directory(
        version=version,
        changed_us=changed_us,
        keys=MappingProxyType({key.hash: key for key in keys}),
        keys_by_id=MappingProxyType({key.id: key for key in keys}),
        roots=MappingProxyType(
            roots_of((key.id, key.predecessor_id) for key in keys if key.predecessor_id is not None)
        ),
        projects=MappingProxyType({project.id: project for project in projects}),
        credentials=MappingProxyType(credentials),
        limits=limits,
    )


def _each(
    connection: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    value_of: Callable[[Sequence[Any]], T],
) -> list[T]:
    found = []
    for row in connection.execute(_all(table, columns)):
        try:
            found.append(value_of(row))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            told = f"the registry cannot be read: row {row[0]} of {table} is not understood"
            raise BooksUnavailable(told) from error
    return found


def _limit(row: Sequence[Any]) -> Limit:
    limit = rows.limit_from(row)
    ZoneInfo(limit.zone)  # One that this machine does not know must not show in the middle of a booking.
    return limit


def _all(table: str, columns: tuple[str, ...], where: str = "1") -> str:
    names = ",".join(f'"{name}"' for name in columns)
    return f"SELECT {names} FROM {table} WHERE {where} ORDER BY id"  # noqa: S608


def _credentials(
    connection: sqlite3.Connection, vaults: AskVaults
) -> dict[tuple[int | None, str], tuple[Credential, ...]]:
    found: defaultdict[tuple[int | None, str], list[Credential]] = defaultdict(list)
    query = _all("credentials", (*rows.CREDENTIAL, "master_key_id", "sealed"), "disabled_us IS NULL")
    sealed_rows = connection.execute(query).fetchall()
    known = {vault.key_id: vault for vault in vaults()} if sealed_rows else {}
    for *row, master_key_id, sealed in sealed_rows:
        credential = rows.credential_from(row, _opened(known.get(master_key_id), row, sealed))
        found[credential.project_id, credential.provider].append(credential)
    return {key: tuple(some) for key, some in found.items()}


def _opened(vault: Vault | None, row: list[Any], sealed: bytes) -> str | None:
    if vault is None:
        return None
    _, provider, _, _, project_id, _ = row
    try:
        return vault.open(sealed, bound_to=rows.credential_purpose(provider, project_id))
    except VaultError:
        return None
