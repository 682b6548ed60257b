"""What the simulated upstream saw, for tests to ask (`GET /sim/stats`)."""

import hashlib
from collections import deque
from typing import Any

KEPT_MAX = 50
"""Requests that are remembered; older ones are forgotten."""
KEPT_BODY_BYTES_MAX = 64 * 1024
"""Of each body; the digest is over the whole."""


class Sightings:
    """Counters, and the last requests as they came."""

    def __init__(self) -> None:
        self.requests = 0
        self.bodies_sent = 0
        """Answers that were sent to their proper end."""
        self.open = 0
        self.streams_open = 0
        self.cut_by_client = 0
        """Answers that the client did not wait for."""
        self.severed = 0
        """Connections broken on purpose."""
        self.last: deque[dict[str, Any]] = deque(maxlen=KEPT_MAX)

    def request(self, scope: dict[str, Any], body: bytes) -> None:
        self.requests += 1
        self.last.append(
            {
                "method": scope["method"],
                "path": scope["raw_path"].decode("latin-1"),
                "query": scope["query_string"].decode("latin-1"),
                "headers": [
                    [name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]
                ],
                "body": body[:KEPT_BODY_BYTES_MAX].decode("latin-1"),
                "body_bytes": len(body),
                "body_sha256": hashlib.sha256(body).hexdigest(),
            }
        )

    def as_json(self) -> dict[str, Any]:
        """Bytes are shown as Latin-1, so that `.encode("latin-1")` gives them back."""
        return vars(self) | {"last": list(self.last)}
