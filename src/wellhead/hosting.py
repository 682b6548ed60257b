"""Hosts an ASGI app in a process of its own: uvicorn as a library, and the life of the process.

The end of a process, whichever signal asked for it::

    first signal   listener closed, running calls go on up to the grace period
    second signal  what still runs is cut (and booked as cut)
    then           upstream closed, books closed last
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
LINGER_S = 1.0
"""How long connections may take to close once their calls are over."""


class Life:
    """One process's life, as seen from inside: when to say ready, when to end, when to end at once."""

    def __init__(self, line: socket.socket, *, ready: bytes) -> None:
        self._line = line
        self._ready = ready
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()

    def begin(self) -> None:
        """Listen for signals and for the end of the line; call it inside the running loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # What whoever started us had us ignore (nohup: SIGHUP) stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._signalled)
        self._line.setblocking(False)
        loop.add_reader(self._line, self._line_ended)

    def say_ready(self) -> None:
        with contextlib.suppress(OSError):
            self._line.send(self._ready)

    def _signalled(self) -> None:
        if self.asked.is_set():
            self.at_once.set()
        self.asked.set()

    def _line_ended(self) -> None:
        # Nothing is ever sent after the settings, so readable means ended.
        asyncio.get_running_loop().remove_reader(self._line)
        self.asked.set()


def run(main: Coroutine[Any, Any, None]) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def server(app: Callable[..., Any], protocol: type[asyncio.Protocol], life: Life) -> "uvicorn.Server":
    """uvicorn as a library: no logging set-up, headers, signal handlers or ticking clock of its own."""
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
            life.say_ready()

        async def main_loop(self) -> None:
            await life.asked.wait()

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
    asked = asyncio.create_task(life.asked.wait())
    await asyncio.wait((serving, asked), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    await drain()
    _, late = await asyncio.wait((serving,), timeout=LINGER_S)
    if late:
        served.force_exit = True
        for connection in tuple(served.server_state.connections):
            connection.transport.abort()
    await serving
