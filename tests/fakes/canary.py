"""Marked secrets, and the search for them.

A secret looks like nothing known, so that only the place where it stands can say what it is.
"""

import base64
import re

MARK = re.compile(rb"canary", re.IGNORECASE)
"""In every secret and every text of a conversation."""


def secret(name: str) -> str:
    return f"Canary{name.title().replace('-', '')}8fKq2w"


USER = "operator"
PASSWORD = secret("password")
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode())
"""The one secret that does not show its mark."""


def marked(where: bytes) -> list[bytes]:
    """What of the marked things stands there, each with its surroundings."""
    hits = re.finditer(MARK.pattern + b"|" + re.escape(BASIC), where, re.IGNORECASE)
    return [where[max(0, hit.start() - 60) : hit.end() + 60] for hit in hits]
