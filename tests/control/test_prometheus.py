"""What Prometheus reads: the figures of the books, all of them, under names that never lose anything."""

import asyncio
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families
from sqlalchemy import Engine

from fakes.access import a_limit
from fakes.books import NOON_US, a_settlement, an_opening, book_ends, books_on_disk
from fakes.control import a_client, an_app, assert_one_shape
from fakes.reports import FakeReports
from wellhead.background import LoopState
from wellhead.breaker import Shared, State, of_credential
from wellhead.call import CallState, Opening, Settlement
from wellhead.control import prometheus, scrape
from wellhead.control.prometheus_aliases import BOUNDS_MS, ReadyChecks
from wellhead.control.scrape import OPENMETRICS, TEXT, Scrape
from wellhead.database import calls, gauges, rollups, workers
from wellhead.database.breakers import DatabaseBreakers
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.metric_names import CHARS_MAX, NAMES_MAX, UNUSED_MAX
from wellhead.database.registry import DatabaseRegistry
from wellhead.database.reports import DatabaseReports
from wellhead.database.workers import Load, Process
from wellhead.errors import BooksUnavailable
from wellhead.figures import Durations, SpoolFigure, WorkerSpool
from wellhead.histogram import bucket
from wellhead.ledger.rollup import tally
from wellhead.limit import Measure, Window
from wellhead.moments import DAY_US, SECOND_US
from wellhead.quota import Gauge
from wellhead.registry import Actor, NewLimit
from wellhead.usage import NO_USAGE, Usage, UsageSource
from wellhead.vault import Vault

AS_PROMETHEUS_ASKS = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
Labels = frozenset[tuple[str, str]]
Call = tuple[Opening, Settlement]
MODELS = st.sampled_from(["small", "large", "other", "unknown", None])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = books_on_disk(tmp_path)
    yield made
    made.dispose()


def book(engine: Engine, *ended: Call) -> None:
    with closing(writing_connection(engine)) as connection, transaction(connection):
        calls.insert(connection, calls.pending_rows(0, (opening for opening, _ in ended)))
        book_ends(connection, ended)


def add_up(engine: Engine, ended: Sequence[Call]) -> None:
    """The sums of calls without the calls, of which there may be many."""
    with closing(writing_connection(engine)) as connection, transaction(connection):
        rollups.add(connection, tally(ended))


def unused(number: int, model: str) -> Call:
    return an_opening(number, model=model), a_settlement(
        state=CallState.FAILED, usage=NO_USAGE, usage_source=UsageSource.ABSENT
    )


def samples(text: str) -> dict[str, dict[Labels, float]]:
    """Values by the names of samples and their labels; fails where one is there twice."""
    found: defaultdict[str, dict[Labels, float]] = defaultdict(dict)
    for family in text_families(text):
        for sample in family.samples:
            labels = frozenset(sample.labels.items())
            # This parser gives every counter the suffix; Prometheus does not.
            name = sample.name.replace("_today_total", "_today")
            assert labels not in found[name], sample
            found[name][labels] = sample.value
    return found


def by(samples: dict[Labels, float], *names: str) -> dict[tuple[str, ...], float]:
    """Values by some of their labels, added up over the others."""
    found: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for labels, value in samples.items():
        found[tuple(dict(labels)[name] for name in names)] += value
    return dict(found)


def made(engine: Engine, now_us: int = NOON_US, form: str = TEXT) -> str:
    return Scrape(DatabaseReports(engine), ReadyChecks(), "1.2.3", lambda: now_us).made(form).decode()


def scraped(engine: Engine, now_us: int = NOON_US) -> dict[str, dict[Labels, float]]:
    return samples(made(engine, now_us))


async def get(app: FastAPI, path: str = "/metrics", accept: str = "*/*") -> httpx.Response:
    async with a_client(app) as client:
        return await client.get(path, headers={"accept": accept})


# What is asked for.


@pytest.mark.parametrize(
    ("path", "accept", "kind"),
    [
        ("/metrics", "*/*", TEXT),
        ("/metrics", "", TEXT),
        ("/metrics", "text/html", TEXT),
        ("/metrics", "application/openmetrics-text;q=0.2,text/plain;version=0.0.4;q=0.3", TEXT),
        ("/metrics", AS_PROMETHEUS_ASKS, OPENMETRICS),
        ("/metrics?format=prometheus", "application/json", TEXT),
        ("/metrics?format=prometheus", "application/openmetrics-text", OPENMETRICS),
        ("/metrics", "application/json", "application/json"),
        ("/metrics?format=json", "text/plain", "application/json"),
        # A range has a meaning only in JSON.
        ("/metrics?start=2025-03-01", "*/*", "application/json"),
    ],
)
async def test_the_form_is_the_one_that_was_asked_for(path: str, accept: str, kind: str) -> None:
    answer = await get(an_app(), path, accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


async def test_prometheus_text_has_no_range() -> None:
    answer = await get(an_app(), "/metrics?format=prometheus&start=2025-03-01")
    assert_one_shape(answer, 400, "UNKNOWN_PARAMETER")


async def test_a_database_that_is_away_is_a_503_and_is_asked_again_at_once() -> None:
    reports = FakeReports()
    app = an_app(reports)
    reports.available = False
    assert_one_shape(await get(app), 503, "BOOKS_UNAVAILABLE")
    reports.available = True
    assert (await get(app)).status_code == 200


async def test_however_many_scrape_the_books_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "FRESH_S", 60.0)
    reports = FakeReports()
    app = an_app(reports)
    reports.answering.clear()
    asking = [asyncio.create_task(get(app)) for _ in range(20)]
    while not reports.scrapes:
        await asyncio.sleep(0.001)
    reports.answering.set()
    answers = await asyncio.gather(*asking, get(app))
    assert {answer.status_code for answer in answers} == {200}
    assert reports.scrapes == 1


async def test_what_is_not_fresh_any_more_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "FRESH_S", 0.0)
    reports = FakeReports()
    app = an_app(reports)
    for _ in range(3):
        await get(app)
    assert reports.scrapes == 3


async def test_a_database_that_hangs_costs_one_thread_and_nobody_waits_for_long() -> None:
    reports = FakeReports()
    reports.answering.clear()
    hanging = Scrape(reports, ReadyChecks(), "1", lambda: NOON_US, wait_max_s=0.01)
    for _ in range(5):
        with pytest.raises(BooksUnavailable):
            await hanging.text(TEXT)
    assert reports.scrapes == 1
    reports.answering.set()
    while True:
        try:
            assert await hanging.text(TEXT)
            break
        except BooksUnavailable:
            await asyncio.sleep(0)


# What stands there.


def test_empty_books_have_a_text_in_both_forms(engine: Engine) -> None:
    assert scraped(engine)["wellhead_build_info"] == {frozenset({("version", "1.2.3")}): 1}
    assert list(openmetrics_families(made(engine, form=OPENMETRICS)))  # type: ignore[no-untyped-call]


def test_both_forms_say_the_same(engine: Engine) -> None:
    odd = 'odd "\\\n name'
    book(engine, (an_opening(1, model=odd), a_settlement(cost_nanousd=5)))
    text = scraped(engine)
    assert by(text["wellhead_cost_usd_total"], "model") == {(odd,): 5e-9}

    for family in openmetrics_families(made(engine, form=OPENMETRICS)):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            assert text[sample.name].pop(frozenset(sample.labels.items())) == sample.value
    assert not any(text.values())


def test_calls_tokens_and_cost_stand_by_model_tool_and_project(engine: Engine) -> None:
    registry = DatabaseRegistry(engine, no_vault, lambda: NOON_US)
    project = registry.create_project(Actor("me"), "search")
    usage = Usage(input_tokens=10, output_tokens=4, cache_read_tokens=3, total_tokens=14)
    book(
        engine,
        (an_opening(1, project_id=project.id), a_settlement(usage=usage, cost_nanousd=1_500_000_000)),
        (an_opening(2, tool=None), a_settlement(state=CallState.ABORTED, streamed=True)),
        unused(3, "demo-large"),
    )
    found = scraped(engine)

    assert by(found["wellhead_calls_total"], "provider", "model", "outcome", "streamed") == {
        ("openai", "demo-large", "completed", "false"): 1,
        ("openai", "demo-large", "aborted", "true"): 1,
        ("openai", "demo-large", "failed", "false"): 1,
    }
    assert by(found["wellhead_metered_calls_total"], "model") == {("demo-large",): 2}
    assert by(found["wellhead_priced_calls_total"], "model") == {("demo-large",): 1}
    assert by(found["wellhead_tokens_total"], "kind") == {
        ("input",): 130,
        ("output",): 84,
        ("cache_read",): 3,
        ("cache_write",): 0,
        ("reasoning",): 0,
        ("total",): 214,
    }
    assert by(found["wellhead_cost_usd_total"], "provider", "model") == {("openai", "demo-large"): 1.5}
    assert by(found["wellhead_tool_calls_total"], "tool") == {("codex",): 2, ("unknown",): 1}
    assert by(found["wellhead_project_calls_total"], "project") == {(project.uuid,): 1, ("none",): 2}
    assert by(found["wellhead_project_tokens_total"], "project") == {(project.uuid,): 14, ("none",): 200}
    assert by(found["wellhead_project_cost_usd_total"], "project") == {(project.uuid,): 1.5, ("none",): 0}
    assert by(found["wellhead_project_info"], "project", "name") == {(project.uuid, "search"): 1}


def no_vault() -> Vault:
    raise AssertionError("nothing is sealed here")


@given(st.lists(st.tuples(st.integers(0, 2**31), st.none() | st.integers(0, 2**31)), max_size=20))
@settings(max_examples=30)
def test_a_histogram_counts_exactly_what_is_below_its_bounds(times: list[tuple[int, int | None]]) -> None:
    doubled: defaultdict[int, int] = defaultdict(int)
    for latency_us, _ in times:
        doubled[bucket(latency_us) // 16] += 1
    family = prometheus.histogram("x", "X.", ("model",), [Durations(("m",), doubled, 0)])
    for sample in family.samples:
        if sample.name == "x_bucket" and sample.labels["le"] != "+Inf":
            bound_us = float(sample.labels["le"]) * SECOND_US
            assert sample.value == sum(latency_us < bound_us for latency_us, _ in times)


def test_durations_stand_in_histograms(engine: Engine) -> None:
    book(
        engine,
        (an_opening(1), a_settlement(latency_us=20_000, ttft_us=10_000)),
        (an_opening(2), a_settlement(latency_us=2_000_000, ttft_us=None)),
        (an_opening(3), a_settlement(latency_us=3_000, ttft_us=None, state=CallState.ABORTED)),
    )
    found = scraped(engine)

    duration = by(found["wellhead_call_duration_seconds_bucket"], "outcome", "le")
    assert duration["completed", "0.016384"] == 0
    assert duration["completed", "0.032768"] == 1
    assert duration["completed", "2.097152"] == duration["completed", "+Inf"] == 2
    assert duration["aborted", "0.008192"] == 1
    assert by(found["wellhead_call_duration_seconds_sum"], "outcome")["completed",] == 2.02
    assert by(found["wellhead_call_duration_seconds_count"], "model") == {("demo-large",): 3}
    assert by(found["wellhead_time_to_first_byte_seconds_count"], "model") == {("demo-large",): 1}
    assert by(found["wellhead_time_to_first_byte_seconds_sum"], "model") == {("demo-large",): 0.01}


def test_limits_stand_with_what_is_used_of_them(engine: Engine) -> None:
    registry = DatabaseRegistry(engine, no_vault, lambda: NOON_US)
    scope = a_limit().scope
    registry.create_limit(Actor("me"), NewLimit(Measure.CALLS, Window.DAY, 10, scope, name="calls"))
    registry.create_limit(Actor("me"), NewLimit(Measure.COST, Window.DAY, 2_000_000_000, scope))
    with closing(writing_connection(engine)) as connection, transaction(connection):
        connection.execute(
            "INSERT INTO limit_windows SELECT id,'',?,5,1,0 FROM limits WHERE measure='calls'",
            (NOON_US // DAY_US * DAY_US,),
        )
    found = scraped(engine)

    assert by(found["wellhead_limit_used_ratio"], "name", "measure", "window") == {
        ("calls", "calls", "day"): 0.6,
        ("", "cost", "day"): 0,
    }
    assert by(found["wellhead_limit_used"], "limit") == {("1",): 5, ("2",): 0}
    assert by(found["wellhead_limit_held"], "limit") == {("1",): 1, ("2",): 0}
    assert by(found["wellhead_limit_amount"], "limit") == {("1",): 10, ("2",): 2}


def test_workers_stand_with_their_figures(engine: Engine) -> None:
    with closing(writing_connection(engine)) as connection, transaction(connection):
        for number in range(2):
            worker = workers.register(connection, Process("here", 7 + number, 1), NOON_US, range(number))
            workers.beat(connection, worker, NOON_US + SECOND_US, Load(9, 8, 7, 6_000_000, 5))
        calls.insert(connection, calls.pending_rows(1, [an_opening(1), an_opening(2)]))
    reports = DatabaseReports(engine, lambda worker, has_calls, _: has_calls)
    text = Scrape(reports, ReadyChecks(), "1", lambda: NOON_US).made(TEXT).decode()
    found = {
        name: by(some, "worker")
        for name, some in samples(text).items()
        if any("worker" in dict(labels) for labels in some)
    }

    assert found["wellhead_worker_up"] == {("0",): 0, ("1",): 1}
    # Those that are under way now, whatever there were at the last heartbeat.
    assert found["wellhead_calls_in_flight"] == {("0",): 0, ("1",): 2}
    assert found["wellhead_writer_queue"]["0",] == 8
    assert found["wellhead_commits_total"]["0",] == 7
    assert found["wellhead_commit_seconds_total"]["0",] == 6
    assert found["wellhead_settlements_lost_total"]["0",] == 5
    assert found["wellhead_worker_heartbeat_timestamp_seconds"]["0",] == NOON_US / SECOND_US + 1


def test_what_waits_in_spools_is_told_and_so_is_that_nothing_does(engine: Engine) -> None:
    def told(found: SpoolFigure) -> dict[str, float]:
        text = Scrape(
            DatabaseReports(engine), ReadyChecks(), "1.2.3", lambda: NOON_US, spool=lambda: found
        ).made(TEXT)
        return {
            name.removeprefix("wellhead_spool_"): value[frozenset()]
            for name, value in samples(text.decode()).items()
            if name.startswith("wellhead_spool_")
        }

    nothing = {"entries": 0, "bytes": 0, "oldest_age_seconds": 0, "used_ratio": 0, "damaged_files": 0}
    assert told(SpoolFigure()) == nothing
    spools = (WorkerSpool(0, 3, 3000, NOON_US - 5 * SECOND_US), WorkerSpool(7, 1, 1000, NOON_US - SECOND_US))
    assert told(SpoolFigure(spools, bytes_max=4000, damaged=2)) == {
        "entries": 4,
        "bytes": 4000,
        "oldest_age_seconds": 5,
        "used_ratio": 0.75,
        "damaged_files": 2,
    }
    # Written by a clock that is ahead of ours.
    ahead = SpoolFigure((WorkerSpool(0, 1, 9, NOON_US + SECOND_US),), bytes_max=10)
    assert told(ahead)["oldest_age_seconds"] == 0


def test_breakers_stand_with_a_number_for_their_state(engine: Engine) -> None:
    shared = DatabaseBreakers(engine)
    opened = Shared("a", State.OPEN, changed_us=NOON_US, retry_us=NOON_US + 1)
    shared.put(opened, 0)
    shared.put(replace(opened, subject="b", retry_us=NOON_US), 0)
    shared.put(replace(opened, subject=of_credential("b", 3), state=State.HALF_OPEN), 0)
    shared.touch({"c": None}, NOON_US)
    found = by(scraped(engine)["wellhead_breaker_state"], "provider", "credential")
    assert found == {("a", ""): 2, ("b", ""): 1, ("b", "3"): 1, ("c", ""): 0}


def test_quotas_stand_by_account_and_what_was_not_told_is_left_out(engine: Engine) -> None:
    told = [
        Gauge("anthropic_5h", NOON_US, used_ratio=0.42, resets_us=NOON_US + SECOND_US, account="ann"),
        Gauge("requests", NOON_US, limit=10, remaining=4, used_ratio=0.6),
    ]
    with closing(writing_connection(engine)) as connection, transaction(connection):
        gauges.keep(connection, {("a", one.account or "", one.name): one for one in told}, NOON_US)
    found = scraped(engine)

    labels = "provider", "account", "quota"
    ann, nobody = ("a", "ann", "anthropic_5h"), ("a", "", "requests")
    assert by(found["wellhead_quota_used_ratio"], *labels) == {ann: 0.42, nobody: 0.6}
    assert by(found["wellhead_quota_limit"], *labels) == {nobody: 10}
    assert by(found["wellhead_quota_remaining"], *labels) == {nobody: 4}
    assert by(found["wellhead_quota_reset_timestamp_seconds"], *labels) == {ann: NOON_US / SECOND_US + 1}
    assert by(found["wellhead_quota_timestamp_seconds"], *labels).keys() == {ann, nobody}


def test_loops_stand_with_their_runs(engine: Engine) -> None:
    states = [
        LoopState("prices", 60.0, runs=7, failed_runs=3, failures=2, last_success_us=NOON_US),
        LoopState("retention", 60.0),
    ]
    running = Scrape(DatabaseReports(engine), ReadyChecks(), "1", lambda: NOON_US, lambda: states)
    found = samples(running.made(TEXT).decode())

    assert by(found["wellhead_loop_runs_total"], "loop") == {("prices",): 7, ("retention",): 0}
    assert by(found["wellhead_loop_failed_runs_total"], "loop")["prices",] == 3
    assert by(found["wellhead_loop_failures"], "loop") == {("prices",): 2, ("retention",): 0}
    last = found["wellhead_loop_last_success_timestamp_seconds"]
    assert by(last, "loop") == {("prices",): NOON_US / SECOND_US}


# The names of agent-cli-proxy.


def test_todays_counters_are_those_of_the_utc_day(engine: Engine) -> None:
    midnight_us = NOON_US // DAY_US * DAY_US
    book(
        engine,
        (an_opening(1), a_settlement(finished_us=midnight_us - 1)),
        (an_opening(2), a_settlement(finished_us=midnight_us, cost_nanousd=1_000_000_000)),
    )
    for now_us, count in ((midnight_us - 1, 1), (midnight_us, 1), (midnight_us + DAY_US, None)):
        found = scraped(engine, now_us)
        expected = {} if count is None else {("openai", "demo-large"): count}
        assert by(found["agent_cli_proxy_requests_today"], "provider", "model") == expected
    text = made(engine, midnight_us)
    for name in ("requests", "tokens", "cost_usd"):
        assert f"# TYPE agent_cli_proxy_{name}_today counter\n" in text
    assert 'agent_cli_proxy_cost_usd_today{model="demo-large",provider="openai"} 1.0\n' in text


def test_request_durations_have_their_labels_and_bounds(engine: Engine) -> None:
    times_us = [1, 24_000, 26_000, 49_000, 700_000, 29_000_000, 40_000_000]
    book(
        engine,
        *((an_opening(n), a_settlement(latency_us=us)) for n, us in enumerate(times_us, 1)),
        (an_opening(90), a_settlement(state=CallState.REFUSED, status_code=429, latency_us=9)),
        (an_opening(91), a_settlement(state=CallState.INTERRUPTED, status_code=None, streamed=True)),
    )
    found = scraped(engine)

    name = "agent_cli_proxy_proxy_request_duration_ms"
    completed = {"lifecycle_status": "completed", "provider": "openai", "status": "200", "streamed": "false"}
    counts = {
        dict(labels)["le"]: value
        for labels, value in found[f"{name}_bucket"].items()
        if completed.items() <= dict(labels).items()
    }
    assert list(counts) == [*map(str, BOUNDS_MS), "+Inf"]
    assert list(counts.values()) == [2, 4, 4, 4, 4, 5, 5, 5, 5, 6, 7]
    assert found[f"{name}_sum"][frozenset(completed.items())] == sum(times_us) / 1000
    longest = found[f"{name}_max"][frozenset(completed.items())]
    assert 40_000 <= longest <= 40_000 * 1.063
    assert by(found[f"{name}_count"], "lifecycle_status", "status", "streamed") == {
        ("completed", "200", "false"): 7,
        ("error", "429", "false"): 1,
        ("aborted", "0", "true"): 1,
    }
    assert found["agent_cli_proxy_rate_limited_total"] == {frozenset(): 1}


async def test_checks_of_readiness_are_counted() -> None:
    reports = FakeReports()
    app = an_app(reports)
    await get(app, "/ready")
    found = samples((await get(app)).text)
    assert found["agent_cli_proxy_ready_check_duration_ms_count"] == {frozenset({("status", "pass")}): 1}
    assert by(found["agent_cli_proxy_ready_check_duration_ms_max"], "status")["pass",] < 1500
    assert found["agent_cli_proxy_up"] == {frozenset(): 1}


# Bounded, and never losing anything.


def counted(engine: Engine) -> tuple[dict[tuple[str, ...], float], float]:
    found = by(scraped(engine)["wellhead_calls_total"], "model")
    return found, sum(found.values())


@pytest.mark.parametrize("answers", [False, True])
def test_twenty_thousand_made_up_models_are_a_bounded_number_of_series(engine: Engine, answers: bool) -> None:
    known = [(an_opening(n, model="known"), a_settlement()) for n in range(3)]
    add_up(engine, known)
    assert counted(engine)[0] == {("known",): 3}
    flood = [
        (an_opening(n, model=f"made-up-{n}"), a_settlement()) if answers else unused(n, f"made-up-{n}")
        for n in range(20_000)
    ]
    add_up(engine, flood)

    started = time.monotonic()
    text = made(engine)
    assert time.monotonic() - started < 30  # Half a second on a machine with nothing else to do.
    assert len(text) < 2_000_000
    models = by(samples(text)["wellhead_calls_total"], "model")
    assert len(models) == (NAMES_MAX if answers else UNUSED_MAX) + 1
    assert sum(models.values()) == 20_003
    assert models["known",] == 3
    for family in text_families(text):
        series = {frozenset(s.labels.items()) - {("le", s.labels.get("le"))} for s in family.samples}
        assert len(series) <= 6 * (NAMES_MAX + 1), family.name  # Six kinds of tokens at most.


def test_who_has_a_name_keeps_it_and_who_came_too_late_stays_among_the_others(engine: Engine) -> None:
    add_up(engine, [unused(n, f"early-{n}") for n in range(UNUSED_MAX + 5)])
    before, _ = counted(engine)
    assert before["other",] == 5

    # Those five are used now, and busier than all others; so are new ones.
    busy = [(an_opening(n, model=f"early-{n % 55}"), a_settlement()) for n in range(1000)]
    busy += [(an_opening(n, model="new"), a_settlement()) for n in range(10)]
    add_up(engine, busy)
    after, total = counted(engine)
    assert total == UNUSED_MAX + 5 + 1010
    assert after.keys() == before.keys() | {("new",)}
    assert all(after[name] >= value for name, value in before.items())


@given(st.lists(st.lists(st.tuples(MODELS, st.booleans()), max_size=5), min_size=2, max_size=5))
@settings(max_examples=15, deadline=None)
def test_no_counter_goes_down_whatever_comes(batches: list[list[tuple[str | None, bool]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = books_on_disk(Path(folder))
        before: dict[str, dict[Labels, float]] = {}
        for batch in batches:
            add_up(engine, [(an_opening(1, model=m), a_settlement(streamed=s)) for m, s in batch])
            after = scraped(engine)
            for name, series in before.items():
                if name.endswith(("_total", "_count", "_sum", "_bucket")):
                    assert all(after[name][labels] >= value for labels, value in series.items())
            before = after
        engine.dispose()


def test_a_model_that_is_called_other_or_something_endless_is_among_the_others(engine: Engine) -> None:
    add_up(
        engine,
        [
            (an_opening(1, model="other"), a_settlement()),
            (an_opening(2, model="x" * (CHARS_MAX + 1)), a_settlement()),
            (an_opening(3, model=None), a_settlement()),
            (an_opening(4, model="unknown"), a_settlement()),
        ],
    )
    assert counted(engine)[0] == {("other",): 2, ("unknown",): 2}


async def test_totals_are_those_of_the_reports(engine: Engine) -> None:
    add_up(engine, [unused(n, f"m-{n}") for n in range(200)])
    add_up(engine, [(an_opening(n), a_settlement(cost_nanousd=10**7 + n)) for n in range(300)])
    app = an_app(DatabaseReports(engine))
    found = samples((await get(app)).text)
    stats = (await get(app, "/admin/stats")).json()
    for name, field in (("calls", "requests"), ("tool_calls", "requests"), ("project_calls", "requests")):
        assert sum(found[f"wellhead_{name}_total"].values()) == stats[f"total_{field}"]
    assert by(found["wellhead_tokens_total"], "kind")["total",] == stats["total_tokens"]
    for name in ("cost_usd", "tool_cost_usd", "project_cost_usd"):
        assert sum(found[f"wellhead_{name}_total"].values()) == pytest.approx(stats["total_cost_usd"], 1e-12)
    assert sum(found["wellhead_call_duration_seconds_count"].values()) == stats["total_requests"]


def test_a_scrape_writes_only_to_give_names(engine: Engine) -> None:
    book(engine, (an_opening(1), a_settlement()))
    scraped(engine)
    with closing(sqlite3.connect(str(engine.url.database))) as books:
        before = books.execute("PRAGMA data_version").fetchone()
        scraped(engine)
        assert books.execute("PRAGMA data_version").fetchone() == before
