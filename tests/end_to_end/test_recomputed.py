"""What a real mixed day cost, computed again by a program that knows nothing of this one.

::

    the demo's thirty days  ─┐
    its traffic, live        ├─►  books.db  ─►  tests/recomputed.py   every cost to the nano-dollar
    every endpoint there is ─┘

The recorded responses of the meter's tests are booked and computed again, too: they have what the
simulated upstream does not say.
"""

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
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
from pricing.test_by_hand import by_hand
from recomputed import Recomputed, recompute
from wellhead import compose, compose_pricing
from wellhead.call import CallState, Settlement
from wellhead.config.settings import Settings
from wellhead.database.costs import Chosen
from wellhead.database.engine import make_engine
from wellhead.database.upgrade import upgrade
from wellhead.demo import history
from wellhead.demo.habits import HABITS, Mishap, Turn, a_turn
from wellhead.demo.requests import request
from wellhead.demo.run import demo_settings
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.processes import this_process
from wellhead.ledger.repricing import BACKFILL, REPRICED, Repricer
from wellhead.ledger.rules import NO_PRICES, Rules
from wellhead.meter.catalogue import DIALECTS
from wellhead.money import usd
from wellhead.ports import Prices
from wellhead.pricing.book import PriceBook
from wellhead.pricing.overrides import from_entries

LONG = "water " * 4_000
LIVE_MAX_S = 60.0
PAST = 10_000
"""Calls of the past month."""
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
    past = history.write(f"sqlite:///{path}", until_us, count=PAST, prices=price_book(settings))
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
    return compose_pricing.price_book(settings, compose.directory(settings))


@pytest.fixture(scope="module")
def found(books: Path) -> Recomputed:
    return recompute(books)


def test_every_cost_of_a_mixed_day_comes_out_again_to_the_nano_dollar(found: Recomputed) -> None:
    assert found.wrong == []
    priced = found.agreed + found.reported
    assert {dialect for dialect in DIALECTS if not priced[dialect]} == SILENT
    assert found.agreed.total() > 0.8 * PAST


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
    assert usd(nanousd) > 50


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
        query = (
            "SELECT max(id) FROM calls JOIN request_forms ON number = request_form"
            " WHERE dialect = 'openai_responses' AND cost_state = 'priced'"
        )
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
    books = tmp_path / "books.db"
    book(books, NAMES, its_prices(books))
    found = recompute(books)
    assert found.wrong == []
    assert len(found.agreed) >= 9
    assert found.agreed.total() >= 30
    assert found.reported.total() > 0


def its_prices(books: Path) -> PriceBook:
    return price_book(demo_settings(Settings(database=f"sqlite:///{books}"), "http://127.0.0.1:9"))


def book(books: Path, names: Sequence[str], prices: Prices) -> None:
    """New books in which the recorded responses are settled, one after the other."""
    upgrade(f"sqlite:///{books}")
    engine = make_engine(f"sqlite:///{books}")
    clerk = Clerk(engine, lambda: NOON_US, this_process(), Rules(prices=prices))
    clerk.sign_on()
    ended = []
    for name in names:
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


IN_STEPS = {
    "written-anthropic-advisor": (
        # Compacted, then answered, partly from a cache; an advisor of another model was asked.
        {
            "compaction": "180000*5 + 3500*25",
            "message": "3000*5 + 18000*0.5 + 1500*6.25 + 500*10 + 600*25",
            "advisor_message": "500*1 + 60*5",
            "fees": "2*10000",
        }
    ),
    # Fast: six times the usual prices.
    "written-anthropic-iterations": {
        "compaction": "180000*30 + 3500*150",
        "message": "23000*30 + 1000*150",
    },
    # Declined before a word was written, and after some.
    "written-anthropic-fallback": {"fallback_message": "1000*3 + 200*15"},
    "written-anthropic-fallback-late": {
        "message": "1000*5 + 10*25",
        "fallback_message": "1000*3 + 200*15",
    },
}
"""What each step costs by the providers' price pages: tokens times dollars per million."""


def steps_of(books: Path, reason: str) -> list[list[dict[str, Any]]]:
    with closing(sqlite3.connect(books)) as connection:
        query = "SELECT steps FROM cost_audits WHERE reason = ? ORDER BY call_id"
        return [json.loads(steps) for (steps,) in connection.execute(query, (reason,))]


def test_an_answer_made_in_several_steps_is_on_record_with_each_of_them_and_its_rate(tmp_path: Path) -> None:
    books = tmp_path / "books.db"
    book(books, list(IN_STEPS), its_prices(books))
    found = recompute(books)
    assert (found.wrong, found.agreed.total()) == ([], len(IN_STEPS))
    recorded = steps_of(books, "settled")
    assert [{step["what"]: step["cost_nanousd"] for step in steps} for steps in recorded] == [
        {what: by_hand(dollars) for what, dollars in steps.items()} for steps in IN_STEPS.values()
    ]
    with closing(sqlite3.connect(books)) as connection:
        models = dict(connection.execute("SELECT id, model FROM rates"))
        costs = [cost for (cost,) in connection.execute("SELECT cost_nanousd FROM calls ORDER BY id")]
    assert costs == [sum(step["cost_nanousd"] for step in steps) for steps in recorded]
    advisor, *_ = recorded
    assert [models[step["rate_id"]] for step in advisor] == [
        *("claude-opus-5", "claude-opus-5", "claude-haiku-4-5", "claude-opus-5")
    ]


def test_steps_that_are_priced_later_are_on_record_too(tmp_path: Path) -> None:
    books = tmp_path / "books.db"
    book(books, list(IN_STEPS), NO_PRICES)
    engine = make_engine(f"sqlite:///{books}")
    nothing = recompute(books)
    assert (nothing.wrong, nothing.unpriced.total()) == ([], len(IN_STEPS))
    Repricer(engine, its_prices(books), now_us=lambda: NOON_US).run(Chosen(0, 2**62), BACKFILL)
    found = recompute(books)
    assert (found.wrong, found.agreed.total()) == ([], len(IN_STEPS))
    # By a list in which one of the models of the first call costs nothing.
    free = from_entries([{"model": "claude-haiku-4-5", "input": 0, "output": 0}]).layer
    prices = PriceBook(replace(its_prices(books).catalogue, overrides=free), {})
    told = Repricer(engine, prices, now_us=lambda: NOON_US).run(Chosen(0, 2**62), REPRICED)
    engine.dispose()
    again = recompute(books)
    assert (again.wrong, told.updated) == ([], 1)
    assert found.dollars - again.dollars == by_hand("500*1 + 60*5") * recomputed.NANO
    ((_, _, asked, _),) = steps_of(books, "repriced")
    assert (asked["model"], asked["how"], asked["cost_nanousd"]) == ("claude-haiku-4-5", "override", 0)


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        ("steps = NULL", "not those that the provider listed"),
        ("steps = json_remove(steps, '$[2]')", "not those that the provider listed"),
        ("steps = json_set(steps, '$[0].input_tokens', 1)", "not those that the provider listed"),
        ("steps = json_remove(steps, '$[3]')", "its searches are not among"),
        ("steps = json_set(steps, '$[0].cost_nanousd', 1)", "its step 'compaction' is booked otherwise"),
        (
            "steps = json_set(steps, '$[2].rate_id', rate_id)",
            "its step 'advisor_message' is booked otherwise",
        ),
        ("steps = json_set(steps, '$[1].cache_read_tokens', 1)", "its step 'message' is booked otherwise"),
    ],
)
def test_it_notices_what_was_changed_about_a_step(tmp_path: Path, edit: str, complaint: str) -> None:
    books = tmp_path / "books.db"
    book(books, ["written-anthropic-advisor"], its_prices(books))
    with closing(sqlite3.connect(books)) as connection, connection:
        connection.execute(f"UPDATE cost_audits SET {edit}")
    (line,) = recompute(books).wrong
    assert complaint in line


def provider_of(expected: dict[str, Any]) -> str:
    """Whose wire format it is; an OpenAI-like one is anybody's."""
    dialect, _, _ = expected["dialect"].partition("_")
    return str(expected.get("variant") or dialect)
