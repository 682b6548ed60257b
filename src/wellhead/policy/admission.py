"""Whether a call may go: first what its key allows, then the limits it meets, all or nothing.

The answers are values of `wellhead.errors`, ready to be told in the caller's
dialect.  They name the limit, how much of it is used, and when it frees; never a
key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from wellhead.access import Key, KeyState, Patterns
from wellhead.call import Opening
from wellhead.directory import Directory
from wellhead.errors import CallerError, Quota, Refused
from wellhead.limit import Limit, Measure, ScopeKind, Window
from wellhead.moments import SECOND_US, to_the_second
from wellhead.money import NANOUSD_PER_USD
from wellhead.policy.routing import leads_elsewhere
from wellhead.policy.windows import LENGTH_US

HELD_RETRY_S = 1
"""What `Retry-After` says where calls under way may free something at any moment."""
ENDPOINT_CHARS_MAX = 300
"""A longer one is none that a list of a key's can allow."""
MODEL_LISTS = ("/v1/models", "/v1beta/models", "/api/tags")
"""Where clients look what there is, whatever provider they may use of it."""
NO_BUDGET_STATUS = {"anthropic_messages": 429, "gemini": 429, "gemini_embed": 429}
"""Dialects whose SDKs know no 402: a spent budget is told as a rate limit there."""

_UNITS = {
    Measure.CALLS: "calls",
    Measure.INPUT_TOKENS: "input tokens",
    Measure.OUTPUT_TOKENS: "output tokens",
    Measure.TOTAL_TOKENS: "tokens",
    Measure.COST: "USD",
    Measure.CONCURRENT_CALLS: "calls at one time",
}
_SCOPES = {
    ScopeKind.GLOBAL: "all calls",
    ScopeKind.PROJECT: "the project",
    ScopeKind.KEY: "the key",
    ScopeKind.CLIENT: "the client",
    ScopeKind.MODEL: "the model",
    ScopeKind.PROVIDER: "the provider",
}


@dataclass(frozen=True, slots=True)
class Shortage:
    """A limit that a call does not fit into."""

    limit: Limit
    used: int
    held: int
    wanted: int
    """What the call would take."""
    frees_us: int | None
    """When so much is free again that it would fit, were nothing else to come; `None`: not by itself."""


# What a key allows.


def unauthorized(key: Key | None, now_us: int) -> CallerError | None:
    """Why a key is worth nothing, if so: 401."""
    if key is None:
        return CallerError(
            "key_unknown", 401, "This key is not known here; ask who runs this gateway for one"
        )
    match key.state(now_us):
        case KeyState.REVOKED:
            return CallerError(
                "key_revoked", 401, "This key was revoked; ask who runs this gateway for another"
            )
        case KeyState.WITHERED:
            assert key.expires_us is not None
            told = f"This key expired at {_moment(key.expires_us)}; ask who runs this gateway for another"
            return CallerError("key_withered", 401, told)
    return None


def forbidden(directory: Directory, key: Key, call: Opening) -> Refused | None:
    """What a good key does not allow, if the call is that: 403."""
    refused = _forbidden_endpoint(directory, key, endpoint_of(call)) or _forbidden_provider(
        key, call.provider
    )
    if refused is None and not allows(key.allowed_models, call.model or ""):
        told = f"This key does not allow the model {call.model or '(none)'}"
        return Refused("model_not_allowed", 403, told)
    return refused


def forbidden_unbooked(directory: Directory, key: Key, endpoint: str, provider: str) -> Refused | None:
    """The same for a request that generates nothing and is not booked; anybody may list models."""
    refused = _forbidden_endpoint(directory, key, endpoint)
    if refused is None and endpoint not in MODEL_LISTS:
        return _forbidden_provider(key, provider)
    return refused


def _forbidden_provider(key: Key, provider: str) -> Refused | None:
    if allows(key.allowed_providers, provider):
        return None
    return Refused("provider_not_allowed", 403, f"This key does not allow the provider {provider}")


def _forbidden_endpoint(directory: Directory, key: Key, endpoint: str) -> Refused | None:
    project = directory.projects.get(key.project_id) if key.project_id is not None else None
    if project is not None and project.archived_us is not None:
        return Refused("project_archived", 403, "The project of this key is archived")
    if not allows(key.allowed_endpoints, endpoint) or (_is_restricted(key) and _is_strange(endpoint)):
        return Refused("endpoint_not_allowed", 403, f"This key does not allow {endpoint[:200]}")
    return None


def _is_restricted(key: Key) -> bool:
    # Gemini names its models in the path, so that a list of models is a list of paths, too.
    return key.allowed_endpoints is not None or key.allowed_models is not None


def _is_strange(endpoint: str) -> bool:
    """Whether the upstream may read another path, or the books have cut this one before its end."""
    return len(endpoint) > ENDPOINT_CHARS_MAX or leads_elsewhere(endpoint)


def allows(patterns: Patterns, value: str) -> bool:
    """Whether a list of globs lets a value through."""
    return patterns is None or any(fnmatchcase(value, pattern) for pattern in patterns)


def endpoint_of(call: Opening) -> str:
    """The request path without a provider's prefix."""
    prefix = f"/{call.provider}/"
    return call.path[len(prefix) - 1 :] if call.path.startswith(prefix) else call.path


# What limits leave.


def fits(limit: Limit, used: int, held: int, wanted: int) -> bool:
    """Whether there is room for a call; one whose size nobody knows needs at least something left."""
    return used + held + max(wanted, 1) <= limit.amount


def refusal(call: Opening, shortages: Sequence[Shortage], now_us: int) -> Refused:
    """What a caller is told whose call does not fit: about the limit that keeps it out the longest."""
    worst = max(shortages, key=lambda one: (_is_spent(one), one.frees_us is None, one.frees_us or 0))
    limit = worst.limit
    code, status = "rate_limited", 429
    if limit.is_budget:
        code, status = "budget_held", 429
        if _is_spent(worst):
            code, status = "budget_exhausted", NO_BUDGET_STATUS.get(call.dialect, 402)
    return Refused(
        code,
        status,
        _told(worst, now_us),
        retry_after_s=_retry_after_s(worst, now_us),
        quotas=tuple(_quota(one, now_us) for one in shortages),
    )


_WITH_OUTPUT = (Measure.OUTPUT_TOKENS, Measure.TOTAL_TOKENS, Measure.COST)


def _is_spent(shortage: Shortage) -> bool:
    """Whether it would not fit even if all calls under way used nothing."""
    if shortage.limit.measure is Measure.CONCURRENT_CALLS:
        return False
    return not fits(shortage.limit, shortage.used, 0, shortage.wanted)


def _retry_after_s(shortage: Shortage, now_us: int) -> int | None:
    if not _is_spent(shortage):
        return HELD_RETRY_S
    if shortage.frees_us is None:
        return None
    wait_s = max(-((now_us - shortage.frees_us) // SECOND_US), 1)
    if shortage.limit.sliding and shortage.limit.window is Window.MINUTE:
        # Its buckets are a second long and leave so much late: nobody is told 61 seconds of a minute.
        return min(wait_s, LENGTH_US[Window.MINUTE] // SECOND_US)
    return wait_s


def _told(shortage: Shortage, now_us: int) -> str:
    limit = shortage.limit
    amount = f"{shown(limit.measure, limit.amount)} {_UNITS[limit.measure]}"
    if limit.window is not Window.TOTAL:
        amount += f" per {limit.window.value}"
    used = f"{shown(limit.measure, shortage.used)} used"
    if limit.measure is Measure.CONCURRENT_CALLS:
        used = f"{shortage.held} under way"
    elif shortage.held:
        used += f", {shown(limit.measure, shortage.held)} held for calls under way"
    if shortage.wanted > 1:
        used += f", this call may take {shown(limit.measure, shortage.wanted)}"
    whose = _SCOPES[limit.scope.kind]
    return f"{_titled(limit)} ({amount} for {whose}) leaves no room: {used}; {_when(shortage, now_us)}"


def _titled(limit: Limit) -> str:
    kind = "budget" if limit.is_budget else "limit"
    return f"The {kind} {limit.name!r}" if limit.name else f"The {kind} {limit.id}"


def _when(shortage: Shortage, now_us: int) -> str:
    if shortage.wanted > shortage.limit.amount:
        # Most that say nothing of their output are reserved far more than they will use.
        is_output = shortage.wanted > 1 and shortage.limit.measure in _WITH_OUTPUT
        return "it can never fit" + ("; a smaller max_tokens makes it take less" if is_output else "")
    if not _is_spent(shortage):
        return "try again when they are over"
    if shortage.frees_us is None:
        return "it does not free by itself"
    return f"it frees at {_moment(shortage.frees_us)}, in {_duration(shortage.frees_us - now_us)}"


def _quota(shortage: Shortage, now_us: int) -> Quota:
    limit = shortage.limit
    length_us = LENGTH_US.get(limit.window)
    return Quota(
        name=limit.name if limit.name and limit.name.isascii() else f"limit-{limit.id}",
        amount=limit.amount,
        left=max(limit.amount - shortage.used - shortage.held, 0),
        window_s=None if length_us is None else length_us // SECOND_US,
        frees_s=_retry_after_s(shortage, now_us),
    )


def shown(measure: Measure, amount: int) -> str:
    """An amount for people: money as dollars with at least two decimals, everything else as it is."""
    if measure is not Measure.COST:
        return str(amount)
    dollars, rest = divmod(amount, NANOUSD_PER_USD)
    decimals = f"{rest:09}".rstrip("0").ljust(2, "0")
    return f"{dollars}.{decimals}"


def _moment(at_us: int) -> str:
    # Never before it: whoever comes at that second is let in.
    return to_the_second(-(-at_us // SECOND_US) * SECOND_US)


def _duration(us: int) -> str:
    seconds = max(-(-us // SECOND_US), 1)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{-(-seconds // size)} {unit}"
    return f"{seconds} s"
