"""The wall clock jumps by an hour: ids rise, windows say what the calls say, nobody alive counts as dead."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from time import monotonic, time_ns

import pytest
from msgspec import structs
from sqlalchemy import Engine

from fakes.books import a_settlement, an_opening, books_on_disk, rows_of
from fakes.ids import started_ms_of
from fakes.inside import Inside
from fakes.load import ASK, CHAT, CHUNK, HEAD, JSON, USAGE, brief
from fakes.stand import a_stand
from fakes.wire import Exchange, WireAnswer, post, talk, until
from fault_table import Fault, with_limits
from wellhead.call import CallState, Opening
from wellhead.clock import LOOK_US, TOLERANCE_US, Clock
from wellhead.database.registry import DatabaseRegistry
from wellhead.errors import CallerError
from wellhead.ledger.check import check
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.processes import this_process
from wellhead.ledger.recovery import BEAT_US, SILENCE_US_MAX, Hearing
from wellhead.limit import Measure, Scope, ScopeKind, Window
from wellhead.registry import Actor, NewLimit
from wellhead.vault import Vault

HOUR_US = 3_600_000_000
START_US = 1_800_000_000_000_000
HERE = this_process()
ELSEWHERE = replace(HERE, host="elsewhere")
JUMPS = pytest.mark.parametrize("jump_us", [HOUR_US, -HOUR_US], ids=["forward", "back"])


@dataclass
class Host:
    """A machine whose clocks a test sets."""

    wall_us: int = START_US
    monotonic_us: int = 5_000_000
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.start_again()

    def start_again(self) -> None:
        """As a process that starts now sees the time."""
        self.clock = Clock(lambda: self.wall_us * 1000, lambda: self.monotonic_us * 1000)

    def now_us(self) -> int:
        return self.clock.now_us()

    def pass_(self, us: int) -> None:
        """Time goes by, and is looked at as often as a working process does."""
        while us > 0:
            step_us = min(us, LOOK_US)
            self.wall_us += step_us
            self.monotonic_us += step_us
            us -= step_us
            self.now_us()

    def worker(self, engine: Engine, process: object = HERE) -> Clerk:
        clerk = Clerk(engine, self.now_us, process)  # type: ignore[arg-type]  # one of the two above
        clerk.hearing = Hearing(lambda: self.monotonic_us)
        clerk.sign_on()
        return clerk


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = books_on_disk(tmp_path)
    yield made
    made.dispose()


def no_vault() -> Vault:
    raise AssertionError


@JUMPS
def test_ids_are_unique_and_rise(engine: Engine, host: Host, jump_us: int) -> None:
    clerk = host.worker(engine)
    ids = [clerk.next_id() for _ in range(10_000)]
    host.wall_us += jump_us
    for _ in range(100):
        host.pass_(50_000)
        ids += [clerk.next_id() for _ in range(100)]
    assert ids == sorted(set(ids))


AHEAD = pytest.mark.fault("Clocks", "the wall clock is set forward by an hour")
BEHIND = pytest.mark.fault("Clocks", "the wall clock is set back by an hour")


@pytest.mark.parametrize(
    "jump_s",
    [pytest.param(3600, marks=AHEAD, id="forward"), pytest.param(-3600, marks=BEHIND, id="back")],
)
async def test_calls_of_the_real_program_go_on_in_their_order(
    tmp_path: Path, fault: Fault, jump_s: int
) -> None:
    inside = Inside(tmp_path)
    async with a_stand(environ=inside.environ) as stand:
        with_limits(stand.wellhead.database_path)
        go_on = asyncio.Event()

        async def script(exchange: Exchange) -> None:
            if exchange.request.header(b"x-long") is None:
                await brief(exchange)
                return
            await exchange.send(HEAD + CHUNK)
            await go_on.wait()
            await exchange.send(b"0\r\n\r\n")

        stand.upstream.script = script
        long = await stand.client()
        await long.send(post(CHAT, ASK, JSON, b"x-long: 1"))
        await until(lambda: stand.upstream.requests)
        said: list[WireAnswer] = []
        ids: list[int] = []
        before_us, jumped_s, took_s = time_ns() // 1000, monotonic(), 0.0
        inside.clock_jumps(jump_s)
        # The wall clock is looked at once a second.
        while monotonic() - jumped_s < LOOK_US / 1e6 + 0.2 or (jump_s > 0 and not took_s):
            said.append(await talk(stand.port, post(CHAT, ASK, JSON)))
            ids.append(int(said[-1].header(b"x-wellhead-call") or 0))
            if not took_s and started_ms_of(ids[-1]) * 1000 - before_us > HOUR_US // 2:
                took_s = monotonic() - jumped_s
            assert monotonic() - jumped_s < 30
        go_on.set()
        said.append(await long.answer())
        assert {(one.status, one.body, one.complete) for one in said} == {(200, USAGE, True)}
        first, *rows = await stand.ended(len(said))
        assert ids == [row["id"] for row in rows] == sorted(ids)
        assert first["id"] < ids[0]
        assert all(0 < row["latency_us"] < HOUR_US // 2 for row in (first, *rows)), "time as it passed"
        fault.client(*said)
        fault.books([first, *rows], stand.wellhead.database_path)
        fault.books_say("ids and times rise")
        if jump_s > 0:
            fault.over(took_s, 2, "the books have the new time")
        else:
            assert took_s == 0
            fault.over_when("in the books time passes an eighth slower until the clock has caught up")


@JUMPS
def test_ids_of_a_worker_that_starts_after_the_jump_are_above_all_before_it(
    engine: Engine, host: Host, jump_us: int
) -> None:
    before = host.worker(engine)
    call = an_opening(before.next_id(), started_us=host.now_us())
    before.book([call], [(call, a_settlement(finished_us=host.now_us()))])
    before.sign_off()
    host.wall_us += jump_us
    host.start_again()
    assert host.worker(engine).next_id() > call.id


@JUMPS
def test_time_inside_is_the_wall_clocks_again_in_the_end(host: Host, jump_us: int) -> None:
    host.wall_us += jump_us
    moments = []
    for _ in range(9 * 60):
        host.pass_(60_000_000)
        moments.append(host.now_us())
    assert moments == sorted(set(moments))
    assert abs(moments[-1] - host.wall_us) <= TOLERANCE_US


@pytest.mark.fault(
    "Clocks", "the wall clock jumps by an hour again and again, also while the program is started anew"
)
@pytest.mark.parametrize("seed", range(6))
def test_windows_and_rollups_say_what_the_calls_say(
    engine: Engine, host: Host, fault: Fault, seed: int
) -> None:
    """Calls begin, end and are refused across jumps in both directions, and across restarts."""
    random = Random(seed)
    registry = DatabaseRegistry(engine, no_vault, host.now_us)
    for measure, window, sliding in (
        (Measure.CALLS, Window.MINUTE, True),
        (Measure.CALLS, Window.HOUR, False),
        (Measure.TOTAL_TOKENS, Window.DAY, False),
        (Measure.CONCURRENT_CALLS, Window.TOTAL, False),
    ):
        limit = NewLimit(measure, window, 40, Scope(ScopeKind.GLOBAL), sliding=sliding)
        registry.create_limit(Actor("admin"), limit)
    clerk = host.worker(engine)
    running: list[Opening] = []
    for _ in range(120):
        host.pass_(random.randrange(3_000_000))
        if random.random() < 0.15:
            host.wall_us += random.choice((HOUR_US, -HOUR_US))
        if random.random() < 0.05:  # It ends in good order, and starts again with the wall clock of now.
            clerk.sign_off()
            running.clear()
            host.start_again()
            clerk = host.worker(engine)
        calls = [an_opening(clerk.next_id(), started_us=host.now_us()) for _ in range(random.randrange(4))]
        rulings = clerk.book(calls, [])
        running += [c for c in calls if not isinstance(rulings.get(c.id), CallerError)]
        random.shuffle(running)
        ended, running = running[:2], running[2:]
        clerk.book([], [(c, a_settlement(finished_us=max(host.now_us(), c.started_us))) for c in ended])
    clerk.book([], [(c, structs.replace(a_settlement(), finished_us=host.now_us())) for c in running])
    assert check(engine, host.now_us()) == []
    assert sum(row["held"] for row in rows_of(engine, "limit_windows")) == 0
    assert all(row["state"] != CallState.PENDING for row in rows_of(engine, "calls"))
    ids = [row["id"] for row in rows_of(engine, "calls")]
    assert len(ids) == len(set(ids))
    fault.client_sees("200, or what the limits say")
    fault.books_say("windows and rollups say what the calls say; each call counts in the windows of its time")
    fault.books_say("no hold is left")
    fault.over_when("nothing is to be waited for")


@pytest.mark.fault(
    "Clocks", "the clock of one host jumps by an hour, while a call of another one is under way"
)
@JUMPS
def test_a_worker_elsewhere_that_lives_is_not_taken_for_dead(
    engine: Engine, host: Host, fault: Fault, jump_us: int
) -> None:
    other = Host()
    stranger, clerk = other.worker(engine, ELSEWHERE), host.worker(engine)
    call = an_opening(stranger.next_id(), started_us=other.now_us())
    stranger.book([call], [])
    host.wall_us += jump_us
    for _ in range(3 * SILENCE_US_MAX // BEAT_US):
        host.pass_(BEAT_US)
        other.pass_(BEAT_US)
        stranger.tick()
        assert clerk.tick() == 0
    stranger.book([], [(call, a_settlement(finished_us=other.now_us()))])
    rows = rows_of(engine, "calls")
    assert [row["state"] for row in rows] == ["completed"]
    fault.client_sees("200, whole: nobody alive is taken for dead")
    fault.books(rows)
    fault.over_when("nothing is to be waited for")


@JUMPS
def test_two_hosts_whose_clocks_are_an_hour_apart_leave_each_other_alone(
    engine: Engine, host: Host, jump_us: int
) -> None:
    other = Host(wall_us=START_US + jump_us)
    stranger, clerk = other.worker(engine, ELSEWHERE), host.worker(engine)
    both = [
        an_opening(who.next_id(), started_us=at.now_us()) for who, at in ((stranger, other), (clerk, host))
    ]
    stranger.book([both[0]], [])
    clerk.book([both[1]], [])
    for _ in range(2 * SILENCE_US_MAX // BEAT_US):
        host.pass_(BEAT_US)
        other.pass_(BEAT_US)
        assert (stranger.tick(), clerk.tick()) == (0, 0)
    assert {row["state"] for row in rows_of(engine, "calls")} == {"pending"}


def test_a_worker_elsewhere_that_died_is_recovered_after_its_silence(engine: Engine, host: Host) -> None:
    other = Host()
    stranger = other.worker(engine, ELSEWHERE)
    stranger.book([an_opening(stranger.next_id(), started_us=other.now_us())], [])
    clerk = host.worker(engine)
    host.pass_(SILENCE_US_MAX)
    assert clerk.tick() == 0
    host.pass_(BEAT_US)
    assert clerk.tick() == 1
    (row,) = rows_of(engine, "calls")
    assert (row["state"], row["error_code"]) == ("interrupted", "worker_died")
    assert started_ms_of(row["id"]) == START_US // 1000
