"""A server on the loopback interface that hands out a price list, as models.dev does.

::

    with price_source(a_list(gpt={"input": 1, "output": 2})) as source:
        ...                     # source.url; source.document = ... changes what it says
"""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fakes import web

Document = dict[str, Any]


def a_list(seller: str = "openai", /, **models: dict[str, Any]) -> Document:
    """A list of one seller: what each model costs."""
    return {
        seller: {
            "id": seller,
            "models": {
                name: {"id": name, "name": name.title(), "cost": cost} for name, cost in models.items()
            },
        }
    }


class Source:
    """What the server says, and what it was asked."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: bytes | None = None
        """Sent as it is, instead of the document."""
        self.hangs = threading.Event()
        """Clear it to have no answer come."""
        self.hangs.set()
        self.asked: list[dict[str, str]] = []
        """The headers of each request, with its path under `path`."""
        self.url = ""


@contextmanager
def price_source(document: Any) -> Iterator[Source]:
    source = Source(document)

    class Seller(web.Handler):
        def do_GET(self) -> None:
            source.asked.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
            source.hangs.wait(30)
            body, headers = source.body, dict(source.headers)
            if body is None:
                body = json.dumps(source.document).encode()
                if "gzip" in self.headers.get("accept-encoding", ""):
                    body, headers["content-encoding"] = gzip.compress(body, mtime=0), "gzip"
            status = source.status
            if "location" in headers and self.path != "/api.json":
                status = 200
                del headers["location"]
            self.answer(status, body, headers)

    with web.serving(Seller) as url:
        source.url = f"{url}/api.json"
        try:
            yield source
        finally:
            source.hangs.set()
