"""Days are closed when they are over, and open again when anything of them changes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from fakes.books import NOON_US, a_settlement, an_opening, closed_of, rollups_of
from ledger.test_many_processes import writing_process
from wellhead.call import CallState
from wellhead.database import closed_days, day_figures, packed_days
from wellhead.database.day_sheets import Sums, Took
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.reports import DatabaseReports
from wellhead.ledger import closing
from wellhead.ledger.check import check
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.closing import LATE_US, close, last_day
from wellhead.ledger.processes import this_process
from wellhead.ledger.rebuild import rebuild
from wellhead.moments import DAY_US, HOUR_US
from wellhead.report import Dimension, Line, Measure, Question

CLOSING = Path(__file__).with_name("closing_process.py")
CALLS = 1000
DAY = NOON_US // DAY_US
DAYS = 3
A_DAY = 30
QUESTIONS = tuple(
    Question(tuple(Measure), by, edges)
    for by in (
        (Dimension.SESSION,),
        (Dimension.CLIENT, Dimension.MODEL),
        (Dimension.OUTCOME,),
        (Dimension.AGENT,),
    )
    for edges in ((), ((DAY - 3) * DAY_US, NOON_US), (NOON_US - 2 * DAY_US, NOON_US - HOUR_US // 2))
)


def book(engine: Engine, now_us: int, count: int = A_DAY, session: str = "s") -> None:
    """Some calls that end in the hours after a moment."""
    clerk = Clerk(engine, lambda: now_us, this_process())
    clerk.sign_on()
    calls = [
        an_opening(
            clerk.next_id(), session=f"{session}{n % 4}", agent=("nora", None)[n % 2], client=f"c{n % 3}"
        )
        for n in range(count)
    ]
    ends = [
        a_settlement(
            finished_us=now_us + n * HOUR_US // 5,
            cost_nanousd=n,
            state=CallState.FAILED if n % 7 == 0 else CallState.COMPLETED,
        )
        for n in range(count)
    ]
    clerk.book(calls, [])
    clerk.book([], list(zip(calls, ends, strict=True)))
    clerk.hang_up()


@pytest.fixture
def books(engine: Engine) -> Engine:
    """Three days of calls, of which the last one is today."""
    for ago in range(DAYS):
        book(engine, NOON_US - ago * DAY_US - 10 * HOUR_US, session=f"{ago}-")
    return engine


def at_once(_: float) -> None: ...


def answers(engine: Engine) -> list[list[Line]]:
    reports = DatabaseReports(engine)
    return [sorted(reports.usage(one), key=lambda line: str(line.keys)) for one in QUESTIONS]


def test_days_that_are_over_are_closed_and_no_answer_changes(books: Engine) -> None:
    before, rollups = answers(books), rollups_of(books)

    assert close(books, last_day(NOON_US), at_once) == DAYS - 1

    assert list(closed_of(books)) == [DAY - 2, DAY - 1]
    assert answers(books) == before
    assert rollups_of(books) == rollups
    assert check(books, NOON_US) == []
    assert close(books, last_day(NOON_US), at_once) == 0


def test_a_day_is_over_some_time_after_its_midnight() -> None:
    midnight = DAY * DAY_US
    assert last_day(midnight + LATE_US - 1) == DAY - 1
    assert last_day(midnight + LATE_US) == DAY


def test_a_call_that_is_booked_late_opens_its_day_again_and_counts_at_once(books: Engine) -> None:
    close(books, DAY, at_once)
    book(books, NOON_US - DAY_US, count=1, session="late")

    assert list(closed_of(books)) == [DAY - 2]
    question = Question((Measure.CALLS,), (Dimension.SESSION,), ((DAY - 1) * DAY_US, DAY * DAY_US))
    assert ("late0",) in {line.keys for line in DatabaseReports(books).usage(question)}
    assert check(books, NOON_US) == []

    before = answers(books)
    assert close(books, DAY, at_once) == 1
    assert answers(books) == before
    assert check(books, NOON_US) == []


def test_a_day_that_changes_while_it_is_read_is_read_again(
    books: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile: list[Callable[[], None]] = [lambda: book(books, NOON_US - DAY_US, count=2, session="late")]
    sessions_of = day_figures.sessions_of

    def and_then(connection: Connection, day: int) -> tuple[Sums, Took] | None:
        found = sessions_of(connection, day)
        if meanwhile:
            meanwhile.pop()()
        return found

    monkeypatch.setattr(closing, "sessions_of", and_then)

    assert close(books, DAY, at_once) == 2

    assert check(books, NOON_US) == []
    sessions = (key[1] for _, some in closed_of(books).values() if some for key in some[0])
    assert "late1" in sessions


def test_a_day_that_always_changes_is_left_for_later(books: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "_state", lambda *_: object())

    assert close(books, DAY, at_once) == 0

    assert closed_of(books) == {}


def test_a_day_of_too_many_rows_stays_open_and_is_no_obstacle(
    books: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(books, NOON_US - 3 * DAY_US, count=1)
    before = answers(books)
    monkeypatch.setattr(closed_days, "ROWS_MAX", 10)

    assert close(books, DAY, at_once) == 1

    assert list(closed_of(books)) == [DAY - 3]
    assert answers(books) == before


def test_sessions_that_are_too_many_stay_with_the_calls(
    books: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = answers(books)
    close(books, DAY, at_once)
    book(books, NOON_US - DAY_US, count=1, session="another")
    monkeypatch.setattr(day_figures, "SESSIONS_MAX", A_DAY)

    close(books, DAY, at_once)

    sessions = [some is None for _, some in closed_of(books).values()]
    assert sessions == [False, True]
    assert answers(books) != before
    assert check(books, NOON_US) == []


def test_several_processes_close_a_day_to_which_others_book_and_some_are_killed(engine: Engine) -> None:
    writers = [writing_process(engine, CALLS) for _ in range(2)]
    while any(writer.poll() is None for writer in writers):
        closers = [writing_process(engine, DAY + 1, CLOSING) for _ in range(2)]
        for closer in closers:
            assert closer.stdout is not None
            assert closer.stdout.readline()
        for closer in closers:
            closer.kill()
            closer.communicate()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    assert check(engine, NOON_US) == []

    close(engine, DAY + 1, at_once)

    assert list(closed_of(engine)) == [DAY]
    assert check(engine, NOON_US) == []
    question = Question((Measure.CALLS,), (Dimension.TOOL,), (DAY * DAY_US, (DAY + 1) * DAY_US))
    assert [line.sums for line in DatabaseReports(engine).usage(question)] == [{Measure.CALLS: 2 * CALLS}]


def test_it_ends_between_two_days_when_it_should(books: Engine) -> None:
    asked: list[bool] = []

    def is_ending() -> bool:
        asked.append(True)
        return len(asked) > 1

    assert close(books, DAY, at_once, is_ending) == 1


def test_rebuilding_closes_days_anew(books: Engine) -> None:
    close(books, DAY, at_once)
    before = closed_of(books)

    rebuild(books, NOON_US)

    assert closed_of(books) == before


def test_keys_keep_their_numbers(books: Engine) -> None:
    close(books, DAY, at_once)
    connection = writing_connection(books)
    keys = {row[1:] for row in connection.execute("SELECT * FROM usage_keys")}
    before = packed_days.numbers(connection, keys)
    new = ("p", "m", "t", "c", 1, 2, "a")
    with transaction(connection):
        packed_days.give_numbers(connection, {*keys, new})
    assert packed_days.numbers(connection, keys) == before
    assert list(packed_days.numbers(connection, {new, ("another", *new[1:])})) == [new]
    connection.close()
