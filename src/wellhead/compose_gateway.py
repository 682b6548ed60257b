"""Composition of a gateway process.

A part of `wellhead.compose`, which says how its modules hang together.
"""

import asyncio
import contextlib
import functools
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Protocol, cast

from wellhead.clock import Clock
from wellhead.compose import directory, engine_of, upstreams_to_answer, vaults
from wellhead.compose_pricing import fetched_prices, price_book
from wellhead.config.settings import Settings, spool_directory
from wellhead.directory import Directory
from wellhead.hosting import KEEPALIVE_S, Life, run, serve, server
from wellhead.logs import Log
from wellhead.moments import SECOND_US
from wellhead.ports import NO_BREAKERS, Breakers

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from wellhead.gateway.app import Gateway, GatewayOptions
    from wellhead.gateway.server import GatewayProtocol
    from wellhead.gateway.terms import Terms
    from wellhead.ledger.outage import Outage
    from wellhead.ledger.writer import Writer
    from wellhead.pricing.book import PriceBook

BOOKS_LOOK_S = 0.5
"""How often a gateway looks whether its books' thread lives."""


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
    from wellhead.gateway.app import Gateway
    from wellhead.gateway.front import Front
    from wellhead.gateway.readiness import Readiness, books_check, upstream_check
    from wellhead.gateway.server import held_to, quiet
    from wellhead.gateway.terms import keep_pace, watch
    from wellhead.gateway.upstream import AiohttpUpstream

    quiet()
    clock = Clock()
    engine = engine_of(settings)
    providers = directory(settings)
    prices = price_book(settings, providers)
    fetched = fetched_prices(engine, prices, log)
    await fetched.catch_up()
    books = _books(settings, engine, providers, prices, clock, log)
    books.start()
    upstream = AiohttpUpstream()
    parts = contextlib.AsyncExitStack()
    gateway = Gateway(
        directory=providers,
        books=books,
        upstream=upstream,
        breakers=await parts.enter_async_context(circuit_breakers(settings, clock, log)),
        options=_options(settings),
        now_us=clock.now_us,
        log=log,
    )
    terms = _terms(settings, gateway, life)
    checks = [books_check(books, lambda: books.fault)]
    checks += [upstream_check(upstream, url) for url in upstreams_to_answer(settings, providers)]
    front = Front(gateway, terms, Readiness(checks, life.hurried.is_set), log)
    drain = functools.partial(_drain, gateway, settings.gateway.shutdown_grace_s, life, log)
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


def _books(
    settings: Settings, engine: "Engine", providers: Directory, prices: "PriceBook", clock: Clock, log: Log
) -> "Writer":
    from wellhead.ledger.rules import Rules
    from wellhead.ledger.writer import Writer

    rules = Rules(
        directory=providers,
        vaults=lambda: vaults(settings),
        prices=prices,
        charge_interrupted=settings.limits.charge_interrupted,
    )
    return Writer(engine, now_us=clock.now_us, rules=rules, say=_say(log), outage=outage(settings))


def _options(settings: Settings) -> "GatewayOptions":
    from wellhead.gateway.app import GatewayOptions
    from wellhead.gateway.vocabulary import counting
    from wellhead.policy.retry import Retries

    gateway, limits = settings.gateway, settings.limits
    return GatewayOptions(
        max_request_body=gateway.max_request_body,
        max_held_bodies=gateway.held_bodies,
        require_key=gateway.requires_key,
        client_names={bytes.fromhex(hash_): name for hash_, name in gateway.client_names},
        allowed_origins=gateway.allowed_origins,
        rules=settings.attribution,
        trust_proxy_headers=gateway.trust_proxy_headers,
        count_tokens=None if limits.vocabulary is None else counting(limits.vocabulary),
        output_tokens_ceiling=limits.output_tokens_ceiling,
        retries=Retries(settings.retries.max, settings.retries.rate_limited_max),
    )


def _terms(settings: Settings, gateway: "Gateway", life: Life) -> "Terms":
    from wellhead.gateway.terms import Terms

    return Terms(
        header_timeout_s=settings.gateway.header_timeout_s,
        body_timeout_s=settings.gateway.body_timeout_s,
        idle_timeout_s=KEEPALIVE_S,
        calls_max=settings.gateway.max_concurrent_calls,
        open_calls=lambda: gateway.open_calls,
        refusals=gateway.refusals,
        is_leaving=lambda: life.is_replaced,
    )


async def _drain(gateway: "Gateway", grace_s: float, life: Life, log: Log) -> None:
    started = time.monotonic()
    log.info("shutdown.drain", pending_requests=gateway.open_calls)
    patient = asyncio.ensure_future(gateway.drain(grace_s))
    impatient = asyncio.ensure_future(life.at_once.wait())
    await asyncio.wait((patient, impatient), return_when=asyncio.FIRST_COMPLETED)
    impatient.cancel()
    cut = patient.result() if patient.done() else 0
    patient.cancel()
    # Also what came in at the last moment, or is left when patience has ended early.
    cut += await gateway.drain(0)
    log.info("shutdown.drained", cut=cut, elapsed_ms=round((time.monotonic() - started) * 1000))


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
    engine = engine_of(settings)
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


def outage(settings: Settings) -> "Outage":
    """What a gateway does while the database is not there."""
    from wellhead.ledger.outage import Outage

    return Outage(
        spool=spool_directory(settings.database),
        spool_bytes_max=settings.database_spool,
        lets_calls_through=settings.database_outage == "open",
        durable=settings.database_synchronous == "full",
    )


def _say(log: Log) -> Callable[..., None]:
    """The books' own events, as the log names them."""

    def say(event: str, /, **facts: object) -> None:
        name = event if "." in event else f"books.{event}"
        log.warning(name, **facts)

    return say
