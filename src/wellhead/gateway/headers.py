"""Which header lines go on, and which end here (RFC 9110, 7.6.1).

Only hop-by-hop lines end here: the fixed ones, those that `Connection` names,
and the framing lines that each side writes for itself.  Everything else passes
as raw bytes, duplicates and order kept.
"""

from collections.abc import Iterable
from urllib.parse import unquote_plus

from wellhead.directory import AuthType, Provider, ProviderType
from wellhead.policy.identify import HEADERS as CREDENTIALS
from wellhead.policy.identify import OWN_HEADER, Presented, carries
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
REQUEST_ENDS_HERE = HOP_BY_HOP | {b"host", b"content-length", b"expect", b"x-provider", OWN_HEADER}
CARRYING_SECRETS = (*CREDENTIALS, OWN_HEADER, b"proxy-authorization", b"cookie")
SECRET_PARAMETERS = ("key", "token", "secret", "password")
"""How names of query parameters end that carry secrets."""
SECRET_CHARS_MIN = 8
"""What is shorter would be found in ordinary words."""
REDACTED = "[REDACTED]"
ANTHROPIC_VERSION = (b"anthropic-version", b"2023-06-01")
ANTHROPIC_OAUTH = "sk-ant-oat"
"""How tokens of a subscription begin, which go as a bearer token."""
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


def to_upstream(
    headers: Headers,
    provider: Provider,
    *,
    key: Presented | None = None,
    credential: str | None = None,
    family: ProviderType | None = None,
) -> Headers:
    """The request's lines as the provider is to see them.

    `key` is the Wellhead key that came with it, which goes nowhere; `credential` is the secret that a
    project has for the provider, which takes the place of any other; `family` is that of the request.
    """
    passed = end_to_end(headers, REQUEST_ENDS_HERE)
    ours = None if key is None else key.as_it_came
    passed = [line for line in passed if not carries(line[1], ours)]
    if provider.type is ProviderType.ANTHROPIC and all(n != b"anthropic-version" for n, _ in passed):
        passed.append(ANTHROPIC_VERSION)
    if credential is not None or provider.auth.type is not AuthType.PRESERVE:
        own = _authentication(provider, credential, family)
        replaced = {*CREDENTIALS, *(name for name, _ in own)}
        passed = [line for line in passed if line[0] not in replaced] + own
    if provider.headers:
        added = [(name.lower().encode(), value.encode()) for name, value in provider.headers]
        names = {name for name, _ in added}
        passed = [line for line in passed if line[0] not in names] + added
    return passed


def _authentication(provider: Provider, credential: str | None, family: ProviderType | None) -> Headers:
    """The line that takes the place of the client's credentials, if there is one."""
    auth = provider.auth
    if credential is None:
        credential, family = auth.value, provider.type
    if credential is None:
        return []
    value = credential.encode()
    if auth.header is not None:
        return [(auth.header.lower().encode(), value)]
    if auth.type is AuthType.X_API_KEY:
        return [(b"x-api-key", value)]
    if auth.type is not AuthType.BEARER:  # The provider's own way.
        family = family or provider.type
        if family is ProviderType.GEMINI:
            return [(b"x-goog-api-key", value)]
        if family is ProviderType.ANTHROPIC and not credential.startswith(ANTHROPIC_OAUTH):
            return [(b"x-api-key", value)]
    return [(b"authorization", b"Bearer " + value)]


def without_secrets(
    text: str, fields: dict[bytes, bytes], query: bytes, provider: Provider, credential: str | None = None
) -> str:
    """What an upstream says, without the secrets of the request, its provider and its project."""
    for secret in _secrets(fields, query, provider, credential):
        text = text.replace(secret, REDACTED)
        # A long text was cut, perhaps in the middle of one.
        for size in range(min(len(secret) - 1, len(text)), SECRET_CHARS_MIN - 1, -1):
            if text.endswith(secret[:size]):
                text = text[:-size] + REDACTED
    return text


def _secrets(
    fields: dict[bytes, bytes], query: bytes, provider: Provider, credential: str | None
) -> list[str]:
    """The longest first, so that none is left in part because another is inside it."""
    values = [fields[name].decode("latin-1") for name in CARRYING_SECRETS if name in fields]
    for parameter in query.decode("latin-1").split("&"):
        name, _, value = parameter.partition("=")
        if name.lower().endswith(SECRET_PARAMETERS):
            values += [value, unquote_plus(value)]
    values += [credential or "", provider.auth.value or "", *(value for _, value in provider.headers)]
    words = {word for value in values for word in value.split() if len(word) >= SECRET_CHARS_MIN}
    return sorted(words, key=len, reverse=True)
