"""Every setting: its default, how its value is read, and what it means.

Plain frozen values.  A gateway process gets them ready-made from the supervisor,
so nothing here imports a validation library.  `docs/configuration.md` lists the
same settings; a test compares the two.
"""

# ruff: noqa: RUF009 - `setting` makes a field of each class once; its defaults are immutable

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from wellhead.config import attribution as attribution_rules
from wellhead.config import prices as price_lists
from wellhead.config import values
from wellhead.config.providers import OUTPUT_TOKENS_MAX, TIMEOUT_MAX_S
from wellhead.config.values import Address, Leaving
from wellhead.directory import Provider, Timeouts
from wellhead.policy.attribution import Rule

T = TypeVar("T")

SPOOL_MAX = 10**12
REQUEST_BODY_MAX = 10**9
WORKERS_MAX = 64
GRACE_MAX_S = 3600.0
CALLS_MAX = 1_000_000
CLIENT_TIMEOUT_MAX_S = 3600.0
RATE_MAX = 10**6
SESSION_MAX_S = 400 * 86_400.0
"""No browser keeps a cookie for longer."""
BREAKER_FAILURES_MAX = 1000
BREAKER_OPEN_MAX_S = 3600.0
BREAKER_EVICT_MAX_S = 86_400.0
LOGIN_ATTEMPTS_MAX = 1000
LOGIN_WINDOW_MAX_S = 86_400.0
REFRESH_MAX_S = 30 * 86_400.0
LOOKBACK_MAX_S = 3660 * 86_400.0
BACKFILL_CHUNK_MAX = 100_000
RETRIES_MAX = 100
RATE_LIMITED_MAX = 20
FILE_SUFFIX = "_file"
"""Of a setting that names a file in whose first line the value of another one stands."""


def setting(default: T, read: Callable[[object], T], meaning: str, *, secret: bool = False) -> T:
    """Declare one setting.  The value of a secret one, or of a URL that may hold one, is never repeated."""
    declared: T = field(
        default=default,
        repr=not secret,
        metadata={"read": read, "meaning": meaning, "secret": secret},
    )
    return declared


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """The listener that serves the LLM API."""

    bind: Address = setting(
        Address("127.0.0.1", 8080),
        values.address,
        "Where the LLM API is served. Off loopback every call needs a key.",
    )
    workers: int = setting(1, values.whole(1, WORKERS_MAX), "How many gateway processes share the listener.")
    max_request_body: int = setting(
        25_000_000, values.size(1, REQUEST_BODY_MAX), "Larger request bodies are answered with 413."
    )
    on_disconnect: Leaving = setting(
        Leaving(),
        values.leaving,
        "What happens to the upstream call when the client has left: cancel it, or drain it (to the end, "
        "or so long at most) so that its usage is known.",
    )
    max_concurrent_calls: int = setting(
        2000,
        values.whole(0, CALLS_MAX),
        "How many calls may be under way in each worker; one more is answered with 503. 0: any number.",
    )
    header_timeout_s: float = setting(
        10.0,
        values.seconds(0.1, CLIENT_TIMEOUT_MAX_S),
        "How long the head of a request may take from its first byte; then it is answered with 408.",
    )
    body_timeout_s: float = setting(
        30.0,
        values.seconds(0.1, CLIENT_TIMEOUT_MAX_S),
        "How long each further kilobyte of a request's body may take; then it is answered with 408.",
    )
    shutdown_grace_s: float = setting(
        30.0, values.seconds(0, GRACE_MAX_S), "How long running calls may go on after SIGTERM."
    )
    shutdown_delay_s: float = setting(
        0.0,
        values.seconds(0, GRACE_MAX_S),
        "How long calls are still taken after SIGTERM, while /ready already says no.",
    )
    ready_upstream: str | None = setting(
        None, values.text, "Id of the provider that has to answer for the gateway to be ready."
    )
    require_key: bool | None = setting(
        None,
        values.flag,
        "Whether every call needs a key of ours. Absent: on loopback none, elsewhere every one; "
        "elsewhere it cannot be false.",
    )
    client_names: tuple[tuple[str, str], ...] = setting(
        (),
        values.client_names,
        "Names for clients by the key that they present; only the keys' SHA-256 is kept.",
        secret=True,
    )
    allowed_origins: tuple[str, ...] = setting(
        (),
        values.listed(values.ORIGIN, "web origins such as https://app.example.com"),
        "Web origins whose pages may call a gateway that adds a credential of its own and needs no key.",
    )
    trust_proxy_headers: bool = setting(
        False,
        values.flag,
        "Whether a client's address is what the proxy before the gateway says (X-Forwarded-For, else "
        "CF-Connecting-IP); only where every request comes through one.",
    )

    @property
    def requires_key(self) -> bool:
        """Whether every call needs a key of ours, as it is in force."""
        return not self.bind.is_loopback if self.require_key is None else self.require_key


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """The listener for metrics, health and administration, and who may use it."""

    bind: Address = setting(
        Address("127.0.0.1", 8081),
        values.address,
        "Where metrics, health and administration are served. Off loopback only with `allow_remote`.",
    )
    allow_remote: bool = setting(
        False,
        values.flag,
        "Whether others than this machine may come; needs a credential for administrators.",
    )
    hosts: tuple[str, ...] = setting(
        (),
        values.listed(values.HOST_NAME, "host names such as wellhead.example.com"),
        "Further names that the `Host` header may carry.",
    )
    basic_user: str | None = setting(
        None, values.text, "User of HTTP Basic authentication; needs a password, too."
    )
    basic_password: str | None = setting(
        None, values.text, "Password of HTTP Basic authentication.", secret=True
    )
    basic_password_file: str | None = setting(
        None, values.text, "File whose first line is that password, instead of `basic_password`."
    )
    admin_user: str | None = setting(
        None, values.text, "User of HTTP Basic authentication for administration; needs a password, too."
    )
    admin_password: str | None = setting(None, values.text, "That user's password.", secret=True)
    admin_password_file: str | None = setting(
        None, values.text, "File whose first line is that password, instead of `admin_password`."
    )
    admin_password_hash: str | None = setting(
        None,
        values.password_hash,
        "Hash (argon2id or bcrypt) of the password with which an administrator logs in.",
        secret=True,
    )
    viewer_password_hash: str | None = setting(
        None,
        values.password_hash,
        "Hash of the password with which somebody logs in who may only look.",
        secret=True,
    )
    admin_token: str | None = setting(
        None, values.text, "Token of an administrator, sent as `x-admin-token` or as a Bearer.", secret=True
    )
    admin_token_file: str | None = setting(
        None, values.text, "File whose first line is that token, instead of `admin_token`."
    )
    management_token: str | None = setting(
        None, values.text, "Token for `/manage`, sent as a Bearer.", secret=True
    )
    management_token_file: str | None = setting(
        None, values.text, "File whose first line is that token, instead of `management_token`."
    )
    session_secret: str | None = setting(
        None,
        values.text,
        "What cookies of sessions are signed with. Absent: made once and kept beside the database.",
        secret=True,
    )
    session_secret_file: str | None = setting(
        None, values.text, "File whose first line is that secret, instead of `session_secret`."
    )
    session_ttl_s: float = setting(604_800.0, values.seconds(60, SESSION_MAX_S), "How long a login lasts.")
    login_max_attempts: int = setting(
        5, values.whole(1, LOGIN_ATTEMPTS_MAX), "How many attempts to log in an address has in a window."
    )
    login_window_s: float = setting(60.0, values.seconds(1, LOGIN_WINDOW_MAX_S), "How long that window is.")


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Limits that come with the configuration, and how calls are reckoned; operators make all others."""

    calls_per_client_per_minute: int = setting(
        0, values.whole(0, RATE_MAX), "How many calls each client of each tool has per minute; 0: any number."
    )
    calls_per_managed_token_per_hour: int = setting(
        1000,
        values.whole(0, RATE_MAX),
        "How many calls per hour a token has that `/manage/tokens` made without a limit; 0: any number.",
    )
    output_tokens_ceiling: int = setting(
        4096,
        values.whole(1, OUTPUT_TOKENS_MAX),
        "How many output tokens are reserved for a call that does not say how many it wants at most.",
    )
    vocabulary: str | None = setting(
        None,
        values.text,
        "A .tiktoken file by which input tokens are counted before a call, instead of reckoned by its size.",
    )
    charge_interrupted: bool = setting(
        False,
        values.flag,
        "Whether what a call reserved stays a charge when its worker died; otherwise it is released.",
    )


@dataclass(frozen=True, slots=True)
class PricingSettings:
    """What calls cost, beside the prices that come with the program."""

    overrides: str | None = setting(
        None,
        price_lists.overrides,
        "Prices by model as JSON, in US dollars per million tokens; they win over all others but `prices`.",
    )
    aliases: str | None = setting(
        None,
        price_lists.aliases,
        "Names that models are priced by, as JSON: the beginning of a model's name to another's.",
    )
    cost_max_usd: float = setting(
        1000.0,
        values.dollars(0.01, 1_000_000),
        "What costs more is not believed, and has no price.",
    )
    source_url: str = setting(
        "https://models.dev/api.json",
        values.url,
        "Where the price list of models.dev is fetched, or a copy of it in the same form.",
    )
    refresh_interval_s: float = setting(
        21_600.0,
        values.seconds_or_off(60, REFRESH_MAX_S),
        "How often that list is fetched; 0: never, and nothing is asked of the network.",
    )
    ready_max_age_s: float = setting(
        86_400.0,
        values.seconds_or_off(60, REFRESH_MAX_S),
        "How old a fetched list may be before `/ready` fails; 0: any age.",
    )
    backfill_interval_s: float = setting(
        1800.0,
        values.seconds_or_off(1, REFRESH_MAX_S),
        "How often calls that had no price are looked at again; 0: never.",
    )
    backfill_lookback_s: float = setting(
        604_800.0, values.seconds(60, LOOKBACK_MAX_S), "How long ago those may have ended."
    )
    backfill_chunk: int = setting(
        500,
        values.whole(1, BACKFILL_CHUNK_MAX),
        "How many of them are booked in one transaction; never more than 500.",
    )


@dataclass(frozen=True, slots=True)
class TimeoutSettings:
    """How long an upstream may take; the fields are those of `wellhead.directory.Timeouts`."""

    connect_s: float = setting(
        10.0,
        values.seconds(0, TIMEOUT_MAX_S),
        "How long connecting to an upstream may take; 0: as long as it does.",
    )
    headers_s: float = setting(
        0.0,
        values.seconds(0, TIMEOUT_MAX_S),
        "How long its response's head may be in coming; 0: as long as it is.",
    )
    first_chunk_s: float = setting(
        0.0,
        values.seconds(0, TIMEOUT_MAX_S),
        "How long the first of a stream may be in coming after the head; 0: as long as it is.",
    )
    idle_s: float = setting(
        0.0,
        values.seconds(0, TIMEOUT_MAX_S),
        "How long an upstream may send nothing in the middle of a response; 0: as long as it does.",
    )
    total_s: float = setting(
        0.0,
        values.seconds(0, TIMEOUT_MAX_S),
        "How long a call may take altogether, with all its attempts; 0: as long as it does.",
    )

    @property
    def all(self) -> Timeouts:
        """As providers have them."""
        return Timeouts(self.connect_s, self.headers_s, self.first_chunk_s, self.idle_s, self.total_s)


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """How often a request is sent once more, where that is safe."""

    max: int = setting(
        2, values.whole(0, RETRIES_MAX), "How often a request is sent once more when that cannot do harm."
    )
    rate_limited_max: int = setting(
        0,
        values.whole(0, RATE_LIMITED_MAX),
        "How often it is sent once more after a 429 that says when, if it asks for no stream.",
    )


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When calls to a provider, or with one of its credentials, are held back."""

    failures: int = setting(
        5,
        values.whole(0, BREAKER_FAILURES_MAX),
        "How many failures in a row open the circuit breaker of a provider; 0: it has none.",
    )
    half_open_after_s: float = setting(
        30.0,
        values.seconds(0, BREAKER_OPEN_MAX_S),
        "How long a breaker stays open before one call may try whether the provider answers again.",
    )
    evict_after_s: float = setting(
        300.0,
        values.seconds(0, BREAKER_EVICT_MAX_S),
        "How long a breaker that is closed and without failures is listed after its last call.",
    )


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged and how."""

    level: str = setting(
        "info",
        values.choice("debug", "info", "warn", "error", synonyms={"warning": "warn"}),
        "The least important level that is written.",
    )
    format: str = setting(
        "auto",
        values.choice("auto", "json", "pretty"),
        "One JSON object per line, or lines for people; auto is pretty on a terminal.",
    )


@dataclass(frozen=True, slots=True)
class ProvidersSource:
    """Where the provider entries came from."""

    name: str
    """`built-in`, `upstream`, `configuration` or the environment variable that had them."""
    path: str | None
    """The file that they were in."""
    loaded_us: int = field(compare=False)
    """The same settings are the same whenever they were read."""
    problems: tuple[str, ...]
    """What was wrong with entries that were left out for that."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All of them.  Only the command line, `compose` and the supervisor see this value."""

    gateway: GatewaySettings = GatewaySettings()
    control: ControlSettings = ControlSettings()
    limits: LimitSettings = LimitSettings()
    pricing: PricingSettings = PricingSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    retries: RetrySettings = RetrySettings()
    breaker: BreakerSettings = BreakerSettings()
    log: LogSettings = LogSettings()
    database: str = setting("", values.database, "Where the books are kept.", secret=True)
    database_synchronous: str = setting(
        "normal",
        values.choice("normal", "full"),
        "normal: no call is lost when the program dies; full: nor when the machine loses power, but slower.",
    )
    database_outage: str = setting(
        "closed",
        values.choice("closed", "open"),
        "What becomes of new calls while the database is not there. closed: they are refused; open: they go "
        "out, are booked afterwards, and no limit counts them.",
    )
    database_spool: int = setting(
        256_000_000,
        values.size(0, SPOOL_MAX),
        "How large the file of each gateway process may grow that keeps, beside the database, what it "
        "cannot take just now.",
    )
    database_retention_days: int = setting(
        0,
        values.whole(0, 3650),
        "How many days single calls are kept after they ended; rollups stay. 0: for good.",
    )
    database_backups: int = setting(
        5,
        values.whole(0, 100),
        "How many copies are kept that are made of the database before an upgrade; 0: none is made.",
    )
    master_key: str | None = setting(
        None,
        values.master_key,
        "What credentials are sealed with: 32 bytes as base64 or hexadecimal digits. "
        "Absent: made once and kept beside the database.",
        secret=True,
    )
    master_key_file: str | None = setting(
        None, values.text, "File whose first line is that key, instead of `master_key`."
    )
    upstream: str | None = setting(
        None,
        values.url,
        "One upstream for every path that no provider of your own takes, instead of the built-in ones.",
        secret=True,
    )
    prices: str | None = setting(
        None,
        price_lists.entries,
        "Prices of your own, in US dollars per million tokens; they win over all others.",
    )
    attribution: tuple[Rule, ...] = setting(
        (),
        attribution_rules.rules,
        "Rules of your own by which the tool of a call is known; they come before the built-in ones.",
    )
    providers: tuple[Provider, ...] = ()
    """In order of precedence, the built-in ones included; empty if there is one upstream for all."""
    providers_source: ProvidersSource | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """A setting as it was declared."""

    path: str
    default: Any
    read: Callable[[object], Any]
    meaning: str
    secret: bool

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "WELLHEAD_" + self.path.upper().replace(".", "__")


def declared(part: Any = Settings, prefix: str = "") -> Iterator[Declared]:
    """Every setting but `providers`, whose entries have a shape of their own."""
    for item in fields(part):
        if "read" in item.metadata:
            yield Declared(prefix + item.name, item.default, **item.metadata)
        elif is_dataclass(item.default):
            yield from declared(item.default, f"{item.name}.")


def spool_directory(database: str) -> Path:
    """Where gateway processes keep what the database cannot take just now."""
    path = Path(database.removeprefix("sqlite:///")).expanduser()
    return path.with_name(f"{path.name}.spool")


def default_database(environ: Mapping[str, str]) -> str:
    """The embedded database, in the user's data directory."""
    data = environ.get("XDG_DATA_HOME") or os.path.join(environ.get("HOME") or Path.home(), ".local", "share")
    return f"sqlite:///{Path(data) / 'wellhead' / 'wellhead.db'}"
