"""What tests of the data plane share."""

from collections.abc import AsyncIterator

import pytest

from wellhead.gateway.upstream import AiohttpUpstream


@pytest.fixture
async def upstream() -> AsyncIterator[AiohttpUpstream]:
    made = AiohttpUpstream()
    yield made
    await made.close()
