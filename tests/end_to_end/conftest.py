"""One LiteLLM proxy for all: it takes several seconds to start."""

from collections.abc import Iterator

import pytest

from fakes.litellm import Litellm, running_litellm
from fakes.simulated import simulated_process


@pytest.fixture(scope="session")
def litellm() -> Iterator[Litellm]:
    with simulated_process() as simulated, running_litellm(simulated.url) as proxy:
        yield proxy
