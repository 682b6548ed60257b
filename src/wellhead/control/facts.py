"""What the control plane may tell of how the program is set up: plain values, without any secret.

Whoever assembles the program makes them out of the settings; no credential, header or
password gets this far, only whether there is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """A provider, as far as anybody may know it."""

    id: str
    type: str
    upstream: str
    """Scheme, host, port and path of its base URL."""
    paths: tuple[str, ...] = ()
    """Empty: every path."""
    models: tuple[str, ...] = ()
    """Empty: any."""
    has_custom_upstream: bool = False
    """It is not the built-in one of that name, or points elsewhere."""
    auth: str = "preserve"
    has_credential: bool = False
    """The configuration has a credential for it."""
    has_headers: bool = False
    upstream_path: str | None = None
    on_disconnect: str = "cancel"
    asks_stream_usage: bool = False
    strips_provider_field: bool = False
    timeouts_ms: Mapping[str, int] = field(default_factory=dict)
    """By their names in the configuration, without units; 0: none."""
    fallback: tuple[str, ...] = ()
    """Ids of the providers that stand in for it."""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Where the providers came from."""

    name: str = "built-in"
    path: str | None = None
    loaded_us: int | None = None
    problem: str | None = None
    """What was wrong with entries that were left out."""


@dataclass(frozen=True, slots=True)
class ConfigFacts:
    """The settings that agent-cli-proxy tells of, in its units."""

    host: str = "127.0.0.1"
    port: int = 8080
    requires_key: bool = False
    trusts_proxy_headers: bool = False
    upstream: str = ""
    timeout_ms: int = 0
    """0: none."""
    connect_timeout_ms: int = 0
    """Until the head of a response, which is what agent-cli-proxy means by it."""
    retries_max: int = 0
    pricing_refresh_ms: int = 0
    """0: never."""
    cost_backfill_ms: int = 0
    quota_refresh_ms: int = 0
    """0: nobody asks for quotas; responses tell of them."""
    has_admin_token: bool = False
    has_management_key: bool = False
    has_auth_dir: bool = False
    has_dashboard_password: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it."""

    providers: tuple[ProviderFacts, ...] = ()
    source: SourceFacts = SourceFacts()
    config: ConfigFacts = ConfigFacts()
    settings: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    """By their paths; what is no plain value is whether it is set."""
    secrets: Mapping[str, bool] = field(default_factory=dict)
    """Whether each setting that holds a secret is set."""


NO_FACTS = Facts()
