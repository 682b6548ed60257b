"""Whatever a question cuts and groups by, its lines are the sums over the rows."""

import tempfile
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Engine, event

from fakes.books import NOON_US, a_settlement, an_opening, book_ends, books_on_disk
from wellhead.call import CallState, Opening, Settlement
from wellhead.database import calls
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.reports import DatabaseReports
from wellhead.histogram import bounds, bucket
from wellhead.intervals import Interval, edges_us
from wellhead.ledger.closing import close
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import Dimension, Durations, Measure, Question, TooManyLines
from wellhead.usage import NO_USAGE, Usage, UsageSource

Call = tuple[Opening, Settlement]
ENDS = [state for state in CallState if state is not CallState.PENDING]
DIMENSIONS = [one for one in Dimension if one is not Dimension.PROJECT]


def book(engine: Engine, made: list[Call], pending: int = 0, closed: int = 0) -> None:
    """Some calls; the first of them end before so many days are closed, from the first day on."""
    half = len(made) // 2 if closed else 0
    if half:
        book(engine, made[:half])
        close(engine, NOON_US // DAY_US + closed, rest=lambda _: None)
        made = made[half:]
    pending += half
    numbered = [(replace(opening, id=n), end) for n, (opening, end) in enumerate(made, start=1 + pending)]
    openings = [an_opening(n) for n in range(1 + half, 1 + pending)] + [opening for opening, _ in numbered]
    connection = writing_connection(engine)
    with transaction(connection):
        calls.insert(connection, calls.pending_rows(1, openings))
        book_ends(connection, numbered)
    connection.close()


def a_call(
    after_us: int,
    tokens: int | None = 5,
    *,
    cost: int | None = None,
    state: CallState = CallState.COMPLETED,
    **said: Any,
) -> Call:
    usage = (
        NO_USAGE if tokens is None else Usage(input_tokens=tokens, total_tokens=tokens, reasoning_tokens=1)
    )
    end = a_settlement(
        state=state,
        finished_us=NOON_US + after_us,
        usage=usage,
        usage_source=UsageSource.ABSENT if tokens is None else UsageSource.REPORTED,
        cost_nanousd=cost,
        streamed=said.get("streamed", False),
        latency_us=abs(after_us) or None,
        ttft_us=None if tokens is None else tokens,
    )
    return an_opening(0, **said), end


LENGTH_US = 10 * DAY_US
"""Long enough for the night in which clocks go forward in New York."""
calls_made = st.builds(
    a_call,
    st.integers(0, LENGTH_US - 1)
    | st.sampled_from([n * HOUR_US + d for n in (1, 2, 3, 12, 36, 41) for d in (-1, 0, 1)]),
    st.none() | st.integers(0, 10**6),
    cost=st.none() | st.integers(0, 10**9),
    state=st.sampled_from(ENDS),
    provider=st.sampled_from(["openai", "anthropic"]),
    model=st.sampled_from([None, "unknown", "large", "small"]),
    tool=st.sampled_from([None, "codex"]),
    client=st.sampled_from([None, "ann"]),
    key_id=st.sampled_from([None, 1, 2]),
    session=st.sampled_from([None, "s1", "s2"]),
    agent=st.sampled_from([None, "nora"]),
    streamed=st.booleans(),
)
moments = st.integers(NOON_US - HOUR_US, NOON_US + LENGTH_US + HOUR_US) | st.integers(-2, 500).map(
    lambda n: NOON_US + n * HOUR_US // 2
)
days_closed = st.integers(0, 12)
"""How many days from the first one on are closed, but for those that a call came to later."""
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Apia")
partitions = (
    st.just(())
    | st.lists(moments, min_size=2, max_size=6, unique=True).map(lambda some: tuple(sorted(some)))
    | st.builds(
        lambda since, interval, zone: edges_us(since, since + LENGTH_US, interval, ZoneInfo(zone)),
        moments,
        st.sampled_from([None, Interval.DAY, Interval.WEEK, Interval.HOUR]),
        st.sampled_from(ZONES),
    )
    | st.builds(
        lambda since, length, interval: edges_us(since, since + length, interval, ZoneInfo("UTC")),
        moments,
        st.integers(1, 3 * HOUR_US),
        st.sampled_from([Interval.MINUTE, Interval.FIVE_MINUTES]),
    )
)
"""Of time: any cuts, and days as the clocks of a zone have them."""
questions = st.builds(
    Question,
    st.just(tuple(Measure)),
    st.lists(st.sampled_from(DIMENSIONS), max_size=3, unique=True).map(tuple),
    partitions,
    st.dictionaries(
        st.sampled_from([Dimension.MODEL, Dimension.TOOL, Dimension.SESSION, Dimension.OUTCOME]),
        st.sampled_from([None, "large", "codex", "s1", "completed", "failed"]),
        max_size=2,
    )
    | st.fixed_dictionaries({Dimension.STREAMED: st.sampled_from([0, 1])})
    | st.just({}),
)
questions_of_models = st.builds(
    Question, st.just(()), st.sampled_from([(), (Dimension.MODEL,), (Dimension.PROVIDER,)]), partitions
)


@settings(deadline=None, max_examples=30)
@given(st.lists(calls_made, max_size=25), days_closed, st.lists(questions, min_size=6, max_size=6))
def test_every_answer_is_the_sum_over_its_rows(made: list[Call], closed: int, asked: list[Question]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = books_on_disk(Path(folder))
        book(engine, made, pending=2, closed=closed)
        reports = DatabaseReports(engine)
        for question in asked:
            found = {(line.slot, line.keys): line.sums for line in reports.usage(question)}
            assert found == by_hand(made, question), question
        engine.dispose()


@settings(deadline=None, max_examples=30)
@given(
    st.lists(calls_made, max_size=25),
    days_closed,
    st.lists(questions | questions_of_models, min_size=4, max_size=4),
)
def test_every_line_has_the_percentiles_of_its_calls(
    made: list[Call], closed: int, asked: list[Question]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = books_on_disk(Path(folder))
        book(engine, made, pending=2, closed=closed)
        for question in asked:
            found = DatabaseReports(engine).percentiles(question, PERCENTS)
            took: defaultdict[Any, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
            for opening, end in made:
                if not is_about(question, opening, end):
                    continue
                for slot, (since, until) in enumerate(pairwise(question.edges_us or (0, 2**62))):
                    if since <= end.finished_us < until:
                        both = took[slot, tuple(said(opening, end, one) for one in question.by)]
                        for durations, us in zip(both, (end.latency_us, end.ttft_us), strict=True):
                            durations.extend([] if us is None else [us])
            told = {place: one for place, one in found.items() if any(one)}
            assert told == {
                place: Durations(len(latency), ranked(latency), len(ttft), ranked(ttft))
                for place, (latency, ttft) in took.items()
                if latency or ttft
            }
        engine.dispose()


PERCENTS = range(1, 101)
"""As many as there are calls: so each of them is one."""


def ranked(durations: list[int]) -> tuple[int, ...]:
    """What so many percent of them do not pass, each seen from the middle of its bucket."""
    in_order = sorted(durations)
    found = [in_order[-(-len(in_order) * percent // 100) - 1] for percent in PERCENTS if in_order]
    return tuple((low + end - 1) // 2 for low, end in (bounds(bucket(us)) for us in found))


def is_about(question: Question, opening: Opening, end: Settlement) -> bool:
    return all(said(opening, end, one) == wanted for one, wanted in question.where.items())


def by_hand(made: list[Call], question: Question) -> Any:
    found: defaultdict[Any, dict[Measure, int]] = defaultdict(lambda: dict.fromkeys(Measure, 0))
    edges = question.edges_us or (0, 2**62)
    for opening, end in made:
        if not is_about(question, opening, end):
            continue
        for slot, (since, until) in enumerate(pairwise(edges)):
            if since <= end.finished_us < until:
                sums = found[slot, tuple(said(opening, end, one) for one in question.by)]
                for measure, value in counted(end).items():
                    sums[measure] += value
    return found


def said(opening: Opening, end: Settlement, dimension: Dimension) -> Any:
    match dimension:
        case Dimension.OUTCOME:
            return end.state.value
        case Dimension.STREAMED:
            return int(end.streamed)
        case Dimension.KEY:
            return opening.key_id
        case Dimension.ACCOUNT:
            return None
        case _:
            value = getattr(opening, dimension.value)
            return None if value == "unknown" else value


def counted(end: Settlement) -> dict[Measure, int]:
    usage = end.usage
    return {
        Measure.CALLS: 1,
        Measure.ERROR_CALLS: int(end.state in (CallState.FAILED, CallState.REFUSED)),
        Measure.ABORTED_CALLS: int(end.state in (CallState.ABORTED, CallState.INTERRUPTED)),
        Measure.METERED_CALLS: int(end.usage_source is not UsageSource.ABSENT),
        Measure.PRICED_CALLS: int(end.cost_nanousd is not None),
        Measure.INPUT_TOKENS: usage.input_tokens or 0,
        Measure.REASONING_TOKENS: usage.reasoning_tokens or 0,
        Measure.TOTAL_TOKENS: usage.total_tokens or 0,
        Measure.COST_NANOUSD: end.cost_nanousd or 0,
        Measure.TIMED_CALLS: int(end.latency_us is not None),
        Measure.LATENCY_US: end.latency_us or 0,
        Measure.TTFT_CALLS: int(end.ttft_us is not None),
        Measure.TTFT_US: end.ttft_us or 0,
    }


def test_a_cut_at_every_hour_and_beside_it_adds_up_to_all_of_time(engine: Engine) -> None:
    book(engine, [a_call(n * HOUR_US // 3, n, cost=n) for n in range(12)])
    reports = DatabaseReports(engine)
    (whole,) = reports.usage(Question((Measure.CALLS, Measure.COST_NANOUSD)))
    for step in (HOUR_US, HOUR_US // 2, 7_000_000_000, 10 * HOUR_US):
        edges = tuple(range(NOON_US - step, NOON_US + 4 * HOUR_US + step, step))
        lines = reports.usage(Question((Measure.CALLS, Measure.COST_NANOUSD), (), edges))
        for measure, total in whole.sums.items():
            assert sum(line.sums[measure] for line in lines) == total == (12 if measure == "calls" else 66)


def test_lines_that_are_outside_of_a_range_do_not_make_its_answer_too_long(engine: Engine) -> None:
    outside = [a_call(0, model=f"old{n}") for n in range(6)]
    book(engine, outside + [a_call(n * HOUR_US, model="new") for n in range(1, 12)])
    most = (NOON_US + HOUR_US, NOON_US + 12 * HOUR_US)
    (line,) = DatabaseReports(engine).usage(Question((Measure.CALLS,), (Dimension.MODEL,), most, lines_max=3))
    assert (line.keys, line.sums) == (("new",), {Measure.CALLS: 11})


def test_an_answer_that_would_be_too_long_is_none(engine: Engine) -> None:
    book(engine, [a_call(0, session=str(n), model=str(n)) for n in range(4)])
    reports = DatabaseReports(engine)
    for by in (Dimension.SESSION, Dimension.MODEL):
        for edges in ((), (NOON_US, NOON_US + HOUR_US), (NOON_US, NOON_US + 1)):
            assert len(reports.usage(Question((Measure.CALLS,), (by,), edges, lines_max=4))) == 4
            with pytest.raises(TooManyLines):
                reports.usage(Question((Measure.CALLS,), (by,), edges, lines_max=3))


@pytest.mark.parametrize(
    "edges", [(), (NOON_US, NOON_US + 2 * HOUR_US), (NOON_US + 1, NOON_US + HOUR_US + 9)]
)
def test_percentiles_are_of_every_call_of_their_range(engine: Engine, edges: tuple[int, ...]) -> None:
    took = (5, 700, HOUR_US + 3)
    book(engine, [a_call(after, after % 97, model=model) for model in ("a", "b") for after in took])

    found = DatabaseReports(engine).percentiles(Question((), (Dimension.MODEL,), edges), PERCENTS)
    for model in ("a", "b"):
        assert found[0, (model,)].latency_us == ranked(list(took))
        assert (found[0, (model,)].latency_calls, found[0, (model,)].ttft_calls) == (3, 3)


@pytest.mark.parametrize(
    ("where", "by_hour"),
    [
        ({Dimension.PROVIDER: "openai"}, "models_hourly"),
        ({Dimension.TOOL: "codex", Dimension.OUTCOME: "completed"}, "usage_hourly"),
    ],
)
def test_hours_are_looked_up_by_the_key_and_edges_by_the_index(
    engine: Engine, where: dict[Dimension, str], by_hour: str
) -> None:
    book(engine, [a_call(n * DAY_US) for n in range(6)])
    edges = (NOON_US + 5 * HOUR_US + 1, NOON_US + 36 * HOUR_US, NOON_US + 95 * HOUR_US + 1)
    plans = plans_of(engine, Question((Measure.CALLS,), (Dimension.MODEL,), edges, where))
    for part in (
        f"{by_hour} USING PRIMARY KEY (hour>? AND hour<?)",
        "calls USING INDEX calls_finished (finished_us>? AND finished_us<?)",
    ):
        assert any(part in plan for plan in plans), part


def test_parts_of_closed_days_come_from_sheets_alone(engine: Engine) -> None:
    book(engine, [a_call(n * DAY_US) for n in range(4)])
    close(engine, NOON_US // DAY_US + 4, rest=lambda _: None)
    for by, edges in (
        (Dimension.SESSION, [NOON_US - 12 * HOUR_US, NOON_US + 60 * HOUR_US]),
        (Dimension.TOOL, [NOON_US - HOUR_US // 2, NOON_US + HOUR_US // 2, NOON_US + 30 * HOUR_US]),
        (Dimension.MODEL, [NOON_US - 7 * HOUR_US, NOON_US + 17 * HOUR_US, NOON_US + 41 * HOUR_US]),
        (Dimension.OUTCOME, [NOON_US - HOUR_US // 2, NOON_US + 17 * HOUR_US]),
    ):
        plans = plans_of(engine, Question((Measure.CALLS,), (by,), tuple(edges)))
        for table in ("calls", "usage_hourly", "models_hourly"):
            assert not any(f"{table} USING" in plan and ">?" in plan for plan in plans)


def plans_of(engine: Engine, question: Question) -> list[str]:
    """How each statement finds its rows."""
    statements: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def remember(*told: Any) -> None:
        if "FROM" in told[2]:
            statements.append((told[2], told[3]))

    DatabaseReports(engine).usage(question)
    with engine.connect() as connection:
        return [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", values).all())
            for one, values in tuple(statements)
        ]
