"""Errors and origins of any range are those of its rows, though whole days come from rollups."""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.books import NOON_US, a_settlement, an_opening, book_ends, books_on_disk
from wellhead.call import CallState, Opening, Settlement
from wellhead.database import calls, exchange_reports
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.reports import DatabaseReports
from wellhead.moments import DAY_US
from wellhead.report import Line, Measure, Question

Call = tuple[Opening, Settlement]

calls_made = st.builds(
    lambda after, state, code, origin, streamed: (
        an_opening(0, origin=origin),
        a_settlement(finished_us=NOON_US + after, state=state, error_code=code, streamed=streamed),
    ),
    st.integers(0, 5 * DAY_US),
    st.sampled_from([state for state in CallState if state is not CallState.PENDING]),
    st.sampled_from([None, "upstream_error", "aborted"]),
    st.sampled_from([None, "http://localhost", "https://example.org"]),
    st.booleans(),
)
moments = st.none() | st.integers(-DAY_US, 6 * DAY_US) | st.integers(-1, 6).map(lambda n: n * DAY_US // 2)


@settings(deadline=None, max_examples=30)
@given(st.lists(calls_made, max_size=20), st.lists(st.tuples(moments, moments), min_size=6, max_size=6))
def test_errors_and_origins_of_a_range_are_those_of_its_rows(
    made: list[Call], ranges: list[tuple[int | None, int | None]]
) -> None:
    numbered = [(an_opening(n, origin=o.origin), end) for n, (o, end) in enumerate(made, start=1)]
    with tempfile.TemporaryDirectory() as folder:
        engine = books_on_disk(Path(folder))
        connection = writing_connection(engine)
        with transaction(connection):
            calls.insert(connection, calls.pending_rows(1, [opening for opening, _ in numbered]))
            book_ends(connection, numbered)
        connection.close()
        for since, until in ranges:
            first = None if since is None else NOON_US + since
            end = None if until is None else NOON_US + until
            found = DatabaseReports(engine).exchange(first, end)
            chosen = [
                (opening, one)
                for opening, one in made
                if (first is None or first <= one.finished_us) and (end is None or one.finished_us < end)
            ]
            assert found.error_codes == Counter(
                (one.streamed, one.error_code or one.state.value)
                for _, one in chosen
                if one.state is not CallState.COMPLETED
            )
            assert found.origins == Counter(opening.origin for opening, _ in chosen if opening.origin)
        engine.dispose()


@pytest.mark.parametrize(
    ("lines_max", "models"),
    [(4, [("a", 1), ("b", 1), ("c", 1), ("c", 1)]), (3, [("other", 3), ("other", 1)])],
)
def test_more_models_than_an_answer_has_lines_are_told_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines_max: int, models: list[tuple[str, int]]
) -> None:
    def few(*arguments: object) -> Question:
        return replace(Question(*arguments), lines_max=lines_max)  # type: ignore[arg-type]

    monkeypatch.setattr(exchange_reports, "Question", few)
    engine = books_on_disk(tmp_path)
    connection = writing_connection(engine)
    made = [
        (an_opening(n, model=model), a_settlement(finished_us=NOON_US, state=state))
        for n, (model, state) in enumerate(
            (
                ("a", CallState.COMPLETED),
                ("b", CallState.COMPLETED),
                ("c", CallState.COMPLETED),
                ("c", CallState.FAILED),
            ),
            start=1,
        )
    ]
    with transaction(connection):
        calls.insert(connection, calls.pending_rows(1, [opening for opening, _ in made]))
        book_ends(connection, made)
    connection.close()

    def told(line: Line) -> tuple[str, int]:
        return str(line.keys[2]), line.sums[Measure.CALLS]

    for since, until in ((None, None), (NOON_US, NOON_US + 1)):
        found = DatabaseReports(engine).exchange(since, until).lines
        assert sorted(map(told, found)) == sorted(models)
        assert {line.keys[1] for line in found} == {"completed", "failed"}
    engine.dispose()
