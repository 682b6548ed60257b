"""Listening sockets, bound once by the supervisor and inherited by its processes."""

import errno
import socket
from collections.abc import Mapping

from wellhead.config.values import Address
from wellhead.errors import WellheadError

BACKLOG = 2048
"""Connections that wait to be accepted, for instance while a gateway restarts."""


class BindError(WellheadError):
    """A listener's address cannot be had; the message says which setting and what to do."""


def bind_all(addresses: Mapping[str, Address]) -> dict[str, socket.socket]:
    """Listen on the address of each role, or on none.  Raises `BindError`."""
    listeners: dict[str, socket.socket] = {}
    try:
        for role, address in addresses.items():
            listeners[role] = bind(address, f"{role}.bind")
    except BindError:
        for listener in listeners.values():
            listener.close()
        raise
    return listeners


def bind(address: Address, setting: str) -> socket.socket:
    """Listen on an address.  Raises `BindError`."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise BindError(f"{setting}: cannot listen on {address}: {_advice(error)}") from None
    listener.setblocking(False)
    return listener


def url(listener: socket.socket) -> str:
    """Where a listener can be reached."""
    host, port = listener.getsockname()[:2]
    return f"http://{Address(host, port)}"


def _advice(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "the address is in use; stop the program that has it or choose another port (0 takes any)"
        case errno.EACCES:
            return "no permission; choose a port from 1024 up"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address"
    return error.strerror or str(error)
