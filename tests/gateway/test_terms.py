"""How many calls there may be, and whether a process keeps up."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from wellhead.gateway import terms
from wellhead.gateway.terms import CROWD, LATE_FOR_S, LATE_S, LEAVING_IDLE_S, Terms, keep_pace, watch


class House:
    """So many calls are under way."""

    def __init__(self, calls_max: int) -> None:
        self.calls = 0
        self.terms = Terms(calls_max=calls_max, open_calls=lambda: self.calls)

    def takes(self, calls: int) -> bool:
        self.calls = calls
        return not self.terms.is_full


def test_it_is_full_when_as_many_are_in_as_may_be() -> None:
    house = House(calls_max=3)
    assert [house.takes(calls) for calls in range(5)] == [True, True, True, False, False]


def test_without_a_cap_it_is_never_full() -> None:
    house = House(calls_max=0)
    house.terms.pace.is_late = True
    assert house.takes(10**6)


def test_one_that_cannot_keep_up_takes_a_crowd_at_most() -> None:
    house = House(calls_max=2 * CROWD)
    house.terms.pace.is_late = True
    assert (house.takes(CROWD - 1), house.takes(CROWD)) == (True, False)
    house.terms.pace.is_late = False
    assert house.takes(CROWD)


def test_a_small_cap_stays_as_it_is_when_it_cannot_keep_up() -> None:
    house = House(calls_max=3)
    house.terms.pace.is_late = True
    assert (house.takes(2), house.takes(3)) == (True, False)


class Hands:
    """A clock that goes on by so much with every look."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.step_s = 0.0

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


@contextmanager
def keeping(hands: Hands, pace: Terms, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(terms, "PACE_LOOK_S", 0.0)
    task = asyncio.get_running_loop().create_task(keep_pace(pace, hands))
    try:
        yield
    finally:
        task.cancel()


async def late_after(hands: Hands, held: Terms, step_s: float, looks: int) -> bool:
    """Whether it counts as late when it has been so late in so many looks."""
    hands.step_s = step_s
    for _ in range(looks):
        await asyncio.sleep(0)
    return held.pace.is_late


async def test_it_cannot_keep_up_when_it_has_been_late_for_a_second_without_a_break(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hands, held = Hands(), Terms()
    with keeping(hands, held, monkeypatch):
        assert not await late_after(hands, held, LATE_S / 2, looks=100)
        assert not await late_after(hands, held, 2 * LATE_S, looks=2)
        assert await late_after(hands, held, 2 * LATE_S, looks=round(LATE_FOR_S / LATE_S))
        assert not await late_after(hands, held, 0.0, looks=2)


async def test_a_hiccup_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    hands, held = Hands(), Terms()
    with keeping(hands, held, monkeypatch):
        for _ in range(5):
            assert not await late_after(hands, held, LATE_FOR_S * 0.3, looks=1)
            assert not await late_after(hands, held, 0.0, looks=2)


class Looked:
    def __init__(self) -> None:
        self.at_s: list[float] = []

    def look(self, now_s: float) -> None:
        self.at_s.append(now_s)


async def test_every_connection_is_looked_at_again_and_again() -> None:
    connections = {Looked(), Looked()}
    task = asyncio.get_running_loop().create_task(watch(connections, Terms(header_timeout_s=0.004)))
    deadline = asyncio.get_running_loop().time() + 10
    while any(len(connection.at_s) < 3 for connection in connections):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.001)
    task.cancel()


def test_a_process_that_was_replaced_keeps_idle_connections_for_a_moment_only() -> None:
    assert Terms().idle_s == 75
    assert Terms(is_leaving=lambda: True).idle_s == LEAVING_IDLE_S
