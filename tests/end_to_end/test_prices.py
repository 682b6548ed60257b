"""Prices are fetched while calls go on, every gateway goes by them, and what had no price gets one."""

import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from fakes.price_source import Source, a_list, price_source
from fakes.program import Wellhead, command
from fakes.simulated import simulated_process

MODEL = "well-1"
WORKERS = 2
OTHERS = {f"other-{n}": {"input": 1, "output": 2} for n in range(5)}
COST = {"input": 3, "output": 15}
TAKEN_UP_MAX_S = 15.0
BETWEEN_CALLS_S = 0.02
PAUSE_MAX_S = 2.0
"""Far below what a gateway that waited for a list would need on a busy machine; far above a call."""


@pytest.fixture
def source() -> Iterator[Source]:
    with price_source(a_list("openai", **OTHERS)) as made:
        yield made


def call(program: Wellhead) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "How deep?"}]}
    # A connection of its own, so that it may come to either process.
    httpx.post(f"{program.gateway_url}/v1/chat/completions", json=body, timeout=30).raise_for_status()


def call_every_worker(program: Wellhead, after: int) -> list[dict[str, Any]]:
    """Calls until each gateway process has answered one; the rows of those that came after so many."""
    found: list[dict[str, Any]] = []

    def all_answered() -> bool:
        nonlocal found
        call(program)
        found = [row for row in program.calls()[after:] if row["state"] == "completed"]
        return len({row["worker_id"] for row in found}) == WORKERS

    program.wait_until(all_answered, 30, "not every gateway was reached")
    return found


def settled(program: Wellhead) -> list[dict[str, Any]]:
    program.wait_until(lambda: all(row["state"] == "completed" for row in program.calls()))
    return program.calls()


def taken_up(program: Wellhead, number: int) -> int:
    """How many gateways go by a list."""
    events = program.events("prices.taken_up")
    return sum(line["list"] == number and line["component"] == "gateway" for line in events)


class Caller:
    """Calls again and again, and knows the longest one."""

    def __init__(self, program: Wellhead) -> None:
        self._program = program
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.slowest_s = 0.0
        self.count = 0
        self.error: Exception | None = None
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.wait(BETWEEN_CALLS_S):
            began_s = monotonic()
            try:
                call(self._program)
            except httpx.HTTPError as error:
                self.error = error
                return
            self.slowest_s = max(self.slowest_s, monotonic() - began_s)
            self.count += 1

    def end(self) -> None:
        self._ending.set()
        self._thread.join()


def test_every_gateway_prices_by_a_new_list_soon_and_without_a_pause(tmp_path: Path, source: Source) -> None:
    with simulated_process() as upstream:
        program = Wellhead(
            upstream=upstream.url,
            arguments=["--workers", str(WORKERS)],
            environ={
                "WELLHEAD_PRICING__REFRESH_INTERVAL_S": "3600",
                "WELLHEAD_PRICING__SOURCE_URL": source.url,
            },
            directory=tmp_path,
        )
        with program:
            program.wait_for_event("prices.refreshed")
            program.wait_until(lambda: taken_up(program, 1) == WORKERS, TAKEN_UP_MAX_S, "list 1")
            call_every_worker(program, 0)
            settled(program)
            assert {row["cost_state"] for row in program.calls()} == {"pending"}

            source.document = a_list("openai", **OTHERS, **{MODEL: COST})
            caller = Caller(program)
            here = ("--database", str(program.database_path))
            refreshed = command(tmp_path, "prices", "refresh", *here, WELLHEAD_PRICING__SOURCE_URL=source.url)
            assert refreshed.returncode == 0, refreshed.stderr
            program.wait_until(lambda: taken_up(program, 2) == WORKERS, TAKEN_UP_MAX_S, "list 2")
            caller.end()
            assert caller.error is None
            assert caller.count > 10
            assert caller.slowest_s < PAUSE_MAX_S

            after = call_every_worker(program, len(settled(program)))
            program.wait_until(
                lambda: all(row["cost_state"] == "priced" for row in program.calls()[-len(after) :])
            )
            for row in program.calls()[-len(after) :]:
                expected = row["input_tokens"] * 3000 + row["output_tokens"] * 15_000
                assert row["cost_nanousd"] == expected

            filled = command(tmp_path, "backfill-costs", *here)
            assert filled.returncode == 0, filled.stderr
            assert "pending=0 unsupported=0" in filled.stdout
            assert {row["cost_state"] for row in settled(program)} == {"priced"}
            checked = command(tmp_path, "db", "check", *here)
            assert checked.returncode == 0, checked.stdout

            pricing = httpx.get(f"{program.control_url}/admin/pricing", params={"model": MODEL}).json()
            assert pricing["refresh"]["source"] == "models.dev"
            ready = httpx.get(f"{program.control_url}/ready").json()
            assert ready["checks"]["supervisor"]["loops"] == [
                "pricing-refresh",
                "cost-backfill",
                "days-closing",
            ]


def test_without_the_network_it_is_ready_prices_what_it_ships_with_and_ends_promptly(tmp_path: Path) -> None:
    with simulated_process() as upstream:
        program = Wellhead(
            upstream=upstream.url,
            environ={
                "WELLHEAD_PRICING__REFRESH_INTERVAL_S": "3600",
                "WELLHEAD_PRICING__SOURCE_URL": "http://127.0.0.1:1/api.json",
            },
            directory=tmp_path,
        )
        with program:
            error = program.wait_for_event("loop.error")
            assert (error["name"], error["attempt"]) == ("pricing-refresh", 1)
            answer = httpx.get(f"{program.control_url}/ready")
            checks = answer.json()["checks"]
            assert (answer.status_code, answer.json()["status"]) == (200, "warn")
            assert (checks["pricing"]["status"], checks["supervisor"]["status"]) == ("pass", "warn")
            body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "How deep?"}]}
            httpx.post(f"{program.gateway_url}/v1/chat/completions", json=body).raise_for_status()
            assert settled(program)[0]["cost_state"] == "priced"
            program.stop()
            assert program.events("shutdown.complete")[-1]["total_ms"] < 5000
