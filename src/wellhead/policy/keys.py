"""How a key looks: `wh_`, 43 random characters, 6 characters of checksum.

The prefix lets a scanner recognise a key that leaked, and the checksum tells a
typo from a key that was revoked.  It protects nothing: 43 characters of base 62
are 256 bits, and only their SHA-256 is kept.
"""

import hashlib
import zlib

PREFIX = "wh_"
RANDOM_BYTES = 32
RANDOM_CHARS = 43
CHECKSUM_CHARS = 6
KEY_CHARS = len(PREFIX) + RANDOM_CHARS + CHECKSUM_CHARS
SHOWN_CHARS = 8
"""What is kept of a key for display."""
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_secret(random: bytes) -> str:
    """A key made of 32 random bytes."""
    assert len(random) == RANDOM_BYTES
    body = PREFIX + _base62(int.from_bytes(random, "big"), RANDOM_CHARS)
    return body + _checksum(body)


def is_well_formed(text: str) -> bool:
    """Whether it may be one of our keys; a typo makes it false."""
    if len(text) != KEY_CHARS or not text.startswith(PREFIX) or not text.isascii():
        return False
    body, checksum = text[:-CHECKSUM_CHARS], text[-CHECKSUM_CHARS:]
    return checksum == _checksum(body)


def digest(secret: str) -> bytes:
    """Under what a secret is kept and found: SHA-256."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECKSUM_CHARS)


def _base62(number: int, size: int) -> str:
    digits = []
    for _ in range(size):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    assert number == 0, "the number fits"
    return "".join(reversed(digits))
