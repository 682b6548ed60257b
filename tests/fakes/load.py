"""Clients that call and call again, and remember what they were told.

::

    async with load(stand, clients=16) as told:
        ...                    # break something
    told.seen                  # the calls whose client saw an answer, by id
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fakes.stand import Stand
from fakes.wire import Exchange, WireAnswer, WireClient, post

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","stream":true,"messages":[]}'
JSON = b"content-type: application/json"
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}\n\n'
CHUNK = b"%x\r\n%s\r\n" % (len(USAGE), USAGE)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PAUSE_S = 0.02
"""Between the parts of an answer and after a lost connection: calls are found in every state."""
CALLS_PER_CONNECTION = 25
"""So that every worker gets its share, however unevenly connections are taken."""


@dataclass
class Told:
    """What the clients know, by the ids in `x-wellhead-call`."""

    seen: set[int] = field(default_factory=set)
    """Their answer had begun."""
    whole: set[int] = field(default_factory=set)
    """Their answer was complete."""
    lost: int = 0
    """Connections that broke."""


async def brief(exchange: Exchange) -> None:
    """A small stream at once."""
    await exchange.send(HEAD + CHUNK + b"0\r\n\r\n")


async def in_parts(exchange: Exchange) -> None:
    """A small stream with pauses before, within and at its end."""
    await asyncio.sleep(PAUSE_S)
    await exchange.send(HEAD + CHUNK)
    await asyncio.sleep(PAUSE_S)
    await exchange.send(b"0\r\n\r\n")


@asynccontextmanager
async def load(stand: Stand, *, clients: int, told: Told | None = None) -> AsyncIterator[Told]:
    """The clients call until the block is left; then each finishes its call."""
    told, end = told or Told(), asyncio.Event()
    tasks = [asyncio.create_task(_call_and_call(stand, told, end)) for _ in range(clients)]
    try:
        yield told
    finally:
        end.set()
        await asyncio.gather(*tasks)


async def _call_and_call(stand: Stand, told: Told, end: asyncio.Event) -> None:
    while not end.is_set():
        client: WireClient | None = None
        try:
            client = await WireClient.connect(stand.port)
            for _ in range(CALLS_PER_CONNECTION):
                if end.is_set() or (await one_call(client, told)).header(b"connection") == b"close":
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            told.lost += 1
            await asyncio.sleep(PAUSE_S)
        finally:
            if client is not None:
                client.close()


async def one_call(client: WireClient, told: Told) -> WireAnswer:
    """Ask, and remember what comes; a broken connection comes out as an exception."""
    await client.send(post(CHAT, ASK, JSON))
    said = await client.answer()
    call = said.header(b"x-wellhead-call")
    assert call is not None, said
    assert int(call) not in told.seen, "an id is given once"
    told.seen.add(int(call))
    if not said.complete:
        raise ConnectionError
    assert (said.status, said.body) == (200, USAGE), said
    told.whole.add(int(call))
    return said
