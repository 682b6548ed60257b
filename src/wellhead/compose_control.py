"""Composition of a control process.

A part of `wellhead.compose`, which says how its modules hang together.
"""

import contextlib
import math
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wellhead import secret_files
from wellhead.clock import Clock
from wellhead.compose import directory, engine_of, sealing_vault, upstreams_to_answer
from wellhead.compose_loops import ControlLoops
from wellhead.config.settings import Settings, spool_directory
from wellhead.hosting import Life, run, serve, server
from wellhead.logs import Log
from wellhead.version import version

if TYPE_CHECKING:
    from wellhead.control.health import Beside
    from wellhead.control.options import ControlOptions

SESSIONS_FILE = ".wellhead-session-secret"
"""Beside the database, where no setting has it."""

GARBAGE_MIN = 25_000
"""As in `hosting`.  Reports make many thousands of objects, none in circles: looking at them takes 50 ms."""


def prepare_control() -> None:
    """Load what the control plane needs."""
    import uvicorn  # noqa: F401
    import uvloop  # noqa: F401

    import wellhead.control.app
    import wellhead.database.registry
    import wellhead.database.reports
    import wellhead.jobs.backfill
    import wellhead.jobs.closing
    import wellhead.jobs.prices
    import wellhead.jobs.retention
    import wellhead.ledger.closing
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
    engine = engine_of(settings)
    parts = contextlib.AsyncExitStack()
    loops = ControlLoops(settings, directory(settings), engine, clock.now_us, log)
    app = build(
        reports=DatabaseReports(engine, is_up),
        registry=DatabaseRegistry(engine, lambda: sealing_vault(settings), clock.now_us),
        options=control_options(settings),
        version=version(),
        log=log,
        now_us=clock.now_us,
        facts=facts(settings),
        beside=await parts.enter_async_context(beside_the_books(settings)),
        background=loops.told(),
    )

    async def drain() -> None:
        """Who follows the calls is let go; everything else takes no longer than the linger."""
        app.state.feed.end()

    await loops.start()
    try:
        await serve(server(app, HttpToolsProtocol, life, garbage_min=GARBAGE_MIN), listener, life, drain)
    finally:
        await loops.end()
        await parts.aclose()
        engine.dispose()


@contextlib.asynccontextmanager
async def beside_the_books(settings: Settings) -> AsyncIterator["Beside"]:
    """The spools on this machine, and the upstream that has to answer, if there is one."""
    from wellhead.control.health import Beside
    from wellhead.ledger.spool_look import SpoolLook

    spool = SpoolLook(spool_directory(settings.database), settings.database_spool)
    wanted = upstreams_to_answer(settings, directory(settings))
    if not wanted:
        yield Beside(spool)
        return
    from wellhead.gateway.readiness import upstream_check
    from wellhead.gateway.upstream import AiohttpUpstream

    upstream = AiohttpUpstream()
    try:
        yield Beside(spool, upstream_check(upstream, wanted[0]))
    finally:
        await upstream.close()


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
