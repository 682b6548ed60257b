"""Which header lines go on, and which end here (RFC 9110, 7.6.1).

Only hop-by-hop lines end here: the fixed ones, those that `Connection` names,
and the framing lines that each side writes for itself.  Everything else passes
as raw bytes, duplicates and order kept.
"""

import hashlib
from collections.abc import Iterable
from urllib.parse import unquote_plus, unquote_to_bytes

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
CARRYING_SECRETS = (*CREDENTIALS, b"proxy-authorization", b"cookie")
SECRET_PARAMETERS = ("key", "token", "secret", "password")
"""How names of query parameters end that carry secrets."""
SECRET_CHARS_MIN = 8
"""What is shorter would be found in ordinary words."""
REDACTED = "[REDACTED]"
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


def without_secrets(text: str, fields: dict[bytes, bytes], query: bytes, provider: Provider) -> str:
    """What an upstream says, without the secrets of the request and of its provider that it may repeat."""
    for secret in _secrets(fields, query, provider):
        text = text.replace(secret, REDACTED)
        # A long text was cut, perhaps in the middle of one.
        for size in range(min(len(secret) - 1, len(text)), SECRET_CHARS_MIN - 1, -1):
            if text.endswith(secret[:size]):
                text = text[:-size] + REDACTED
    return text


def _secrets(fields: dict[bytes, bytes], query: bytes, provider: Provider) -> list[str]:
    """The longest first, so that none is left in part because another is inside it."""
    values = [fields[name].decode("latin-1") for name in CARRYING_SECRETS if name in fields]
    for parameter in query.decode("latin-1").split("&"):
        name, _, value = parameter.partition("=")
        if name.lower().endswith(SECRET_PARAMETERS):
            values += [value, unquote_plus(value)]
    values += [provider.auth.value or "", *(value for _, value in provider.headers)]
    words = {word for value in values for word in value.split() if len(word) >= SECRET_CHARS_MIN}
    return sorted(words, key=len, reverse=True)
