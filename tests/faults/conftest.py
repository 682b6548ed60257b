"""Each module here has one real program, its fixture `shared`; a test gets it with its past forgotten."""

import pytest

from fakes.stand import Stand
from fault_table import with_limits


@pytest.fixture
def stand(shared: Stand) -> Stand:
    """The module's program; calls of earlier tests are not looked at again, and each call holds something."""
    with_limits(shared.wellhead.database_path)
    shared.seen = max((row["id"] for row in shared.new_calls()), default=shared.seen)
    shared.upstream.reads_bodies = True
    shared.upstream.requests.clear()
    return shared
