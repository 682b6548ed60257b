"""Listings show the newest calls that match, all of them, once, whatever they are filtered by."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from fakes.books import NOON_US, a_settlement, an_opening, book_ends, books_on_disk
from wellhead.call import CallState, Opening, Settlement
from wellhead.database import call_pages, calls
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.reports import DatabaseReports
from wellhead.database.schema import calls as calls_table
from wellhead.database.schema import retention
from wellhead.moments import HOUR_US
from wellhead.report import CallFilter

Call = tuple[Opening, Settlement | None]


def book(engine: Engine, made: list[Call]) -> None:
    connection = writing_connection(engine)
    with transaction(connection):
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
    made = sorted(made, key=lambda call: call[0].started_us + call[0].started_us % 3 * HOUR_US // 3)
    return [
        (an_opening(n, started_us=o.started_us, tool=o.tool, client=o.client, model=o.model), end)
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
)
filters = st.builds(
    CallFilter,
    tool=st.sampled_from([None, "codex", "rare", "unknown", "nobody"]),
    client=st.sampled_from([None, "ann"]),
    model=st.sampled_from([None, "large"]),
    states=st.sampled_from([(), ("pending",), ("completed",), ("failed", "refused")]),
    status_min=st.sampled_from([None, 300, 400]),
    status_max=st.sampled_from([None, 404]),
)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(calls_made, max_size=60).map(lambda made: [c for c in made if _is_possible(c)]).map(numbered),
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
            assert [row["id"] for row in found] == ids[::-1][offset : offset + count]
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
    )


def test_a_call_is_shown_by_its_columns_without_hashes(engine: Engine) -> None:
    book(engine, [(an_opening(7, credential_hash=b"x" * 32), a_settlement())])
    reports = DatabaseReports(engine)

    row = reports.call(7)
    assert row is not None
    assert (row["id"], row["state"], row["total_tokens"]) == (7, "completed", 200)
    assert not {"credential_hash", "reserve"} & set(row)
    assert reports.call(8) is None
    assert list(reports.calls(CallFilter(), count=5)) == [row]


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
    assert [row["id"] for row in found] == [39, 38, 37]
    assert call_pages.HOURS_PER_BATCH_MAX >= 100


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
        seen += [row["id"] for row in reports.calls(CallFilter(tool="x"), count=7, offset=offset)]
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
    found = DatabaseReports(engine).calls(wanted, count=3, offset=300, before=450)
    assert [row["id"] for row in found] == [149, 148, 147]
    with engine.connect() as connection:
        for statement, values in tuple(asked):
            plans += [
                row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            ]
    assert not [plan for plan in plans if plan.startswith("SCAN calls") and "INDEX" not in plan]
    assert [plan for plan in plans if "COVERING INDEX calls_went_wrong" in plan]
