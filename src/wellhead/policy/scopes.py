"""Whom a limit counts a call for.

A limit that names somebody counts all calls of that one together; one that names
nobody counts everybody of its kind alone, each under a *subject* of their own.
"""

from fnmatch import fnmatchcase

from wellhead.call import Opening
from wellhead.limit import Limit, Scope, ScopeKind

ALL = ""
"""The subject of a limit that counts all its calls together."""


def subject_of(limit: Limit, call: Opening) -> str | None:
    """Under which subject the limit counts the call; `None`: it does not apply."""
    scope = limit.scope
    kind = scope.kind
    if kind is ScopeKind.GLOBAL:
        return ALL
    if kind is ScopeKind.CLIENT:
        return _client(scope, call)
    is_whose = _who(kind, call)
    if is_whose is None:
        return None
    if scope.id is None:
        return is_whose
    if kind is ScopeKind.MODEL:
        return ALL if fnmatchcase(is_whose, scope.id) else None
    return ALL if is_whose == scope.id else None


def _who(kind: ScopeKind, call: Opening) -> str | None:
    if kind is ScopeKind.KEY:
        return None if call.key_id is None else str(call.key_id)
    if kind is ScopeKind.PROJECT:
        return None if call.project_id is None else str(call.project_id)
    return call.model if kind is ScopeKind.MODEL else call.provider


def _client(scope: Scope, call: Opening) -> str | None:
    if scope.tool is None and scope.client is None:
        if call.tool is None and call.client is None:
            # Whoever says nothing about themselves must not share a count with all others who do not.
            return f"@{call.key_id}" if call.key_id is not None else f"@{call.client_address or ''}"
        return f"{call.tool or ''}/{call.client or ''}"
    if scope.tool is not None and scope.tool != call.tool:
        return None
    if scope.client is not None and scope.client != call.client:
        return None
    return ALL
