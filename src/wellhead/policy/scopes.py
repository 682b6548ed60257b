"""Whom a limit counts a call for.

A limit that names somebody counts all calls of that one together; one that names
nobody counts everybody of its kind alone, each under a *subject* of their own.

A key and its successors are one: a limit that began anew with every rotation, or
twice while both keys work, would be none.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType

from wellhead.call import Opening
from wellhead.limit import Limit, Scope, ScopeKind

ALL = ""
"""The subject of a limit that counts all its calls together."""

Roots = Mapping[int, int]
"""The keys that replaced others, and the first key of the line of each."""
NO_ROOTS: Roots = MappingProxyType({})


def roots_of(replacements: Iterable[tuple[int, int]]) -> dict[int, int]:
    """The roots, from each successor with its predecessor, in the order they were made."""
    roots: dict[int, int] = {}
    for successor, predecessor in replacements:
        roots[successor] = roots.get(predecessor, predecessor)
    return roots


def root_of(key_id: str, roots: Roots) -> str:
    """The first key of a key's line; both as limits name them."""
    return str(roots.get(int(key_id), key_id))


def subject_of(limit: Limit, call: Opening, roots: Roots = NO_ROOTS) -> str | None:
    """Under which subject the limit counts the call; `None`: it does not apply."""
    scope = limit.scope
    kind = scope.kind
    if kind is ScopeKind.GLOBAL:
        return ALL
    key = None if call.key_id is None else str(roots.get(call.key_id, call.key_id))
    if kind is ScopeKind.CLIENT:
        return _client(scope, call, key)
    if kind is ScopeKind.KEY:
        if key is None or scope.id is None:
            return key
        return ALL if key == root_of(scope.id, roots) else None
    is_whose = _who(kind, call)
    if is_whose is None:
        return None
    if scope.id is None:
        return is_whose
    if kind is ScopeKind.MODEL:
        return ALL if fnmatchcase(is_whose, scope.id) else None
    return ALL if is_whose == scope.id else None


def _who(kind: ScopeKind, call: Opening) -> str | None:
    if kind is ScopeKind.PROJECT:
        return None if call.project_id is None else str(call.project_id)
    return call.model if kind is ScopeKind.MODEL else call.provider


def _client(scope: Scope, call: Opening, key: str | None) -> str | None:
    if scope.tool is None and scope.client is None:
        if call.client is None:
            # Whoever says nothing about themselves must not share a count with all others who do not.
            alone = f"@{key or call.client_address or ''}"
            return alone if call.tool is None else f"{call.tool}/{alone}"
        return f"{call.tool or ''}/{call.client}"
    if scope.tool is not None and scope.tool != call.tool:
        return None
    if scope.client is not None and scope.client != call.client:
        return None
    return ALL
