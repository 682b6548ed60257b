"""Connections to upstreams: how the library is told of them and held to them, and why there is none.

One that lay idle is looked at before it is used: one that the upstream has closed
meanwhile is thrown away with nothing sent.
"""

import errno
import select
import ssl

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from wellhead.errors import NoRoomToConnect, UpstreamError, UpstreamTimeout, UpstreamUnreachable, Wait

OUR_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)


class Destination:
    """What the connector needs to know of a request: where it goes.

    Stands in for the library's own request class, of which the connector reads only these.
    """

    proxy = None
    proxy_headers = None
    ssl = True
    server_hostname = None

    def __init__(self, base_url: str) -> None:
        self.url = URL(base_url)
        self.host = self.url.raw_host or ""
        self.port = self.url.port
        self.connection_key = ConnectionKey(self.host, self.port, self.is_ssl(), True, None, None, None)
        netloc = base_url.split("://", 1)[1].split("/", 1)[0].rpartition("@")[2]
        self.host_line = netloc.encode("idna" if not netloc.isascii() else "ascii")

    def is_ssl(self) -> bool:
        return self.url.scheme == "https"


class Connected(ResponseHandler):
    """The library's protocol; a body whose connection broke, or is no HTTP any more, breaks with it.

    By itself the library leaves the reader of a body waiting when its chunks cannot be parsed, and
    takes a body without a length for complete when its connection was reset.
    """

    was_used = False
    """It has carried a request already."""
    _incoming: "select.poll | None" = None
    """Tells whether something waits in the socket."""

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        super().set_exception(exc, exc if exc_cause is None else exc_cause)
        self._break_body(exc)

    def connection_lost(self, exc: BaseException | None) -> None:
        if exc is not None:
            self._break_body(aiohttp.ClientPayloadError(type(exc).__name__))
        super().connection_lost(exc)

    def _break_body(self, exc: BaseException) -> None:
        payload = self._payload
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(exc)

    def is_stale(self) -> bool:
        """Whether it lay idle and is worth nothing any more: ended, or something came that nobody asked for.

        The event loop may not have come to that yet, so the socket itself is asked.
        """
        if self.should_close:
            return True
        transport = self.transport
        if not self.was_used or transport is None:
            return False
        if self._incoming is None:
            self._incoming = select.poll()
            self._incoming.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(self._incoming.poll(0))


def unreachable(error: BaseException) -> UpstreamError:
    if isinstance(error, TimeoutError):
        return UpstreamTimeout(Wait.CONNECT, "no connection came about in time")
    if _number(error) in OUR_SHORTAGES:
        return NoRoomToConnect("this machine has no file or port left for a connection")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return UpstreamUnreachable("its name could not be resolved")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError | aiohttp.ClientSSLError):
        return UpstreamUnreachable("TLS could not be set up (is its certificate valid?)")
    if isinstance(error, ConnectionRefusedError) or isinstance(
        getattr(error, "os_error", None), ConnectionRefusedError
    ):
        return UpstreamUnreachable("the connection was refused (is it running?)")
    return UpstreamUnreachable("no connection came about")


def _number(error: BaseException) -> int | None:
    """The operating system's, where it is its error."""
    cause = getattr(error, "os_error", error)
    return cause.errno if isinstance(cause, OSError) else None
