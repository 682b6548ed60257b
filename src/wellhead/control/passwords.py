"""Passwords against the hashes that stand for them: argon2id, or bcrypt as other systems made it.

A check takes a tenth of a second of a whole core, by design.  So few run at a time,
few more may wait, and whoever comes on top is sent away: a flood of logins must not
use up the threads that everything else is answered in.
"""

import threading

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from wellhead.errors import CallerError

AT_ONCE_MAX = 2
WAITING_MAX = 8
BUSY_RETRY_S = 1
BCRYPT_BYTES_MAX = 72
"""bcrypt never looked at more of a password; its newer library refuses to."""
BCRYPT_FORMS = ("$2a$", "$2b$", "$2y$")


class Passwords:
    """Checks, a few at a time.  Call it in a thread."""

    def __init__(self, at_once_max: int = AT_ONCE_MAX, waiting_max: int = WAITING_MAX) -> None:
        self._seats = threading.BoundedSemaphore(at_once_max + waiting_max)
        self._turn = threading.BoundedSemaphore(at_once_max)

    def is_right(self, password: str, hashed: str) -> bool:
        """Whether the hash was made of this password; raises `CallerError` 429 when too many wait."""
        if not self._seats.acquire(blocking=False):
            said = "Too many logins are being checked; try again in a moment."
            raise CallerError("TOO_MANY_ATTEMPTS", 429, said, retry_after_s=BUSY_RETRY_S)
        try:
            with self._turn:
                return is_right(password, hashed)
        finally:
            self._seats.release()


def is_right(password: str, hashed: str) -> bool:
    """Whether the hash was made of this password; a hash that is none was made of no password."""
    given = password.encode("utf-8", "surrogatepass")
    try:
        if hashed.startswith(BCRYPT_FORMS):
            return bcrypt.checkpw(given[:BCRYPT_BYTES_MAX], hashed.encode())
        return PasswordHasher().verify(hashed, given)
    except (Argon2Error, InvalidHashError, ValueError):
        return False
