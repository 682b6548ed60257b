"""Which address a proxy before the gateway says that a request came from.

Anybody can write these headers; they are read only where an operator says that
a proxy writes them.
"""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

FORWARDED_FOR = b"x-forwarded-for"
CLOUDFLARE = b"cf-connecting-ip"
ADDRESS_MAX = 64
"""Bytes: what is longer is no address."""


def address(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The first address of `X-Forwarded-For`, else that of Cloudflare; `None` where neither is one."""
    told: dict[bytes, bytes] = {}
    for header, value in headers:
        if header in (FORWARDED_FOR, CLOUDFLARE):
            told.setdefault(header, value)
    for header in (FORWARDED_FOR, CLOUDFLARE):
        if header in told and (found := _address(told[header].partition(b",")[0])):
            return found
    return None


def _address(raw: bytes) -> str | None:
    """An address in its usual form, without the port that some proxies add."""
    text = raw[:ADDRESS_MAX].decode("ascii", "replace").strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:  # It means something on that machine only, and may be any text.
            return None
        return str(found.ipv4_mapped or found)
    return str(found)
