"""Between the registry's rows and its values: which columns, in which order, and what they mean.

A `…_from` function takes a row with just the columns of the tuple before it.  Lists
and tags are JSON texts in the rows.
"""

import json
from collections.abc import Sequence
from typing import Any

from wellhead.access import Credential, Key, Patterns, Project, Tags
from wellhead.limit import Action, Limit, Measure, Scope, ScopeKind, Source, Window

PROJECT = ("id", "uuid", "name", "created_us", "archived_us")
KEY = (
    *("id", "hash", "prefix", "name", "created_us", "project_id", "expires_us", "revoked_us"),
    *("allowed_models", "allowed_providers", "allowed_endpoints", "allowed_accounts"),
    *("tags", "predecessor_id"),
)
CREDENTIAL = ("id", "provider", "name", "created_us", "project_id", "disabled_us")
LIMIT = (
    *("id", "scope_kind", "scope_id", "scope_tool", "scope_client", "measure", "window", "amount"),
    *("created_us", "action", "sliding", "zone", "name", "source"),
)


def project_from(row: Sequence[Any]) -> Project:
    id_, uuid, name, created_us, archived_us = row
    return Project(id_, uuid, name, created_us, archived_us)


def key_from(row: Sequence[Any]) -> Key:
    id_, hash_, prefix, name, created_us, project_id, expires_us, revoked_us, *rest = row
    models, providers, endpoints, accounts, tags, predecessor_id = rest
    return Key(
        id_,
        hash_,
        prefix,
        name,
        created_us,
        project_id,
        expires_us,
        revoked_us,
        _patterns(models),
        _patterns(providers),
        _patterns(endpoints),
        _patterns(accounts),
        _tags(tags),
        predecessor_id,
    )


def key_values(key: Key) -> dict[str, Any]:
    """The columns of a key but its number."""
    values = {name: getattr(key, name) for name in KEY if name != "id"}
    for name in ("allowed_models", "allowed_providers", "allowed_endpoints", "allowed_accounts"):
        values[name] = None if values[name] is None else _text(values[name])
    values["tags"] = _text(dict(key.tags)) if key.tags else None
    return values


def credential_from(row: Sequence[Any], secret: str | None = None) -> Credential:
    id_, provider, name, created_us, project_id, disabled_us = row
    return Credential(id_, provider, name, created_us, project_id, disabled_us, secret)


def credential_purpose(provider: str, project_id: int | None) -> bytes:
    """What the secret of a credential is bound to in the vault."""
    return f"credential:{provider}:{'' if project_id is None else project_id}".encode()


def limit_from(row: Sequence[Any]) -> Limit:
    id_, kind, scope_id, tool, client, measure, window, amount, created_us, action, sliding, *rest = row
    zone, name, source = rest
    return Limit(
        id_,
        Scope(ScopeKind(kind), scope_id, tool, client),
        Measure(measure),
        Window(window),
        amount,
        created_us,
        Action(action),
        bool(sliding),
        zone,
        name,
        Source(source),
    )


def limit_values(limit: Limit) -> dict[str, Any]:
    """The columns of a limit but its number."""
    scope = limit.scope
    return {
        "scope_kind": scope.kind.value,
        "scope_id": scope.id,
        "scope_tool": scope.tool,
        "scope_client": scope.client,
        "measure": limit.measure.value,
        "window": limit.window.value,
        "amount": limit.amount,
        "created_us": limit.created_us,
        "action": limit.action.value,
        "sliding": limit.sliding,
        "zone": limit.zone,
        "name": limit.name,
        "source": limit.source.value,
    }


def _patterns(text: str | None) -> Patterns:
    return None if text is None else tuple(json.loads(text))


def _tags(text: str | None) -> Tags:
    return () if text is None else tuple(sorted(json.loads(text).items()))


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
