"""The rows of credentials, looked at and changed; a secret goes in sealed and comes out for gateways only."""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection, delete, insert, select, update

from wellhead.access import Credential
from wellhead.database import projects, validity
from wellhead.database import registry_rows as rows
from wellhead.database.audit import difference, told
from wellhead.database.change import Change
from wellhead.database.paging import new_id, page
from wellhead.database.schema import credentials
from wellhead.errors import NotFound
from wellhead.registry import Page
from wellhead.vault import Vault, VaultError

COLUMNS = tuple(credentials.c[name] for name in rows.CREDENTIAL)
AskVault = Callable[[], Vault]
"""Asked only when something is to be sealed: a master key may be made for it."""


def listed(
    connection: Connection, after: int, count: int, project: str | None, provider: str | None
) -> Page[Credential]:
    query = select(*COLUMNS)
    if project is not None:
        query = query.where(credentials.c.project_id == projects.named(connection, project).id)
    if provider is not None:
        query = query.where(credentials.c.provider == provider)
    return page(connection, query, credentials.c.id, after, count, rows.credential_from)


def shown(connection: Connection, id_: int) -> Credential:
    row = connection.execute(select(*COLUMNS).where(credentials.c.id == id_)).one_or_none()
    if row is None:
        raise NotFound("there is no such credential")
    return rows.credential_from(row)


def create(
    change: Change, vault: AskVault, provider: str, name: str, secret: str, project: str | None
) -> Credential:
    provider, name, secret = validity.provider(provider), validity.name(name), validity.secret(secret)
    of = None if project is None else projects.open_one(change.connection, project).id
    result = change.connection.execute(
        insert(credentials).values(
            project_id=of,
            provider=provider,
            name=name,
            created_us=change.now_us,
            **_sealed(vault(), secret, provider, of),
        )
    )
    made = Credential(new_id(result), provider, name, change.now_us, of)
    change.note("credential.create", "credential", str(made.id), None, told(made))
    return made


def alter(
    change: Change, vault: AskVault, id_: int, name: str | None, secret: str | None, disabled: bool | None
) -> Credential:
    old = shown(change.connection, id_)
    new = old if name is None else replace(old, name=validity.name(name))
    if disabled is not None and disabled is not (old.disabled_us is not None):
        new = replace(new, disabled_us=change.now_us if disabled else None)
    before, after = difference(old, new)
    values: dict[str, object] = {"name": new.name, "disabled_us": new.disabled_us}
    if secret is not None:
        values |= _sealed(vault(), validity.secret(secret), old.provider, old.project_id)
        after = {**after, "secret": "replaced"}
    if after:
        change.connection.execute(update(credentials).where(credentials.c.id == id_).values(values))
        change.note("credential.change", "credential", str(id_), before, after)
    return new


def remove(change: Change, id_: int) -> None:
    gone = shown(change.connection, id_)
    change.connection.execute(delete(credentials).where(credentials.c.id == id_))
    change.note("credential.delete", "credential", str(id_), told(gone), None)


def rotate_master(change: Change, old: Vault, new: Vault) -> int:
    """Seal everything under another master key; how many secrets that were, those already under it left out.

    `VaultError` names the first credential that neither key opens; nothing is changed then.
    """
    t = credentials.c
    resealed = 0
    found = change.connection.execute(select(t.id, t.provider, t.project_id, t.master_key_id, t.sealed))
    for id_, provider, project_id, master_key_id, sealed in found.all():
        purpose = rows.credential_purpose(provider, project_id)
        try:
            secret = (new if master_key_id == new.key_id else old).open(sealed, bound_to=purpose)
        except VaultError as error:
            keys = f"{old.key_id} nor {new.key_id}"
            raise VaultError(f"neither master key {keys} opens credential {id_}") from error
        if master_key_id != new.key_id:
            values = _sealed(new, secret, provider, project_id)
            change.connection.execute(update(credentials).where(t.id == id_).values(values))
            resealed += 1
    if resealed:
        change.note(
            "credential.rotate_master",
            "credential",
            None,
            {"master_key_id": old.key_id},
            {"master_key_id": new.key_id, "credentials": resealed},
        )
    return resealed


def _sealed(vault: Vault, secret: str, provider: str, project_id: int | None) -> dict[str, object]:
    sealed = vault.seal(secret, bound_to=rows.credential_purpose(provider, project_id))
    return {"master_key_id": vault.key_id, "sealed": sealed}
