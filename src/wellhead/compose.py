"""Composition: settings to a running gateway or control process.

The only module that sees both ends of a port.  Its imports are inside the
functions, so a gateway process loads nothing of the control plane, and what a
role needs can be loaded (`prepare_...`) before its settings are known."""

import asyncio
import contextlib
import math
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast

from wellhead import secret_files
from wellhead.clock import Clock
from wellhead.compose_pricing import ControlsWork, fetched_prices
from wellhead.compose_pricing import price_book as price_book
from wellhead.config.providers import sole
from wellhead.config.settings import Settings, spool_directory
from wellhead.directory import Directory
from wellhead.hosting import KEEPALIVE_S, Life, run, serve, server
from wellhead.limit import Measure, Scope, ScopeKind, Window
from wellhead.logs import Log
from wellhead.moments import SECOND_US
from wellhead.ports import NO_BREAKERS, Breakers
from wellhead.registry import NewLimit
from wellhead.version import version

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from wellhead.control.options import ControlOptions
    from wellhead.gateway.server import GatewayProtocol
    from wellhead.ledger.writer import Outage
    from wellhead.vault import Vault

SESSIONS_FILE = ".wellhead-session-secret"
"""Beside the database, where no setting has it."""
BOOKS_LOOK_S = 0.5
"""How often a gateway looks whether its books' thread lives."""


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
    engine = _engine(settings)
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


def prepare_gateway() -> None:
    """Load what a gateway needs."""
    import uvicorn  # noqa: F401
    import uvloop  # noqa: F401

    import wellhead.database.breakers
    import wellhead.gateway.app
    import wellhead.gateway.breakers
    import wellhead.gateway.front
    import wellhead.gateway.server
    import wellhead.gateway.upstream
    import wellhead.ledger.fetched_prices
    import wellhead.ledger.writer  # noqa: F401


def run_gateway(settings: Settings, listener: socket.socket, life: Life, log: Log) -> None:
    """Serve the LLM API until asked to end."""
    run(_gateway(settings, listener, life, log))


async def _gateway(settings: Settings, listener: socket.socket, life: Life, log: Log) -> None:
    from wellhead.gateway.app import Gateway, GatewayOptions
    from wellhead.gateway.front import Front
    from wellhead.gateway.readiness import Readiness, books_check, upstream_check
    from wellhead.gateway.server import held_to, quiet
    from wellhead.gateway.terms import Terms, keep_pace, watch
    from wellhead.gateway.upstream import AiohttpUpstream
    from wellhead.gateway.vocabulary import counting
    from wellhead.ledger.clerk import Rules
    from wellhead.ledger.writer import Writer
    from wellhead.policy.retry import Retries

    quiet()
    clock = Clock()
    engine = _engine(settings)
    providers = directory(settings)
    prices = price_book(settings, providers)
    fetched = fetched_prices(engine, prices, log)
    await fetched.catch_up()
    rules = Rules(
        directory=providers,
        vaults=lambda: vaults(settings),
        prices=prices,
        charge_interrupted=settings.limits.charge_interrupted,
    )
    books = Writer(engine, now_us=clock.now_us, rules=rules, say=_say(log), outage=outage(settings))
    books.start()
    upstream = AiohttpUpstream()
    parts = contextlib.AsyncExitStack()
    gateway = Gateway(
        directory=providers,
        books=books,
        upstream=upstream,
        breakers=await parts.enter_async_context(circuit_breakers(settings, clock, log)),
        options=GatewayOptions(
            max_request_body=settings.gateway.max_request_body,
            require_key=settings.gateway.requires_key,
            client_names={bytes.fromhex(hash_): name for hash_, name in settings.gateway.client_names},
            allowed_origins=settings.gateway.allowed_origins,
            rules=settings.attribution,
            trust_proxy_headers=settings.gateway.trust_proxy_headers,
            count_tokens=None if settings.limits.vocabulary is None else counting(settings.limits.vocabulary),
            output_tokens_ceiling=settings.limits.output_tokens_ceiling,
            retries=Retries(settings.retries.max, settings.retries.rate_limited_max),
        ),
        now_us=clock.now_us,
        log=log,
    )

    terms = Terms(
        header_timeout_s=settings.gateway.header_timeout_s,
        body_timeout_s=settings.gateway.body_timeout_s,
        idle_timeout_s=KEEPALIVE_S,
        calls_max=settings.gateway.max_concurrent_calls,
        open_calls=lambda: gateway.open_calls,
        is_leaving=lambda: life.is_replaced,
    )
    checks = [books_check(books, lambda: books.fault)]
    checks += [upstream_check(upstream, url) for url in upstreams_to_answer(settings, providers)]
    front = Front(gateway, terms, Readiness(checks, life.hurried.is_set), log)

    async def drain() -> None:
        started = time.monotonic()
        log.info("shutdown.drain", pending_requests=gateway.open_calls)
        patient = asyncio.ensure_future(gateway.drain(settings.gateway.shutdown_grace_s))
        impatient = asyncio.ensure_future(life.at_once.wait())
        await asyncio.wait((patient, impatient), return_when=asyncio.FIRST_COMPLETED)
        impatient.cancel()
        cut = patient.result() if patient.done() else 0
        patient.cancel()
        # Also what came in at the last moment, or is left when patience has ended early.
        cut += await gateway.drain(0)
        log.info("shutdown.drained", cut=cut, elapsed_ms=round((time.monotonic() - started) * 1000))

    served = server(front, held_to(terms), life, settings.gateway.shutdown_delay_s)
    connections = cast("set[GatewayProtocol]", served.server_state.connections)
    beside = [
        asyncio.create_task(end_with_books(books, life, log)),
        asyncio.create_task(fetched.follow()),
        asyncio.create_task(watch(connections, terms)),
        asyncio.create_task(keep_pace(terms)),
        asyncio.create_task(front.tell_refusals()),
    ]
    try:
        await serve(served, listener, life, drain)
    finally:
        for task in beside:
            task.cancel()
        await upstream.close()
        await parts.aclose()
        await asyncio.to_thread(books.close)
        engine.dispose()


@contextlib.asynccontextmanager
async def circuit_breakers(settings: Settings, clock: Clock, log: Log) -> AsyncIterator[Breakers]:
    """Those of this process, in step with all others; none where they are turned off."""
    from wellhead.database.breakers import DatabaseBreakers
    from wellhead.gateway.breakers import BreakerBoard
    from wellhead.ledger.processes import this_process
    from wellhead.policy.breaker import Rules

    breaker = settings.breaker
    if not breaker.failures:
        yield NO_BREAKERS
        return
    rules = Rules(
        failures=breaker.failures,
        half_open_after_us=round(breaker.half_open_after_s * SECOND_US),
        evict_after_us=round(breaker.evict_after_s * SECOND_US),
    )
    process = this_process()
    me = f"{process.host.partition('/')[0]}:{process.pid}"
    engine = _engine(settings)
    board = BreakerBoard(DatabaseBreakers(engine), rules, me=me, now_us=clock.now_us, log=log)
    await board.start()
    try:
        yield board
    finally:
        await board.close()
        engine.dispose()


class HasThread(Protocol):
    """Whoever has a thread that may have ended."""

    @property
    def is_alive(self) -> bool: ...


async def end_with_books(books: HasThread, life: Life, log: Log, look_s: float = BOOKS_LOOK_S) -> None:
    """Ask the process to end once its books' thread has: nothing could be booked, so a new one takes over."""
    while books.is_alive:  # noqa: ASYNC110  # the end of a thread is no event of the loop
        await asyncio.sleep(look_s)
    log.error("books.thread_ended")
    life.end()


def prepare_control() -> None:
    """Load what the control plane needs."""
    import uvicorn  # noqa: F401
    import uvloop  # noqa: F401

    import wellhead.control.app
    import wellhead.database.registry
    import wellhead.database.reports
    import wellhead.jobs.backfill
    import wellhead.jobs.prices
    import wellhead.jobs.retention
    import wellhead.ledger.repricing  # noqa: F401


def run_control(settings: Settings, listener: socket.socket, life: Life, log: Log) -> None:
    """Serve metrics and health until asked to end."""
    run(_control(settings, listener, life, log))


async def _control(settings: Settings, listener: socket.socket, life: Life, log: Log) -> None:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    from wellhead.config.told import facts
    from wellhead.control.app import build
    from wellhead.database.registry import DatabaseRegistry
    from wellhead.database.reports import DatabaseReports
    from wellhead.ledger.presence import is_up

    clock = Clock()
    engine = _engine(settings)
    work = ControlsWork(settings, directory(settings), engine, clock.now_us, log)
    app = build(
        reports=DatabaseReports(engine, is_up),
        registry=DatabaseRegistry(engine, lambda: sealing_vault(settings), clock.now_us),
        options=control_options(settings),
        version=version(),
        log=log,
        now_us=clock.now_us,
        facts=facts(settings),
        background=work.told(),
    )

    async def drain() -> None:
        """Who follows the calls is let go; everything else takes no longer than the linger."""
        app.state.feed.end()

    await work.start()
    try:
        await serve(server(app, HttpToolsProtocol, life), listener, life, drain)
    finally:
        await work.end()
        engine.dispose()


def control_options(settings: Settings) -> "ControlOptions":
    """Who may use the control plane, and as what."""
    from wellhead.control.options import ControlOptions

    control = settings.control
    options = ControlOptions(
        bind_host=control.bind.host,
        hosts=control.hosts,
        allow_remote=control.allow_remote,
        basic_user=control.basic_user,
        basic_password=control.basic_password,
        admin_user=control.admin_user,
        admin_password=control.admin_password,
        admin_token=control.admin_token,
        management_token=control.management_token,
        admin_password_hash=control.admin_password_hash,
        viewer_password_hash=control.viewer_password_hash,
        session_ttl_s=math.ceil(control.session_ttl_s),
        login_max_attempts=control.login_max_attempts,
        login_window_s=math.ceil(control.login_window_s),
        manage_calls_per_hour=settings.limits.calls_per_managed_token_per_hour,
    )
    return replace(options, session_secret=session_secret(settings)) if options.has_login else options


def session_secret(settings: Settings) -> bytes:
    """What cookies are signed with, so that a restart ends no session."""
    if settings.control.session_secret is not None:
        return settings.control.session_secret.encode()
    beside = Path(settings.database.removeprefix("sqlite:///")).with_name(SESSIONS_FILE)
    return secret_files.kept(beside, lambda: secrets.token_hex(32)).text.encode()


def outage(settings: Settings) -> "Outage":
    """What a gateway does while the database is not there."""
    from wellhead.ledger.writer import Outage

    return Outage(
        spool=spool_directory(settings.database),
        spool_bytes_max=settings.database_spool,
        lets_calls_through=settings.database_outage == "open",
        durable=settings.database_synchronous == "full",
    )


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


def _say(log: Log) -> Callable[..., None]:
    """The books' own events, as the log names them."""

    def say(event: str, /, **facts: object) -> None:
        name = event if "." in event else f"books.{event}"
        log.warning(name, **facts)

    return say


def _engine(settings: Settings) -> "Engine":
    from wellhead.database.engine import make_engine

    synchronous: Literal["FULL", "NORMAL"] = "FULL" if settings.database_synchronous == "full" else "NORMAL"
    return make_engine(settings.database, synchronous=synchronous, must_exist=True)
