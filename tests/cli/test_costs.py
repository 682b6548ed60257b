"""`wellhead backfill-costs` and `wellhead reprice`."""

import json
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine

from fakes.books import a_settlement, an_opening, rows_of
from fakes.commands import Commands
from wellhead.clock import wall_us
from wellhead.compose_pricing import price_book
from wellhead.config.settings import Settings
from wellhead.database.engine import make_engine
from wellhead.directory import Directory
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.processes import this_process
from wellhead.ledger.rules import Rules
from wellhead.moments import DAY_US
from wellhead.usage import Usage

A_MILLION = Usage(input_tokens=1_000_000, output_tokens=0, total_tokens=1_000_000)
PRICES = {"WELLHEAD_PRICES": '[{"model": "well-1", "input": 7, "output": 8}]'}
DOLLAR = 10**9


@pytest.fixture
def engine(commands: Commands) -> Engine:
    """Books with two calls of a model that had no price, one of them ten days old, and one that had one."""
    commands.well("db", "init")
    engine = make_engine(f"sqlite:///{commands.database}")
    settings = Settings(prices='[{"model": "well-2", "input": 1, "output": 1}]')
    book = price_book(settings, Directory())
    for days, model in ((10, "well-1"), (0, "well-1"), (0, "well-2")):
        now_us = wall_us() - days * DAY_US
        clerk = Clerk(engine, partial(int, now_us), this_process(), Rules(prices=book))
        clerk.sign_on()
        call = an_opening(clerk.next_id(), model=model, started_us=now_us)
        clerk.book([call], [])
        clerk.book([], [(call, a_settlement(usage=A_MILLION, finished_us=now_us))])
        clerk.sign_off()
    return engine


def costs(engine: Engine) -> list[int | None]:
    return [row["cost_nanousd"] for row in rows_of(engine, "calls")]


def audit(engine: Engine) -> list[dict[str, Any]]:
    return rows_of(engine, "admin_audit")


def test_calls_of_the_last_days_get_their_price(commands: Commands, engine: Engine) -> None:
    said = commands.well("backfill-costs", **PRICES)
    assert said == "[backfill-costs] scanned=1 updated=1 ok=1 pending=0 unsupported=0\n"
    assert costs(engine) == [None, 7 * DOLLAR, DOLLAR]
    commands.well("db", "check")


def test_with_all_the_older_ones_do_too_and_no_more_than_were_asked_for(
    commands: Commands, engine: Engine
) -> None:
    assert commands.json("backfill-costs", "--all", "--limit", "1", **PRICES) == {
        "scanned": 1,
        "updated": 1,
        "ok": 1,
        "pending": 0,
        "unsupported": 0,
    }
    assert costs(engine) == [7 * DOLLAR, None, DOLLAR]
    said = commands.well("backfill-costs", "--all")
    assert said == "[backfill-costs] scanned=1 updated=0 ok=0 pending=1 unsupported=0\n"


def test_a_dry_run_shows_the_difference_and_changes_nothing(commands: Commands, engine: Engine) -> None:
    prices = {"WELLHEAD_PRICES": '[{"model": "well-2", "input": "0.25", "output": 1}]'}
    asked = ("reprice", "--since", "2d", "--until", "now", "--dry-run")
    said = commands.well(*asked, **prices)
    rows = [line.split() for line in said.splitlines()]
    assert rows[1] == ["openai", "well-1", "1", "0", "1", "1", "0.00", "0.00", "0.00"]
    assert rows[2] == ["openai", "well-2", "1", "1", "0", "0", "1.00", "0.25", "-0.75"]
    assert rows[3][:3] == ["total", "2", "1"]
    found = commands.json(*asked, **prices)
    assert (found["written"], found["difference_usd"], found["changed"]) == (False, -0.75, 1)
    assert [row["model"] for row in found["models"]] == ["well-1", "well-2"]
    assert costs(engine) == [None, None, DOLLAR]
    assert audit(engine) == []


def test_it_is_asked_before_anything_is_changed(commands: Commands, engine: Engine) -> None:
    prices = {"WELLHEAD_PRICES": '[{"model": "well-2", "input": 5, "output": 1}]'}
    ended = commands.run("reprice", "--since", "all", "--until", "now", **prices)
    assert ended.code == 2
    assert "say --yes to confirm" in ended.err
    assert costs(engine)[2] == DOLLAR

    said = commands.well("reprice", "--since", "all", "--until", "now", "--yes", **prices)
    assert said.splitlines()[-1] == "Booked another cost for 1 calls."
    assert costs(engine) == [None, None, 5 * DOLLAR]
    (entry,) = audit(engine)
    assert (entry["action"], entry["object_kind"]) == ("cost.reprice", "calls")
    assert entry["actor"].startswith("cli:")
    after = json.loads(entry["after"])
    assert (after["calls"], after["difference_nanousd"]) == (1, 4 * DOLLAR)
    commands.well("db", "check")


def test_where_nothing_would_change_nobody_is_asked(commands: Commands, engine: Engine) -> None:
    prices = {"WELLHEAD_PRICES": '[{"model": "well-2", "input": 1, "output": 1}]'}
    said = commands.well("reprice", "--since", "all", "--until", "now", **prices)
    assert said.splitlines()[-1] == "Nothing changes."
    assert audit(engine) == []


def test_calls_are_chosen_by_model_and_provider(commands: Commands, engine: Engine) -> None:
    every = ("reprice", "--since", "all", "--until", "now", "--yes", "--json")
    assert json.loads(commands.well(*every, "--provider", "gemini", **PRICES))["calls"] == 0
    assert json.loads(commands.well(*every, "--model", "well-2", **PRICES))["changed"] == 0
    found = json.loads(commands.well(*every, "--model", "well-1", **PRICES))
    assert (found["changed"], found["after_usd"], found["written"]) == (2, 14.0, True)
    assert costs(engine) == [7 * DOLLAR, 7 * DOLLAR, DOLLAR]


def test_a_range_has_to_be_said(commands: Commands) -> None:
    code, said = commands.refused("reprice", "--since", "7d")
    assert (code, "--until" in said) == (2, True)
    commands.well("db", "init")
    code, said = commands.refused("reprice", "--since", "now", "--until", "7d")
    assert (code, said) == (2, "Invalid value: --since must be before --until (see wellhead reprice --help)")


def test_without_books_it_says_what_to_do(commands: Commands) -> None:
    for asked in (("backfill-costs",), ("reprice", "--since", "all", "--until", "now")):
        code, said = commands.refused(*asked)
        assert (code, said.endswith("`wellhead db init` makes it")) == (1, True)
