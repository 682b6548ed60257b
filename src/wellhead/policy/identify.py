"""Which key a request presents, and what of the request carries it.

The first place that holds anything decides; `x-proxy-key` is none of them::

    x-wellhead-key           our key, beside the client's own credential, which goes on
    authorization: Bearer    then x-api-key, x-goog-api-key, api-key, and ?key= of the query
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from wellhead.policy.keys import PREFIX

OWN_HEADER = b"x-wellhead-key"
HEADERS = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key")
"""That carry a client's credential."""
PARAMETER = b"key"
SECRET_CHARS_MAX = 4096
"""What is longer is no credential of anybody."""
_OURS = re.compile(rb"wh_[0-9A-Za-z]{49}")
_SCHEME = re.compile(rb"(?i:bearer)[ \t]+")


@dataclass(frozen=True, slots=True)
class Presented:
    """A secret that a request brought."""

    secret: str = field(repr=False)
    is_apart: bool = False
    """It came in a header of its own, so another credential may be the client's."""

    @property
    def claims_to_be_ours(self) -> bool:
        return self.is_apart or self.secret.startswith(PREFIX)


def presented(fields: dict[bytes, bytes], query: bytes) -> Presented | None:
    """What a request brought to identify itself; `None` where it brought nothing."""
    apart = _token(fields.get(OWN_HEADER))
    return Presented(apart, is_apart=True) if apart else credential(fields, query)


def credential(fields: dict[bytes, bytes], query: bytes) -> Presented | None:
    """The same, but for a key in our own header."""
    for name in HEADERS:
        if token := _token(fields.get(name)):
            return Presented(token)
    if b"key=" in query:
        for part in query.split(b"&"):
            name, _, value = part.partition(b"=")
            if name == PARAMETER and (token := _token(unquote_to_bytes(value))):
                return Presented(token)
    return None


def _token(value: bytes | None) -> str | None:
    if not value or len(value) > SECRET_CHARS_MAX:
        return None
    return _SCHEME.sub(b"", value.strip(), count=1).decode("utf-8", "surrogateescape") or None


def carries(value: bytes, secret: bytes | None) -> bool:
    """Whether a header's value holds one of our keys: the one presented, or whatever looks like one."""
    if secret is not None and secret in value:
        return True
    return b"wh_" in value and (
        _SCHEME.sub(b"", value, count=1).lstrip().startswith(b"wh_") or _OURS.search(value) is not None
    )


def query_without(query: bytes, secret: bytes | None, *, all_keys: bool) -> bytes:
    """The query without parameters that hold one of our keys; with `all_keys` without any `key=` at all."""
    if b"=" not in query:
        return query
    parts = query.split(b"&")
    kept = [
        part
        for part in parts
        if not (all_keys and part.startswith(b"key="))
        and not carries(unquote_to_bytes(part.partition(b"=")[2]), secret)
    ]
    return query if len(kept) == len(parts) else b"&".join(kept)
