"""Which header lines go on, and which end here (RFC 9110, 7.6.1).

Only hop-by-hop lines end here: the fixed ones, those that `Connection` names,
and the framing lines that each side writes for itself.  Everything else passes
as raw bytes, duplicates and order kept.
"""

import hashlib
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from wellhead.directory import AuthType, Provider, ProviderType
from wellhead.ports import Headers

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
# The request's framing is written by the upstream side; `expect` was answered by ours.
REQUEST_ENDS_HERE = HOP_BY_HOP | {b"host", b"content-length", b"expect", b"x-provider"}
CREDENTIALS = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key")
ANTHROPIC_VERSION = (b"anthropic-version", b"2023-06-01")
_PLAIN_CONNECTION = (b"keep-alive", b"Keep-Alive", b"close")


def end_to_end(headers: Iterable[tuple[bytes, bytes]], ends_here: frozenset[bytes] = HOP_BY_HOP) -> Headers:
    """The lines that go on."""
    passed = [line for line in headers if line[0] not in ends_here]
    named = _named_in_connection(headers)
    return [line for line in passed if line[0] not in named] if named else passed


def _named_in_connection(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    named: set[bytes] = set()
    for name, value in headers:
        if name == b"connection" and value not in _PLAIN_CONNECTION:
            named.update(token.strip().lower() for token in value.split(b","))
    # Naming the body's length must not take the length away from the next hop.
    return named - {b"close", b"keep-alive", b"content-length", b""}


def to_upstream(headers: Headers, provider: Provider) -> Headers:
    """The request's lines as the provider is to see them."""
    passed = end_to_end(headers, REQUEST_ENDS_HERE)
    if provider.type is ProviderType.ANTHROPIC and all(n != b"anthropic-version" for n, _ in passed):
        passed.append(ANTHROPIC_VERSION)
    auth = provider.auth
    if auth.type is not AuthType.PRESERVE:
        passed = [line for line in passed if line[0] not in CREDENTIALS]
        if auth.type is not AuthType.NONE and auth.value is not None:
            passed.append(_credential(auth.type, auth.header, auth.value))
    if provider.headers:
        ours = [(name.lower().encode(), value.encode()) for name, value in provider.headers]
        names = {name for name, _ in ours}
        passed = [line for line in passed if line[0] not in names] + ours
    return passed


def _credential(type: AuthType, header: str | None, value: str) -> tuple[bytes, bytes]:  # noqa: A002
    if type is AuthType.BEARER and header is None:
        return b"authorization", b"Bearer " + value.encode()
    return (header or "x-api-key").lower().encode(), value.encode()


def credential_hash(fields: dict[bytes, bytes], query: bytes) -> bytes | None:
    """SHA-256 of the client's own credential, without its scheme; `None` where it sent none."""
    for name in CREDENTIALS:
        value = fields.get(name)
        if value:
            scheme, _, token = value.partition(b" ")
            return hashlib.sha256(token.strip() if token else scheme).digest()
    if b"key=" in query:
        for part in query.split(b"&"):
            name, _, value = part.partition(b"=")
            if name == b"key" and value:
                return hashlib.sha256(unquote_to_bytes(value)).digest()
    return None
