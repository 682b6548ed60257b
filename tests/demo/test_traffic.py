"""Traffic calls in every dialect, with some errors and some who leave, and the upstream answers as wished."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import replace

import aiohttp

from fakes.simulated import simulated_thread
from wellhead.demo.habits import HABITS, Mishap, Turn, a_turn
from wellhead.demo.requests import request
from wellhead.demo.speech import prompt_text, tokens
from wellhead.demo.traffic import Traffic


def a_turn_of(dialect: str, **changes: object) -> Turn:
    chance = random.Random(3)
    turns = (a_turn(chance, 1_790_000_000, awake=1.0) for _ in range(10_000))
    turn = next(turn for turn in turns if turn.habit.dialect == dialect)
    return replace(turn, mishap=None, **changes)  # type: ignore[arg-type]


def test_every_dialect_of_the_habits_has_a_request_of_the_wished_size() -> None:
    for dialect in {habit.dialect for habit in HABITS}:
        turn = a_turn_of(dialect)
        read = tokens(prompt_text(json.loads(request(turn).body)))
        assert abs(read - turn.prompt_tokens) <= 32, dialect


def test_all_habits_are_drawn_and_only_the_sleepless_at_night() -> None:
    chance = random.Random(1)
    by_day = Counter(a_turn(chance, 0, awake=1.0).habit.tool for _ in range(2_000))
    at_night = {a_turn(chance, 0, awake=0.0).habit.sleeps for _ in range(500)}
    assert set(by_day) == {habit.tool for habit in HABITS}
    assert at_night == {False}


def test_mishaps_are_rare_and_all_of_them_happen() -> None:
    chance = random.Random(1)
    drawn = Counter(a_turn(chance, 0, awake=1.0).mishap for _ in range(20_000))
    assert set(drawn) == {None, *Mishap}
    assert drawn[None] > 18_000


async def test_every_turn_is_answered_by_the_simulated_upstream() -> None:
    with simulated_thread() as upstream:
        async with aiohttp.ClientSession(upstream.url) as session:
            for dialect in sorted({habit.dialect for habit in HABITS}):
                asked = request(a_turn_of(dialect), pace=0)

                async with session.post(asked.path, data=asked.body, headers=asked.headers) as answer:
                    assert answer.status == 200, dialect
                    assert await answer.read()


async def test_traffic_keeps_coming_and_some_of_it_leaves() -> None:
    with simulated_thread() as upstream:
        traffic = Traffic(upstream.url, calls_per_s=300, pace=0)
        running = asyncio.create_task(traffic.run())

        async def enough() -> None:
            while traffic.statuses.get(200, 0) < 80 or traffic.left < 1 or max(traffic.statuses) < 400:
                await asyncio.sleep(0.02)

        await asyncio.wait_for(enough(), 60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert traffic.statuses[200] > 0.8 * sum(traffic.statuses.values())


async def test_only_those_call_who_have_a_key_and_they_show_it() -> None:
    with simulated_thread() as upstream:
        traffic = Traffic(upstream.url, calls_per_s=500, keys={"ann": "wh_anns"}, pace=0)
        running = asyncio.create_task(traffic.run())

        async def enough() -> None:
            while sum(traffic.statuses.values()) < 20:
                await asyncio.sleep(0.02)

        await asyncio.wait_for(enough(), 60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        heads = [dict(seen["headers"]) for seen in upstream.stats()["last"]]
    shown = {head.get("x-api-key") or head.get("x-goog-api-key") for head in heads}
    assert shown == {"wh_anns"}


async def test_somebody_calls_at_once_however_rarely_they_do_later() -> None:
    with simulated_thread() as upstream:
        traffic = Traffic(upstream.url, calls_per_s=1e-6, pace=0)
        running = asyncio.create_task(traffic.run())
        await asyncio.to_thread(upstream.wait_for, lambda seen: seen["requests"] >= 4)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_gateway_that_is_not_there_is_asked_again() -> None:
    traffic = Traffic("http://127.0.0.1:9", calls_per_s=500)
    running = asyncio.create_task(traffic.run())

    async def enough() -> None:
        while traffic.broken < 3:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(enough(), 10)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
