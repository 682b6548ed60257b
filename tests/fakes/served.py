"""The control plane on a real socket, in this process: for what only a connection shows.

::

    with Served(an_app(...)) as served:
        response = served.ask("GET /admin/export HTTP/1.1")
        assert response.read_to_the_end().endswith(b"0\\r\\n\\r\\n")
"""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

START_MAX_S = 10.0
READ_MAX_S = 30.0


class Asked:
    """A connection on which something was asked, and what came of the answer so far."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""

    def read(self, size: int = 65_536) -> bytes:
        """What comes next; `b""`: the connection has ended."""
        got = self.connection.recv(size)
        self.received += got
        return got

    def read_until(self, wanted: bytes) -> bytes:
        """Everything up to here."""
        while wanted not in self.received:
            if not self.read():
                raise AssertionError(f"it ended without {wanted!r}: {self.received[-2000:]!r}")
        return self.received

    def read_to_the_end(self) -> bytes:
        """Everything until the other side ends the connection."""
        while self.read():
            pass
        return self.received

    def leave(self) -> None:
        self.connection.close()


class Served:
    """An app behind uvicorn, set up as the program does it."""

    def __init__(self, app: Any) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=HttpToolsProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )
        self.server = uvicorn.Server(config)
        self.loop = asyncio.new_event_loop()
        self._asked: list[Asked] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.should_exit = True
        self.server.force_exit = True
        self._thread.join(READ_MAX_S)
        assert not self._thread.is_alive()
        self._listener.close()
        for asked in self._asked:
            asked.leave()

    def ask(self, line: str, *headers: str, buffer: int | None = None) -> Asked:
        """Send a request; `buffer` is how much the kernel takes in for us."""
        connection = socket.socket()
        if buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(READ_MAX_S)
        connection.connect(("127.0.0.1", self.port))
        lines = (f"{line} HTTP/1.1", f"host: 127.0.0.1:{self.port}", *headers, "", "")
        connection.sendall("\r\n".join(lines).encode())
        self._asked.append(Asked(connection))
        return self._asked[-1]

    def _run(self) -> None:
        # A runner also ends what the server leaves behind when it is forced to end.
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self.server.serve([self._listener]))
