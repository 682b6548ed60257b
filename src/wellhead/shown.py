"""How projects, keys, credentials and limits are shown: records to values that JSON takes.

One form for the control API and for `--json` of the command line::

    moment     "2026-03-01T12:00:00.000Z"      UTC, milliseconds; null where there is none
    amounts    200, of a cost "12.50"          of limits: dollars as text, exact to the nano-dollar
    cost_usd   0.42                            of what was done: a number; null where nothing has a price yet
    project    its uuid                        never its number in the books

No record here holds a secret; `issued` alone shows one, which its caller was given for
that.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, overload

from wellhead.access import Credential, Patterns, Project
from wellhead.breaker import Shared, kind_of
from wellhead.limit import Limit, Measure, Scope, ScopeKind
from wellhead.moments import to_the_millisecond
from wellhead.money import usd
from wellhead.policy.admission import shown as in_unit
from wellhead.registry import KeyUse, LimitUse, Standing

Shown = dict[str, Any]
"""Ready for JSON: texts, whole numbers, booleans, `None`, lists and mappings of those."""
Uuids = Mapping[int, str]
"""What interfaces call the projects with these numbers (see `Registry.project_uuids`)."""

NO_UUIDS: Uuids = MappingProxyType({})


@overload
def moment(at_us: int) -> str: ...


@overload
def moment(at_us: int | None) -> str | None: ...


def moment(at_us: int | None) -> str | None:
    """A moment in microseconds since the epoch; cut, not rounded, to the millisecond."""
    return None if at_us is None else to_the_millisecond(at_us)


def amount(measure: Measure, value: int) -> int | str:
    """What a limit counts: a number; nano-dollars as dollars, with two decimals or as many as they need."""
    return in_unit(measure, value) if measure is Measure.COST else value


def breaker(found: Shared, now_us: int) -> Shown:
    """In the form of agent-cli-proxy, whose moments are milliseconds and 0 where there is none; then ours."""
    return {
        "providerId": found.subject,
        "state": found.state_at(now_us).value,
        "failures": found.failures,
        "openedAt": (found.opened_us or 0) // 1000,
        "lastActivity": found.active_us // 1000,
        "kind": kind_of(found.subject).value,
        "opened_by": found.opened_by,
        "retry_at": moment(found.retry_us),
    }


def project(found: Project) -> Shown:
    return {
        "id": found.uuid,
        "name": found.name,
        "created_at": moment(found.created_us),
        "archived_at": moment(found.archived_us),
    }


def key(use: KeyUse) -> Shown:
    found = use.key
    return {
        "id": found.id,
        "prefix": found.prefix,
        "name": found.name,
        "project_id": use.project.uuid if use.project else None,
        "state": use.state.value,
        "created_at": moment(found.created_us),
        "expires_at": moment(found.expires_us),
        "revoked_at": moment(found.revoked_us),
        "last_used_at": moment(use.last_used_us),
        "allowed_models": listed(found.allowed_models),
        "allowed_providers": listed(found.allowed_providers),
        "allowed_endpoints": listed(found.allowed_endpoints),
        "allowed_accounts": listed(found.allowed_accounts),
        "tags": dict(found.tags),
        "predecessor_id": found.predecessor_id,
        "calls": use.calls,
        "total_tokens": use.total_tokens,
        "cost_usd": None if use.cost_nanousd is None else usd(use.cost_nanousd),
    }


def issued(use: KeyUse, secret: str) -> Shown:
    """A key just made, with its secret: the one time that it is shown."""
    return {**key(use), "key": secret}


def credential(found: Credential, uuids: Uuids = NO_UUIDS) -> Shown:
    """`uuids` must have the credential's project, if it has one."""
    return {
        "id": found.id,
        "provider": found.provider,
        "name": found.name,
        "project_id": None if found.project_id is None else uuids[found.project_id],
        "created_at": moment(found.created_us),
        "disabled_at": moment(found.disabled_us),
    }


def limit(use: LimitUse, uuids: Uuids = NO_UUIDS) -> Shown:
    """`uuids` name the projects that it counts, each by itself (see `projects_in`)."""
    found = use.limit
    return {
        "id": found.id,
        "scope": _scope(found.scope, use.project),
        "measure": found.measure.value,
        "window": found.window.value,
        "amount": amount(found.measure, found.amount),
        "action": found.action.value,
        "sliding": found.sliding,
        "zone": found.zone,
        "name": found.name,
        "source": found.source.value,
        "created_at": moment(found.created_us),
        "standings": [_standing(found, standing, uuids) for standing in use.standings],
    }


def projects_in(uses: Iterable[LimitUse]) -> list[int]:
    """The numbers of the projects whose uuids `limit` needs."""
    return sorted({int(s.subject) for use in uses if _counts_each_project(use.limit) for s in use.standings})


def _scope(scope: Scope, of: Project | None) -> Shown:
    is_project = scope.kind is ScopeKind.PROJECT and of is not None
    return {
        "kind": scope.kind.value,
        "id": of.uuid if is_project and of is not None else scope.id,
        "tool": scope.tool,
        "client": scope.client,
    }


def _standing(of: Limit, standing: Standing, uuids: Uuids) -> Shown:
    subject = standing.subject or None
    if subject is not None and _counts_each_project(of):
        subject = uuids.get(int(subject))
    left = max(of.amount - standing.used - standing.held, 0)
    return {
        "subject": subject,
        "used": amount(of.measure, standing.used),
        "held": amount(of.measure, standing.held),
        "left": amount(of.measure, left),
        "exceeded": standing.exceeded,
        "frees_at": moment(standing.frees_us),
    }


def _counts_each_project(of: Limit) -> bool:
    return of.scope.kind is ScopeKind.PROJECT and of.scope.id is None


def listed(patterns: Patterns) -> list[str] | None:
    return None if patterns is None else list(patterns)
