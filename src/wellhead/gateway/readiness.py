"""Whether a gateway can do its work, asked by whoever sends it calls.

However many ask, one look is under way at a time, what it found holds for
`FRESH_S`, and nobody waits longer than `WAIT_MAX_S`: what has not answered by
then counts as failed.  Only yes or no is said here, for the LLM API's port is
open to everybody; the control plane says which part it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from wellhead.errors import BooksUnavailable, UpstreamError
from wellhead.ports import Books, Upstream, UpstreamRequest

WAIT_MAX_S = 1.5
FRESH_S = 3.0
UPSTREAM_WAIT_MAX_S = 1.0
HEALTH_PATH = b"/health"
"""What an upstream is asked for; it need not serve it, only answer."""

Check = Callable[[], Awaitable[bool]]
"""Whether something it depends on does its work just now."""


def is_ending_never() -> bool:
    return False


class Readiness:
    """All checks together, asked as rarely as possible."""

    def __init__(
        self,
        checks: Sequence[Check],
        is_ending: Callable[[], bool] = is_ending_never,
        wait_max_s: float = WAIT_MAX_S,
    ) -> None:
        self._checks = checks
        self._is_ending = is_ending
        self._wait_max_s = wait_max_s
        self._look: asyncio.Task[bool] | None = None
        self._until_s = 0.0
        """When what was found is too old, by the loop's time."""

    async def is_ready(self) -> bool:
        """Never raises, and waits no longer than `wait_max_s`."""
        if self._is_ending():
            return False
        loop = asyncio.get_running_loop()
        if self._look is None or (self._look.done() and loop.time() >= self._until_s):
            self._look = loop.create_task(self._all_pass())
            self._until_s = loop.time() + FRESH_S
        try:
            return await asyncio.wait_for(asyncio.shield(self._look), self._wait_max_s)
        except TimeoutError:
            return False

    async def _all_pass(self) -> bool:
        # One after the other would take the sum of their times.
        return all(await asyncio.gather(*(check() for check in self._checks)))


def books_check(books: Books, fault: Callable[[], str | None]) -> Check:
    """The books' thread lives and keeps up, the database can be read, and the last write was no failure."""

    async def check() -> bool:
        try:
            await books.current()
        except BooksUnavailable:
            return False
        return fault() is None

    return check


def upstream_check(upstream: Upstream, base_url: str) -> Check:
    """The upstream answers, whatever it says below 500."""

    async def check() -> bool:
        request = UpstreamRequest("HEAD", base_url, HEALTH_PATH, [])
        try:
            async with asyncio.timeout(UPSTREAM_WAIT_MAX_S):
                response = await upstream.send(request)
        except (UpstreamError, TimeoutError):
            return False
        response.close()
        return response.status < 500

    return check
