"""The vault: seals the secrets that have to be read again, and opens them.

A sealed secret is a random nonce followed by AES-256-GCM's ciphertext and tag.  It
is bound to what it was sealed for: moved to another provider or project it does not
open.  No message of this module ever holds a secret or a master key.
"""

import base64
import binascii
import hashlib
import re
import secrets

from wellhead.errors import WellheadError

MASTER_KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_ID_CHARS = 8
_KEY_ID_DOMAIN = b"wellhead master key id\0"
_HEX = re.compile(r"[0-9A-Fa-f]{64}")


class VaultError(WellheadError):
    """A sealed secret does not open: another master key, another binding, or damage."""


class Vault:
    """Seals and opens under one master key."""

    def __init__(self, master_key: bytes) -> None:
        assert len(master_key) == MASTER_KEY_BYTES
        # Takes longer to import than the rest of a gateway's start, and most never open anything.
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(master_key)
        self._invalid = InvalidTag
        self.key_id = hashlib.sha256(_KEY_ID_DOMAIN + master_key).hexdigest()[:KEY_ID_CHARS]
        """Tells master keys apart and says nothing else about them."""

    def seal(self, secret: str, *, bound_to: bytes) -> bytes:
        """Seal a secret for one purpose; never twice the same bytes."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), bound_to)

    def open(self, sealed: bytes, *, bound_to: bytes) -> str:
        """The secret; `VaultError` if this key did not seal just this for just that."""
        try:
            if len(sealed) < NONCE_BYTES + TAG_BYTES:
                raise self._invalid
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to).decode()
        except self._invalid:
            raise VaultError(f"the master key {self.key_id} does not open this secret") from None


def parse_master_key(text: str) -> bytes:
    """A master key in base64 (either alphabet) or hexadecimal digits; `ValueError` for anything else."""
    text = text.strip()
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    try:
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        key = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise ValueError(f"a master key is {MASTER_KEY_BYTES} bytes, as base64 or as 64 hexadecimal digits")
    return key


def new_master_key_text() -> str:
    """A new master key, as `parse_master_key` takes it."""
    return base64.b64encode(secrets.token_bytes(MASTER_KEY_BYTES)).decode()
