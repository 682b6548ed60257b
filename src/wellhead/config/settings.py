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

from wellhead.config import values
from wellhead.config.values import Address, Leaving
from wellhead.directory import Provider

T = TypeVar("T")

REQUEST_BODY_MAX = 10**9
WORKERS_MAX = 64
GRACE_MAX_S = 3600.0


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
        "Where the LLM API is served. Only loopback until keys exist.",
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
    shutdown_grace_s: float = setting(
        30.0, values.seconds(0, GRACE_MAX_S), "How long running calls may go on after SIGTERM."
    )


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """The listener for metrics, health and, later, administration."""

    bind: Address = setting(
        Address("127.0.0.1", 8081), values.address, "Where metrics and health are served. Only loopback."
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
class Settings:
    """All of them.  Only the command line, `compose` and the supervisor see this value."""

    gateway: GatewaySettings = GatewaySettings()
    control: ControlSettings = ControlSettings()
    log: LogSettings = LogSettings()
    database: str = setting("", values.database, "Where the books are kept.", secret=True)
    database_synchronous: str = setting(
        "normal",
        values.choice("normal", "full"),
        "normal: no call is lost when the program dies; full: nor when the machine loses power, but slower.",
    )
    upstream: str | None = setting(
        None,
        values.url,
        "One upstream for every path that no provider of your own takes, instead of the built-in ones.",
        secret=True,
    )
    providers: tuple[Provider, ...] = ()
    """In order of precedence, the built-in ones included; empty if there is one upstream for all."""


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


def default_database(environ: Mapping[str, str]) -> str:
    """The embedded database, in the user's data directory."""
    data = environ.get("XDG_DATA_HOME") or os.path.join(environ.get("HOME") or Path.home(), ".local", "share")
    return f"sqlite:///{Path(data) / 'wellhead' / 'wellhead.db'}"
