"""Listings show the newest calls that match, all of them, once, whatever they are filtered by."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from fakes.books import NOON_US, a_settlement, an_opening, book_ends, books_on_disk
from wellhead.call import CallState, Opening, Settlement
from wellhead.database import call_hours, call_pages, calls
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.reports import DatabaseReports
from wellhead.database.schema import calls as calls_table
from wellhead.database.schema import retention
from wellhead.ledger.retention import remove
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import CallFilter

Call = tuple[Opening, Settlement | None]
WATER = "77b0c0de-0000-4000-8000-000000000001"


def book(engine: Engine, made: list[Call]) -> None:
    connection = writing_connection(engine)
    with transaction(connection):
        connection.execute(
            "INSERT INTO projects (id, uuid, name, created_us) VALUES (1, ?, 'water', 0)", (WATER,)
        )
        calls.insert(connection, calls.pending_rows(1, [opening for opening, _ in made]))
        book_ends(connection, [(opening, end) for opening, end in made if end is not None])
    connection.close()


def a_call(began_us: int, took_us: int, status: int, state: CallState, **said: Any) -> Call:
    opening = an_opening(0, started_us=NOON_US + began_us, **said)
    if state is CallState.PENDING:
        return opening, None
    return opening, a_settlement(state=state, status_code=status, finished_us=NOON_US + began_us + took_us)


def numbered(made: list[Call]) -> list[Call]:
    """By their beginnings, as ids are, but for a clock that is set back now and then."""
    return in_order(sorted(made, key=lambda call: call[0].started_us + call[0].started_us % 3 * HOUR_US // 3))


def in_order(made: list[Call]) -> list[Call]:
    names = ("started_us", "tool", "client", "model", "session", "key_id", "project_id")
    return [
        (an_opening(n, **{name: getattr(o, name) for name in names}), end)
        for n, (o, end) in enumerate(made, start=1)
    ]


calls_made = st.builds(
    a_call,
    st.integers(0, 70 * HOUR_US) | st.integers(0, 70).map(lambda n: n * HOUR_US),
    st.integers(0, 1000) | st.integers(0, 20 * HOUR_US) | st.sampled_from([HOUR_US, HOUR_US + 1]),
    st.sampled_from([200, 404, 500]),
    st.sampled_from(list(CallState)),
    tool=st.sampled_from([None, "unknown", "codex", "rare"]),
    client=st.sampled_from([None, "ann"]),
    model=st.sampled_from([None, "large"]),
    session=st.sampled_from([None, "s1"]),
    key_id=st.sampled_from([None, 7]),
    project_id=st.sampled_from([None, 1]),
)
filters = st.builds(
    CallFilter,
    tool=st.sampled_from([None, "codex", "rare", "unknown", "nobody"]),
    client=st.sampled_from([None, "ann"]),
    model=st.sampled_from([None, "large"]),
    states=st.sampled_from([(), ("pending",), ("completed",), ("failed", "refused")]),
    status_min=st.sampled_from([None, 300, 400]),
    status_max=st.sampled_from([None, 404]),
    session=st.sampled_from([None, None, "s1", "unknown", "nobody's"]),
    key=st.sampled_from([None, None, 7, 0]),
    project=st.sampled_from([None, None, WATER, "unknown", "no project's"]),
)
lists_made = (
    st.lists(calls_made, max_size=60).map(lambda made: [c for c in made if _is_possible(c)]).map(numbered)
)


@settings(deadline=None, max_examples=40)
@given(
    lists_made,
    st.lists(
        st.tuples(filters, st.integers(1, 5), st.integers(0, 40), st.none() | st.integers(0, 65)), min_size=8
    ),
)
def test_a_page_is_what_looking_at_every_row_finds(
    made: list[Call], asked: list[tuple[CallFilter, int, int, int | None]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = books_on_disk(Path(folder))
        book(engine, made)
        reports = DatabaseReports(engine)
        for wanted, count, offset, before in asked:
            found = reports.calls(wanted, count=count, offset=offset, before=before)
            ids = [o.id for o, end in made if matches(wanted, o, end) and (before is None or o.id < before)]
            assert [row["id"] for row in found.rows] == ids[::-1][offset : offset + count]
            assert (found.before is not None) == (len(ids) > offset + count)
        engine.dispose()


@settings(deadline=None, max_examples=40)
@given(
    lists_made,
    st.lists(st.tuples(filters, st.integers(1, 5), st.integers(0, 20)), min_size=6),
    st.integers(1, 6),
    st.integers(1, 12),
)
def test_pages_lead_to_all_calls_that_match_however_few_rows_one_may_look_at(
    made: list[Call], asked: list[tuple[CallFilter, int, int]], first_look: int, looked_at_max: int
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        looking_at(first_look, looked_at_max),
    ):
        engine = books_on_disk(Path(folder))
        book(engine, made)
        reports = DatabaseReports(engine)
        for wanted, count, offset in asked:
            ids = [o.id for o, end in made if matches(wanted, o, end)][::-1]
            assert [one for page in walked(reports, wanted, count, offset) for one in page] == ids[offset:]
        engine.dispose()


@contextmanager
def looking_at(first_look: int, looked_at_max: int = call_pages.LOOKED_AT_MAX) -> Iterator[None]:
    """Few rows, so that few calls show what becomes of many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call_pages, "FIRST_LOOK", first_look)
        patch.setattr(call_pages, "LOOKED_AT_MAX", looked_at_max)
        yield


def walked(
    reports: DatabaseReports, wanted: CallFilter, count: int, offset: int = 0, **more: int
) -> Iterator[list[int]]:
    """The ids of page after page."""
    before: int | None = None
    while True:
        found = reports.calls(wanted, count=count, offset=offset, before=before, **more)
        assert len(found.rows) <= count
        yield [row["id"] for row in found.rows]
        if found.before is None:
            return
        assert before is None or found.before < before
        before, offset = found.before, found.offset


@settings(deadline=None, max_examples=30)
@given(
    st.lists(calls_made, max_size=60),
    st.lists(st.tuples(filters, st.integers(-1, 71), st.integers(0, 30)), min_size=6),
    st.integers(1, 2_000),
)
def test_a_range_has_the_calls_that_began_in_it(
    made: list[Call], asked: list[tuple[CallFilter, int, int]], looked_at_max: int
) -> None:
    # By a clock that was never set back: ids follow it.
    possible = sorted(filter(_is_possible, made), key=lambda call: call[0].started_us)
    made = in_order(possible)
    with (
        tempfile.TemporaryDirectory() as folder,
        looking_at(3, looked_at_max),
    ):
        engine = books_on_disk(Path(folder))
        book(engine, made)
        reports = DatabaseReports(engine)
        for wanted, hour, hours in asked:
            since_us = NOON_US + hour * HOUR_US
            until_us = since_us + hours * HOUR_US
            ids = [o.id for o, end in made if matches(wanted, o, end) and since_us <= o.started_us < until_us]
            found = walked(reports, wanted, 4, since_us=since_us, until_us=until_us)
            assert [one for page in found for one in page] == ids[::-1]
        engine.dispose()


def _is_possible(call: Call) -> bool:
    """A call that was answered with an error is not completed."""
    _, end = call
    return end is None or end.state is not CallState.COMPLETED or (end.status_code or 0) < 400


def matches(wanted: CallFilter, opening: Opening, end: Settlement | None) -> bool:
    status = None if end is None else end.status_code
    return (
        (wanted.tool is None or (opening.tool or "unknown") == wanted.tool)
        and (wanted.client is None or opening.client == wanted.client)
        and (wanted.model is None or opening.model == wanted.model)
        and (not wanted.states or ("pending" if end is None else end.state.value) in wanted.states)
        and (wanted.status_min is None or (status is not None and status >= wanted.status_min))
        and (wanted.status_max is None or (status is not None and status <= wanted.status_max))
        and (wanted.session is None or (opening.session or "unknown") == wanted.session)
        and (wanted.key is None or (opening.key_id or 0) == wanted.key)
        and (wanted.project is None or (WATER if opening.project_id else "unknown") == wanted.project)
    )


def test_a_call_is_shown_by_its_columns_without_hashes(engine: Engine) -> None:
    book(engine, [(an_opening(7, credential_hash=b"x" * 32), a_settlement())])
    reports = DatabaseReports(engine)

    row = reports.call(7)
    assert row is not None
    assert (row["id"], row["state"], row["total_tokens"]) == (7, "completed", 200)
    assert not {"credential_hash", "reserve"} & set(row)
    assert reports.call(8) is None
    assert row["project"] is None
    listed = reports.calls(CallFilter(), count=5).rows
    assert [{name: row[name] for name in one} for one in listed] == listed


def test_ended_calls_come_by_their_end_and_go_on_after_any_of_them(engine: Engine) -> None:
    ends = [5, 3, 3, 9, 1]
    made = [(an_opening(n), a_settlement(finished_us=NOON_US + at)) for n, at in enumerate(ends, start=1)]
    book(engine, [*made, (an_opening(99), None)])
    reports = DatabaseReports(engine)

    assert [row["id"] for row in reports.ended_calls(None, None, count=9)] == [4, 1, 3, 2, 5]
    assert [row["id"] for row in reports.ended_calls(NOON_US + 3, NOON_US + 9, count=9)] == [1, 3, 2]
    seen: list[int] = []
    after = None
    while page := reports.ended_calls(None, None, count=2, after=after):
        seen += [row["id"] for row in page]
        after = page[-1]["finished_us"], page[-1]["id"]
    assert seen == [4, 1, 3, 2, 5]


def test_books_know_when_their_first_and_last_call_began(engine: Engine) -> None:
    reports = DatabaseReports(engine)
    assert reports.call_times() == (None, None)
    book(engine, [(an_opening(n, started_us=NOON_US + n), None) for n in (3, 1, 2)])
    assert reports.call_times() == (NOON_US + 1, NOON_US + 3)


def test_of_removed_calls_the_books_know_in_which_hour_the_first_and_the_last_ended(engine: Engine) -> None:
    times_us = NOON_US - DAY_US + 5, NOON_US + 5
    ends = [a_settlement(finished_us=us + HOUR_US) for us in times_us]
    openings = [an_opening(number, started_us=us) for number, us in enumerate(times_us, start=1)]
    book(engine, list(zip(openings, ends, strict=True)))
    reports, first_us, last_us = DatabaseReports(engine), NOON_US - DAY_US + HOUR_US, NOON_US + HOUR_US

    remove(engine, NOON_US, wait=lambda _: None)
    assert reports.call_times() == (first_us, times_us[1])
    remove(engine, NOON_US + DAY_US, wait=lambda _: None)
    assert reports.call_times() == (first_us, last_us)


def test_batches_of_hours_do_not_hide_calls_that_ended_long_after_they_began(engine: Engine) -> None:
    # The newest by its beginning is found though many others ended in between.
    long = (an_opening(1, started_us=NOON_US, tool="x"), a_settlement(finished_us=NOON_US + 50 * HOUR_US))
    others = [
        (
            an_opening(n, started_us=NOON_US + n * HOUR_US, tool="x"),
            a_settlement(finished_us=NOON_US + n * HOUR_US + 1),
        )
        for n in range(2, 40)
    ]
    book(engine, [long, *others])
    found = DatabaseReports(engine).calls(CallFilter(tool="x"), count=3)
    assert [row["id"] for row in found.rows] == [39, 38, 37]
    assert call_hours.PER_BATCH_MAX >= 100


def test_calls_that_were_removed_are_not_counted_as_passed(engine: Engine) -> None:
    made: list[Call] = [
        (
            an_opening(n, started_us=NOON_US + n * HOUR_US, tool="x"),
            a_settlement(finished_us=NOON_US + n * HOUR_US + 1),
        )
        for n in range(1, 100)
    ]
    book(engine, made)
    midnight_us = NOON_US + 36 * HOUR_US
    with engine.begin() as connection:
        # As retention is while it is at work: marked, and some of the calls are gone.
        connection.execute(retention.insert().values(id=1, removed_before_us=midnight_us))
        connection.execute(calls_table.delete().where(calls_table.c.id < 20))
    reports = DatabaseReports(engine)
    seen: list[int] = []
    for offset in range(0, 100, 7):
        seen += [row["id"] for row in reports.calls(CallFilter(tool="x"), count=7, offset=offset).rows]
    assert seen == list(range(99, 19, -1))


def test_a_page_reads_rows_of_few_hours_only(engine: Engine) -> None:
    made: list[Call] = [
        (
            an_opening(n, started_us=NOON_US + n * HOUR_US, tool="x"),
            a_settlement(finished_us=NOON_US + n * HOUR_US + 1, state=CallState.FAILED, status_code=500),
        )
        for n in range(1, 500)
    ]
    book(engine, made)
    plans: list[str] = []
    asked: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def remember(*told: Any) -> None:
        if told[2].startswith(("SELECT", "WITH")):
            asked.append((told[2], told[3]))

    wanted = CallFilter(status_min=500)
    with looking_at(10):
        found = DatabaseReports(engine).calls(wanted, count=3, offset=300, before=450)
    assert [row["id"] for row in found.rows] == [149, 148, 147]
    with engine.connect() as connection:
        for statement, values in tuple(asked):
            plans += [
                row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            ]
    assert not [plan for plan in plans if plan.startswith("SCAN calls") and "INDEX" not in plan]
    assert [plan for plan in plans if "COVERING INDEX calls_went_wrong" in plan]


@pytest.mark.parametrize(
    "wanted",
    [
        CallFilter(session="nobody's"),
        CallFilter(status_min=204, status_max=204),
        CallFilter(tool="x", agent="nobody"),
        CallFilter(key=99),
        CallFilter(project="no project's"),
        CallFilter(account="nobody's"),
    ],
)
def test_a_page_looks_at_a_bounded_number_of_rows_also_where_nothing_matches(
    engine: Engine, wanted: CallFilter
) -> None:
    """The bound is on what the database does: its steps, which it counts."""
    made: list[Call] = [
        (
            an_opening(n, started_us=NOON_US + n * HOUR_US // 50, tool="x"),
            a_settlement(finished_us=NOON_US + n * HOUR_US // 50 + 1),
        )
        for n in range(1, 20_001)
    ]
    book(engine, made)
    steps = [0]

    def count() -> None:
        steps[0] += 100

    @event.listens_for(engine, "connect")
    def watch(connection: Any, _: Any) -> None:
        connection.set_progress_handler(count, 100)

    engine.dispose()
    reports = DatabaseReports(engine)
    pages: list[int] = []
    with looking_at(100, 1_000):
        for page in walked(reports, wanted, 50):
            assert page == []
            pages.append(steps[0])
            steps[0] = 0
    # Of every row it takes about a dozen to see that it does not match.
    assert max(pages) < 100_000
    rollups_tell = wanted.key or wanted.project or wanted.account
    assert len(pages) == 1 if rollups_tell else 4 < len(pages) < 30
