"""`wellhead serve | gateway | control | demo`: the long-running commands."""

import typer

from wellhead.cli.options import (
    Config,
    ControlBind,
    Database,
    GatewayBind,
    LogFormat,
    LogLevel,
    Upstream,
    Workers,
    configured,
)
from wellhead.config.load import Loaded


def serve(
    config: Config = None,
    upstream: Upstream = None,
    gateway_bind: GatewayBind = None,
    control_bind: ControlBind = None,
    workers: Workers = None,
    database: Database = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Run the gateway and the control plane together.

    Example: wellhead serve --upstream http://127.0.0.1:11434
    """
    loaded = configured(
        config,
        upstream=upstream,
        gateway_bind=gateway_bind,
        control_bind=control_bind,
        workers=workers,
        database=database,
        log_level=log_level,
        log_format=log_format,
    )
    raise typer.Exit(_supervise(loaded, ("gateway", "control")))


def gateway(
    config: Config = None,
    upstream: Upstream = None,
    gateway_bind: GatewayBind = None,
    workers: Workers = None,
    database: Database = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Run the gateway alone, for a container or a host of its own.

    Example: wellhead gateway --workers 2 --log-format json
    """
    loaded = configured(
        config,
        upstream=upstream,
        gateway_bind=gateway_bind,
        workers=workers,
        database=database,
        log_level=log_level,
        log_format=log_format,
    )
    raise typer.Exit(_supervise(loaded, ("gateway",)))


def control(
    config: Config = None,
    control_bind: ControlBind = None,
    database: Database = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Run the control plane alone: metrics and health.

    Example: wellhead control --control-bind 127.0.0.1:9081
    """
    loaded = configured(
        config, control_bind=control_bind, database=database, log_level=log_level, log_format=log_format
    )
    raise typer.Exit(_supervise(loaded, ("control",)))


def demo(
    config: Config = None,
    gateway_bind: GatewayBind = None,
    control_bind: ControlBind = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Run everything with a simulated upstream, traffic and 30 days of history; needs no API key.

    Example: wellhead demo
    """
    raise NotImplementedError


def _supervise(loaded: Loaded, roles: tuple[str, ...]) -> int:
    from wellhead import logs
    from wellhead.serve.supervisor import Supervisor

    settings = loaded.settings
    log = logs.configure(settings.log.level, settings.log.format, component="supervisor")
    for notice in loaded.notices:
        log.warning(notice.event, **notice.fields)
    return Supervisor(settings, roles, log).run()
