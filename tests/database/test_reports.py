import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from fakes.books import NOON_US, a_settlement, an_opening, books_on_disk
from wellhead.call import CallState, Opening, Settlement
from wellhead.database.engine import make_engine
from wellhead.database.reports import DatabaseReports
from wellhead.errors import BooksUnavailable
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.processes import this_process
from wellhead.moments import HOUR_US
from wellhead.usage import NO_USAGE, Usage, UsageSource

Call = tuple[Opening, Settlement]
NOTHING = {"totals": {"total_tokens": 0, "total_requests": 0}, "by_model": [], "timeseries": []}


def book(engine: Engine, calls: list[Call], pending: int = 0) -> None:
    clerk = Clerk(engine, lambda: NOON_US, this_process())
    clerk.sign_on()
    clerk.book([an_opening(clerk.next_id()) for _ in range(pending)], [])
    numbered = [(with_id(opening, clerk.next_id()), end) for opening, end in calls]
    clerk.book([opening for opening, _ in numbered], numbered)
    clerk.hang_up()


def with_id(opening: Opening, call_id: int) -> Opening:
    return an_opening(call_id, model=opening.model)


def a_call(model: str | None, tokens: int, after_us: int, latency_ms: int | None = 1000) -> Call:
    end = a_settlement(
        finished_us=NOON_US + after_us,
        usage=Usage(total_tokens=tokens),
        latency_us=None if latency_ms is None else latency_ms * 1000,
    )
    return an_opening(0, model=model), end


def test_without_calls_there_are_zeros_and_empty_lists(engine: Engine) -> None:
    assert DatabaseReports(engine).qs_metrics(None, None, None) == NOTHING


def test_metrics_have_exactly_the_shape_of_system_a(engine: Engine) -> None:
    book(
        engine,
        [
            a_call("demo-small", 200, 1, latency_ms=120),
            a_call("demo-large", 1000, HOUR_US, latency_ms=900),
            a_call("demo-large", 3000, HOUR_US + 1, latency_ms=920),
        ],
    )

    assert DatabaseReports(engine).qs_metrics(None, None, None) == {
        "totals": {"total_tokens": 4200, "total_requests": 3},
        "by_model": [
            {"model": "demo-large", "tokens": 4000, "requests": 2, "avg_latency_ms": 910},
            {"model": "demo-small", "tokens": 200, "requests": 1, "avg_latency_ms": 120},
        ],
        "timeseries": [
            {"bucket_start": "2025-03-01T12:00:00Z", "tokens": 200, "requests": 1},
            {"bucket_start": "2025-03-01T13:00:00Z", "tokens": 4000, "requests": 2},
        ],
    }


def test_since_is_inclusive_and_until_is_not(engine: Engine) -> None:
    book(engine, [a_call("m", 1, 10), a_call("m", 20, 30)])
    reports = DatabaseReports(engine)

    def tokens(since_us: int, until_us: int) -> int:
        found: int = reports.qs_metrics(NOON_US + since_us, NOON_US + until_us, None)["totals"][
            "total_tokens"
        ]
        return found

    assert [tokens(10, 30), tokens(11, 31), tokens(11, 30), tokens(30, 10)] == [1, 20, 0, 0]


def test_every_call_that_ended_counts_however_it_ended_and_no_other(engine: Engine) -> None:
    ends = [a_settlement(state=state) for state in CallState if state is not CallState.PENDING]
    book(engine, [(an_opening(0), end) for end in ends], pending=7)

    totals = DatabaseReports(engine).qs_metrics(None, None, None)["totals"]
    assert totals == {"total_requests": 5, "total_tokens": 1000}


def test_calls_without_a_model_are_shown_and_found_as_unknown(engine: Engine) -> None:
    book(engine, [a_call(None, 5, 0), a_call("demo", 7, 0)])
    reports = DatabaseReports(engine)

    for since_us in (None, NOON_US - 1, NOON_US):
        (only,) = reports.qs_metrics(since_us, NOON_US + 1, "unknown")["by_model"]
        assert (only["model"], only["tokens"]) == ("unknown", 5)


def test_the_average_is_over_calls_whose_latency_is_known_half_rounded_up(engine: Engine) -> None:
    book(
        engine, [a_call("m", 0, 0, latency_ms=n) for n in (1, 2, None)] + [a_call("x", 0, 0, latency_ms=None)]
    )

    models = DatabaseReports(engine).qs_metrics(None, None, None)["by_model"]
    assert {entry["model"]: entry["avg_latency_ms"] for entry in models} == {"m": 2, "x": 0}


def test_unknown_usage_adds_nothing(engine: Engine) -> None:
    book(engine, [(an_opening(0), a_settlement(usage=NO_USAGE, usage_source=UsageSource.ABSENT))])

    for until_us in (None, NOON_US + HOUR_US - 1):
        totals = DatabaseReports(engine).qs_metrics(None, until_us, None)["totals"]
        assert totals == {"total_tokens": 0, "total_requests": 1}


calls = st.builds(
    a_call,
    st.sampled_from([None, "unknown", "demo-large", "demo-small"]),
    st.integers(0, 10**6),
    st.integers(0, 4 * HOUR_US - 1)
    | st.sampled_from([n * HOUR_US + d for n in range(1, 4) for d in (-1, 0, 1)]),
    st.none() | st.integers(0, 10**5),
)
moments = (
    st.none()
    | st.integers(NOON_US - HOUR_US, NOON_US + 5 * HOUR_US)
    | st.integers(-1, 5).map(lambda n: NOON_US + n * HOUR_US)
)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(calls, max_size=30),
    st.lists(
        st.tuples(moments, moments, st.sampled_from([None, "demo-large", "unknown", "other"])), min_size=5
    ),
)
def test_every_range_equals_the_sum_over_its_rows(
    calls: list[Call], questions: list[tuple[int | None, int | None, str | None]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = books_on_disk(Path(folder))
        book(engine, calls, pending=2)
        reports = DatabaseReports(engine)
        for question in questions:
            assert reports.qs_metrics(*question) == summed_by_hand(calls, *question)
        engine.dispose()


def summed_by_hand(calls: list[Call], since_us: int | None, until_us: int | None, model: str | None) -> Any:
    chosen = [
        (opening.model or "unknown", end)
        for opening, end in calls
        if (since_us is None or end.finished_us >= since_us)
        and (until_us is None or end.finished_us < until_us)
        and (model is None or (opening.model or "unknown") == model)
    ]
    models: defaultdict[str, list[Settlement]] = defaultdict(list)
    hours: defaultdict[int, list[Settlement]] = defaultdict(list)
    for name, end in chosen:
        models[name].append(end)
        hours[end.finished_us // HOUR_US].append(end)
    return {
        "totals": {"total_tokens": tokens(end for _, end in chosen), "total_requests": len(chosen)},
        "by_model": [
            {"model": name, "tokens": tokens(ends), "requests": len(ends), "avg_latency_ms": average_ms(ends)}
            for name, ends in sorted(models.items(), key=lambda item: (-tokens(item[1]), item[0]))
        ],
        "timeseries": [
            {
                "bucket_start": f"2025-03-01T{hour - NOON_US // HOUR_US + 12}:00:00Z",
                "tokens": tokens(ends),
                "requests": len(ends),
            }
            for hour, ends in sorted(hours.items())
        ],
    }


def tokens(ends: Any) -> int:
    return sum(end.usage.total_tokens for end in ends)


def average_ms(ends: list[Settlement]) -> int:
    known = [end.latency_us for end in ends if end.latency_us is not None]
    return (2 * sum(known) + 1000 * len(known)) // (2000 * len(known)) if known else 0


def test_a_check_passes_on_good_books_and_fails_on_others(engine: Engine, tmp_path: Path) -> None:
    DatabaseReports(engine).check()

    empty = make_engine(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(BooksUnavailable, match="no such table"):
        DatabaseReports(empty).check()
    empty.dispose()


def test_edges_are_found_by_the_index_and_hours_by_the_key(engine: Engine) -> None:
    plans = []
    with engine.connect() as connection:
        for table, column in (("calls", "finished_us"), ("usage_hourly", "hour")):
            query = f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {column} >= 1 AND {column} < 2"
            plans.append(connection.exec_driver_sql(query).all()[0][-1])
    assert plans == [
        "SEARCH calls USING INDEX calls_finished (finished_us>? AND finished_us<?)",
        "SEARCH usage_hourly USING PRIMARY KEY (hour>? AND hour<?)",
    ]
