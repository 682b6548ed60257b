"""The names that the source systems' settings had, and what they are here.

A is the QuantumSpring metrics fork of CLIProxyAPI, B is agent-cli-proxy, C is the
LLM Metrics Proxy, D the transparent proxy with withering tokens.  The table is also
a page of the manual (a test compares).  A name of our own wins over an alias in the
same place (environment or file).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from wellhead.config import values


class Where(StrEnum):
    """Where a source system read a name from."""

    ENVIRONMENT = "environment"
    FILE = "wellhead.yaml"


class Meaning(StrEnum):
    """What its value is."""

    VALUE = "the value"
    HOST = "the host part"
    PORT = "the port part"
    MILLISECONDS = "the value, in milliseconds"
    ALWAYS_ON = "always on here"
    NEVER = "not here"
    UNUSED = "nothing to say here"


@dataclass(frozen=True, slots=True)
class Alias:
    """One name of a source system."""

    name: str
    systems: str
    where: Where
    setting: str
    """The setting it is here; with `ALWAYS_ON`, `NEVER` and `UNUSED` what to tell who wants it otherwise."""
    meaning: Meaning = Meaning.VALUE


ENV, FILE = Where.ENVIRONMENT, Where.FILE
BOOKS = "Wellhead always keeps its books"
REQUIRE_KEY = "PROXY_REQUIRE_API_KEY"
NO_CACHE_FILE = "fetched price lists are kept in the database"
NO_CACHE_TTL = "pricing.refresh_interval_s says how often prices are fetched"
STDOUT = "Wellhead logs to stdout and stderr; redirect them to a file"

ALIASES = (
    Alias("METRICS_ENABLED", "A", ENV, BOOKS, Meaning.ALWAYS_ON),
    Alias("METRICS_STORAGE_PATH", "A", ENV, "database"),
    Alias("METRICS_BIND_ADDRESS", "A", ENV, "control.bind"),
    Alias("METRICS_BASIC_AUTH_USER", "A", ENV, "control.basic_user"),
    Alias("METRICS_BASIC_AUTH_PASS", "A", ENV, "control.basic_password"),
    Alias("host", "A", FILE, "gateway.bind", Meaning.HOST),
    Alias("port", "A", FILE, "gateway.bind", Meaning.PORT),
    Alias("metrics_enabled", "A", FILE, BOOKS, Meaning.ALWAYS_ON),
    Alias("metrics_storage_path", "A", FILE, "database"),
    Alias("metrics_bind_address", "A", FILE, "control.bind"),
    Alias("metrics_basic_auth_user", "A", FILE, "control.basic_user"),
    Alias("metrics_basic_auth_pass", "A", FILE, "control.basic_password"),
    Alias("usage_statistics_enabled", "A", FILE, BOOKS, Meaning.ALWAYS_ON),
    Alias("logging_to_file", "A", FILE, STDOUT, Meaning.NEVER),
    Alias("PROXY_HOST", "B", ENV, "gateway.bind", Meaning.HOST),
    Alias("PROXY_PORT", "B, C", ENV, "gateway.bind", Meaning.PORT),
    Alias(REQUIRE_KEY, "B", ENV, "gateway.require_key"),
    Alias("CLIENT_NAME_MAPPING", "B", ENV, "gateway.client_names"),
    Alias("TRUST_PROXY_HEADERS", "B", ENV, "gateway.trust_proxy_headers"),
    Alias("RATE_LIMIT_PER_CLIENT_PER_MIN", "B", ENV, "limits.calls_per_client_per_minute"),
    Alias("MAX_REQUEST_BODY_BYTES", "B", ENV, "gateway.max_request_body"),
    Alias("ADMIN_API_KEY", "B", ENV, "control.admin_token"),
    Alias("DASHBOARD_PASSWORD_HASH", "B", ENV, "control.admin_password_hash"),
    Alias("DASHBOARD_SESSION_SECRET", "B", ENV, "control.session_secret"),
    Alias("DASHBOARD_SESSION_TTL_MS", "B", ENV, "control.session_ttl_s", Meaning.MILLISECONDS),
    Alias("LOGIN_RATE_LIMIT_MAX_ATTEMPTS", "B", ENV, "control.login_max_attempts"),
    Alias("LOGIN_RATE_LIMIT_WINDOW_MS", "B", ENV, "control.login_window_s", Meaning.MILLISECONDS),
    Alias("CLI_PROXY_API_URL", "B", ENV, "upstream"),
    Alias("UPSTREAM_TIMEOUT_MS", "B", ENV, "timeouts.total_s", Meaning.MILLISECONDS),
    Alias(
        *("UPSTREAM_STREAM_FIRST_BYTE_TIMEOUT_MS", "B", ENV, "timeouts.first_chunk_s"), Meaning.MILLISECONDS
    ),
    # What B calls connecting ends with the response's head.
    Alias("UPSTREAM_CONNECT_TIMEOUT_MS", "B", ENV, "timeouts.headers_s", Meaning.MILLISECONDS),
    Alias("UPSTREAM_MAX_RETRIES", "B", ENV, "retries.max"),
    Alias("RATE_LIMIT_MAX_RETRIES", "B", ENV, "retries.rate_limited_max"),
    Alias("UPSTREAM_CIRCUIT_BREAKER_OPEN_AFTER_FAILURES", "B", ENV, "breaker.failures"),
    Alias(
        *("UPSTREAM_CIRCUIT_BREAKER_HALF_OPEN_AFTER_MS", "B", ENV, "breaker.half_open_after_s"),
        Meaning.MILLISECONDS,
    ),
    Alias(
        *("UPSTREAM_CIRCUIT_BREAKER_EVICT_AFTER_MS", "B", ENV, "breaker.evict_after_s"),
        Meaning.MILLISECONDS,
    ),
    Alias("DB_PATH", "B, C", ENV, "database"),
    Alias("PRICING_OVERRIDES_JSON", "B", ENV, "pricing.overrides"),
    Alias("PRICING_ALIASES_JSON", "B", ENV, "pricing.aliases"),
    Alias("PRICING_REFRESH_INTERVAL_MS", "B", ENV, "pricing.refresh_interval_s", Meaning.MILLISECONDS),
    Alias("READY_PRICING_MAX_AGE_MS", "B", ENV, "pricing.ready_max_age_s", Meaning.MILLISECONDS),
    Alias("COST_BACKFILL_INTERVAL_MS", "B", ENV, "pricing.backfill_interval_s", Meaning.MILLISECONDS),
    Alias("COST_BACKFILL_LOOKBACK_MS", "B", ENV, "pricing.backfill_lookback_s", Meaning.MILLISECONDS),
    Alias("COST_BACKFILL_CHUNK_SIZE", "B", ENV, "pricing.backfill_chunk"),
    Alias("PRICING_CACHE_PATH", "B", ENV, NO_CACHE_FILE, Meaning.UNUSED),
    Alias("PRICING_CACHE_TTL_MS", "B", ENV, NO_CACHE_TTL, Meaning.UNUSED),
    Alias("LOG_LEVEL", "B", ENV, "log.level"),
    Alias("LOG_FORMAT", "B", ENV, "log.format"),
    Alias("PROVIDERS_JSON", "B", ENV, "providers"),
    Alias("PROVIDERS_CONFIG_PATH", "B", ENV, "providers"),
    Alias("BACKEND_HOST", "C", ENV, "upstream", Meaning.HOST),
    Alias("BACKEND_PORT", "C", ENV, "upstream", Meaning.PORT),
    Alias("MANAGEMENT_TOKEN", "D", ENV, "control.management_token"),
    Alias("ADMIN_USER", "D", ENV, "control.admin_user"),
    Alias("ADMIN_PASSWORD", "D", ENV, "control.admin_password"),
)

# What the parts add up to when only one of them is given: C's own default, and ours.
PART_DEFAULTS = {
    "gateway.bind": ("127.0.0.1", "8080", "{}:{}"),
    "upstream": ("ollama", "11434", "http://{}:{}"),
}


@dataclass(frozen=True, slots=True)
class Given:
    """A raw value and where it came from."""

    raw: object
    origin: str


def translate(names: Mapping[str, object], where: Where) -> tuple[dict[str, Given], list[str]]:
    """Settings (but `providers`) from a source system's names, and warnings for what has no effect."""
    given: dict[str, Given] = {}
    parts: dict[str, dict[Meaning, Given]] = {}
    warnings = []
    for alias in ALIASES:
        raw = names.get(alias.name)
        if alias.where is not where or raw is None or raw == "" or alias.setting == "providers":
            continue
        match alias.meaning:
            case Meaning.VALUE:
                given[alias.setting] = Given(raw, alias.name)
            case Meaning.MILLISECONDS:
                given[alias.setting] = Given(f"{raw}ms", alias.name)
            case Meaning.HOST | Meaning.PORT:
                parts.setdefault(alias.setting, {})[alias.meaning] = Given(raw, alias.name)
            case Meaning.ALWAYS_ON | Meaning.NEVER:
                if _is_on(raw) is (alias.meaning is Meaning.NEVER):
                    warnings.append(f"{alias.name} has no effect: {alias.setting}")
            case Meaning.UNUSED:
                warnings.append(f"{alias.name} has no effect: {alias.setting}")
    for setting, found in parts.items():
        given.setdefault(setting, _joined(setting, found))
    return given, warnings


def _joined(setting: str, found: Mapping[Meaning, Given]) -> Given:
    host, port, form = PART_DEFAULTS[setting]
    if Meaning.HOST in found:
        host = str(found[Meaning.HOST].raw)
        host = f"[{host}]" if ":" in host else host
    if Meaning.PORT in found:
        port = str(found[Meaning.PORT].raw)
    return Given(form.format(host, port), ", ".join(g.origin for g in found.values()))


def _is_on(raw: object) -> bool | None:
    try:
        return values.flag(raw)
    except ValueError:
        return None
