"""The accounts that the demo's company has at providers, and what their upstreams tell of quotas.

::

    credential -> account -> headers     the account's name, and how much of its quotas is used

How much is used follows from the clock alone: it rises from the beginning of a window
to its end, and then begins anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

MINUTE_S, HOURS_5_S, WEEK_S = 60, 5 * 3_600, 7 * 86_400
AT_FIRST = 0.6
"""How much of what a window comes to is used when it begins."""
WARNING = 0.8
"""From here on a provider says that it is going to be too much."""
CARRIED_IN = ("authorization", "x-api-key", "x-goog-api-key")


class Plan(Enum):
    """What an account pays for, and so which quotas it has."""

    CLAUDE = auto()
    """A subscription: some hours and a week."""
    CODEX = auto()
    """The same at OpenAI."""
    ANTHROPIC_API = auto()
    """By the token: so many calls and tokens a minute."""
    OPENAI_API = auto()
    UNTOLD = auto()
    """No header tells anything."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account."""

    name: str
    provider: str
    plan: Plan
    busy: float = 0.5
    """How much of its shorter quota is used at the end of a window."""
    busy_week: float = 0.5


Accounts = Mapping[str, Account]
"""By their credentials."""


def account_of(accounts: Accounts, headers: Mapping[str, str]) -> Account | None:
    """Whose credential a request brings."""
    shown = (headers.get(name, "").removeprefix("Bearer ") for name in CARRIED_IN)
    return next((accounts[secret] for secret in shown if secret in accounts), None)


def headers(account: Account, now_s: float) -> dict[str, str]:
    """What a response to it tells, at a moment in seconds since the epoch."""
    match account.plan:
        case Plan.CLAUDE:
            return {"anthropic-organization-id": account.name, **_claude(account, now_s)}
        case Plan.ANTHROPIC_API:
            return {"anthropic-organization-id": account.name, **_anthropic(account, now_s)}
        case Plan.CODEX:
            return {"openai-organization": account.name, **_codex(account, now_s)}
        case Plan.OPENAI_API:
            return {"openai-organization": account.name, **_openai(account, now_s)}
        case Plan.UNTOLD:
            return {}


def _used(busy: float, window_s: int, now_s: float) -> float:
    return busy * (AT_FIRST + (1 - AT_FIRST) * (now_s % window_s) / window_s)


def _resets_s(window_s: int, now_s: float) -> int:
    return (int(now_s) // window_s + 1) * window_s


def _claude(account: Account, now_s: float) -> dict[str, str]:
    told = {}
    for name, busy, window_s in (("5h", account.busy, HOURS_5_S), ("7d", account.busy_week, WEEK_S)):
        used, prefix = _used(busy, window_s, now_s), f"anthropic-ratelimit-unified-{name}"
        told[f"{prefix}-utilization"] = f"{used:.2f}"
        told[f"{prefix}-reset"] = str(_resets_s(window_s, now_s))
        told[f"{prefix}-status"] = "allowed_warning" if used > WARNING else "allowed"
    return told


def _codex(account: Account, now_s: float) -> dict[str, str]:
    told = {}
    for name, busy, window_s in (
        ("primary", account.busy, HOURS_5_S),
        ("secondary", account.busy_week, WEEK_S),
    ):
        told[f"x-codex-{name}-used-percent"] = f"{_used(busy, window_s, now_s) * 100:.1f}"
        told[f"x-codex-{name}-window-minutes"] = str(window_s // MINUTE_S)
        told[f"x-codex-{name}-reset-at"] = str(_resets_s(window_s, now_s))
    return told


def _anthropic(account: Account, now_s: float) -> dict[str, str]:
    told = {}
    resets = datetime.fromtimestamp(_resets_s(MINUTE_S, now_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name, limit in (("requests", 4_000), ("input-tokens", 2_000_000), ("output-tokens", 400_000)):
        told[f"anthropic-ratelimit-{name}-limit"] = str(limit)
        told[f"anthropic-ratelimit-{name}-remaining"] = str(_left(account, limit, now_s))
        told[f"anthropic-ratelimit-{name}-reset"] = resets
    return told


def _openai(account: Account, now_s: float) -> dict[str, str]:
    told = {}
    for name, limit in (("requests", 10_000), ("tokens", 2_000_000)):
        told[f"x-ratelimit-limit-{name}"] = str(limit)
        told[f"x-ratelimit-remaining-{name}"] = str(_left(account, limit, now_s))
        told[f"x-ratelimit-reset-{name}"] = f"{_resets_s(MINUTE_S, now_s) - int(now_s)}s"
    return told


def _left(account: Account, limit: int, now_s: float) -> int:
    return round(limit * (1 - _used(account.busy, MINUTE_S, now_s)))
