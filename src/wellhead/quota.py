"""A gauge: one quota of an account at a provider, as it stood at a moment.

Providers tell of quotas in the headers of their responses.  What was not told is
`None`; a gauge is known by provider, account and name, and a newer one takes the
place of an older one.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gauge:
    """One quota as it stood at a moment."""

    name: str
    """Such as `anthropic_5h`, `codex_primary`, `requests`."""
    at_us: int
    used_ratio: float | None = None
    """0.42 is 42 %."""
    limit: int | None = None
    remaining: int | None = None
    resets_us: int | None = None
    window_s: int | None = None
    status: str | None = None
    """The provider's own word, such as `allowed`."""
    account: str | None = None


@dataclass(frozen=True, slots=True)
class AccountGauge:
    """The same, and at which provider."""

    provider: str
    gauge: Gauge
