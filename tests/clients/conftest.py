"""One program for all clients: the built-in providers lead to the simulated upstream, `gone` to nobody."""

import socket
from collections.abc import Callable, Iterator

import pytest

from fakes.program import Wellhead
from fakes.rows import Booked
from fakes.simulated import Simulated, simulated_process

UpstreamCalls = Callable[[], int]
MAX_REQUEST_BODY = 100_000
OWN_TYPES = {
    "openai": "openai-compatible",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "ollama": "ollama",
}


@pytest.fixture(scope="session")
def upstream() -> Iterator[Simulated]:
    with simulated_process() as simulated:
        yield simulated


@pytest.fixture(scope="session")
def gone_url() -> Iterator[str]:
    """An address that refuses connections, and that nobody else is given meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture(scope="session")
def wellhead(upstream: Simulated, gone_url: str) -> Iterator[Wellhead]:
    providers: list[dict[str, object]] = [
        {"id": id_, "type": kind, "base_url": upstream.url} for id_, kind in OWN_TYPES.items()
    ]
    # Its path is nobody's, so it is reached by its prefix alone.
    providers.append({"id": "gone", "type": "openai-compatible", "base_url": gone_url, "paths": ["/gone"]})
    config = {"gateway": {"max_request_body": MAX_REQUEST_BODY}, "providers": providers}
    with Wellhead(config=config) as program:
        yield program


@pytest.fixture
def booked(wellhead: Wellhead) -> Booked:
    """What is booked from the beginning of the test on."""
    return Booked(wellhead.database_path)


@pytest.fixture
def upstream_calls(upstream: Simulated) -> UpstreamCalls:
    """How many requests reached the upstream since the beginning of the test."""
    before = int(upstream.stats()["requests"])
    return lambda: int(upstream.stats()["requests"]) - before
