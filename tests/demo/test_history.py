"""The demo's past is believable, books once, and is the same for the same seed."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes.prices import CentPerToken
from wellhead.call import CallState
from wellhead.database.engine import make_engine
from wellhead.database.schema import metadata
from wellhead.demo.history import DAYS, Booked, calls_per_s, history, write
from wellhead.demo.staff import Holding, Refusals, Staff
from wellhead.moments import HOUR_US
from wellhead.usage import UsageSource

UNTIL_US = int(datetime(2026, 11, 20, 15, 30, tzinfo=UTC).timestamp()) * 1_000_000
SUNDAY_NIGHT_US = int(datetime(2026, 11, 22, 3, 0, tzinfo=UTC).timestamp()) * 1_000_000
DAY_US = 24 * HOUR_US
SOME = 6_000


@pytest.fixture
def books(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    engine = make_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    return url


def test_the_same_seed_gives_the_same_calls_and_another_one_does_not() -> None:
    assert list(history(UNTIL_US, 7, 500)) == list(history(UNTIL_US, 7, 500))
    assert list(history(UNTIL_US, 7, 500)) != list(history(UNTIL_US, 8, 500))


def test_it_covers_thirty_days_and_ends_before_the_moment() -> None:
    booked = list(history(UNTIL_US, 1, SOME))
    assert 0.85 * SOME < len(booked) < 1.15 * SOME
    assert booked[0][0].started_us - (UNTIL_US - DAYS * DAY_US) < DAY_US // 2
    assert all(opening.started_us < settlement.finished_us < UNTIL_US for opening, settlement in booked)
    ids = [opening.id for opening, _ in booked]
    assert ids == sorted(set(ids))


def test_nights_and_week_ends_are_quiet_and_the_trend_grows() -> None:
    moments = [datetime.fromtimestamp(o.started_us / 1e6, UTC) for o, _ in history(UNTIL_US, 1, SOME)]
    hours = Counter(moment.hour for moment in moments)
    assert hours[10] > 4 * hours[3]
    weekday = sum(moment.weekday() < 5 for moment in moments) / 5
    weekend = sum(moment.weekday() >= 5 for moment in moments) / 2
    assert weekday > 2 * weekend
    weeks = Counter((UNTIL_US // 1_000_000 - int(moment.timestamp())) // (7 * 86400) for moment in moments)
    assert weeks[0] > weeks[1] > weeks[2] > weeks[3]


@pytest.mark.parametrize("until_us", [UNTIL_US, SUNDAY_NIGHT_US])
def test_it_ends_at_the_rate_that_live_traffic_goes_on_with(until_us: int) -> None:
    count = 60_000
    last = [o for o, _ in history(until_us, 1, count) if until_us - o.started_us < HOUR_US]
    assert len(last) / 3600 == pytest.approx(calls_per_s(until_us, count), rel=0.35)


def test_several_tools_providers_and_models_call_and_some_calls_fail() -> None:
    booked = list(history(UNTIL_US, 1, SOME))
    assert {opening.provider for opening, _ in booked} == {"openai", "anthropic", "gemini", "ollama"}
    assert len({opening.tool for opening, _ in booked}) >= 5
    assert len({opening.model for opening, _ in booked}) >= 10
    states = Counter(settlement.state for _, settlement in booked)
    assert states[CallState.COMPLETED] > 0.9 * len(booked)
    assert states[CallState.FAILED] > 20
    assert states[CallState.ABORTED] > 20
    assert {s.status_code for _, s in booked} >= {200, 401, 429, 500}


def test_counts_keep_the_rules_of_the_vocabulary() -> None:
    for _, settlement in history(UNTIL_US, 1, SOME):
        usage = settlement.usage
        if settlement.usage_source is UsageSource.ABSENT:
            assert usage.total_tokens is None
            continue
        assert usage.input_tokens
        assert usage.total_tokens == usage.input_tokens + (usage.output_tokens or 0)
        assert (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0) <= usage.input_tokens
        assert (usage.reasoning_tokens or 0) <= (usage.output_tokens or 0)
        assert (settlement.ttft_us or 0) <= (settlement.latency_us or 0)


def calls_of(key_id: int, booked: list[Booked]) -> list[Booked]:
    return [(opening, end) for opening, end in booked if opening.key_id == key_id]


def test_calls_are_those_of_the_staff_as_long_as_their_keys_are_good() -> None:
    half_us = UNTIL_US - 15 * DAY_US
    refusals = Refusals(half_us, 1.0, 402, "budget_exhausted", "The budget leaves no room")
    ann, ben = Holding("laptop", 1, 7, 0), Holding("ben", 2, 7, 0, until_us=half_us)
    spent = Holding("dmitri", 3, 8, 0, refusals=refusals)
    staff = Staff({"ann": (ann,), "ben": (ben,), "dmitri": (spent,)}, {(None, "anthropic"): ("team",)})
    booked = list(history(UNTIL_US, 1, SOME, staff))

    assert {(o.key_id, o.project_id, o.client) for o, _ in booked} == {
        (1, 7, "laptop"),
        (2, 7, "ben"),
        (3, 8, "dmitri"),
    }
    assert not any(o.credential_hash for o, _ in booked)
    assert max(o.started_us for o, _ in calls_of(2, booked)) < half_us
    for opening, end in calls_of(3, booked):
        is_refused = opening.started_us >= half_us
        assert (end.state is CallState.REFUSED, end.status_code == 402) == (is_refused, is_refused)
        assert (opening.admitted_us is None) is is_refused
    assert {end.account for opening, end in booked if opening.provider == "anthropic"} == {"team"}
    assert {end.account for opening, end in booked if opening.provider == "gemini"} == {None}


def test_it_is_written_once_with_its_rollups(books: str) -> None:
    written = write(books, UNTIL_US, count=SOME)
    assert write(books, UNTIL_US, count=SOME) == 0
    connection = sqlite3.connect(books.removeprefix("sqlite:///"))
    try:
        count = connection.execute("SELECT count(*), sum(total_tokens) FROM calls").fetchone()
        hourly = connection.execute("SELECT sum(calls), sum(total_tokens) FROM usage_hourly").fetchone()
        pending = connection.execute("SELECT count(*) FROM calls WHERE state='pending'").fetchone()
    finally:
        connection.close()
    assert count == hourly
    assert count[0] == written
    assert pending == (0,)


def test_it_is_priced_with_a_record_of_each_pricing_and_adds_up(books: str) -> None:
    write(books, UNTIL_US, count=500, prices=CentPerToken())
    with closing(sqlite3.connect(books.removeprefix("sqlite:///"))) as connection:
        (costs,) = connection.execute(
            "SELECT count(*), sum(cost_nanousd), count(DISTINCT rate_id) FROM calls WHERE cost_state='priced'"
        )
        (audits,) = connection.execute(
            "SELECT count(*), sum(cost_nanousd), count(DISTINCT rate_id) FROM cost_audits"
            " WHERE cost_state='priced'"
        )
        (hourly,) = connection.execute("SELECT sum(priced_calls), sum(cost_nanousd) FROM usage_hourly")
        (unpriced,) = connection.execute(
            "SELECT count(*) FROM calls WHERE cost_nanousd IS NULL AND usage_source<>'absent'"
            " AND output_tokens IS NOT NULL"
        )
    assert costs == audits
    assert costs[:2] == hourly
    assert costs[0] > 300
    assert costs[2] == 1
    assert unpriced == (0,)
