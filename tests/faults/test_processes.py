"""Processes die, hang and are replaced, and clients do not notice: no connection is refused, no call lost.

Those whose program is whole afterwards share it (`stand`); the others have one of their own.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio

from fakes.inside import Inside
from fakes.load import CHUNK, HEAD, USAGE, Told, brief, in_parts, load, one_call
from fakes.stand import Stand, a_stand
from fakes.wire import Exchange, WireAnswer, WireClient, answer, post, talk, until
from fault_table import Fault, held, with_limits

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","stream":true,"messages":[]}'
JSON = b"content-type: application/json"
CLIENTS = 32
WORKERS = 2
ROLL_MAX_S = 60.0
USUAL: dict[str, Any] = {"gateway": {"shutdown_grace_s": 0.1}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stand]:
    async with a_stand(USUAL) as made:
        yield made


def get(path: bytes) -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nhost: localhost\r\n\r\n"


async def more_calls(told: Told, count: int = 2 * CLIENTS) -> None:
    whole = len(told.whole)
    await until(lambda: len(told.whole) >= whole + count, 30)


async def rolled(stand: Stand, config: dict[str, Any] | None = None) -> None:
    """Ask for a rolling restart, and wait until it is complete."""
    rolls = len(stand.wellhead.events("reload.complete"))
    if config is not None:
        stand.wellhead.configure(config)
    stand.wellhead.signal(signal.SIGHUP)
    await until(lambda: len(stand.wellhead.events("reload.complete")) > rolls, ROLL_MAX_S)


# Rolling restarts.


@pytest.mark.fault("Processes", "SIGHUP under load: a rolling restart")
async def test_a_rolling_restart_under_load_fails_no_call_and_refuses_no_connection(
    fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    gateway = {"workers": WORKERS, "max_request_body": 1000}
    async with a_stand({"gateway": gateway}, command="serve") as stand:
        with_limits(stand.wellhead.database_path)
        stand.upstream.script = in_parts
        before = {*stand.wellhead.pids, *stand.wellhead.pids_of("control")}
        assert (await talk(stand.port, post(CHAT, b" " * 2000, JSON))).status == 413
        async with load(stand, clients=CLIENTS) as told:
            await more_calls(told)
            started_s = monotonic()
            await rolled(stand, {"gateway": {**gateway, "max_request_body": 5000}})
            record_property("roll_s", round(monotonic() - started_s, 2))
            await more_calls(told)
            await until(lambda: len(stand.wellhead.events("worker.left")) == len(before), ROLL_MAX_S)
            await more_calls(told)
        assert told.lost == 0
        assert told.seen == told.whole
        after = {*stand.wellhead.pids, *stand.wellhead.pids_of("control")}
        assert (len(after), before & after) == (len(before), set())
        assert {line["pid"] for line in stand.wellhead.events("worker.left")} == before
        assert (await talk(stand.port, post(CHAT, b" " * 2000, JSON))).status == 200, "settings are new"
        rows = await stand.ended(len(told.whole) + 1)
        assert {row["state"] for row in rows} == {"completed"}
        assert stand.wellhead.events("worker.died") == []
        fault.client_sees("200, whole: every call of 32 clients; no connection is refused or breaks")
        fault.books(rows, stand.wellhead.database_path)
        fault.over_when("one process after the other is replaced ([how](command-line.md#rolling-restart))")


async def test_a_stream_goes_on_to_its_end_in_a_process_that_was_replaced(stand: Stand) -> None:
    go_on = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.send(HEAD + CHUNK)
        await go_on.wait()
        await exchange.send(b"0\r\n\r\n")

    # The grace period is for a program that ends; here nobody waits for the old process.
    stand.upstream.script = script
    (before,) = stand.wellhead.pids

    def has_left() -> bool:
        return before in {line["pid"] for line in stand.wellhead.events("worker.left")}

    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON))
    await client.reader.readuntil(b"\r\n\r\n")
    await rolled(stand)
    assert stand.wellhead.pids != [before]
    assert not has_left()
    go_on.set()
    assert (await client.reader.readuntil(b"0\r\n\r\n")).endswith(CHUNK + b"0\r\n\r\n")
    await until(has_left)
    assert (await stand.the_call())["state"] == "completed"
    client.close()


async def test_a_connection_of_a_replaced_process_is_told_that_it_ends(stand: Stand) -> None:
    stand.upstream.script = brief
    client = await stand.client()
    await client.send(post(CHAT, ASK, JSON))
    assert (await client.answer()).header(b"connection") is None
    await rolled(stand)
    await client.send(post(CHAT, ASK, JSON))
    said = await client.answer()
    assert (said.body, said.header(b"connection")) == (USAGE, b"close")
    assert await client.reader.read() == b""
    assert len({row["worker_id"] for row in await stand.ended(2)}) == 1


async def test_a_program_that_ends_does_not_wait_for_replaced_processes() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(HEAD + CHUNK)
        await exchange.gone()

    async with a_stand({"gateway": {"shutdown_grace_s": 0.1}}) as stand:
        stand.upstream.script = script
        client = await stand.client()
        await client.send(post(CHAT, ASK, JSON))
        await client.reader.readuntil(b"\r\n\r\n")
        await rolled(stand)
        assert await asyncio.to_thread(stand.wellhead.stop) == 143
        assert [(row["state"], row["error_code"]) for row in stand.wellhead.calls()] == [
            ("aborted", "shutdown")
        ]


async def test_as_many_workers_as_the_settings_say_by_now(stand: Stand) -> None:
    stand.upstream.script = answer(b"")
    for workers in (3, 1):
        await rolled(stand, {"gateway": {**USUAL["gateway"], "workers": workers}})
        assert len(stand.wellhead.pids) == workers
        assert (await talk(stand.port, post(CHAT, ASK, JSON))).status == 200


@pytest.mark.fault("Processes", "SIGHUP, and the configuration has mistakes")
async def test_a_file_with_mistakes_changes_nothing_and_all_of_them_are_told(
    stand: Stand, fault: Fault
) -> None:
    stand.upstream.script = answer(b"")
    before = stand.wellhead.pids
    stand.wellhead.configure({"gateway": {"wrokers": 2}, "log": {"level": "loud"}})
    stand.wellhead.signal(signal.SIGHUP)
    await until(lambda: bool(stand.wellhead.events("reload.refused")))
    (said,) = stand.wellhead.events("reload.refused")
    assert [problem.split(":")[0] for problem in said["problems"]] == ["gateway.wrokers", "log.level"]
    assert stand.wellhead.pids == before
    served = await talk(stand.port, post(CHAT, ASK, JSON))
    assert served.status == 200
    fault.client(served)
    fault.books(await stand.ended())
    fault.over_when("with a further SIGHUP; all mistakes are in the log")
    await rolled(stand, USUAL)
    assert stand.wellhead.pids != before


async def test_settings_with_which_no_process_starts_leave_the_old_ones_in_place() -> None:
    async with a_stand({"gateway": {"workers": WORKERS}}) as stand:
        before = stand.wellhead.pids
        stand.wellhead.configure({"limits": {"vocabulary": "/nowhere/words.tiktoken"}})
        stand.wellhead.signal(signal.SIGHUP)
        await until(lambda: bool(stand.wellhead.events("reload.failed")), ROLL_MAX_S)
        assert stand.wellhead.pids[:WORKERS] == before
        # One that dies now comes back with the settings that are known to work.
        os.kill(before[0], signal.SIGKILL)
        await until(lambda: bool(stand.wellhead.events("worker.died")))
        await until(lambda: len(stand.wellhead.events("worker.started")) == 2 * WORKERS + 1 + 1)
        assert (await talk(stand.port, post(CHAT, ASK, JSON))).status == 200


async def test_what_only_a_new_start_can_change_is_named_and_stays() -> None:
    async with a_stand() as stand:
        program = stand.wellhead
        program.configure({"database": str(program.directory / "other.db"), "log": {"level": "debug"}})
        # The flags of the command line win over the file, so this is what they say that stays.
        await rolled(stand)
        assert (await talk(stand.port, post(CHAT, ASK, JSON))).status == 200
        assert not (program.directory / "other.db").exists()


async def test_two_hangups_in_a_row_are_two_rolling_restarts(stand: Stand) -> None:
    stand.upstream.script = answer(b"")

    def told(name: str) -> int:
        return len(stand.wellhead.events(name))

    started, complete = told("reload.started"), told("reload.complete")
    stand.wellhead.signal(signal.SIGHUP)
    await until(lambda: told("reload.started") > started)
    stand.wellhead.signal(signal.SIGHUP)
    await until(lambda: told("reload.complete") == complete + 2, ROLL_MAX_S)
    assert (await talk(stand.port, post(CHAT, ASK, JSON))).status == 200


# Processes that die.


@pytest.mark.fault("Processes", "one of two gateway processes is killed (`kill -9`) under load")
async def test_a_worker_that_is_killed_is_back_at_once_and_no_connection_is_refused_meanwhile(
    fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    async with a_stand({"gateway": {"workers": WORKERS}}) as stand:
        with_limits(stand.wellhead.database_path)
        stand.upstream.script = brief
        refused: list[OSError] = []
        end = asyncio.Event()

        async def connect() -> None:
            """New connections all the time; one that the dead worker had taken is reset, none is refused."""
            while not end.is_set():
                try:
                    client = await WireClient.connect(stand.port)
                except OSError as error:
                    refused.append(error)
                    continue
                try:
                    await client.send(get(b"/health"))
                    await client.answer()
                except (ConnectionError, asyncio.IncompleteReadError):
                    pass
                client.close()

        connecting = [asyncio.create_task(connect()) for _ in range(4)]
        async with load(stand, clients=8) as told:
            await more_calls(told, 16)
            victim, killed_s = stand.wellhead.pids[0], monotonic()
            os.kill(victim, signal.SIGKILL)
            await until(lambda: len(stand.wellhead.events("worker.ready")) == 1, 20)
            back_in_s = monotonic() - killed_s
            record_property("back_in_s", round(back_in_s, 2))
            fault.over(back_in_s, 1, "another process serves")
            await more_calls(told, 16)
        end.set()
        await asyncio.gather(*connecting)
        (died,) = stand.wellhead.events("worker.died")
        assert (died["pid"], died["restart_in_s"]) == (victim, 0)
        assert refused == []
        await asyncio.to_thread(stand.wellhead.stop)
        rows = {row["id"]: row for row in stand.wellhead.calls()}
        assert told.seen <= set(rows)
        assert {row["state"] for row in rows.values()} <= {"completed", "interrupted"}
        lost = [row for row in rows.values() if row["state"] == "interrupted"]
        assert len(lost) <= told.lost
        assert len({row["worker_id"] for row in lost}) <= 1, "its own calls alone"
        # One may be hit between two calls, so what is interrupted is looked at in another test, too.
        assert {row["error_code"] for row in lost} <= {"worker_died"}
        fault.client_sees("its own calls: the connection breaks; all others: 200, whole; none is refused")
        fault.books([row for row in rows.values() if row["state"] == "completed"], whose="others")
        fault.books_say("its own: `interrupted`, `worker_died`, tokens and cost `NULL`")
        assert held(stand.wellhead.database_path) == 0
        fault.books_say("no hold is left")


@pytest.mark.fault("Processes", "the thread that writes the books ends")
async def test_a_gateway_whose_books_thread_ended_is_replaced(tmp_path: Path, fault: Fault) -> None:
    inside = Inside(tmp_path)
    async with a_stand(environ=inside.environ) as stand:
        with_limits(stand.wellhead.database_path)

        async def script(exchange: Exchange) -> None:
            await exchange.send(HEAD + CHUNK)
            await exchange.gone()

        stand.upstream.script = script
        running = await stand.client()
        await running.send(post(CHAT, ASK, JSON))
        await running.reader.readuntil(CHUNK)
        before = stand.wellhead.pids
        inside.end_thread("wellhead-books")
        await until(lambda: not (tmp_path / "end_thread").exists())
        refused, ended_s = await talk(stand.port, post(CHAT, ASK, JSON)), monotonic()
        assert (refused.status, refused.header(b"x-wellhead-error")) == (503, b"books_unavailable")
        fault.client(refused, whose="new calls")
        await until(lambda: bool(stand.wellhead.events("books.thread_ended")))
        fault.over(monotonic() - ended_s, 1, "it is noticed")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await running.reader.readuntil(b"0\r\n\r\n")
        fault.client_sees("*cut* after `gateway.shutdown_grace_s`", "running calls")
        await until(lambda: len(stand.wellhead.events("worker.ready")) == 1, 20)
        assert stand.wellhead.pids != before
        fault.books(await stand.ended(), stand.wellhead.database_path, "running calls")
        stand.upstream.script = brief
        fault.next_call(await talk(stand.port, post(CHAT, ASK, JSON)))


@pytest.mark.fault("Processes", "the control process is killed under load, twice")
async def test_control_dies_and_comes_back_and_the_gateway_does_not_notice(fault: Fault) -> None:
    async with a_stand(command="serve") as stand:
        stand.upstream.script = in_parts
        before = stand.wellhead.pids
        async with load(stand, clients=CLIENTS) as told:
            for deaths in range(1, 3):
                await more_calls(told)
                os.kill(stand.wellhead.pids_of("control")[0], signal.SIGKILL)
                await more_calls(told)
                await until(lambda: len(stand.wellhead.events("worker.ready")) == deaths, 20)  # noqa: B023
            fault.over_when("another one is started at once")
            port = int(stand.wellhead.control_url.rpartition(":")[2])
            assert (await talk(port, get(b"/health"))).status == 200
        assert (told.lost, stand.wellhead.pids) == (0, before)
        rows = await stand.ended(len(told.seen))
        assert {row["state"] for row in rows} == {"completed"}
        fault.client_sees("200, whole: every call")
        fault.books(rows)


async def test_calls_go_on_while_control_cannot_start_at_all() -> None:
    async with a_stand(command="serve") as stand:
        stand.upstream.script = in_parts
        async with load(stand, clients=8) as told:
            for _ in range(3):
                died = len(stand.wellhead.events("worker.died"))
                await until(lambda: bool(stand.wellhead.pids_of("control")), 20)
                os.kill(stand.wellhead.pids_of("control")[-1], signal.SIGKILL)
                await until(lambda: len(stand.wellhead.events("worker.died")) > died, 20)  # noqa: B023
            await more_calls(told)
        assert told.lost == 0


# The end.


@pytest.mark.fault("Processes", "SIGTERM, and `gateway.shutdown_delay_s` is not over")
async def test_with_a_delay_calls_are_taken_after_sigterm_while_ready_says_no(fault: Fault) -> None:
    async with a_stand({"gateway": {"shutdown_delay_s": 1.5}}) as stand:
        stand.upstream.script = brief
        assert (await talk(stand.port, get(b"/ready"))).status == 200
        stand.wellhead.signal(signal.SIGTERM)
        await until(lambda: bool(stand.wellhead.events("shutdown.signal")))

        async def ready() -> WireAnswer:
            return await talk(stand.port, get(b"/ready"))

        said = await ready()
        while said.status == 200:  # The worker may not have heard of it yet.
            said = await ready()
        assert (said.status, said.body) == (503, b'{"status":"fail"}')
        fault.client_sees(f"`/ready`: {said.status}")
        served = await talk(stand.port, post(CHAT, ASK, JSON))
        assert served.body == USAGE
        fault.client(served, whose="calls")
        assert await asyncio.to_thread(stand.wellhead.wait) == 143
        rows = stand.wellhead.calls()
        assert [row["state"] for row in rows] == ["completed"]
        fault.books(rows)
        fault.over_when("exit code 143")
        events = [line["msg"] for line in stand.wellhead.log_lines() if line["msg"].startswith("shutdown.")]
        assert events == ["shutdown.signal", "shutdown.drain", "shutdown.drained", "shutdown.complete"]


@pytest.mark.fault("Processes", "SIGTERM, with calls under way")
async def test_calls_in_flight_end_as_aborted_only_when_the_grace_is_over(fault: Fault) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(HEAD + CHUNK)
        await (exchange.gone() if b"x-long" in exchange.request.head else asyncio.sleep(0.3))
        await exchange.send(b"0\r\n\r\n")

    async with a_stand({"gateway": {"shutdown_grace_s": 1.5}}) as stand:
        with_limits(stand.wellhead.database_path)
        stand.upstream.script = script
        clients = [await stand.client() for _ in range(2)]
        await clients[0].send(post(CHAT, ASK, JSON))
        await clients[1].send(post(CHAT, ASK, JSON, b"x-long: 1"))
        await until(lambda: len(stand.upstream.requests) == 2)
        stand.wellhead.signal(signal.SIGTERM)
        told = Told()
        in_time, too_long = await clients[0].answer(), await clients[1].answer()
        assert in_time.body == USAGE
        assert not too_long.complete, "it must not pass for a whole one"
        fault.client(in_time, whose="those that end within `gateway.shutdown_grace_s`")
        fault.client(too_long, whose="others")
        assert await asyncio.to_thread(stand.wellhead.wait) == 143
        assert told.lost == 0
        rows = stand.wellhead.calls()
        ends = {(row["state"], row["error_code"]) for row in rows}
        assert ends == {("completed", None), ("aborted", "shutdown")}
        fault.books(rows, stand.wellhead.database_path)
        fault.over_when("exit code 143")


@pytest.mark.fault("Processes", "a call comes after the end")
async def test_a_call_that_comes_when_all_is_over_is_refused_by_the_system(fault: Fault) -> None:
    async with a_stand() as stand:
        stand.upstream.script = brief
        await one_call(await stand.client(), Told())
        assert await asyncio.to_thread(stand.wellhead.stop) == 143
        with pytest.raises(ConnectionRefusedError):
            await WireClient.connect(stand.port)
        fault.client_sees("its connection is refused")
        (_, *later) = stand.wellhead.calls()
        fault.books(later)
        fault.over_when("when it is started again")
