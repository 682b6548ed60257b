"""A plain HTTP/1.1 client on a blocking socket, so that what is timed is the server."""

import re
import socket

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
RECEIVE = 65536
TIMEOUT_S = 10.0


class Connection:
    """One keep-alive connection to a server on loopback."""

    def __init__(self, port: int, timeout_s: float = TIMEOUT_S) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def exchange(self, request: bytes) -> bytes:
        """Send a request and read the whole response, which must announce its length."""
        self._socket.sendall(request)
        received = self._socket.recv(RECEIVE)
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        announced = LENGTH.search(received, 0, end + 2)
        if announced is None:
            raise ConnectionError(f"a response without a length: {received[:200]!r}")
        size = end + 4 + int(announced[1])
        while len(received) < size:
            received += self._more()
        return received

    def _more(self) -> bytes:
        part = self._socket.recv(RECEIVE)
        if not part:
            raise ConnectionError("the server closed the connection within a response")
        return part


def answers(port: int, request: bytes, timeout_s: float = TIMEOUT_S) -> bool:
    """Whether a server answers a request with 200; the answer's head is enough."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
            connection.sendall(request)
            return connection.recv(RECEIVE).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
