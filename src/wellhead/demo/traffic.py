"""Live traffic for the demo: calls through the gateway, a few at a time, at the pace of people.

The calls come from `habits.py`; some fail and some are given up half way, as the
table says.  A gateway that does not answer is asked again later.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from itertools import count
from types import MappingProxyType

import aiohttp

from wellhead.demo.habits import Mishap, Turn, a_turn
from wellhead.demo.requests import request

NO_KEYS: Mapping[str, str] = MappingProxyType({})
AT_ONCE = 4
"""Somebody is calling when the demo begins."""
IN_FLIGHT_MAX = 12
"""Further calls wait, so that a slow machine is not asked for more."""
CALL_S_MAX = 120.0
LEAVE_AFTER_BYTES = 600
RETRY_S = 1.0


class Traffic:
    """Calls that keep coming until the task is cancelled.

    With `keys`, by client, only those call who have one; without any everybody does.
    """

    def __init__(
        self,
        gateway: str,
        *,
        calls_per_s: float,
        keys: Mapping[str, str] = NO_KEYS,
        seed: int = 1,
        pace: float = 1.0,
    ) -> None:
        self.gateway = gateway
        self.keys = keys
        self.calls_per_s = calls_per_s
        self.pace = pace
        self.chance = random.Random(seed)
        self.statuses: dict[int, int] = {}
        """Answers by status."""
        self.left = 0
        """Calls that were given up half way."""
        self.broken = 0
        """Calls that ended without an answer, or in the middle of it."""

    async def run(self) -> None:
        places = asyncio.Semaphore(IN_FLIGHT_MAX)
        timeout = aiohttp.ClientTimeout(total=CALL_S_MAX)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as calls:
            for number in count():
                if number >= AT_ONCE:
                    await asyncio.sleep(self.chance.expovariate(self.calls_per_s))
                turn = a_turn(self.chance, int(time.time()), awake=1.0)
                if self.keys and turn.client not in self.keys:
                    continue
                await places.acquire()
                calls.create_task(self._call(session, turn)).add_done_callback(lambda _: places.release())

    async def _call(self, session: aiohttp.ClientSession, turn: Turn) -> None:
        asked = request(turn, self.pace, self.keys.get(turn.client))
        url, headers = self.gateway + asked.path, asked.headers
        try:
            async with session.post(url, data=asked.body, headers=headers) as answer:
                self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
                read = 0
                async for chunk in answer.content.iter_any():
                    read += len(chunk)
                    if turn.mishap is Mishap.LEAVE and read > LEAVE_AFTER_BYTES:
                        self.left += 1
                        answer.close()
                        return
        except (aiohttp.ClientError, TimeoutError):
            self.broken += 1
            await asyncio.sleep(RETRY_S)
