"""`wellhead demo`: the real program on a simulated upstream, with a past and with live traffic.

::

    main thread    supervisor -> gateway, control       the processes that `wellhead serve` runs
    demo thread    simulated upstream, traffic          one event loop
    demo.db        beside the database of real use      history first, then what the gateway books

No provider of the configuration is ever called: the traffic of the demo must not
reach, or be billed by, anybody real.  Nor is a price list fetched.
"""

import asyncio
import shlex
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from wellhead import logs
from wellhead.clock import wall_us
from wellhead.config import providers
from wellhead.config.settings import Settings
from wellhead.demo import beginning, history, upstream
from wellhead.demo.traffic import Traffic
from wellhead.policy.keys import digest
from wellhead.serve.sockets import bind_all
from wellhead.serve.supervisor import Supervisor, with_master_key

DATABASE = "demo.db"
SHUTDOWN_GRACE_S = 1.0
"""Nobody waits for the end of a demo's streams."""
STOP_MAX_S = 5.0


def main(settings: Settings, *, calls_before: int = history.CALLS) -> int:
    """Run the demo until a signal; says the exit code."""
    # An address that somebody else has is told before the history is made, which takes a while.
    for checked in bind_all({"gateway": settings.gateway.bind, "control": settings.control.bind}).values():
        checked.close()
    log = logs.configure(settings.log.level, settings.log.format, component="demo")
    listening = upstream.listener()
    try:
        settings = with_master_key(demo_settings(settings, upstream.address(listening)), log)
        started_s, now_us = time.monotonic(), wall_us()
        written = beginning.begin(settings, now_us, log, count=calls_before)
        log.info("demo.history", calls=written, elapsed_ms=round((time.monotonic() - started_s) * 1000))
        secrets = beginning.known(settings)
        settings = with_names(settings, secrets.keys)
        supervisor = Supervisor(settings, ("gateway", "control"), log, greet=partial(_greet, settings))
        serving = upstream.server(upstream.SimulatedUpstream(known=secrets.accounts))
        calls_per_s = history.calls_per_s(now_us, calls_before)
        traffic = Traffic(supervisor.urls["gateway"], calls_per_s=calls_per_s, keys=secrets.keys)
        log.info("demo.started", upstream=upstream.address(listening), database=settings.database)

        async def live(stop: asyncio.Event) -> None:
            # The gateway is not up yet: the first calls wait in its listener's queue.
            tasks = [
                asyncio.create_task(serving.serve(sockets=[listening])),
                asyncio.create_task(traffic.run()),
            ]
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            serving.should_exit = True
            tasks[1].cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception):
                    log.error("demo.failed", exc_info=ended)

        with _in_background(live):
            return supervisor.run()
    finally:
        listening.close()


def demo_settings(settings: Settings, upstream_url: str) -> Settings:
    """The operator's listeners and log; the demo's own database and providers."""
    usual = Path(settings.database.removeprefix("sqlite:///"))
    return replace(
        settings,
        gateway=replace(settings.gateway, shutdown_grace_s=SHUTDOWN_GRACE_S),
        pricing=replace(settings.pricing, refresh_interval_s=0.0),
        database=f"sqlite:///{usual.with_name(DATABASE)}",
        upstream=upstream_url,
        providers=providers.merge((), upstream_url),
    )


def with_names(settings: Settings, keys: Mapping[str, str]) -> Settings:
    """The same where the clients who have these keys are called as in the history."""
    names = tuple((digest(secret).hex(), client) for client, secret in keys.items())
    return replace(settings, gateway=replace(settings.gateway, client_names=names))


def where_to_look(settings: Settings, urls: dict[str, str]) -> str:
    """What a person can do now."""
    gateway, control = urls["gateway"], urls["control"]
    books = settings.database.removeprefix("sqlite:///")
    user = f" -u {settings.control.basic_user}" if settings.control.basic_user else ""
    body = '{"model": "gpt-4o", "messages": [{"role": "user", "content": "How deep is the well?"}]}'
    return f"""
Wellhead demo: a simulated upstream, live traffic, and {history.DAYS} days of history.

  dashboard {control}
  LLM API   {gateway}      point any client here (OpenAI clients: {gateway}/v1); any key will do
  metrics   {control}/metrics      Prometheus; as JSON: {control}/_qs/metrics
  usage     {control}/admin/stats
  books     {books}      delete it to begin anew

  wellhead report --by day --by model --since 7d --database {shlex.quote(books)}
  wellhead tail --database {shlex.quote(books)}
  curl{user} {control}/admin/stats
  curl{user} {control}/_qs/metrics
  curl{user} '{control}/_qs/metrics?model=claude-sonnet-5&from={time.strftime("%Y-%m-%d", time.gmtime())}'
  curl {gateway}/v1/chat/completions -H 'content-type: application/json' -d '{body}'

  Ctrl-C ends it.

"""


def _greet(settings: Settings, urls: dict[str, str]) -> None:
    if settings.log.format != "json":
        sys.stdout.write(where_to_look(settings, urls))
        sys.stdout.flush()


@contextmanager
def _in_background(live: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> Iterator[None]:
    """Run a coroutine in a thread of its own; its event is set at the end."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(live(stop))

    thread = threading.Thread(target=run, name="demo", daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(STOP_MAX_S)
