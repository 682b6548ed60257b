"""Composition: what the processes of Wellhead are put together of, and the database brought up to date.

::

    compose_gateway    compose_control ─► compose_loops     one module a process
           └──────► compose ◄──────┘         │              what both need
                compose_pricing ◄────────────┘              what calls cost

These are the only modules that see both ends of a port.  Their imports are inside
the functions, so a gateway process loads nothing of the control plane, and what a
role needs can be loaded (`prepare_...`) before its settings are known.
"""

import time
from typing import TYPE_CHECKING, Literal

from wellhead.clock import Clock
from wellhead.config.providers import sole
from wellhead.config.settings import Settings
from wellhead.directory import Directory
from wellhead.limit import Measure, Scope, ScopeKind, Window
from wellhead.logs import Log
from wellhead.registry import NewLimit

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from wellhead.vault import Vault


def prepare_upgrade() -> None:
    """Load what an upgrade of the database needs."""
    import wellhead.database.upgrade  # noqa: F401


def run_upgrade(settings: Settings, log: Log) -> None:
    """Bring the database up to date."""
    from wellhead.database.upgrade import upgrade

    started = time.monotonic()
    upgrade(settings.database, settings.database_backups)
    log.debug("database.ready", elapsed_ms=round((time.monotonic() - started) * 1000))


def run_declare(settings: Settings, log: Log) -> None:
    """Bring the database up to date, and the limits of the configuration into it.

    Only where there is a gateway: a control plane that runs alone may have been told less, and is not to
    take limits away.
    """
    from wellhead.database.registry import DatabaseRegistry

    run_upgrade(settings, log)
    engine = engine_of(settings)
    try:
        registry = DatabaseRegistry(engine, _must_not_seal, Clock().now_us)
        registry.declare_limits(declared_limits(settings))
    finally:
        engine.dispose()


def declared_limits(settings: Settings) -> list[NewLimit]:
    """The limits that come with the configuration."""
    per_client = settings.limits.calls_per_client_per_minute
    if not per_client:
        return []
    name, each_client = "limits.calls_per_client_per_minute", Scope(ScopeKind.CLIENT)
    return [NewLimit(Measure.CALLS, Window.MINUTE, per_client, each_client, sliding=True, name=name)]


def directory(settings: Settings) -> Directory:
    """What a gateway needs to know of providers."""
    if settings.upstream is not None and not settings.providers:
        return Directory(sole=sole(settings.upstream, settings.gateway.on_disconnect, settings.timeouts.all))
    return Directory(providers=settings.providers)


def upstreams_to_answer(settings: Settings, providers: Directory) -> list[str]:
    """Base URLs of what has to answer for a gateway to be ready."""
    wanted = settings.gateway.ready_upstream
    known = [providers.sole] if providers.sole is not None else list(providers.providers)
    return [provider.base_url for provider in known if provider.id == wanted]


def vaults(settings: Settings) -> "list[Vault]":
    """What opens the credentials: with the key in use, and with the one that is taking its place."""
    from wellhead.master_key import keys_in_files
    from wellhead.vault import Vault, parse_master_key

    keys = keys_in_files(settings.master_key_file, settings.database)
    if settings.master_key is not None:  # The supervisor sees to it that there is one.
        keys.append(parse_master_key(settings.master_key))
    return [Vault(key) for key in dict.fromkeys(keys)]


def sealing_vault(settings: Settings) -> "Vault":
    """What seals new credentials: a key in a file is read anew, as another may have taken its place."""
    from wellhead.master_key import key_in_file
    from wellhead.vault import Vault, parse_master_key

    key = key_in_file(settings.master_key_file)
    if key is None:
        assert settings.master_key is not None, "the supervisor sees to it"
        key = parse_master_key(settings.master_key)
    return Vault(key)


def _must_not_seal() -> "Vault":
    raise AssertionError("nothing is sealed here")


def engine_of(settings: Settings) -> "Engine":
    """What connects to the books."""
    from wellhead.database.engine import make_engine

    synchronous: Literal["FULL", "NORMAL"] = "FULL" if settings.database_synchronous == "full" else "NORMAL"
    return make_engine(settings.database, synchronous=synchronous, must_exist=True)
