"""What a real mixed day cost, computed again by a program that knows nothing of this one.

::

    the demo's thirty days  ─┐
    its traffic, live        ├─►  books.db  ─►  tests/recomputed.py   every cost to the nano-dollar
    every endpoint there is ─┘

The recorded responses of the meter's tests are booked and computed again, too: they have what the
simulated upstream does not say.
"""

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

import recomputed
from fakes.books import NOON_US, an_opening
from fakes.program import Wellhead
from fakes.simulated import Simulated, simulated_process
from meter.test_golden import NAMES, golden
from recomputed import Recomputed, recompute
from wellhead import compose
from wellhead.call import CallState, Settlement
from wellhead.config.settings import Settings
from wellhead.database.engine import make_engine
from wellhead.database.upgrade import upgrade
from wellhead.demo import history
from wellhead.demo.habits import HABITS, Mishap, Turn, a_turn
from wellhead.demo.requests import request
from wellhead.demo.run import demo_settings
from wellhead.ledger.clerk import Clerk, Rules
from wellhead.ledger.processes import this_process
from wellhead.meter.catalogue import DIALECTS
from wellhead.money import usd
from wellhead.pricing.book import PriceBook

LONG = "water " * 4_000
LIVE_MAX_S = 60.0
SILENT = {"gemini_embed"}
"""Its provider does not say what a call used (A-4.5)."""
TYPES = {"openai": "openai-compatible", "anthropic": "anthropic", "gemini": "gemini", "ollama": "ollama"}
MISHAPS = (None, None, None, Mishap.RATE_LIMITED, Mishap.CUT)


def every_endpoint() -> Iterator[tuple[str, dict[str, Any]]]:
    """Requests of the kinds that the demo's people never make: path, and what httpx is to send."""
    yield "/v1/completions", {"json": {"model": "gpt-3.5-turbo-instruct", "prompt": "How deep?"}}
    yield "/v1/images/generations", {"json": {"model": "gpt-image-1", "prompt": "A well.", "n": 2}}
    for model in ("whisper-1", "gpt-4o-transcribe"):
        file = ("well.wav", b"\0" * 40_000, "audio/wav")
        yield "/v1/audio/transcriptions", {"data": {"model": model}, "files": {"file": file}}
    yield (
        "/v1beta/models/gemini-embedding-001:embedContent",
        {"json": {"content": {"parts": [{"text": "How deep?"}]}}},
    )
    yield "/api/generate", {"json": {"model": "llama3.2", "prompt": "How deep?"}}
    yield "/api/embed", {"json": {"model": "llama3.2", "input": "How deep?"}}
    yield "/v1/chat/completions", {"json": {"model": "nobodys-model", "messages": []}}
    for ttl in ("5m", "1h"):
        mark = {"type": "ephemeral", "ttl": ttl}
        system = [{"type": "text", "text": LONG, "cache_control": mark}]
        asked = {"model": "claude-sonnet-5", "max_tokens": 200, "system": system}
        yield "/v1/messages", {"json": {**asked, "messages": [{"role": "user", "content": "How deep?"}]}}


def turns() -> Iterator[Turn]:
    """Every habit of the demo, streamed and not, with and without mishaps."""
    chance = random.Random(5)
    for habit in HABITS:
        drawn = (a_turn(chance, int(time.time()), awake=1.0) for _ in range(100_000))
        some = (turn for turn in drawn if turn.habit is habit)
        for mishap, turn in zip(MISHAPS, some, strict=False):
            yield replace(turn, mishap=mishap)


def live(program: Wellhead) -> int:
    """Calls of every dialect through the gateway; how many."""
    count = 0
    with httpx.Client(base_url=program.gateway_url, timeout=LIVE_MAX_S) as client:
        for turn in turns():
            asked = request(turn, pace=0)
            count += 1
            try:
                client.post(asked.path, content=asked.body, headers=asked.headers)
            except httpx.RemoteProtocolError:
                assert turn.mishap is Mishap.CUT
        for path, sent in every_endpoint():
            count += 1
            assert client.post(path, **sent).status_code == 200, path
    return count


@pytest.fixture(scope="module")
def upstream() -> Iterator[Simulated]:
    with simulated_process() as simulated:
        yield simulated


@pytest.fixture(scope="module")
def books(upstream: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's past, and a present with every endpoint."""
    directory = tmp_path_factory.mktemp("day")
    path = directory / "books.db"
    settings = demo_settings(Settings(database=f"sqlite:///{path}"), upstream.url)
    upgrade(f"sqlite:///{path}")
    until_us = time.time_ns() // 1000
    past = history.write(f"sqlite:///{path}", until_us, prices=price_book(settings))
    providers = [{"id": id_, "type": kind, "base_url": upstream.url} for id_, kind in TYPES.items()]
    with Wellhead(config={"providers": providers}, command="gateway", directory=directory) as program:
        present = live(program)

        def booked() -> bool:
            with closing(sqlite3.connect(path)) as connection:
                query = "SELECT count(*) FROM calls WHERE state <> 'pending'"
                return bool(connection.execute(query).fetchone()[0] == past + present)

        program.wait_until(booked, LIVE_MAX_S, "not all calls are booked")
    return path


def price_book(settings: Settings) -> PriceBook:
    return compose.price_book(settings, compose.directory(settings))


@pytest.fixture(scope="module")
def found(books: Path) -> Recomputed:
    return recompute(books)


def test_every_cost_of_a_mixed_day_comes_out_again_to_the_nano_dollar(found: Recomputed) -> None:
    assert found.wrong == []
    priced = found.agreed + found.reported
    assert {dialect for dialect in DIALECTS if not priced[dialect]} == SILENT
    assert found.agreed.total() > 25_000


def test_calls_without_a_price_say_why(found: Recomputed) -> None:
    why = {(state, reason) for _, state, reason in found.unpriced}
    assert why == {("unpriceable", "nobody said what it used"), ("pending", "no_price")}
    assert found.unpriced["openai_chat", "pending", "no_price"] == 1
    assert found.unpriced["gemini_embed", "unpriceable", "nobody said what it used"] == 1


def test_what_comes_out_is_what_the_rollups_and_the_report_have(found: Recomputed, books: Path) -> None:
    nanousd = int(found.dollars.scaleb(9))
    with closing(sqlite3.connect(books)) as connection:
        for table in ("usage_total", "usage_hourly"):
            query = f"SELECT sum(priced_calls), sum(cost_nanousd) FROM {table}"
            assert connection.execute(query).fetchone() == (found.agreed.total(), nanousd)
    assert usd(nanousd) > 100


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        ("UPDATE calls SET cost_nanousd = cost_nanousd + 1 WHERE id = {id}", "its record something else"),
        ("DELETE FROM cost_audits WHERE call_id = {id}", "no record of how that came about"),
        ("UPDATE calls SET output_tokens = output_tokens + 1 WHERE id = {id}", "USD come out"),
        ("UPDATE rates SET prices = replace(prices, '1', '2')", "was edited"),
    ],
)
def test_it_notices_what_was_changed(books: Path, tmp_path: Path, edit: str, complaint: str) -> None:
    copy = tmp_path / "books.db"
    shutil.copy(books, copy)
    with closing(sqlite3.connect(copy)) as connection, connection:
        query = "SELECT max(id) FROM calls WHERE dialect = 'openai_responses' AND cost_state = 'priced'"
        connection.execute(edit.format(id=connection.execute(query).fetchone()[0]))
    assert any(complaint in line for line in recompute(copy).wrong)


def test_it_runs_by_itself_and_without_the_program(books: Path) -> None:
    # Isolated, so that nothing but the standard library can be imported.
    ended = subprocess.run(
        [sys.executable, "-I", "-S", recomputed.__file__, str(books)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1].endswith("priced calls")


def test_recorded_responses_come_out_again_too(tmp_path: Path) -> None:
    """Cached and written tokens, tiers, places, searches, spoken and thought ones, costs that are told."""
    url = f"sqlite:///{tmp_path / 'books.db'}"
    upgrade(url)
    engine = make_engine(url)
    settings = demo_settings(Settings(database=url), "http://127.0.0.1:9")
    clerk = Clerk(engine, lambda: NOON_US, this_process(), Rules(prices=price_book(settings)))
    clerk.sign_on()
    ended = []
    for name in NAMES:
        response = golden(name)
        reading = response.read(response.body)
        opening = an_opening(
            clerk.next_id(), dialect=response.expected["dialect"], provider=provider_of(response.expected)
        )
        settlement = Settlement(
            state=CallState.COMPLETED,
            finished_us=NOON_US,
            model_served=reading.model_served,
            service_tier=reading.service_tier,
            usage=reading.usage,
            usage_source=reading.usage_source,
            usage_extra=reading.usage_extra,
            cost_nanousd=reading.cost_nanousd,
        )
        clerk.book([opening], [])
        ended.append((opening, settlement))
    clerk.book([], ended)
    clerk.sign_off()
    engine.dispose()
    found = recompute(tmp_path / "books.db")
    # An answer made in several steps is priced by several rates, of which its record has one.
    assert [line for line in found.wrong if "in several steps" not in line] == []
    assert len(found.agreed) >= 9
    assert found.agreed.total() >= 30
    assert found.reported.total() > 0


def provider_of(expected: dict[str, Any]) -> str:
    """Whose wire format it is; an OpenAI-like one is anybody's."""
    dialect, _, _ = expected["dialect"].partition("_")
    return str(expected.get("variant") or dialect)
