"""The board: what calls see of breakers, in one worker and in several, with and without a database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import CapturingLogger

import wellhead.gateway.breakers as board_module
from fakes.breakers import FakeSharedBreakers, Ticks
from fakes.wire import until
from fault_table import Fault
from wellhead.breaker import Outcome, Shared, State
from wellhead.gateway.breakers import BreakerBoard
from wellhead.policy.breaker import Rules
from wellhead.ports import NO_BREAKERS, Breakers

SUCCESS, FAILURE, NEUTRAL = Outcome.SUCCESS, Outcome.FAILURE, Outcome.NEUTRAL
RULES = Rules(failures=3)
OPENAI = "openai"


class Workers:
    """Boards that share, with one clock; each has a log that can be read."""

    def __init__(self) -> None:
        self.shared = FakeSharedBreakers()
        self.ticks = Ticks()
        self.boards: list[BreakerBoard] = []
        self.logs: list[CapturingLogger] = []

    async def another(self) -> BreakerBoard:
        log = CapturingLogger()
        board = BreakerBoard(
            self.shared,
            RULES,
            me=f"host:{len(self.boards)}",
            now_us=self.ticks.wall_us,
            ticks_us=self.ticks.now_us,
            log=log,
        )
        await board.start()
        self.boards.append(board)
        self.logs.append(log)
        return board

    def events(self, worker: int = 0) -> list[str]:
        return [call.args[0] for call in self.logs[worker].calls if call.method_name != "debug"]

    def row(self, subject: str = OPENAI) -> Shared:
        return self.shared.rows.get(subject, Shared(subject))


@pytest.fixture
async def workers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workers]:
    monkeypatch.setattr(board_module, "LOOK_S", 0.01)
    made = Workers()
    yield made
    made.shared.gate.set()
    for board in made.boards:
        await board.close()


async def fail(board: Breakers, times: int = RULES.failures, subject: str = OPENAI) -> None:
    for _ in range(times):
        assert await board.enter(subject) is None
        board.leave(subject, FAILURE)


async def opened(workers: Workers, count: int = 1) -> list[BreakerBoard]:
    """Boards that all know of a breaker that has opened."""
    boards = [await workers.another() for _ in range(count)]
    await fail(boards[0])
    await until(lambda: all(board.is_open(OPENAI) for board in boards))
    return boards


class Call:
    """One call, in a task of its own as a server makes it; it goes on until it is told how it ends."""

    def __init__(self, board: Breakers, subject: str = OPENAI) -> None:
        self.wait_s: int | None = None
        self._end: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._asked = asyncio.Event()
        self._task = asyncio.create_task(self._run(board, subject))

    async def asked(self) -> int | None:
        """What it was told when it entered."""
        await asyncio.wait_for(self._asked.wait(), 5)
        return self.wait_s

    async def end(self, outcome: Outcome) -> None:
        self._end.set_result(outcome)
        await self._task

    async def _run(self, board: Breakers, subject: str) -> None:
        self.wait_s = await board.enter(subject)
        self._asked.set()
        if self.wait_s is None:
            board.leave(subject, await self._end)


@asynccontextmanager
async def calls(board: Breakers, count: int) -> AsyncIterator[list[Call]]:
    """Calls that came at once and know what they were told."""
    made = [Call(board) for _ in range(count)]
    for call in made:
        await call.asked()
    yield made
    for call in made:
        if call.wait_s is None and not call._end.done():
            await call.end(NEUTRAL)


# One worker.


async def test_it_lets_everything_through_as_long_as_all_is_well(workers: Workers) -> None:
    board = await workers.another()
    for _ in range(10):
        assert await board.enter(OPENAI) is None
        board.leave(OPENAI, SUCCESS)
    assert not board.is_open(OPENAI)
    assert workers.shared.puts == 0
    assert workers.events() == []


async def test_it_opens_after_so_many_failures_in_a_row_and_says_so(workers: Workers) -> None:
    board = await workers.another()
    await fail(board, 2)
    assert not board.is_open(OPENAI)
    await fail(board, 1)
    assert board.is_open(OPENAI)
    assert await board.enter(OPENAI) == 30
    assert workers.events() == ["upstream.breaker_open", "upstream.breaker_reject"]
    assert workers.logs[0].calls[0].kwargs == {"providerId": OPENAI, "failures": 3, "retryAfterSec": 30}
    assert workers.logs[0].calls[-1].kwargs == {"providerId": OPENAI, "retryAfterSec": 30, "rejected": 1}
    await until(lambda: workers.row().state is State.OPEN)
    row = workers.row()
    assert (row.failures, row.opened_by, row.opened_us) == (3, "host:0", workers.ticks.wall_us())
    assert row.retry_us == workers.ticks.wall_us() + RULES.half_open_after_us


async def test_another_subject_has_a_breaker_of_its_own(workers: Workers) -> None:
    board = (await opened(workers))[0]
    assert await board.enter("anthropic") is None
    assert await board.enter("openai/credential/3") is None


async def test_rejections_are_told_once_a_second(workers: Workers) -> None:
    (board,) = await opened(workers)
    for _ in range(100):
        await board.enter(OPENAI)
    workers.ticks.pass_s(1)
    await board.enter(OPENAI)
    rejected = [call for call in workers.logs[0].calls if call.args == ("upstream.breaker_reject",)]
    assert [call.kwargs["rejected"] for call in rejected] == [1, 100]


async def test_of_many_calls_one_is_the_probe_and_its_success_lets_all_through(workers: Workers) -> None:
    (board,) = await opened(workers)
    workers.ticks.pass_s(29.999)
    assert await board.enter(OPENAI) == 1
    workers.ticks.pass_s(0.001)
    async with calls(board, 16) as made:
        (probe,) = (call for call in made if call.wait_s is None)
        assert {call.wait_s for call in made} == {None, 1}
        assert board.is_open(OPENAI)
        await probe.end(SUCCESS)
        assert await board.enter(OPENAI) is None
    assert workers.events()[-1] == "upstream.breaker_closed"
    await until(lambda: workers.row().state is State.CLOSED)
    assert workers.row().failures == 0


async def test_a_probe_that_fails_opens_it_again(workers: Workers) -> None:
    (board,) = await opened(workers)
    workers.ticks.pass_s(30)
    async with calls(board, 1) as (probe,):
        await probe.end(FAILURE)
    assert await board.enter(OPENAI) == 30
    await until(lambda: workers.row().state is State.OPEN)
    assert workers.row().opened_us == workers.ticks.wall_us()
    assert workers.row().failures == 4


async def test_a_probe_whose_client_left_is_given_to_the_next_call(workers: Workers) -> None:
    (board,) = await opened(workers)
    workers.ticks.pass_s(30)
    async with calls(board, 1) as (probe,):
        await probe.end(NEUTRAL)
    assert not board.is_open(OPENAI)
    async with calls(board, 2) as (next_one, other):
        assert (next_one.wait_s, other.wait_s) == (None, 1)
        await next_one.end(SUCCESS)
    assert await board.enter(OPENAI) is None


async def test_calls_that_began_before_it_opened_do_not_close_it(workers: Workers) -> None:
    board = await workers.another()
    async with calls(board, 2) as (early, late):
        await fail(board)
        await early.end(SUCCESS)
        assert board.is_open(OPENAI)
        workers.ticks.pass_s(30)
        async with calls(board, 1) as (probe,):
            assert probe.wait_s is None
            await late.end(SUCCESS)
            assert board.is_open(OPENAI), "its probe has not come back"
            await probe.end(FAILURE)
    assert board.is_open(OPENAI)


async def test_a_call_that_stops_waiting_for_the_probe_leaves_it_to_the_next(workers: Workers) -> None:
    (board,) = await opened(workers)
    await until(lambda: workers.row().state is State.OPEN)
    workers.ticks.pass_s(30)
    workers.shared.gate.clear()
    impatient = asyncio.create_task(board.enter(OPENAI))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait({impatient})
    assert impatient.cancelled()
    workers.shared.gate.set()
    await until(lambda: workers.row().probe_by == "host:0")
    await until(lambda: not board.is_open(OPENAI))
    async with calls(board, 2) as (probe, other):
        assert (probe.wait_s, other.wait_s) == (None, 1)


async def test_a_probe_may_end_in_a_task_that_its_call_started(workers: Workers) -> None:
    (board,) = await opened(workers)
    workers.ticks.pass_s(30)

    async def call() -> None:
        assert await board.enter(OPENAI) is None
        await asyncio.create_task(later())

    async def later() -> None:
        board.leave(OPENAI, SUCCESS)

    await asyncio.create_task(call())
    assert not board.is_open(OPENAI)


async def test_where_they_are_turned_off_everything_goes_through() -> None:
    await fail(NO_BREAKERS, 100)
    assert not NO_BREAKERS.is_open(OPENAI)


# Several.


async def test_what_opens_in_one_is_open_in_all(workers: Workers) -> None:
    boards = await opened(workers, 3)
    assert [await board.enter(OPENAI) for board in boards] == [30, 30, 30]
    assert [workers.events(n).count("upstream.breaker_open") for n in range(3)] == [1, 0, 0]


async def test_of_all_calls_of_all_workers_one_is_the_probe(workers: Workers) -> None:
    boards = await opened(workers, 3)
    workers.ticks.pass_s(30)
    async with calls(boards[0], 8) as a, calls(boards[1], 8) as b, calls(boards[2], 8) as c:
        (probe,) = (call for call in (*a, *b, *c) if call.wait_s is None)
        await probe.end(SUCCESS)
        await until(lambda: not any(board.is_open(OPENAI) for board in boards))
    assert [await board.enter(OPENAI) for board in boards] == [None, None, None]


async def test_several_that_open_at_once_agree(workers: Workers) -> None:
    boards = [await workers.another() for _ in range(3)]
    await asyncio.gather(*(fail(board) for board in boards))
    assert all(board.is_open(OPENAI) for board in boards)
    await until(lambda: all(not known.saying for board in boards for known in board._known.values()))
    assert len(workers.shared.rows) == 1
    workers.ticks.pass_s(30)
    async with calls(boards[2], 1) as (probe,):
        await probe.end(SUCCESS)
    await until(lambda: not any(board.is_open(OPENAI) for board in boards))


async def test_a_probe_given_back_may_go_to_another_worker(workers: Workers) -> None:
    first, second = await opened(workers, 2)
    workers.ticks.pass_s(30)
    async with calls(first, 1) as (probe,):
        await until(lambda: second.is_open(OPENAI))
        await probe.end(NEUTRAL)
        await until(lambda: not second.is_open(OPENAI))
        async with calls(second, 1) as (next_one,):
            assert next_one.wait_s is None
            await next_one.end(SUCCESS)
    await until(lambda: not first.is_open(OPENAI))


async def test_a_worker_that_ends_gives_its_probe_back(workers: Workers) -> None:
    first, second = await opened(workers, 2)
    workers.ticks.pass_s(30)
    probe = Call(first)
    assert await probe.asked() is None
    await until(lambda: second.is_open(OPENAI))
    await first.close()
    await until(lambda: not second.is_open(OPENAI))
    await probe.end(NEUTRAL)


async def test_a_probe_whose_worker_died_is_given_back_after_a_while(workers: Workers) -> None:
    first, second = await opened(workers, 2)
    workers.ticks.pass_s(30)
    lost = Call(first)
    assert await lost.asked() is None
    await until(lambda: workers.row().probe_by == "host:0")
    assert first._looking is not None
    first._looking.cancel()
    await until(lambda: second.is_open(OPENAI))
    workers.ticks.pass_s(29.9)
    assert await second.enter(OPENAI) == 1
    workers.ticks.pass_s(0.1)
    async with calls(second, 1) as (probe,):
        assert probe.wait_s is None
        await probe.end(SUCCESS)
    await until(lambda: workers.row().state is State.CLOSED)
    await lost.end(NEUTRAL)


async def test_a_slow_probe_closes_it_although_another_was_sent_meanwhile(workers: Workers) -> None:
    first, second = await opened(workers, 2)
    workers.ticks.pass_s(30)
    async with calls(first, 1) as (slow,):
        await until(lambda: second.is_open(OPENAI))
        workers.ticks.pass_s(30)
        async with calls(second, 1) as (other,):
            assert other.wait_s is None
            await slow.end(SUCCESS)
            await until(lambda: not first.is_open(OPENAI) and not second.is_open(OPENAI))
            assert workers.row().state is State.CLOSED


async def test_what_somebody_else_closes_is_closed_in_all(workers: Workers) -> None:
    """As an operator does who resets it."""
    boards = await opened(workers, 2)
    await until(lambda: workers.row().state is State.OPEN)
    workers.shared.put(Shared(OPENAI, changed_us=workers.ticks.wall_us()), workers.row().version)
    await until(lambda: not any(board.is_open(OPENAI) for board in boards))
    await fail(boards[0], 2)
    assert not boards[0].is_open(OPENAI), "failures are counted anew"


async def test_what_was_open_when_a_worker_starts_stays_open_for_the_rest_of_its_time(
    workers: Workers,
) -> None:
    await opened(workers)
    await until(lambda: workers.row().state is State.OPEN)
    workers.ticks.pass_s(20)
    late = await workers.another()
    assert await late.enter(OPENAI) == 10


async def test_what_is_shared_no_more_is_closed(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "FULL_LOOK_EVERY", 2)
    (board,) = await opened(workers)
    await until(lambda: workers.row().state is State.OPEN)
    workers.shared.rows.clear()
    await until(lambda: not board.is_open(OPENAI))


@pytest.mark.fault("Clocks", "the wall clock jumps by an hour while a breaker is open")
@pytest.mark.parametrize("jump_s", [3600, -3600])
async def test_a_wall_clock_that_jumps_moves_no_deadline(workers: Workers, fault: Fault, jump_s: int) -> None:
    first, second = await opened(workers, 2)
    workers.ticks.jumped_us = jump_s * 1_000_000
    workers.ticks.pass_s(29)
    assert [await board.enter(OPENAI) for board in (first, second)] == [1, 1]
    workers.ticks.pass_s(1)
    async with calls(second, 1) as (probe,):
        assert probe.wait_s is None
        await until(lambda: first.is_open(OPENAI))
        await probe.end(FAILURE)
    await until(lambda: workers.row().state is State.OPEN and workers.row().probe_by is None)
    await until(lambda: _waits(first) == _waits(second) == 30)
    fault.client_sees("503 `breaker_open` for as long as without the jump")
    fault.books_say("`refused`, `breaker_open`")
    fault.over_when("the probe goes when it is due by a clock that nobody sets")


def _waits(board: BreakerBoard) -> int | None:
    known = board._known.get(OPENAI)
    return None if known is None else -(-(known.breaker.until_us - board._ticks_us()) // 1_000_000)


# The database is slow, locked or away.


async def test_without_a_database_the_worker_decides_alone_and_says_so_later(workers: Workers) -> None:
    board = await workers.another()
    workers.shared.unavailable = "gone"
    await fail(board)
    assert await board.enter(OPENAI) == 30
    workers.ticks.pass_s(30)
    async with calls(board, 4) as made:
        (probe,) = (call for call in made if call.wait_s is None)
        await probe.end(FAILURE)
    assert await board.enter(OPENAI) == 30
    assert workers.row().state is State.CLOSED
    workers.shared.unavailable = None
    await until(lambda: workers.row().state is State.OPEN)
    assert [event for event in workers.events() if event.startswith("breakers.")] == [
        "breakers.alone",
        "breakers.together",
    ]


async def test_what_was_closed_again_without_a_database_is_never_told(workers: Workers) -> None:
    board = await workers.another()
    workers.shared.unavailable = "gone"
    await fail(board)
    workers.ticks.pass_s(30)
    async with calls(board, 1) as (probe,):
        await probe.end(SUCCESS)
    assert not board.is_open(OPENAI)
    workers.shared.unavailable = None
    await until(lambda: workers.events()[-1] == "breakers.together")
    assert workers.shared.puts == 0


async def test_a_probe_that_succeeds_without_a_database_closes_it_for_all_later(workers: Workers) -> None:
    first, second = await opened(workers, 2)
    await until(lambda: workers.row().state is State.OPEN)
    workers.shared.unavailable = "gone"
    await until(lambda: "breakers.alone" in workers.events(0))
    workers.ticks.pass_s(30)
    async with calls(first, 1) as (probe,):
        assert probe.wait_s is None
        await probe.end(SUCCESS)
    workers.shared.unavailable = None
    await until(lambda: workers.row().state is State.CLOSED)
    await until(lambda: not second.is_open(OPENAI) and not second._known)


async def test_a_call_waits_50_ms_at_most_for_the_probe(workers: Workers) -> None:
    (board,) = await opened(workers)
    await until(lambda: workers.row().state is State.OPEN)
    workers.ticks.pass_s(30)
    workers.shared.gate.clear()
    began = asyncio.get_running_loop().time()
    assert await board.enter(OPENAI) == 1
    assert 0.045 < asyncio.get_running_loop().time() - began < 0.2
    began = asyncio.get_running_loop().time()
    assert await board.enter(OPENAI) == 1
    assert asyncio.get_running_loop().time() - began < 0.02, "only the first one waits"
    workers.ticks.pass_s(1.1)
    async with calls(board, 2) as (probe, other):
        assert (probe.wait_s, other.wait_s) == (None, 1)
        workers.shared.gate.set()
        await until(lambda: workers.row().probe_by == "host:0")
        await probe.end(SUCCESS)
    await until(lambda: workers.row().state is State.CLOSED)


async def test_a_slow_database_never_stops_calls_nor_their_ends(workers: Workers) -> None:
    board = await workers.another()
    workers.shared.gate.clear()
    began = asyncio.get_running_loop().time()
    await fail(board, subject="a")
    await fail(board, subject="b")
    assert board.is_open("a")
    assert board.is_open("b")
    assert asyncio.get_running_loop().time() - began < 0.1


async def test_a_database_that_can_only_be_read_is_said_once(workers: Workers) -> None:
    board = await workers.another()
    workers.shared.locked = "locked"
    await fail(board)
    looks = workers.shared.looks
    await until(lambda: workers.shared.looks > looks + 5)
    assert [event for event in workers.events() if event.startswith("breakers.")] == ["breakers.alone"]
    workers.shared.locked = None
    await until(lambda: workers.events()[-1] == "breakers.together")
    await until(lambda: workers.row().state is State.OPEN)


async def test_a_start_without_a_database_does_not_fail(workers: Workers) -> None:
    workers.shared.unavailable = "gone"
    board = await workers.another()
    assert await board.enter(OPENAI) is None


# What operators are told.


async def test_activity_and_failures_of_closed_ones_are_told_now_and_then(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_module, "ACTIVITY_LOOKS", 5)
    board = await workers.another()
    assert await board.enter("anthropic") is None
    await fail(board, 2)
    await until(lambda: workers.row().failures == 2)
    await until(lambda: "anthropic" in workers.shared.rows)
    assert workers.row("anthropic").state is State.CLOSED
    board.leave(OPENAI, SUCCESS)
    await until(lambda: workers.row().failures == 0)
    told = len(workers.shared.touches)
    looks = workers.shared.looks
    await until(lambda: workers.shared.looks > looks + 12)
    assert len(workers.shared.touches) == told, "idle, it writes nothing"


async def test_telling_the_activity_of_what_never_failed_disturbs_nothing(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_module, "ACTIVITY_LOOKS", 1)
    board = await workers.another()
    assert await board.enter(OPENAI) is None
    board.leave(OPENAI, SUCCESS)

    await until(lambda: OPENAI in workers.shared.rows)
    await until(lambda: workers.shared.looks > 5)

    assert workers.events() == []


async def test_idle_ones_are_forgotten(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "ACTIVITY_LOOKS", 2)
    monkeypatch.setattr(board_module, "FORGET_LOOKS", 3)
    board = await workers.another()
    await board.enter(OPENAI)
    await until(lambda: OPENAI in workers.shared.rows)
    workers.ticks.pass_s(301)
    await until(lambda: OPENAI not in workers.shared.rows)


async def test_there_is_an_end_to_what_is_remembered(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_module, "SUBJECTS_MAX", 10)
    board = await workers.another()
    for n in range(20):
        await fail(board, subject=f"p{n}")
    assert len(board._known) == 10
    assert not board.is_open("p19")


async def test_what_is_healthy_again_is_not_remembered(workers: Workers) -> None:
    board = await workers.another()
    await fail(board, 2)
    board.leave(OPENAI, SUCCESS)
    assert board._known == {}
