"""Circuit breakers of several gateway processes on one database, before an upstream that fails on demand.

Most tests have one row of gateways, and its past is forgotten for each (`row`); what ends a
gateway has a row of its own (`a_row`).
"""

import asyncio
import json
import os
import re
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from fakes.keyed import keyed
from fakes.program import Line, Wellhead
from fakes.wire import Exchange, WireAnswer, WireClient, WireServer, answer, post, talk, until
from fault_table import Fault, with_limits

pytestmark = pytest.mark.asyncio(loop_scope="module")

GATEWAYS = 3
CLIENTS = 16
FAILURES = 3
OPEN_S = 1.5
ADMIN_TOKEN = "the-token-of-an-admin"
CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}'
SUBJECT = "upstream"
SHARED_S_MAX = 1.0
"""Within which every process knows of a change, on a machine with nothing else to do."""
PATIENCE_S = 60.0

well = answer(b'{"model":"gpt-5","usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}')
ill = answer(b'{"error":"out of memory"}', status=b"500 Internal Server Error")


@dataclass
class Row:
    """Gateways in a row, a control plane, and the upstream behind all of them."""

    upstream: WireServer
    gateways: list[Wellhead] = field(default_factory=list)
    control: Wellhead | None = None
    seen: int = 0
    """The last call of earlier tests."""
    since: str = ""
    """When the test began, as the log has it."""

    async def ask(self, gateway: int = 0, *lines: bytes) -> WireAnswer:
        port = urlsplit(self.gateways[gateway].gateway_url).port
        assert port is not None
        return await asyncio.wait_for(talk(port, post(CHAT, ASK, *lines, b"connection: close")), 30)

    async def open_it(self) -> None:
        """Have the upstream fail until the first gateway has opened its breaker."""
        self.upstream.script = ill
        for _ in range(FAILURES):
            assert (await self.ask()).status == 500
        self.upstream.requests.clear()

    async def refuse(self) -> list[int]:
        """The statuses of one call to each; all the same if none is let through."""
        return [(await self.ask(n)).status for n in range(len(self.gateways))]

    async def know(self, state: str) -> None:
        """Wait until the books say so of the breaker."""
        await until(lambda: self.row().get("state") == state)

    def row(self) -> dict[str, Any]:
        place = f"file:{self.gateways[0].database_path}?mode=ro"
        with closing(sqlite3.connect(place, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute("SELECT * FROM breakers WHERE subject = ?", (SUBJECT,)).fetchone()
            return dict(found) if found else {}

    @property
    def books(self) -> Path:
        return self.gateways[0].database_path

    async def ended(self, *states: str) -> list[dict[str, Any]]:
        """The calls in these states, once there are some and none is under way."""

        def found() -> list[dict[str, Any]]:
            rows = self.calls()
            waits = any(call["state"] == "pending" for call in rows)
            return [] if waits else [call for call in rows if call["state"] in states]

        await until(found)
        return found()

    def calls(self) -> list[dict[str, Any]]:
        return self.gateways[0].calls(self.seen)

    def events(self, name: str, program: Wellhead) -> list[Line]:
        """What a program logged of this name since the test began."""
        return [line for line in program.events(name) if line["ts"] > self.since]

    async def begin_anew(self) -> None:
        """Every breaker is closed and known to be, and what was before is not looked at again."""
        self.upstream.script = well
        with self.operator() as operator:
            for listed in operator.get("/admin/breakers").json()["breakers"]:
                operator.post(f"/admin/breakers/{listed['providerId']}/reset")
        await until_true(self.all_answer)
        await until(lambda: not any(call["state"] == "pending" for call in self.calls()))
        self.upstream.requests.clear()
        self.seen = max(call["id"] for call in self.calls())
        self.since = datetime.now(UTC).isoformat(timespec="microseconds")

    async def all_answer(self) -> bool:
        return await self.refuse() == [200] * len(self.gateways)

    def operator(self) -> httpx.Client:
        assert self.control is not None
        headers = {"x-admin-token": ADMIN_TOKEN}
        return httpx.Client(base_url=self.control.control_url, headers=headers)


@asynccontextmanager
async def a_row(directory: Path, gateways: int = GATEWAYS, *, control: bool = False) -> AsyncIterator[Row]:
    config = {
        "breaker": {"failures": FAILURES, "half_open_after_s": OPEN_S},
        "gateway": {"shutdown_grace_s": 1},
        "control": {"admin_token": ADMIN_TOKEN},
    }
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(WireServer(well))
        row = Row(upstream)

        async def start(command: str) -> Wellhead:
            to = None if command == "control" else upstream.url
            program = Wellhead(command=command, upstream=to, config=config, directory=directory)
            await asyncio.to_thread(program.__enter__)
            stack.push_async_callback(asyncio.to_thread, program.__exit__, None, None, None)
            return program

        for _ in range(gateways):
            row.gateways.append(await start("gateway"))
        if control:
            row.control = await start("control")
        with_limits(row.books)
        yield row


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Row]:
    async with a_row(tmp_path_factory.mktemp("row"), control=True) as made:
        with made.operator() as operator:
            assert operator.get("/admin/breakers").json() == {"breakers": []}
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def row(shared: Row) -> Row:
    """The module's three gateways and their control plane, as if nothing had happened to them."""
    await shared.begin_anew()
    return shared


async def until_true(condition: Callable[[], Any]) -> float:
    """Ask again and again until a coroutine's result is true; says how long it took."""
    began = monotonic()
    while not await condition():
        assert monotonic() - began < PATIENCE_S, f"not within {PATIENCE_S} s"
        await asyncio.sleep(0.02)
    return monotonic() - began


@pytest.mark.fault("Breakers", "`breaker.failures` failures in a row in one of three gateway processes")
async def test_what_opens_in_one_refuses_in_all_within_a_second_and_is_tried_by_one_call(
    row: Row, fault: Fault
) -> None:
    assert await row.refuse() == [200] * GATEWAYS
    await row.open_it()

    async def all_refuse() -> bool:
        return await row.refuse() == [503] * GATEWAYS

    row.upstream.script = well  # A late one may still go through, and is no failure.
    fault.over(await until_true(all_refuse), SHARED_S_MAX, "all processes refuse")
    row.upstream.requests.clear()
    refused = await row.ask(1)
    assert 1 <= int(refused.header(b"retry-after") or 0) <= 2
    assert row.upstream.requests == []
    fault.client(refused)
    fault.books(await row.ended("refused"), row.books)

    # Half-open: the one probe waits in the upstream while everybody asks.
    may_answer = asyncio.Event()

    async def when_it_may(exchange: Exchange) -> None:
        await may_answer.wait()
        await well(exchange)

    row.upstream.script = when_it_may
    seen: Counter[int] = Counter()

    async def client(gateway: int) -> None:
        while not may_answer.is_set():
            seen[(await row.ask(gateway)).status] += 1

    async with asyncio.TaskGroup() as group:
        for n in range(GATEWAYS * CLIENTS):
            group.create_task(client(n % GATEWAYS))
        await until(lambda: row.upstream.requests)
        refused_before = seen[503]
        await until(lambda: seen[503] > refused_before + 5 * GATEWAYS * CLIENTS)
        assert len(row.upstream.requests) == 1, "exactly one probe, from all processes"
        may_answer.set()
    assert seen[200] >= 1, "the probe, and whoever came after it"

    took_s = await until_true(row.all_answer)
    fault.over(took_s, SHARED_S_MAX, "when one call, the probe, has succeeded, all serve")
    opened = [line for program in row.gateways for line in row.events("upstream.breaker_open", program)]
    assert [(line["providerId"], line["failures"]) for line in opened] == [(SUBJECT, FAILURES)]
    closed = [line for program in row.gateways for line in row.events("upstream.breaker_closed", program)]
    assert len(closed) == 1


@pytest.mark.fault("Breakers", "an operator resets it")
async def test_an_operator_resets_it_in_all_processes_within_a_second(row: Row, fault: Fault) -> None:
    with row.operator() as operator:
        await row.open_it()
        await row.know("open")
        all_listed = operator.get("/admin/breakers").json()["breakers"]
        (listed,) = [one for one in all_listed if one["state"] != "closed"]
        assert (listed["providerId"], listed["state"], listed["failures"]) == (SUBJECT, "open", FAILURES)
        assert re.fullmatch(r".+:\d+", listed["opened_by"])
        assert operator.get(f"/admin/breakers/{SUBJECT}").json()["openedAt"] == listed["openedAt"]
        row.upstream.script = well
        reset = operator.post(f"/admin/breakers/{SUBJECT}/reset")
        assert reset.json() == {"ok": True, "providerId": SUBJECT}

        fault.over(await until_true(row.all_answer), SHARED_S_MAX, "all processes serve")
        fault.client(await row.ask())
        fault.books(await row.ended("completed"), row.books)
        entry, *_ = operator.get("/admin/audit", params={"action": "breaker.reset"}).json()["audit"]
        assert (entry["object_id"], entry["actor"]) == (SUBJECT, "admin-token")
    assert row.control is not None
    control = row.control
    await until(lambda: row.events("upstream.breaker_reset", control))
    assert row.events("upstream.breaker_reset", control)[0]["providerId"] == SUBJECT


@pytest.mark.fault("Breakers", "the program is started again while it is open")
async def test_what_is_open_stays_open_over_a_restart(tmp_path: Path, fault: Fault) -> None:
    async with a_row(tmp_path, 1) as row:
        (gateway,) = row.gateways
        await row.open_it()
        await row.know("open")
        await asyncio.to_thread(gateway.stop)
        with closing(sqlite3.connect(gateway.database_path)) as connection, connection:
            connection.execute("UPDATE breakers SET retry_us = retry_us + 60000000")
        await asyncio.to_thread(gateway.start)
        refused = await row.ask()
        assert (refused.status, row.upstream.requests) == (503, [])
        assert 10 < int(refused.header(b"retry-after") or 0) <= 62
        fault.client(refused)
        fault.books(await row.ended("refused"), row.books)
        fault.over_when("after the rest of its time")


@pytest.mark.timeout(90)
@pytest.mark.fault("Breakers", "the process whose call is the probe is killed")
async def test_a_probe_whose_process_was_killed_is_given_to_another_one(tmp_path: Path, fault: Fault) -> None:
    async with a_row(tmp_path, 2) as row:
        await row.open_it()
        await row.know("open")

        async def never(exchange: Exchange) -> None:
            await asyncio.Event().wait()

        row.upstream.script = never
        await asyncio.sleep(OPEN_S)
        probe = asyncio.create_task(row.ask(0))
        await until(lambda: row.upstream.requests)
        await row.know("half-open")
        (worker,) = row.gateways[0].pids
        row.gateways[0].signal(signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        probe.cancel()
        refused = await row.ask(1)
        assert refused.status == 503
        fault.client(refused, whose="meanwhile")
        row.upstream.script = well

        async def answers() -> bool:
            return (await row.ask(1)).status == 200

        took_s = await until_true(answers)
        assert took_s > 5, "it was given time to come back"
        fault.over(took_s, 15, "another call is the probe, as it was open for 1.5 s:")
        fault.books(await row.ended("interrupted"), row.books, "the probe")


@pytest.mark.fault("Breakers", "the client whose call is the probe leaves")
async def test_a_probe_whose_client_left_is_given_to_the_next_call(row: Row, fault: Fault) -> None:
    await row.open_it()
    await row.know("open")
    gone = asyncio.Event()

    async def until_it_is_gone(exchange: Exchange) -> None:
        await exchange.gone()
        gone.set()

    row.upstream.script = until_it_is_gone
    port = urlsplit(row.gateways[0].gateway_url).port
    assert port is not None
    await asyncio.sleep(OPEN_S)
    probe = await WireClient.connect(port)
    await probe.send(post(CHAT, ASK))
    await until(lambda: row.upstream.requests)
    await row.know("half-open")
    refused = await row.ask(0)
    assert refused.status == 503
    fault.client(refused, whose="others meanwhile")
    probe.reset()
    await asyncio.wait_for(gone.wait(), 5)
    row.upstream.script = well

    async def answers() -> bool:
        return (await row.ask(1)).status == 200

    fault.over(await until_true(answers), SHARED_S_MAX, "another call is the probe")
    fault.books(await row.ended("aborted"), row.books, "the probe")


@pytest.mark.fault("Breakers", "a credential is refused (401, 403) again and again")
async def test_a_credential_that_is_refused_is_held_back_and_no_other(row: Row, fault: Fault) -> None:
    gateway, *_ = row.gateways

    async def refuse_the_first(exchange: Exchange) -> bool | None:
        is_bad = exchange.request.header(b"authorization") == b"Bearer sk-bad"
        script = answer(b"{}", status=b"401 Unauthorized") if is_bad else well
        return await script(exchange)

    row.upstream.script = refuse_the_first
    with keyed(gateway) as books:
        one, other = books.project(), books.project()
        bad = books.credential(SUBJECT, "sk-bad", one)
        books.credential(SUBJECT, "sk-good", other)
        of_one = b"authorization: Bearer " + books.key(one).secret.encode()
        of_other = b"authorization: Bearer " + books.key(other).secret.encode()
    for _ in range(FAILURES):
        assert (await row.ask(0, of_one)).status == 401
    row.upstream.requests.clear()
    held_back = await row.ask(0, of_one)
    assert held_back.status == 503
    assert row.upstream.requests == []
    fault.client(held_back, whose="whoever is to use it")
    let_through = await row.ask(0, of_other)
    assert (let_through.status, (await row.ask(0)).status) == (200, 200)
    fault.client(let_through, whose="all others")
    fault.books(await row.ended("refused"), row.books, "whoever is to use it")
    fault.over_when("as for a provider")
    await until(lambda: row.events("upstream.breaker_open", gateway))
    (opened,) = row.events("upstream.breaker_open", gateway)
    assert opened["providerId"] == f"{SUBJECT}/credential/{bad.id}"


async def test_clients_are_told_in_the_words_of_agent_cli_proxy(row: Row) -> None:
    await row.open_it()
    refused = await row.ask()
    assert (refused.status, refused.header(b"x-wellhead-error")) == (503, b"breaker_open")
    error = json.loads(refused.body)["error"]
    expected = {"code": "short-circuit", "status": 503, "providerId": SUBJECT, "retryable": False}
    assert {name: error.get(name) for name in expected} == expected
    assert error["cause"] == "circuit breaker open"
    (call,) = await row.ended("refused")
    assert (call["status_code"], call["error_code"]) == (503, "breaker_open")
    gateway, *_ = row.gateways
    await until(lambda: row.events("upstream.breaker_reject", gateway))
    (rejected,) = row.events("upstream.breaker_reject", gateway)
    assert (rejected["providerId"], rejected["retryAfterSec"]) == (SUBJECT, 2)
