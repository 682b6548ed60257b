import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as with_fields
from sqlalchemy import Engine

from fakes.books import NOON_US, a_settlement, an_opening, books_on_disk
from fakes.registry import BY
from wellhead.call import CallState, Opening, Settlement
from wellhead.database import calls, limit_windows
from wellhead.database.directory import load_directory
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.limit_windows import THE_BEGINNING, Difference, Place
from wellhead.database.registry import DatabaseRegistry
from wellhead.ledger.ids import Ids
from wellhead.limit import Limit, Measure, Scope, ScopeKind, Window
from wellhead.moments import DAY_US, HOUR_US, MINUTE_US
from wellhead.policy import windows
from wellhead.policy.limits import Limits, given_back, taken
from wellhead.registry import NewLimit
from wellhead.usage import Usage
from wellhead.vault import Vault

EVERYBODY = Scope(ScopeKind.GLOBAL)
FIRST = Ids(0, lambda: NOON_US).next()
"""An id of noon: a recount looks at no older ones."""


def a_limit(**changes: Any) -> Limit:
    return replace(Limit(1, EVERYBODY, Measure.CALLS, Window.HOUR, 5, created_us=NOON_US), **changes)


@pytest.fixture
def connection(engine: Engine) -> Iterator[sqlite3.Connection]:
    with closing(writing_connection(engine)) as made:
        yield made


# Adding, looking, clearing away.


def test_adding_begins_at_zero_and_adds_up(connection: sqlite3.Connection) -> None:
    limit_windows.add(connection, [(2, "b", 60, 1, 2, 3), (1, "a", 0, 1, 0, 0), (2, "b", 60, 1, -1, 0)])
    limit_windows.add(connection, [(2, "b", 60, 10, 20, 30)])

    assert rows(connection) == [(1, "a", 0, 1, 0, 0), (2, "b", 60, 12, 21, 33)]


def test_rows_are_written_in_the_order_of_their_keys(connection: sqlite3.Connection) -> None:
    seen: list[str] = []
    connection.set_trace_callback(seen.append)

    limit_windows.add(connection, [(2, "", 0, 1, 0, 0), (1, "b", 0, 1, 0, 0), (1, "a", 60, 1, 0, 0)])
    text = " ".join(seen)
    assert text.index("1,'a'") < text.index("1,'b'") < text.index("2,''")


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 200])
def test_standings_add_up_the_buckets_that_count(connection: sqlite3.Connection, count: int) -> None:
    limit_windows.add(
        connection, [(n, "a", bucket, n, 1, 0) for n in range(count) for bucket in (0, 60, 120)]
    )

    found = limit_windows.standings(connection, [(n, "a", 60) for n in range(count)])
    assert found == {(n, "a"): (2 * n, 2) for n in range(count)}


def test_whoever_was_not_counted_yet_stands_at_nothing(connection: sqlite3.Connection) -> None:
    limit_windows.add(connection, [(1, "a", 0, 5, 5, 0)])

    wanted = [(1, "a", 60), (1, "b", 0), (2, "a", 0)]
    assert limit_windows.standings(connection, wanted) == dict.fromkeys(
        [(1, "a"), (1, "b"), (2, "a")], (0, 0)
    )


def test_standings_look_into_the_key_and_scan_nothing(connection: sqlite3.Connection) -> None:
    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    limit_windows.standings(connection, [(1, "a", 0), (2, "b", 0)])
    connection.set_trace_callback(None)

    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {seen[0]}")]
    assert any("SEARCH w USING PRIMARY KEY (limit_id=? AND subject=? AND bucket>?)" in step for step in plan)
    assert not any("SCAN w" in step for step in plan)


def test_what_frees_first_comes_first(connection: sqlite3.Connection) -> None:
    limit_windows.add(connection, [(1, "a", bucket, bucket, 1, 0) for bucket in (120, 0, 60)])

    assert limit_windows.frees(connection, 1, "a", 60) == [(60, 60, 1), (120, 120, 1)]


HOURLY = {1: a_limit(id=1), 2: a_limit(id=2)}
LAST_HOUR_US, OVER_US = NOON_US - HOUR_US, NOON_US - 2 * HOUR_US


def cleared(connection: sqlite3.Connection, limits: Mapping[int, Limit], count: int = 100) -> list[Any]:
    """Clear everything away, so many rows at a time; what the steps said, and left."""
    after: Place | None = THE_BEGINNING
    while after is not None:
        after = limit_windows.prune(connection, limits, NOON_US, after, count)
    return rows(connection)


def test_clearing_away_leaves_what_counts_and_what_holds(connection: sqlite3.Connection) -> None:
    counts, holds = (1, "a", NOON_US, 1, 0, 0), (1, "b", OVER_US, 1, 1, 0)
    over = [(1, "a", OVER_US, 1, 0, 0), (2, "a", OVER_US, 1, 0, 0), (2, "b", OVER_US, 1, -1, 9)]
    limit_windows.add(connection, [counts, holds, *over])

    assert cleared(connection, HOURLY) == [counts, holds]


def test_the_last_window_is_kept_for_those_whose_clock_is_behind(connection: sqlite3.Connection) -> None:
    last = (1, "a", LAST_HOUR_US, 1, 0, 0)
    limit_windows.add(connection, [last])

    assert cleared(connection, HOURLY) == [last]
    sliding = {1: a_limit(sliding=True, window=Window.MINUTE)}
    assert cleared(connection, sliding) == []


def test_a_row_that_says_nothing_is_cleared_away_whenever_it_began(connection: sqlite3.Connection) -> None:
    concurrent = {1: a_limit(measure=Measure.CONCURRENT_CALLS, window=Window.TOTAL)}
    passed, taken_ = (1, "c", windows.FOR_GOOD, 0, 0, 4), (1, "d", windows.FOR_GOOD, 0, 2, 0)
    limit_windows.add(connection, [(1, "b", windows.FOR_GOOD, 0, 0, 0), passed, taken_])

    assert cleared(connection, concurrent) == [passed, taken_]


def test_a_limit_that_is_not_known_yet_is_left_alone(connection: sqlite3.Connection) -> None:
    limit_windows.add(connection, [(3, "a", OVER_US, 1, 0, 0)])

    assert cleared(connection, HOURLY) == [(3, "a", OVER_US, 1, 0, 0)]


@pytest.mark.parametrize("count", [1, 3, 5, 10, 11])
def test_so_many_rows_are_looked_at_at_once_and_no_more(connection: sqlite3.Connection, count: int) -> None:
    limit_windows.add(connection, [(1, str(n), OVER_US + n % 2 * 2 * HOUR_US, 1, 0, 0) for n in range(10)])

    first = limit_windows.prune(connection, HOURLY, NOON_US, THE_BEGINNING, count)
    assert len(rows(connection)) == 10 - -(-min(count, 10) // 2)
    assert (first is None) == (count > 10)
    assert len(cleared(connection, HOURLY, count)) == 5


def test_a_window_for_good_is_never_cleared_away(connection: sqlite3.Connection) -> None:
    spent = (1, "", windows.FOR_GOOD, 1, 0, 0)
    limit_windows.add(connection, [spent])

    assert cleared(connection, {1: a_limit(window=Window.TOTAL)}) == [spent]


# Counting again.


def test_calls_count_once_they_are_admitted_and_unless_they_were_refused(
    connection: sqlite3.Connection,
) -> None:
    book(connection, [an_opening(FIRST + 1, admitted_us=None), an_opening(FIRST + 2, admitted_us=NOON_US)])
    refused = an_opening(FIRST + 3, admitted_us=NOON_US)
    end(connection, refused, state=CallState.REFUSED)
    ended = an_opening(FIRST + 4, admitted_us=NOON_US)
    end(connection, ended)

    assert counted(connection, a_limit()) == {("", NOON_US): (2, 0)}
    concurrent = a_limit(measure=Measure.CONCURRENT_CALLS, window=Window.TOTAL)
    assert counted(connection, concurrent) == {("", 0): (0, 1)}


@pytest.mark.parametrize(
    ("measure", "pending", "done"),
    [
        (Measure.INPUT_TOKENS, (0, 100), (125, 0)),
        (Measure.OUTPUT_TOKENS, (0, 1000), (87, 0)),
        (Measure.TOTAL_TOKENS, (0, 1100), (212, 0)),
        (Measure.COST, (0, 9000), (4011, 0)),
    ],
)
def test_a_call_holds_while_it_runs_and_takes_fact_and_hold_when_it_ended(
    connection: sqlite3.Connection, measure: Measure, pending: tuple[int, int], done: tuple[int, int]
) -> None:
    held = an_opening(
        FIRST + 1, admitted_us=NOON_US, hold_input_tokens=100, hold_output_tokens=1000, hold_nanousd=9000
    )
    book(connection, [held])
    assert counted(connection, a_limit(measure=measure)) == {("", NOON_US): pending}

    settle(connection, held, hold_input_tokens=5, hold_output_tokens=7, hold_nanousd=11, cost_nanousd=4000)
    assert counted(connection, a_limit(measure=measure)) == {("", NOON_US): done}


def test_what_nobody_reported_and_nothing_held_counts_as_nothing(connection: sqlite3.Connection) -> None:
    end(connection, an_opening(FIRST + 1, admitted_us=NOON_US), usage=Usage())

    assert counted(connection, a_limit(measure=Measure.INPUT_TOKENS)) == {}


def test_calls_count_in_the_window_they_were_admitted_in_however_slowly_they_came(
    connection: sqlite3.Connection,
) -> None:
    ids = Ids(1, lambda: NOON_US - 20 * HOUR_US)
    book(connection, [an_opening(ids.next(), started_us=NOON_US - 20 * HOUR_US, admitted_us=NOON_US + 5)])

    assert counted(connection, a_limit()) == {("", NOON_US): (1, 0)}
    assert counted(connection, a_limit(window=Window.MINUTE, sliding=True)) == {("", NOON_US): (1, 0)}


def test_no_id_of_a_call_that_may_count_is_left_out() -> None:
    """The same arithmetic as in `wellhead.ledger.ids`, which this layer cannot see."""
    since_us = NOON_US + 123_456_789
    began_us = since_us - limit_windows.BEFORE_ADMISSION_US

    first = limit_windows._first_id(since_us)
    assert first <= Ids(0, lambda: began_us).next()
    assert first > Ids(1023, lambda: began_us - 2000).next()
    assert limit_windows._first_id(0) == 0


def test_a_limit_for_good_counts_from_when_it_was_made(connection: sqlite3.Connection) -> None:
    for call_id, at_us in enumerate([NOON_US - 1, NOON_US, NOON_US + DAY_US], start=1):
        book(connection, [an_opening(call_id, admitted_us=at_us)])

    assert counted(connection, a_limit(window=Window.TOTAL)) == {}, "the ids are from years before"
    connection.execute("UPDATE calls SET id=id+?", (FIRST,))
    assert counted(connection, a_limit(window=Window.TOTAL)) == {("", 0): (2, 0)}


@pytest.mark.parametrize(
    ("scope", "subjects"),
    [
        (EVERYBODY, {"": 4}),
        (Scope(ScopeKind.KEY), {"1": 1, "2": 2}),
        (Scope(ScopeKind.KEY, "2"), {"": 2}),
        (Scope(ScopeKind.PROJECT), {"7": 3}),
        (Scope(ScopeKind.PROJECT, "8"), {}),
        (Scope(ScopeKind.MODEL), {"gpt-5": 2, "claude": 1}),
        (Scope(ScopeKind.MODEL, "gpt-*"), {"": 2}),
        (Scope(ScopeKind.PROVIDER), {"openai": 3, "anthropic": 1}),
        (Scope(ScopeKind.PROVIDER, "openai"), {"": 3}),
        (Scope(ScopeKind.CLIENT), {"codex/a": 1, "codex/@2": 1, "@2": 1, "@10.0.0.1": 1}),
        (Scope(ScopeKind.CLIENT, tool="codex"), {"": 2}),
        (Scope(ScopeKind.CLIENT, tool="codex", client="a"), {"": 1}),
    ],
)
def test_whose_calls_count_is_what_the_policy_says(
    connection: sqlite3.Connection, scope: Scope, subjects: dict[str, int]
) -> None:
    made: list[dict[str, Any]] = [
        {"key_id": 1, "project_id": 7, "model": "gpt-5", "tool": "codex", "client": "a"},
        {"key_id": 2, "project_id": 7, "model": "gpt-5", "tool": "codex"},
        {"key_id": 2, "project_id": 7, "model": None, "tool": None},
        {"provider": "anthropic", "model": "claude", "tool": None, "client_address": "10.0.0.1"},
    ]
    for call_id, facts in enumerate(made, start=FIRST):
        book(connection, [an_opening(call_id, admitted_us=NOON_US, **facts)])

    found = counted(connection, a_limit(scope=scope))
    assert found == {(subject, NOON_US): (count, 0) for subject, count in subjects.items()}


# Comparing.


def test_a_window_that_drifted_from_the_calls_is_found(connection: sqlite3.Connection) -> None:
    book(connection, [an_opening(FIRST, admitted_us=NOON_US, key_id=1)])
    limit = a_limit(scope=Scope(ScopeKind.KEY))
    limit_windows.add(
        connection,
        [(1, "1", NOON_US, 1, 0, 99), (1, "1", NOON_US - HOUR_US, 5, 5, 0), (1, "3", NOON_US, 0, 0, 4)],
    )
    assert limit_windows.differences(connection, [limit], NOON_US + 1) == []

    limit_windows.add(connection, [(1, "1", NOON_US, 1, 0, 0), (1, "2", NOON_US, 0, -1, 0)])
    assert limit_windows.differences(connection, [limit], NOON_US + 1) == [
        Difference(1, "1", NOON_US, kept=(2, 0), counted=(1, 0)),
        Difference(1, "2", NOON_US, kept=(0, -1), counted=(0, 0)),
    ]


def test_comparing_changes_nothing_and_leaves_no_transaction_open(connection: sqlite3.Connection) -> None:
    before = connection.total_changes

    limit_windows.differences(connection, [a_limit()], NOON_US)
    assert not connection.in_transaction
    assert connection.total_changes == before


# Whatever happens, counting again gives what adding up gave.


@dataclass
class Story:
    """Books that a clerk and an operator write to, step by step."""

    connection: sqlite3.Connection
    registry: DatabaseRegistry
    now: list[int]
    ids: Ids
    open: list[Opening] = field(default_factory=list)

    def tell(self, name: str, values: list[Any]) -> None:
        self.now[0] += 1
        if name == "pass":
            self.now[0] += values[0]
        else:
            getattr(self, name)(*values)

    def admit(self, facts: dict[str, Any], holds: dict[str, int | None]) -> None:
        call = an_opening(self.ids.next(), started_us=self.now[0], admitted_us=self.now[0], **facts, **holds)
        with transaction(self.connection):
            calls.insert(self.connection, calls.pending_rows(1, [call]))
            for limit, subject in self.limits().met_by(call):
                bucket = windows.bucket_of(limit, self.now[0])
                limit_windows.add(
                    self.connection, [(limit.id, subject, bucket, *taken(limit.measure, call), 0)]
                )
        self.open.append(call)

    def end(self, which: int, changes: dict[str, Any]) -> None:
        if not self.open:
            return
        call = self.open.pop(which % len(self.open))
        settlement = a_settlement(finished_us=self.now[0], **changes)
        with transaction(self.connection):
            assert calls.settle(self.connection, calls.settled_rows([(call, settlement)])) == 1
            for limit, subject in self.limits().met_by(call):
                assert call.admitted_us is not None
                bucket = windows.bucket_of(limit, call.admitted_us)
                change = (limit.id, subject, bucket, *given_back(limit, call, settlement), 0)
                limit_windows.add(self.connection, [change])

    def limits(self) -> Limits:
        return Limits(load_directory(self.connection).limits)

    def make_limit(self, new: NewLimit) -> None:
        self.registry.create_limit(BY, new)

    def prune(self) -> None:
        limits = {limit.id: limit for limit in load_directory(self.connection).limits}
        limit_windows.prune(self.connection, limits, self.now[0], THE_BEGINNING, 1000)

    def differences(self) -> list[Difference]:
        limits = load_directory(self.connection).limits
        return limit_windows.differences(self.connection, limits, self.now[0])


def a_story(engine: Engine) -> Story:
    now = [NOON_US]
    return Story(
        writing_connection(engine),
        DatabaseRegistry(engine, lambda: Vault(bytes(32)), lambda: now[0]),
        now,
        Ids(1, lambda: now[0]),
    )


SCOPES = st.sampled_from(
    [
        EVERYBODY,
        *(Scope(kind) for kind in ScopeKind if kind is not ScopeKind.GLOBAL),
        Scope(ScopeKind.MODEL, "gpt-*"),
        Scope(ScopeKind.PROVIDER, "openai"),
        Scope(ScopeKind.CLIENT, tool="codex"),
    ]
)
AMOUNTS = st.none() | st.integers(0, 10_000)


@st.composite
def new_limits(draw: st.DrawFn) -> NewLimit:
    measure = draw(st.sampled_from(Measure))
    window = Window.TOTAL if measure is Measure.CONCURRENT_CALLS else draw(st.sampled_from(Window))
    return NewLimit(
        measure,
        window,
        100,
        draw(SCOPES),
        sliding=window is not Window.TOTAL and draw(st.booleans()),
        zone=draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"])),
    )


FACTS = st.fixed_dictionaries(
    {
        "key_id": st.sampled_from([None, 1, 2]),
        "project_id": st.sampled_from([None, 1]),
        "model": st.sampled_from([None, "gpt-5", "claude"]),
        "provider": st.sampled_from(["openai", "anthropic"]),
        "tool": st.sampled_from([None, "codex", "opencode"]),
        "client": st.sampled_from([None, "laptop"]),
        "client_address": st.sampled_from([None, "10.0.0.1"]),
    }
)
HOLDS = st.fixed_dictionaries(
    {"hold_input_tokens": AMOUNTS, "hold_output_tokens": AMOUNTS, "hold_nanousd": AMOUNTS}
)
ENDS = st.builds(
    lambda state, input_, output, cost, holds: {
        "state": state,
        "usage": Usage(
            input_tokens=input_,
            output_tokens=output,
            total_tokens=None if input_ is None or output is None else input_ + output,
        ),
        "cost_nanousd": cost,
        **holds,
    },
    st.sampled_from([CallState.COMPLETED, CallState.FAILED, CallState.ABORTED, CallState.INTERRUPTED]),
    AMOUNTS,
    AMOUNTS,
    AMOUNTS,
    HOLDS,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), FACTS, HOLDS),
        st.tuples(st.just("end"), st.integers(0, 100), ENDS),
        st.tuples(st.just("make_limit"), new_limits()),
        st.tuples(st.just("prune")),
        st.tuples(
            st.just("pass"),
            st.sampled_from([1, 1_000_000, MINUTE_US, 17 * MINUTE_US, HOUR_US, DAY_US, 20 * DAY_US]),
        ),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(new_limits(), max_size=3), STEPS)
def test_counting_again_gives_what_adding_up_gave(first: list[NewLimit], steps: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        engine = books_on_disk(Path(folder))
        story = a_story(engine)
        for new in first:
            story.make_limit(new)
        for name, *values in steps:
            story.tell(name, values)
            assert story.differences() == []
        story.connection.close()
        engine.dispose()


@settings(max_examples=60, deadline=None)
@given(new_limits(), STEPS, st.integers(0, 20))
def test_what_was_counted_before_the_lock_need_not_be_counted_under_it(
    new: NewLimit, steps: list[Any], before: int
) -> None:
    with TemporaryDirectory() as folder:
        engine = books_on_disk(Path(folder))
        story = a_story(engine)
        limit = a_limit(
            scope=new.scope, measure=new.measure, window=new.window, sliding=new.sliding, zone=new.zone
        )
        for name, *values in steps[:before]:
            story.tell(name, values)
        earlier = limit_windows.count_earlier(story.connection, limit, story.now[0])
        for name, *values in steps[before:]:
            story.tell(name, values)
        since = windows.since(limit, story.now[0])
        whole = limit_windows.recount(story.connection, limit, since)
        assert limit_windows.recount(story.connection, limit, since, earlier) == whole
        story.connection.close()
        engine.dispose()


def test_under_the_lock_only_the_last_day_is_looked_at(connection: sqlite3.Connection) -> None:
    limit = a_limit(window=Window.MONTH)
    now_us = NOON_US + 20 * DAY_US
    for day in (0, 5, 19):
        ids = Ids(1, lambda at_us=NOON_US + day * DAY_US: at_us)  # type: ignore[misc]
        end(connection, an_opening(ids.next(), admitted_us=NOON_US + day * DAY_US))
    earlier = limit_windows.count_earlier(connection, limit, now_us)
    assert earlier is not None
    connection.execute("UPDATE calls SET state='refused' WHERE id<?", (earlier.below_id,))

    month = windows.since(limit, now_us)
    assert limit_windows.recount(connection, limit, month, earlier) == {("", month): (3, 0)}


def book(connection: sqlite3.Connection, openings: list[Opening]) -> None:
    calls.insert(connection, calls.pending_rows(1, openings))


def settle(connection: sqlite3.Connection, call: Opening, **changes: Any) -> None:
    settlement: Settlement = with_fields(a_settlement(), **changes)
    assert calls.settle(connection, calls.settled_rows([(call, settlement)])) == 1


def end(connection: sqlite3.Connection, call: Opening, **changes: Any) -> None:
    book(connection, [call])
    settle(connection, call, **changes)


def counted(connection: sqlite3.Connection, limit: Limit) -> dict[tuple[str, int], tuple[int, int]]:
    return limit_windows.recount(connection, limit, windows.since(limit, NOON_US + 5))


def rows(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT * FROM limit_windows ORDER BY 1,2,3").fetchall()
