"""Reads the registry's part of the Directory, on the clerk's own connection.

Plain SQL, since it runs inside booking transactions; providers come from the
configuration and are put in by whoever asked.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

from wellhead.access import Credential
from wellhead.database import registry_rows as rows
from wellhead.database.snapshot import snapshot
from wellhead.directory import Directory
from wellhead.policy.scopes import roots_of
from wellhead.vault import Vault, VaultError


def registry_version(connection: sqlite3.Connection) -> int:
    """How often the registry changed."""
    found = connection.execute("SELECT version FROM registry WHERE id=1").fetchone()
    return 0 if found is None else int(found[0])


AskVaults = Callable[[], Sequence[Vault]]
"""Those that are known just now: while a master key is being replaced there are two."""


def no_vaults() -> Sequence[Vault]:
    return ()


def load_directory(connection: sqlite3.Connection, vaults: AskVaults = no_vaults) -> Directory:
    """Everything but the providers, as one state of the registry.

    A credential that no vault opens is there without its secret; those that are disabled are not.
    Vaults are asked for only where there are credentials.
    """
    with snapshot(connection):
        version = registry_version(connection)
        projects = [rows.project_from(row) for row in connection.execute(_all("projects", rows.PROJECT))]
        keys = [rows.key_from(row) for row in connection.execute(_all("keys", rows.KEY))]
        limits = tuple(rows.limit_from(row) for row in connection.execute(_all("limits", rows.LIMIT)))
        credentials = _credentials(connection, vaults)
    return Directory(
        version=version,
        keys=MappingProxyType({key.hash: key for key in keys}),
        keys_by_id=MappingProxyType({key.id: key for key in keys}),
        roots=MappingProxyType(
            roots_of((key.id, key.predecessor_id) for key in keys if key.predecessor_id is not None)
        ),
        projects=MappingProxyType({project.id: project for project in projects}),
        credentials=MappingProxyType(credentials),
        limits=limits,
    )


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
