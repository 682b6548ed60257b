"""A document from the network: bounded in time and in size, and from the one host that was named."""

import asyncio
import zlib
from urllib.parse import urljoin, urlsplit

import aiohttp

from wellhead.errors import WellheadError

TIMEOUT_S = 30.0
SIZE_MAX = 32 * 1000 * 1000
"""Bytes, as they come and when they are unpacked."""
REDIRECTS_MAX = 3
PIECE = 64 * 1024
GZIP = zlib.MAX_WBITS | 16
HEADERS = {"accept": "application/json", "accept-encoding": "gzip"}


class FetchFailed(WellheadError):
    """There was no document; the message holds no address."""


async def fetch(url: str, *, agent: str, timeout_s: float = TIMEOUT_S, size_max: int = SIZE_MAX) -> bytes:
    """The body of a 200 answer; raises `FetchFailed`.  `agent` says to the server who asks."""
    try:
        async with asyncio.timeout(timeout_s):
            body, encoding = await _body(url, agent, size_max)
    except TimeoutError:
        raise FetchFailed(f"the source took longer than {timeout_s:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise FetchFailed(f"the source could not be read: {_reason(error)}") from None
    return await asyncio.to_thread(_unpacked, body, encoding, size_max)


def _reason(error: Exception) -> str:
    """Why there was no answer, without the address that the library's own words would name."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name could not be resolved"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "TLS could not be set up (is its certificate valid?)"
    if isinstance(getattr(error, "os_error", None), ConnectionRefusedError):
        return "the connection was refused"
    return type(error).__name__


async def _body(url: str, agent: str, size_max: int) -> tuple[bytes, str]:
    """What came, as it came, and how it is packed."""
    async with aiohttp.ClientSession(
        auto_decompress=False, headers={**HEADERS, "user-agent": agent}
    ) as session:
        for _ in range(REDIRECTS_MAX + 1):
            async with session.get(url, allow_redirects=False) as response:
                if 300 <= response.status < 400 and "location" in response.headers:
                    url = _onward(url, response.headers["location"])
                    continue
                if response.status != 200:
                    raise FetchFailed(f"the source answered {response.status}")
                return await _read(response, size_max), response.headers.get("content-encoding", "")
    raise FetchFailed("the source redirects too often")


def _onward(url: str, location: str) -> str:
    """Where a redirect leads: nowhere but to the same host, and never away from TLS."""
    target = urljoin(url, location)
    here, there = urlsplit(url), urlsplit(target)
    if there.hostname != here.hostname or (here.scheme, there.scheme) not in (
        ("http", "http"),
        ("http", "https"),
        ("https", "https"),
    ):
        raise FetchFailed("the source redirects to another host; name that one if you trust it")
    return target


async def _read(response: aiohttp.ClientResponse, size_max: int) -> bytes:
    pieces, size = [], 0
    async for piece in response.content.iter_chunked(PIECE):
        size += len(piece)
        if size > size_max:
            raise _too_large(size_max)
        pieces.append(piece)
    return b"".join(pieces)


def _unpacked(body: bytes, encoding: str, size_max: int) -> bytes:
    if encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() != "gzip":
        raise FetchFailed("the source sent an encoding that was not asked for")
    inflating = zlib.decompressobj(GZIP)
    try:
        plain = inflating.decompress(body, size_max + 1)
    except zlib.error:
        raise FetchFailed("the source sent what cannot be unpacked") from None
    if len(plain) > size_max:
        raise _too_large(size_max)
    if not inflating.eof:
        raise FetchFailed("the source sent what cannot be unpacked")
    return plain


def _too_large(size_max: int) -> FetchFailed:
    return FetchFailed(f"the source sent more than {size_max} bytes")
