"""The simulated upstream: one ASGI app that speaks every dialect and fails on demand.

::

    request -> endpoints.py -> apis/*.py -> Answer -> faults.py, encoding.py -> wire.py

Start it by itself with ``python -m wellhead.demo.upstream --port 0``; it prints its
address.  `GET /sim/stats` says what it saw.  Endpoints are found below any prefix, so
a provider's base URL may carry a path.  What a request may ask for:

=====================  =====================================================
``model`` or header    see `faults.Fault` and ``fail-NNN``
``x-sim-fault``
``x-sim-encoding``     ``gzip``, ``deflate``, ``br`` or ``zstd``
``x-sim-ttft-ms``      wait before the head
``x-sim-interval-ms``  wait before each further chunk of a stream
``x-sim-pieces``       pieces of text in the answer
``x-sim-piece-chars``  characters in each
=====================  =====================================================
"""

import argparse
import asyncio
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from types import MappingProxyType
from typing import Any

import uvicorn

from wellhead.demo import accounts
from wellhead.demo.accounts import Accounts
from wellhead.demo.answer import Answer, Ask, document
from wellhead.demo.endpoints import Scope, respond
from wellhead.demo.faults import Fault, Trouble, spoilt, trouble
from wellhead.demo.sightings import Sightings
from wellhead.demo.wire import Severed, body_of, transmit

SLOW_TTFT_S = 2.0
SLOW_INTERVAL_S = 0.2
BACKLOG = 2048
"""Connections that wait to be accepted."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long it thinks; zero in tests."""

    ttft_s: float = 0.0
    interval_s: float = 0.0


AT_ONCE = Timing()
NO_ACCOUNTS: Accounts = MappingProxyType({})


class Ending(Enum):
    """How an answer ended, if the client waited for it."""

    SENT = auto()
    SEVERED = auto()


class SimulatedUpstream:
    """The app; `sightings` holds what it saw.

    Answers to the credential of one of its `known` accounts tell how that stands with its quotas.
    """

    def __init__(
        self,
        timing: Timing = AT_ONCE,
        known: Accounts = NO_ACCOUNTS,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.timing = timing
        self.known = known
        self.now_s = now_s
        self.sightings = Sightings()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["path"] == "/sim/stats":
            await transmit(document(self.sightings.as_json()), send)
            return
        body = await body_of(receive)
        if body is None:
            return
        self.sightings.request(scope, body)
        exchange = asyncio.create_task(self._answer(scope, body, send))
        # Once the body is in, the next message can only be that the client has gone.
        gone = asyncio.create_task(receive())
        try:
            await asyncio.wait({exchange, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not exchange.done():
                self.sightings.cut_by_client += 1
            elif exchange.result() is Ending.SEVERED:
                # The server holds an unfinished answer for a mistake unless it knows the connection is gone.
                await gone
        finally:
            exchange.cancel()
            gone.cancel()
            await asyncio.gather(exchange, gone, return_exceptions=True)

    async def _answer(self, scope: Scope, body: bytes, send: Any) -> Ending:
        ask, answer, family = respond(scope, body)
        wrong = trouble(ask)
        timing = self._timing(ask, wrong)
        self.sightings.open += 1
        self.sightings.streams_open += answer.streamed
        try:
            if wrong.fault is Fault.HANG:
                await asyncio.Event().wait()
            await asyncio.sleep(timing.ttft_s)
            told = spoilt(self._with_quotas(ask, answer), family, wrong)
            await transmit(told, send, timing.interval_s, wrong.fault)
            self.sightings.bodies_sent += 1
            return Ending.SENT
        except Severed:
            self.sightings.severed += 1
            return Ending.SEVERED
        finally:
            self.sightings.open -= 1
            self.sightings.streams_open -= answer.streamed

    def _with_quotas(self, ask: Ask, answer: Answer) -> Answer:
        account = accounts.account_of(self.known, ask.headers)
        if account is None:
            return answer
        return replace(answer, headers=answer.headers | accounts.headers(account, self.now_s()))

    def _timing(self, ask: Ask, wrong: Trouble) -> Timing:
        slow = wrong.fault is Fault.SLOW
        usual = Timing(SLOW_TTFT_S, SLOW_INTERVAL_S) if slow else self.timing
        ttft, interval = ask.headers.get("x-sim-ttft-ms"), ask.headers.get("x-sim-interval-ms")
        return Timing(
            float(ttft) / 1000 if ttft else usual.ttft_s,
            float(interval) / 1000 if interval else usual.interval_s,
        )


def server(app: SimulatedUpstream) -> uvicorn.Server:
    """A server for it; run it with a socket of `listener`."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            backlog=BACKLOG,
        )
    )


def listener(port: int = 0) -> socket.socket:
    """A loopback socket that connections already queue at; port 0 takes a free one."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(BACKLOG)
    return listening


def address(listening: socket.socket) -> str:
    host, port = listening.getsockname()
    return f"http://{host}:{port}"


def main() -> None:
    """Serve until a signal; the first line on stdout is the address."""
    options = argparse.ArgumentParser(
        prog="python -m wellhead.demo.upstream", description=__doc__.splitlines()[0]
    )
    options.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options.add_argument("--ttft-ms", type=float, default=0.0, help="wait before the head of an answer")
    options.add_argument(
        "--interval-ms", type=float, default=0.0, help="wait before each further chunk of a stream"
    )
    chosen = options.parse_args()
    listening = listener(chosen.port)
    sys.stdout.write(f"{address(listening)}\n")
    sys.stdout.flush()
    server(SimulatedUpstream(Timing(chosen.ttft_ms / 1000, chosen.interval_ms / 1000))).run(
        sockets=[listening]
    )


if __name__ == "__main__":
    main()
