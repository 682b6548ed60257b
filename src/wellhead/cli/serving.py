"""`wellhead serve | gateway | control | demo`: the long-running commands."""

import sys
from collections.abc import Callable
from functools import partial

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
from wellhead.config.settings import Settings


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
    read = partial(
        configured,
        config,
        upstream=upstream,
        gateway_bind=gateway_bind,
        control_bind=control_bind,
        workers=workers,
        database=database,
        log_level=log_level,
        log_format=log_format,
    )
    raise typer.Exit(_supervise(read, ("gateway", "control")))


def gateway(
    config: Config = None,
    upstream: Upstream = None,
    gateway_bind: GatewayBind = None,
    workers: Workers = None,
    database: Database = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Run the gateway alone, without the control plane beside it.

    Example: wellhead gateway --workers 2 --log-format json
    """
    read = partial(
        configured,
        config,
        upstream=upstream,
        gateway_bind=gateway_bind,
        workers=workers,
        database=database,
        log_level=log_level,
        log_format=log_format,
    )
    raise typer.Exit(_supervise(read, ("gateway",)))


def control(
    config: Config = None,
    control_bind: ControlBind = None,
    database: Database = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Run the control plane alone: dashboard, admin API, metrics.

    Example: wellhead control --control-bind 127.0.0.1:9081
    """
    read = partial(
        configured,
        config,
        control_bind=control_bind,
        database=database,
        log_level=log_level,
        log_format=log_format,
    )
    raise typer.Exit(_supervise(read, ("control",)))


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
    from wellhead.demo import run

    loaded = configured(
        config,
        gateway_bind=gateway_bind,
        control_bind=control_bind,
        log_level=log_level,
        log_format=log_format,
    )
    raise typer.Exit(run.main(loaded.settings))


def welcome(settings: Settings, urls: dict[str, str]) -> str:
    """What a person at a terminal needs to know first."""
    lines = ["", "Wellhead is running."]
    if gateway_url := urls.get("gateway"):
        lines.append(f"  LLM API    {gateway_url}  (OpenAI clients: {gateway_url}/v1)")
    if control_url := urls.get("control"):
        lines.append(f"  dashboard  {control_url}")
        lines.append(f"  metrics    {control_url}/_qs/metrics")
    lines += [f"  books      {settings.database.removeprefix('sqlite:///')}", "  Ctrl-C ends it.", ""]
    return "\n".join(lines) + "\n"


def _supervise(read: Callable[[], Loaded], roles: tuple[str, ...]) -> int:
    """Run until a signal; `read` reads the configuration, now and for every rolling restart."""
    from wellhead import logs
    from wellhead.serve.supervisor import Supervisor

    loaded = read()
    settings = loaded.settings
    log = logs.configure(settings.log.level, settings.log.format, component="supervisor")
    for notice in loaded.notices:
        log.warning(notice.event, **notice.fields)

    def greet(urls: dict[str, str]) -> None:
        if sys.stdout.isatty() and settings.log.format != "json":
            sys.stdout.write(welcome(settings, urls))
            sys.stdout.flush()

    return Supervisor(settings, roles, log, greet=greet, reread=lambda: read().settings).run()
