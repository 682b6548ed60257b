"""Connections to upstreams: how the library is told where they go, and why there is none."""

import errno
import ssl

import aiohttp
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
