"""Hosts an ASGI app in a process of its own: uvicorn as a library, and the life of the process.

The end of a process::

    SIGTERM, SIGINT   not ready any more; after a delay (as a rule none) the listener is closed, and
                      running calls go on up to the grace period
    a second one      what still runs is cut (and booked as cut)
    then              upstream closed, books closed last

    SIGHUP            another process has taken its place: the listener is closed, and connections end
                      in their own time, each after an answer that says so; then as above
"""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn

KEEPALIVE_S = 75
"""How long an idle client connection is kept; longer than the pools of common clients."""
GARBAGE_MIN = 5_000
"""So many objects more than went before garbage in circles is looked for.  Calls leave none; with the 700
that Python takes, they would spend a twenty-fifth of their time on looking."""
LINGER_S = 1.0
"""How long connections may take to close once their calls are over."""
LEAVING_MAX_S = 600.0
"""How long the calls of a process may go on whose place another one has taken."""
LEAVING_LOOK_S = 0.05


class Life:
    """One process's life, as seen from inside: when to say ready, when to end, when to end at once."""

    def __init__(self, line: socket.socket, *, ready: bytes) -> None:
        self._line = line
        self._ready = ready
        self.asked = asyncio.Event()
        """To end, one way or the other."""
        self.is_replaced = False
        """Another process has taken the place, so there is no hurry."""
        self.hurried = asyncio.Event()
        """To end within the grace period."""
        self.at_once = asyncio.Event()
        self.is_closing = asyncio.Event()
        """No connection is accepted any more."""

    def begin(self) -> None:
        """Listen for signals and for the end of the line; call it inside the running loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.end)
        # What whoever started us had us ignore (nohup: SIGHUP) stays ignored.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, self._leave)
        self._line.setblocking(False)
        loop.add_reader(self._line, self._line_ended)

    def say_ready(self) -> None:
        with contextlib.suppress(OSError):
            self._line.send(self._ready)

    def end(self) -> None:
        """End within the grace period; asked for again, at once."""
        if self.hurried.is_set():
            self.at_once.set()
        self.hurried.set()
        self.asked.set()

    def _leave(self) -> None:
        if not self.asked.is_set():
            self.is_replaced = True
            self.asked.set()

    def _line_ended(self) -> None:
        # Nothing is ever sent after the settings, so readable means ended.
        asyncio.get_running_loop().remove_reader(self._line)
        if not self.hurried.is_set():
            self.end()


def run(main: Coroutine[Any, Any, None]) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def server(
    app: Callable[..., Any],
    protocol: type[asyncio.Protocol],
    life: Life,
    delay_s: float = 0.0,
    garbage_min: int = GARBAGE_MIN,
) -> "uvicorn.Server":
    """uvicorn as a library: no logging set-up, headers, signal handlers or ticking clock of its own.

    `delay_s` is how long it still accepts once asked to end.
    """
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            # What was built so far stays for good: no collection need look at it again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(garbage_min)
            life.say_ready()

        async def main_loop(self) -> None:
            await life.asked.wait()
            if delay_s and not life.is_replaced:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(life.at_once.wait(), delay_s)
            life.is_closing.set()

    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEPALIVE_S,
    )
    return Server(config)


async def serve(
    served: "uvicorn.Server",
    listener: socket.socket,
    life: Life,
    drain: Callable[[], Awaitable[None]],
) -> None:
    """Serve until asked to end, then drain and let the connections go."""
    life.begin()
    serving = asyncio.create_task(served.serve([listener]))
    closing = asyncio.create_task(life.is_closing.wait())
    await asyncio.wait((serving, closing), return_when=asyncio.FIRST_COMPLETED)
    closing.cancel()
    if life.is_replaced:
        await _left(served, life)
    await drain()
    _, late = await asyncio.wait((serving,), timeout=LINGER_S)
    if late:
        served.force_exit = True
        for connection in tuple(served.server_state.connections):
            connection.transport.abort()
    await serving


async def _left(served: "uvicorn.Server", life: Life) -> None:
    """Returns when all connections have ended by themselves, when time is up, or when there is a hurry."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + LEAVING_MAX_S
    while served.server_state.connections and loop.time() < until_s:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(life.hurried.wait(), LEAVING_LOOK_S)
            return
