"""The line between the supervisor and one of its processes.

One message down (the settings, which are also the word to begin), one byte up
(ready).  Nobody else holds the supervisor's end, so when it closes, however the
supervisor ended, the process sees the end of the line and ends, too.
"""

import socket
import struct

import msgspec

from wellhead.config.settings import Settings

READY = b"R"
LENGTH = struct.Struct("!I")


def send_settings(line: socket.socket, settings: Settings) -> None:
    message = msgspec.json.encode(settings)
    line.sendall(LENGTH.pack(len(message)) + message)


def receive_settings(line: socket.socket) -> Settings | None:
    """Wait for the settings; `None` if the supervisor is gone before it sent them."""
    head = _receive(line, LENGTH.size)
    message = _receive(line, LENGTH.unpack(head)[0]) if head is not None else None
    return None if message is None else msgspec.json.decode(message, type=Settings)


def _receive(line: socket.socket, size: int) -> bytes | None:
    parts = b""
    while len(parts) < size:
        part = line.recv(size - len(parts))
        if not part:
            return None
        parts += part
    return parts
