"""Which key a request presents, and what of the request carries one.

The first place that holds anything decides; `x-proxy-key` is none of them::

    x-wellhead-key           our key, beside the client's own credential, which goes on
    authorization: Bearer    then x-api-key, x-goog-api-key, api-key, and ?key= of the query

A key of ours never goes on, wherever it stands: what begins with `wh_` is taken for
one, and elsewhere what has the checksum of one.  (Without it one token in thousands
would hold, by chance, what looks like a key, and be lost.)
"""

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from wellhead.policy.keys import KEY_CHARS, PREFIX, is_well_formed

OWN_HEADER = b"x-wellhead-key"
HEADERS = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key")
"""That carry a client's credential."""
PARAMETER = b"key"
SECRET_CHARS_MAX = 4096
"""What is longer is no credential of anybody."""
DECODINGS_MAX = 3
"""How often a parameter is looked at that was encoded, encoded again, and so on."""
_OURS = PREFIX.encode()
_SCHEME = re.compile(rb"\A(?:[A-Za-z][A-Za-z0-9-]*[ \t]+|(?i:bearer)$)")
_BEARER = re.compile(rb"\A(?i:bearer)[ \t]+")
_BASIC = re.compile(rb"[ \t]*(?i:basic)[ \t]+")
_BASIC_BEGINS = frozenset((b"ba", b"bA", b"Ba", b"BA"))
_BLANKS = frozenset((b" ", b"\t"))


@dataclass(frozen=True, slots=True)
class Presented:
    """A secret that a request brought."""

    secret: str = field(repr=False)
    is_apart: bool = False
    """It came in a header of its own, so another credential may be the client's."""

    @property
    def claims_to_be_ours(self) -> bool:
        return self.is_apart or self.secret.startswith(PREFIX)

    @property
    def as_it_came(self) -> bytes:
        return self.secret.encode("utf-8", "surrogateescape")


def presented(fields: dict[bytes, bytes], query: bytes) -> Presented | None:
    """What a request brought to identify itself; `None` where it brought nothing."""
    apart = _token(fields.get(OWN_HEADER))
    return Presented(apart, is_apart=True) if apart else credential(fields, query)


def credential(fields: dict[bytes, bytes], query: bytes) -> Presented | None:
    """The same, but for a key in our own header."""
    for name in HEADERS:
        if token := _token(fields.get(name)):
            return Presented(token)
    if query:
        for part in query.split(b"&"):
            name, _, value = part.partition(b"=")
            if unquote_to_bytes(name) == PARAMETER and (token := _token(unquote_to_bytes(value))):
                return Presented(token)
    return None


def credential_beside(key: Presented, fields: dict[bytes, bytes], query: bytes) -> Presented | None:
    """The client's own credential, where our key came apart; what holds a key of ours is none."""
    ours = key.as_it_came
    own = {name: fields[name] for name in HEADERS if name in fields and not carries(fields[name], ours)}
    return credential(own, query_without(query, ours, all_keys=False))


def _token(value: bytes | None) -> str | None:
    """A secret without its scheme."""
    if not value or len(value) > SECRET_CHARS_MAX:
        return None
    return _SCHEME.sub(b"", value.strip(), count=1).decode("utf-8", "surrogateescape") or None


def carries(value: bytes, secret: bytes | None) -> bool:
    """Whether a value holds one of our keys: the one presented, or whatever looks like one."""
    if secret is not None and secret in value:
        return True
    if _OURS in value:
        return _BEARER.sub(b"", value.lstrip(), count=1).startswith(_OURS) or _has_checksum(value)
    if value[:2] not in _BASIC_BEGINS and value[:1] not in _BLANKS:  # Every line of a request comes by here.
        return False
    basic = _BASIC.match(value)
    return basic is not None and _carries_inside(value[basic.end() :], secret)


def _has_checksum(value: bytes) -> bool:
    at = value.find(_OURS)
    while at >= 0:
        if is_well_formed(value[at : at + KEY_CHARS].decode("latin-1")):
            return True
        at = value.find(_OURS, at + 1)
    return False


def _carries_inside(encoded: bytes, secret: bytes | None) -> bool:
    """The same of a user and a password."""
    try:
        user_password = b64decode(encoded)
    except binascii.Error:
        return False
    return any(carries(part, secret) for part in user_password.split(b":"))


def query_without(query: bytes, secret: bytes | None, *, all_keys: bool) -> bytes:
    """The query without parameters that hold one of our keys; with `all_keys` without any `key=` at all."""
    parts = query.split(b"&")
    kept = [part for part in parts if not _goes_nowhere(part, secret, all_keys)]
    return query if len(kept) == len(parts) else b"&".join(kept)


def _goes_nowhere(part: bytes, secret: bytes | None, all_keys: bool) -> bool:
    name, _, value = part.partition(b"=")
    if all_keys and unquote_to_bytes(name) == PARAMETER:
        return True
    return carries_encoded(name, secret) or carries_encoded(value, secret)


def carries_encoded(text: bytes, secret: bytes | None) -> bool:
    """Whether a part of a URL holds one of our keys, plainly or percent-encoded."""
    for _ in range(DECODINGS_MAX):
        if carries(text, secret):
            return True
        decoded = unquote_to_bytes(text)
        if decoded == text:
            return False
        text = decoded
    return carries(text, secret)
