"""Marked secrets, and the search for them.

A secret looks like nothing known, so that only the place where it stands can say what it is.
Those that the program makes up itself cannot be marked; `Secrets` looks for any piece of them.
"""

import base64
import re

from wellhead.policy.keys import ALPHABET, PREFIX, RANDOM_BYTES, RANDOM_CHARS, SHOWN_CHARS, new_secret

MARK = re.compile(rb"canary", re.IGNORECASE)
"""In every secret and every text of a conversation."""
PIECE_CHARS = 12
"""As much of a secret in one piece as stands nowhere by chance."""


def secret(name: str) -> str:
    return f"Canary{name.title().replace('-', '')}8fKq2w"


def basic(user: str, password: str) -> bytes:
    """What HTTP Basic makes of them; it does not show the mark."""
    return base64.b64encode(f"{user}:{password}".encode())


USER = "operator"
PASSWORD = secret("password")
BASIC = basic(USER, PASSWORD)


def an_unknown_key(name: str) -> str:
    """A key without any mistake in it that nobody was ever given, and that shows its mark."""
    text = secret(name).rjust(RANDOM_CHARS, "0")
    number = 0
    for character in text:
        number = number * len(ALPHABET) + ALPHABET.index(character)
    made = new_secret(number.to_bytes(RANDOM_BYTES, "big"))
    assert made.startswith(PREFIX + text)
    return made


def a_master_key(name: str) -> str:
    """A master key that shows its mark, as a setting takes it."""
    return f"{secret(name):A<43}="


def marked(where: bytes) -> list[bytes]:
    """What of the marked things stands there, each with its surroundings."""
    hits = re.finditer(MARK.pattern + b"|" + re.escape(BASIC), where, re.IGNORECASE)
    return [_around(where, hit.start(), hit.end()) for hit in hits]


class Secrets:
    """What is to be found nowhere: everything marked, and whatever was added."""

    def __init__(self) -> None:
        self._pieces: set[bytes] = set()

    def add(self, made: str, *, shown: int = 0) -> str:
        """A secret that the program made up; its first `shown` characters may be seen."""
        hidden = made[shown:].encode()
        assert len(hidden) >= PIECE_CHARS
        pieces = {hidden[at : at + PIECE_CHARS] for at in range(len(hidden) - PIECE_CHARS + 1)}
        # Digits alone are a moment, in a cookie as elsewhere, and nobody's secret.
        self._pieces |= {piece for piece in pieces if not piece.isdigit()}
        return made

    def add_key(self, key: str) -> str:
        """A key of ours; what is shown of it tells keys apart."""
        return self.add(key, shown=SHOWN_CHARS)

    def found(self, where: bytes) -> list[bytes]:
        """What of all secrets stands there, each with its surroundings."""
        places = [where.find(piece) for piece in sorted(self._pieces)]
        return marked(where) + [_around(where, at, at + PIECE_CHARS) for at in places if at >= 0]


def _around(where: bytes, start: int, end: int) -> bytes:
    return where[max(0, start - 60) : end + 60]
