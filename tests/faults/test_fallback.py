"""Providers that fail while others stand in for them: what clients get, and that the books agree with it.

The real program with real books: credentials, limits, prices, breakers and all.
"""

import asyncio
import json
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from fakes.keyed import BY, Keyed, keyed
from fakes.program import Wellhead, command
from fakes.wire import Exchange, WireAnswer, WireServer, answer, post, raw, talk, until
from fault_table import Fault
from wellhead.limit import Limit, Measure, Scope, ScopeKind, Window
from wellhead.registry import NewLimit

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","max_tokens":100,"messages":[{"role":"user","content":"hi"}]}'
TOLD = b'{"model":"gpt-5","usage":{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010}}'
JSON = b"content-type: application/json"
OURS = {"type": "bearer", "value": "secret-of-the-operator"}
fine = answer(TOLD, JSON)
down = answer(b'{"error":"down"}', JSON, status=b"500 Oh")
limited = answer(b'{"error":"slow down"}', JSON, status=b"429 Too Many")


@dataclass
class Place:
    """A gateway before `first`, for which `second` stands in."""

    wellhead: Wellhead
    books: Keyed
    first: WireServer
    second: WireServer

    @property
    def port(self) -> int:
        port = urlsplit(self.wellhead.gateway_url).port
        assert port is not None
        return port

    async def ask(self, *lines: bytes) -> int:
        return (await self.talk(*lines)).status

    async def talk(self, *lines: bytes) -> WireAnswer:
        return await talk(self.port, post(CHAT, ASK, JSON, *lines))

    async def rows(self, count: int) -> list[dict[str, Any]]:
        await until(lambda: sum(row["state"] != "pending" for row in self.wellhead.calls()) >= count)
        return self.wellhead.calls()

    def limit(self, provider: str, amount: int, measure: Measure = Measure.CALLS) -> Limit:
        scope = Scope(ScopeKind.PROVIDER, provider)
        return self.books.registry.create_limit(BY, NewLimit(measure, Window.DAY, amount, scope))

    def select(self, query: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{self.wellhead.database_path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]

    def check(self) -> None:
        """Every figure agrees with the rows of calls."""
        place = "--database", str(self.wellhead.database_path)
        checked = command(self.wellhead.directory, "db", "check", *place, "--json")
        assert (checked.returncode, json.loads(checked.stdout)) == (0, []), checked.stdout


@asynccontextmanager
async def a_place(directory: Path, command: str = "gateway", **config: Any) -> AsyncIterator[Place]:
    async with WireServer(fine) as first, WireServer(fine) as second:
        providers: list[dict[str, Any]] = [
            {"id": "first", "base_url": first.url, "fallback": ["second"]},
            {"id": "second", "base_url": second.url, "auth": OURS},
        ]
        entries = [{**one, "type": "openai-compatible"} for one in providers]
        settings = {"gateway": {"shutdown_grace_s": 1}, "providers": entries, **config}
        wellhead = Wellhead(command=command, config=settings, directory=directory)
        await asyncio.to_thread(wellhead.__enter__)
        try:
            with keyed(wellhead) as books:
                yield Place(wellhead, books, first, second)
        finally:
            await asyncio.to_thread(wellhead.__exit__, None, None, None)


@pytest.mark.fault(
    "Upstreams", "it answers 5xx, and another one stands in that has room in its limits for two more calls"
)
async def test_limits_books_and_prices_follow_the_one_that_serves(tmp_path: Path, fault: Fault) -> None:
    prices = [
        {"model": "gpt-5", "provider": "first", "input": 1, "output": 1},
        {"model": "gpt-5", "provider": "second", "input": 2, "output": 2},
    ]
    async with a_place(tmp_path, "serve", prices=prices) as place:
        of_first, of_second = place.limit("first", 10), place.limit("second", 2)
        tokens = place.limit("second", 10_000, Measure.TOTAL_TOKENS)
        place.first.script = down
        answers = [await place.talk(b"authorization: Bearer sk-mine") for _ in range(3)]
        assert [said.status for said in answers] == [200, 200, 500]
        rows = await place.rows(3)
        fault.client(*answers)
        fault.books(rows, place.wellhead.database_path)
        fault.over_when("each call begins with the first one, until its breaker opens")
        assert [(row["provider"], row["state"], row["attempts"]) for row in rows] == [
            *(("second", "completed", 2), ("second", "completed", 2), ("first", "failed", 1)),
        ]
        assert [row["cost_nanousd"] for row in rows] == [2_020_000, 2_020_000, None]
        windows = {
            row["limit_id"]: (row["used"], row["held"]) for row in place.select("SELECT * FROM limit_windows")
        }
        assert windows == {of_first.id: (1, 0), of_second.id: (2, 0), tokens.id: (2020, 0)}
        tried = place.select("SELECT * FROM attempts ORDER BY call_id, number")
        assert [(one["number"], one["provider"], one["status_code"], one["unmetered"]) for one in tried] == [
            (1, "first", 500, 1),
            (2, "second", 200, 0),
            (1, "first", 500, 1),
            (2, "second", 200, 0),
            (1, "first", 500, 1),
        ]
        assert {row["provider"]: row["calls"] for row in place.select("SELECT * FROM usage_total")} == {
            "first": 1,
            "second": 2,
        }
        assert all(b"sk-mine" not in request.head for request in place.second.requests)
        place.check()
        shown = httpx.get(f"{place.wellhead.control_url}/admin/logs/{rows[0]['id']}").json()
        assert [one["provider"] for one in shown["attempts"]] == ["first", "second"]


@pytest.mark.fault("Upstreams", "it answers 429, and another one stands in")
async def test_the_credential_of_a_project_goes_to_whoever_it_is_for(tmp_path: Path, fault: Fault) -> None:
    async with a_place(tmp_path) as place:
        project = place.books.project()
        place.books.credential("first", "secret-for-first", project)
        place.books.credential("second", "secret-for-second", project)
        key = place.books.key(project).secret.encode()
        place.first.script = limited
        said = await place.talk(b"authorization: Bearer " + key)
        assert said.status == 200
        fault.client(said)
        assert place.first.requests[0].header(b"authorization") == b"Bearer secret-for-first"
        assert place.second.requests[0].header(b"authorization") == b"Bearer secret-for-second"
        assert key not in place.second.requests[0].head
        assert "secret-for" not in place.wellhead.output
        fault.books(await place.rows(1))
        fault.over_when("the credential that was limited is used again after 10 s, or as the upstream said")
        tried = place.select("SELECT * FROM attempts ORDER BY number")
        assert [one["credential_id"] for one in tried] == [1, 2]


@pytest.mark.fault("Breakers", "it is open, and so is in the end that of the one that stands in")
async def test_an_open_breaker_sends_everybody_to_whoever_stands_in(tmp_path: Path, fault: Fault) -> None:
    async with a_place(tmp_path, breaker={"failures": 2, "half_open_after_s": 60}) as place:
        place.first.script = down
        served = [await place.talk() for _ in range(10)]
        assert [said.status for said in served] == [200] * 10
        assert len(place.first.requests) == 2
        fault.client(*served, whose="at first")
        place.second.script = down
        # Of the stand-in, too, until nobody is left.
        refused = [await place.talk() for _ in range(4)]
        assert [said.status for said in refused] == [500, 500, 503, 503]
        rows = await place.rows(14)
        fault.client(*refused, whose="then")
        fault.books(rows)
        fault.over_when("as soon as a probe of one of them succeeds")
        assert Counter(row["state"] for row in rows) == {"completed": 10, "failed": 2, "refused": 2}
        assert rows[-1]["error_code"] == "breaker_open"
        assert rows[-1]["provider"] == "first"
        place.check()


@pytest.mark.fault("The disk", "the database is locked, `database_outage` is `open`, and the provider fails")
async def test_without_the_books_another_one_stands_in_all_the_same_where_that_is_wanted(
    tmp_path: Path, fault: Fault
) -> None:
    async with a_place(tmp_path, database_outage="open") as place:
        place.limit("first", 10)
        place.limit("second", 10)
        assert await place.ask() == 200
        place.first.script = down
        with closing(sqlite3.connect(place.wellhead.database_path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            said = await place.talk()
            connection.execute("ROLLBACK")
        assert said.status == 200
        rows = await place.rows(2)
        assert [(row["provider"], row["attempts"]) for row in rows] == [("first", 1), ("second", 2)]
        fault.client(said)
        fault.books(rows[1:], place.wellhead.database_path, "then")
        fault.over_when("as without the outage; no limit counts the call")
        place.check()


async def test_whatever_upstreams_do_every_call_ends_once_and_the_figures_agree(tmp_path: Path) -> None:
    """Two hundred calls at once before upstreams that fail in every way, with clients that leave."""
    chance = random.Random(7)

    async def anything(exchange: Exchange) -> bool | None:
        script = chance.choice(
            [fine, fine, down, limited, raw(b""), raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")]
        )
        await asyncio.sleep(chance.random() / 50)
        return await script(exchange)

    async with a_place(tmp_path, breaker={"failures": 6, "half_open_after_s": 0.05}) as place:
        place.limit("first", 1000)
        place.limit("second", 60)
        place.limit("second", 50_000, Measure.TOTAL_TOKENS)
        at_once = Scope(ScopeKind.GLOBAL)
        place.books.registry.create_limit(BY, NewLimit(Measure.CONCURRENT_CALLS, Window.TOTAL, 150, at_once))
        place.first.script = place.second.script = anything

        async def one(number: int) -> None:
            asking = asyncio.ensure_future(place.ask())
            if number % 5 == 0:
                await asyncio.sleep(chance.random() / 20)
                asking.cancel()
            await asyncio.wait([asking])
            if not asking.cancelled():
                asking.exception()

        await asyncio.gather(*(one(number) for number in range(200)))
        await until(lambda: all(row["state"] != "pending" for row in place.wellhead.calls()))
        rows = place.wellhead.calls()
        assert {row["provider"] for row in rows} == {"first", "second"}
        assert sum(row["held"] for row in place.select("SELECT * FROM limit_windows")) == 0
        sent = place.select("SELECT call_id, count(*) AS n FROM attempts GROUP BY call_id")
        attempts = {row["id"]: row["attempts"] for row in rows}
        assert all(attempts[one["call_id"]] == one["n"] for one in sent)
        assert sum(attempts.values()) >= len(place.first.requests) + len(place.second.requests)
        place.check()
