"""The books alone: calls through open, settle and rollups on SQLite, one writer; and their size on disk."""

import asyncio
import hashlib
import os
import random
import tempfile
import time
from pathlib import Path

import uvloop
from sqlalchemy import Engine, text

from wellhead.call import CallState, Opening, Settlement
from wellhead.clock import wall_us
from wellhead.database.engine import make_engine
from wellhead.database.upgrade import upgrade
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.processes import this_process
from wellhead.ledger.writer import Writer
from wellhead.usage import Usage, UsageSource

CALLS = 40_000
WARM_UP_CALLS = 4_000
OPENERS = (32, 256)
"""Calls under way at one time."""
BATCHES = (1, 32, 128)
"""Calls in one transaction, of which the time on the processor is taken..."""
BATCH_CALLS = 4_096
"""...of so many calls."""

Call = tuple[Opening, Settlement]


def measure() -> dict[str, float]:
    """Calls a second with few and with many at a time, and bytes of database per call, indexes included."""
    figures = {}
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(
        0, {min(everywhere)}
    )  # One core for both threads, as the gateway has in its figures.
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/books.db"
        upgrade(url)
        engine = make_engine(url)
        for openers in OPENERS:
            figures[f"books_{openers}_calls_per_s"] = _calls_per_s(engine, openers)
        for batch in BATCHES:
            figures[f"books_batch_{batch}_cpu_us"] = _cpu_us(engine, batch)
        figures["books_calls_per_s"] = figures[f"books_{OPENERS[-1]}_calls_per_s"]
        figures["books_bytes_per_call"] = _bytes_per_call(engine)
        engine.dispose()
    os.sched_setaffinity(0, everywhere)
    return figures


def _calls_per_s(engine: Engine, openers: int) -> float:
    writer = Writer(engine)
    writer.start()
    uvloop.run(_write(writer, _some_calls(writer, WARM_UP_CALLS), openers))
    some = _some_calls(writer, CALLS)
    begun_s = time.perf_counter()
    uvloop.run(_write(writer, some, openers))
    writer.close()  # The last settlement is booked when this returns.
    return CALLS / (time.perf_counter() - begun_s)


def _cpu_us(engine: Engine, batch: int) -> float:
    """Of a call through open, settle and rollups, without the writer's threads and queues around it."""
    clerk = Clerk(engine, wall_us, this_process())
    clerk.sign_on()
    chance = random.Random(2)
    took_s, count = 0.0, max(BATCH_CALLS // 128 * min(batch, 128), 512)
    for _ in range(count // batch):
        openings = [_opening(clerk.next_id(), chance) for _ in range(batch)]
        ends = [(opening, _settlement(chance)) for opening in openings]
        began_s = time.thread_time()
        clerk.book(openings, [])
        clerk.book([], ends)
        took_s += time.thread_time() - began_s
    clerk.sign_off()
    return took_s / (count // batch * batch) * 1e6


async def _write(writer: Writer, some: list[Call], openers: int) -> None:
    left = iter(some)

    async def one_after_the_other() -> None:
        for opening, settlement in left:
            await writer.open(opening)
            writer.settle(opening, settlement)

    await asyncio.gather(*(one_after_the_other() for _ in range(openers)))


def _some_calls(writer: Writer, count: int) -> list[Call]:
    """Calls as a coding agent makes them, with all that is usually known of one."""
    chance = random.Random(1)
    return [(_opening(writer.next_id(), chance), _settlement(chance)) for _ in range(count)]


def _opening(id_: int, chance: random.Random) -> Opening:
    return Opening(
        id=id_,
        started_us=wall_us(),
        provider="openai",
        dialect="openai_chat",
        method="POST",
        path="/v1/chat/completions",
        model=chance.choice(("gpt-4o-mini", "gpt-4o", "o4-mini")),
        streamed=True,
        tool="codex",
        session="0c9b2b6e-7b1f-4b0c-9d6e-1f2a3b4c5d6e",
        user_agent="codex_cli_rs/0.20.0 (Linux; x86_64)",
        client_address="127.0.0.1",
        credential_hash=hashlib.sha256(b"a key").digest(),
        request_bytes=chance.randint(1_000, 400_000),
        message_count=12,
        max_output_tokens=4096,
    )


def _settlement(chance: random.Random) -> Settlement:
    read, written = chance.randint(100, 100_000), chance.randint(10, 4_000)
    return Settlement(
        state=CallState.COMPLETED,
        finished_us=wall_us(),
        status_code=200,
        finish_reason="stop",
        upstream_request_id=f"chatcmpl-{chance.randbytes(15).hex()}",
        model_served="gpt-4o-mini-2024-07-18",
        service_tier="default",
        streamed=True,
        usage=Usage(
            input_tokens=read,
            output_tokens=written,
            cache_read_tokens=read // 2,
            reasoning_tokens=written // 3,
            total_tokens=read + written,
        ),
        usage_source=UsageSource.REPORTED,
        latency_us=chance.randint(500_000, 60_000_000),
        upstream_latency_us=chance.randint(100_000, 400_000),
        ttft_us=chance.randint(400_000, 900_000),
        response_bytes=chance.randint(2_000, 80_000),
        attempts=1,
    )


def _bytes_per_call(engine: Engine) -> float:
    with engine.connect() as connection:
        connection.execute(text("COMMIT"))
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        calls = connection.execute(text("SELECT count(*) FROM calls")).scalar_one()
        connection.execute(text("BEGIN"))
    return float(Path(str(engine.url.database)).stat().st_size / calls)


if __name__ == "__main__":
    print(measure())
