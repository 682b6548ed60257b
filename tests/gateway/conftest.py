"""What tests of the data plane share."""

from collections.abc import AsyncIterator

import pytest

from wellhead.gateway.upstream import AiohttpUpstream
from wellhead.policy import retry


@pytest.fixture
async def upstream() -> AsyncIterator[AiohttpUpstream]:
    made = AiohttpUpstream()
    yield made
    await made.close()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are as long as ever in number, but short."""
    monkeypatch.setattr(retry, "BACK_OFF_MS", 1)
    monkeypatch.setattr(retry, "BACK_OFF_MS_MAX", 5)
