"""Old calls are removed, and no figure changes."""

import sqlite3
from collections import Counter
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from fakes.books import NOON_US, a_settlement, an_opening, books_on_disk, rollups_of, rows_of
from wellhead.call import CallState
from wellhead.database.reports import DatabaseReports
from wellhead.database.sums import sums
from wellhead.ledger.check import check
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.closing import close, last_day
from wellhead.ledger.processes import this_process
from wellhead.ledger.rebuild import rebuild
from wellhead.ledger.retention import CALLS_AT_ONCE, PAUSE_S, midnight, remove, to_be_removed
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import Dimension, Measure, Question

DAYS = 6
A_DAY = 40
NEVER = 10 * DAYS * DAY_US


def book(engine: Engine, days: int = DAYS, a_day: int = A_DAY) -> None:
    """Some calls on each of some days, the last day being the one of noon; and one under way."""
    now_us = NOON_US
    clerk = Clerk(engine, lambda: now_us, this_process())
    now_us = NOON_US - (days - 1) * DAY_US
    clerk.sign_on()
    for _ in range(days):
        calls = [an_opening(clerk.next_id(), started_us=now_us) for _ in range(a_day)]
        ends = [
            a_settlement(
                finished_us=now_us + number * 1000,
                latency_us=1000 + number,
                state=CallState.FAILED if number % 7 == 0 else CallState.COMPLETED,
                cost_nanousd=number,
            )
            for number in range(a_day)
        ]
        clerk.book(calls, [])
        clerk.book([], list(zip(calls, ends, strict=True)))
        now_us += DAY_US
    clerk.book([an_opening(clerk.next_id(), started_us=NOON_US)], [])
    clerk.hang_up()


def states(engine: Engine) -> list[str]:
    return [row["state"] for row in rows_of(engine, "calls")]


def at_once(_: float) -> None: ...


def test_calls_of_earlier_days_are_removed_and_every_figure_stays(engine: Engine) -> None:
    book(engine)
    before = rollups_of(engine)

    done = remove(engine, NOON_US - 2 * DAY_US, wait=at_once)

    assert (done.calls, done.before_us) == (3 * A_DAY, midnight(NOON_US) - 2 * DAY_US)
    assert len(rows_of(engine, "request_forms")) == 4  # Of the three days that are there and the one before.
    assert len(states(engine)) == 3 * A_DAY + 1
    assert rollups_of(engine) == before
    assert check(engine, NOON_US) == []


def test_all_calls_there_ever_were_add_up_to_the_same(engine: Engine) -> None:
    book(engine)
    before = sums(engine)

    remove(engine, NOON_US - 2 * DAY_US, wait=at_once)

    after = sums(engine)
    assert after.figures == before.figures
    assert (after.first_us, after.last_us) == ((before.first_us or 0) // HOUR_US * HOUR_US, before.last_us)


def test_a_rebuild_afterwards_changes_nothing(engine: Engine) -> None:
    book(engine)
    before = rollups_of(engine)
    remove(engine, NOON_US - 2 * DAY_US, wait=at_once)
    remove(engine, NOON_US - DAY_US, wait=at_once)

    rebuild(engine, NOON_US)

    assert rollups_of(engine) == before
    assert check(engine, NOON_US) == []


def test_a_rebuild_puts_right_what_can_still_be_counted(engine: Engine) -> None:
    book(engine)
    before = rollups_of(engine)
    remove(engine, NOON_US - 2 * DAY_US, wait=at_once)
    with engine.begin() as connection:
        connection.execute(text("UPDATE usage_total SET calls = calls + 1"))
        connection.execute(text("UPDATE latency_total SET latency_us = latency_us + 1"))
        connection.execute(text("DELETE FROM usage_hourly WHERE hour >= :hour"), {"hour": NOON_US // HOUR_US})
    assert {one.table for one in check(engine, NOON_US)} == {"usage_total", "latency_total", "usage_hourly"}

    rebuild(engine, NOON_US)

    assert rollups_of(engine) == before


def test_figures_agree_at_every_moment_of_a_removal(engine: Engine) -> None:
    book(engine, a_day=CALLS_AT_ONCE + 50)
    found: list[object] = []

    remove(engine, NOON_US - 3 * DAY_US, wait=lambda _: found.extend(check(engine, NOON_US)))

    assert found == []
    assert len(states(engine)) == 4 * (CALLS_AT_ONCE + 50) + 1


def test_sessions_of_removed_calls_are_known_by_the_day(engine: Engine) -> None:
    book(engine)
    question = Question(
        (Measure.CALLS, Measure.COST_NANOUSD), (Dimension.SESSION, Dimension.MODEL), (0, NOON_US)
    )
    before = DatabaseReports(engine).usage(question)
    took = DatabaseReports(engine).percentiles(question, (50, 95))
    assert any(one.latency_calls for one in took.values())

    remove(engine, NOON_US - 2 * DAY_US, wait=at_once)

    assert DatabaseReports(engine).usage(question) == before
    assert DatabaseReports(engine).percentiles(question, (50, 95)) == took
    late = a_settlement(finished_us=NOON_US - 4 * DAY_US, cost_nanousd=5)
    clerk = Clerk(engine, lambda: NOON_US, this_process())
    clerk.sign_on()
    opening = an_opening(clerk.next_id())
    clerk.book([opening], [(opening, late)])
    clerk.hang_up()
    close(engine, last_day(NOON_US), rest=at_once)
    assert check(engine, NOON_US) == []
    assert DatabaseReports(engine).usage(question) == before  # A call of no session, as nothing knows it.


QUARTER_US = HOUR_US // 4


@pytest.mark.parametrize(
    "by", [(), (Dimension.MODEL,), (Dimension.TOOL, Dimension.OUTCOME), (Dimension.SESSION,)]
)
@pytest.mark.parametrize("width_us", [QUARTER_US, 5 * QUARTER_US, DAY_US])
@pytest.mark.parametrize("first_us", [QUARTER_US, 3 * QUARTER_US + 1])
def test_cuts_inside_of_half_hours_lose_no_removed_call(
    engine: Engine, by: tuple[Dimension, ...], width_us: int, first_us: int
) -> None:
    book(engine)
    remove(engine, NOON_US - 2 * DAY_US, wait=at_once)
    since_us = NOON_US - 5 * DAY_US - first_us
    edges = tuple(range(since_us, NOON_US + 2 * DAY_US, width_us))
    question = Question((Measure.CALLS, Measure.TIMED_CALLS), by, edges)

    lines = DatabaseReports(engine).usage(question)
    took = DatabaseReports(engine).percentiles(question, (50, 95))

    assert sum(line.sums[Measure.CALLS] for line in lines) == DAYS * A_DAY
    assert sum(one.latency_calls for one in took.values()) == DAYS * A_DAY
    timed = {(line.slot, line.keys): line.sums[Measure.TIMED_CALLS] for line in lines}
    assert {place: one.latency_calls for place, one in took.items()} == timed
    # A half hour that is cut counts where it begins.
    first = next(line for line in lines if line.slot == min(line.slot for line in lines))
    assert edges[first.slot] <= NOON_US - 5 * DAY_US < edges[first.slot + 1]


@pytest.mark.parametrize("width_us", [QUARTER_US, 5 * QUARTER_US, DAY_US])
@pytest.mark.parametrize("first_us", [QUARTER_US, 3 * QUARTER_US + 1, HOUR_US - 20_000])
def test_metrics_of_any_partition_have_every_removed_call_once(
    engine: Engine, width_us: int, first_us: int
) -> None:
    book(engine)
    reports = DatabaseReports(engine)
    whole, exchanged = reports.qs_metrics(None, None, None), reports.exchange(None, None)
    remove(engine, NOON_US - 2 * DAY_US, wait=at_once)
    edges = range(NOON_US - 6 * DAY_US - first_us, NOON_US + 2 * DAY_US, width_us)

    parts = [reports.qs_metrics(since, until, None) for since, until in pairwise(edges)]
    assert sum(one["totals"]["total_requests"] for one in parts) == DAYS * A_DAY
    for one in parts:
        assert sum(hour["requests"] for hour in one["timeseries"]) == one["totals"]["total_requests"]
    hours = Counter[str]()
    for one in parts:
        hours.update({hour["bucket_start"]: hour["requests"] for hour in one["timeseries"]})
    assert hours == {hour["bucket_start"]: hour["requests"] for hour in whole["timeseries"]}

    exchanges = [reports.exchange(since, until) for since, until in pairwise(edges)]
    errors = sum((Counter(some.error_codes) for some in exchanges), Counter[tuple[bool, str]]())
    assert errors == exchanged.error_codes
    for some in exchanges:
        went_wrong = (line.sums[Measure.CALLS] for line in some.lines if line.keys[1] != "completed")
        assert sum(went_wrong) == sum(some.error_codes.values())


@pytest.mark.parametrize(
    ("edit", "figures"),
    [
        ("models_hourly SET total_tokens=total_tokens+1", {"total_tokens"}),
        ("models_hourly SET error_calls=0", {"error_calls"}),
        ("models_hourly SET ttft=x''", {"ttft_calls"}),
        ("errors_daily SET calls=calls-1", {"calls"}),
    ],
)
def test_rollups_of_removed_days_are_held_beside_each_other(
    engine: Engine, edit: str, figures: set[str]
) -> None:
    book(engine)
    remove(engine, NOON_US - 2 * DAY_US, wait=at_once)
    with engine.begin() as connection:
        of_day = f"{'day' if 'daily' in edit else 'hour/24'}={NOON_US // DAY_US - 4}"
        assert connection.execute(text(f"UPDATE {edit} WHERE {of_day}")).rowcount == 1
    found = [one for one in check(engine, NOON_US) if one.table == edit.split()[0]]
    assert {one.figure for one in found} == figures


@pytest.mark.parametrize("by", [(), (Dimension.MODEL,), (Dimension.TOOL, Dimension.OUTCOME)])
def test_a_range_of_most_of_the_books_has_the_removed_calls_of_the_half_hour_in_which_it_ends(
    engine: Engine, by: tuple[Dimension, ...]
) -> None:
    book(engine)
    remove(engine, NOON_US - DAY_US, wait=at_once)
    since_us, end_us, reports = NOON_US - 6 * DAY_US, NOON_US + DAY_US, DatabaseReports(engine)

    for cut_us in range(NOON_US - 2 * DAY_US - HOUR_US, NOON_US - 2 * DAY_US + 2 * HOUR_US, QUARTER_US):
        parts = [
            sum(line.sums[Measure.CALLS] for line in reports.usage(Question((Measure.CALLS,), by, edges)))
            for edges in ((since_us, cut_us), (cut_us, end_us))
        ]
        later = 2 if cut_us > NOON_US - 2 * DAY_US else 3
        assert parts == [(DAYS - later) * A_DAY, later * A_DAY]


def test_days_that_cannot_be_closed_keep_their_calls(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    book(engine)
    monkeypatch.setattr("wellhead.ledger.closing._state", lambda *_: object())

    assert remove(engine, NOON_US, wait=at_once).calls == 0

    assert len(states(engine)) == DAYS * A_DAY + 1


def test_a_removal_that_was_cut_short_goes_on_where_it_was(engine: Engine) -> None:
    book(engine, a_day=CALLS_AT_ONCE)

    class _Cut(Exception): ...

    def cut(s: float) -> None:
        if s == PAUSE_S:  # Days are closed before, with pauses of their own.
            raise _Cut

    with pytest.raises(_Cut):
        remove(engine, NOON_US, wait=cut)
    assert check(engine, NOON_US) == []

    assert remove(engine, NOON_US, wait=at_once).calls == (DAYS - 2) * CALLS_AT_ONCE
    assert check(engine, NOON_US) == []


def test_calls_under_way_stay_however_old_they_are(engine: Engine) -> None:
    book(engine)

    remove(engine, NOON_US + NEVER, wait=at_once)

    assert states(engine) == ["pending"]


def test_nothing_is_removed_where_nothing_is_old_enough(engine: Engine) -> None:
    book(engine, days=1)
    assert to_be_removed(engine, NOON_US).calls == 0

    assert remove(engine, NOON_US, wait=at_once).calls == 0

    assert rows_of(engine, "retention") == []
    assert len(states(engine)) == A_DAY + 1


def test_what_would_be_removed_is_said_without_removing_it(engine: Engine) -> None:
    book(engine)

    assert to_be_removed(engine, NOON_US - DAY_US).calls == 4 * A_DAY
    assert len(states(engine)) == DAYS * A_DAY + 1


def test_room_is_given_back_to_the_disk(tmp_path: Path) -> None:
    engine = books_on_disk(tmp_path)
    book(engine, days=3, a_day=2_000)
    path = Path(str(engine.url.database))
    before = pages(path)

    remove(engine, NOON_US, wait=at_once)

    assert pages(path) < before * 0.6
    engine.dispose()


def pages(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])
