"""Sessions: what a browser keeps after a login.

::

    cookie  <issued, ms since the epoch>.<role>.<base64url HMAC-SHA256 of the rest>

Nothing is stored for a session that runs; only those that were ended by a logout are
remembered, until they would have expired.  The signature also covers the passwords
that the role can log in with: who changes a password ends its sessions.
"""

import base64
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Mapping

from wellhead.control.roles import Role

COOKIE = "__dashboard_session"
ENDED_MAX = 10_000
"""Ended sessions that are remembered.  Beyond it, all older ones are ended, too."""
EARLY_MAX_MS = 60_000
"""How far in the future a session may have begun: another process's clock may be ahead."""


class Sessions:
    """Begins, recognises and ends sessions.  Any thread may ask."""

    def __init__(
        self,
        secret: bytes | None,
        ttl_s: float,
        passwords: Mapping[Role, str],
        now_us: Callable[[], int],
        ended_max: int = ENDED_MAX,
    ) -> None:
        key = secret or secrets.token_bytes(32)
        self._keys = {role: hmac.digest(key, passwords[role].encode(), "sha256") for role in passwords}
        self._ttl_ms = int(ttl_s * 1000)
        self._now_us = now_us
        self._ended_max = ended_max
        self._ended: dict[int, None] = {}
        """By the moment of their beginning, which is different for each of this process."""
        self._begun_ms = 0
        self._ended_until_ms = 0
        """All that began until then are ended."""
        self._lock = threading.Lock()

    def begin(self, role: Role) -> str:
        """A new session's cookie."""
        with self._lock:
            self._begun_ms = max(self._now_us() // 1000, self._begun_ms + 1)
            begun_ms = self._begun_ms
        return f"{begun_ms}.{role}.{self._signature(begun_ms, role)}"

    def role_of(self, cookie: str) -> Role | None:
        """As what its owner logged in; `None`: it is forged, expired or ended."""
        found = self._read(cookie)
        if found is None:
            return None
        begun_ms, role = found
        now_ms = self._now_us() // 1000
        if not now_ms - self._ttl_ms < begun_ms <= now_ms + EARLY_MAX_MS:
            return None
        with self._lock:
            return None if begun_ms <= self._ended_until_ms or begun_ms in self._ended else role

    def end(self, cookie: str) -> None:
        """From now on it is nobody's; one that is none already stays so."""
        if self.role_of(cookie) is None:
            return
        found = self._read(cookie)
        assert found is not None
        with self._lock:
            self._ended[found[0]] = None
            if len(self._ended) > self._ended_max:
                self._forget(self._now_us() // 1000 - self._ttl_ms)

    def _forget(self, expired_ms: int) -> None:
        self._ended = {one: None for one in self._ended if one > expired_ms}
        if len(self._ended) > self._ended_max:
            oldest = min(self._ended)
            self._ended_until_ms = max(self._ended_until_ms, oldest)
            del self._ended[oldest]

    def _read(self, cookie: str) -> tuple[int, Role] | None:
        begun, _, rest = cookie.partition(".")
        name, _, signature = rest.partition(".")
        if name not in self._keys or not (begun.isascii() and begun.isdigit() and len(begun) <= 16):
            return None
        begun_ms, role = int(begun), Role(name)
        right = hmac.compare_digest(signature.encode(), self._signature(begun_ms, role).encode())
        return (begun_ms, role) if right else None

    def _signature(self, begun_ms: int, role: Role) -> str:
        signed = hmac.digest(self._keys[role], f"{begun_ms}.{role}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()
