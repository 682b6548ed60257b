"""Every setting: its default, how its value is read, and what it means.

The sections of the listeners and of upstreams have files of their own.  Plain frozen
values.  A gateway process gets them ready-made from the supervisor, so nothing here
imports a validation library.  `docs/configuration.md` lists the same settings; a test
compares the two.
"""

# ruff: noqa: RUF009 - `setting` makes a field of each class once; its defaults are immutable

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from wellhead.config import attribution as attribution_rules
from wellhead.config import prices as price_lists
from wellhead.config import values
from wellhead.config.control_settings import ControlSettings
from wellhead.config.gateway_settings import GatewaySettings
from wellhead.config.providers import OUTPUT_TOKENS_MAX
from wellhead.config.setting import setting
from wellhead.config.upstream_settings import BreakerSettings, RetrySettings, TimeoutSettings
from wellhead.directory import Provider
from wellhead.policy.attribution import Rule

SPOOL_MAX = 10**12
RATE_MAX = 10**6
REFRESH_MAX_S = 30 * 86_400.0
LOOKBACK_MAX_S = 3660 * 86_400.0
BACKFILL_CHUNK_MAX = 100_000
FILE_SUFFIX = "_file"
"""Of a setting that names a file in whose first line the value of another one stands."""


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
