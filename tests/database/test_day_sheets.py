"""What is packed into the sheets of a day comes out again as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.call import CallState
from wellhead.database.bulk import Row
from wellhead.database.day_sheets import (
    TIMED,
    USUAL,
    PackedPart,
    PackedSessions,
    Part,
    packed_part,
    packed_sessions,
    session_keys,
    sessions,
    unpacked_part,
    unpacked_took,
)
from wellhead.database.schema import MEASURES
from wellhead.database.sheet import unpacked

ENDS = [one.value for one in CallState if one is not CallState.PENDING]
names = st.sampled_from(["", "one", "Größe", "two"])
who = st.tuples(names, names, names, names, st.integers(0, 3), st.integers(0, 3), names)
keys = st.builds(lambda key, *end: (*key, *end), who, st.sampled_from(ENDS), st.sampled_from([0, 1]))
amounts = st.integers(0, 2**40)
measures = st.tuples(st.integers(1, 9), *([amounts] * (len(MEASURES) - 1)))
of_sessions = st.builds(
    lambda half_hour, session, agent, key: (half_hour, session, agent, *key),
    *(st.integers(0, 47), names, names, keys),
)
numbers = st.lists(st.integers(0, 2**16 - 1), max_size=5).map(sorted)
took_of_one = st.tuples(numbers, numbers)
histograms = st.dictionaries(st.tuples(names, names), st.tuples(st.binary(), st.binary()), max_size=4)
parts = st.builds(Part, st.dictionaries(keys, measures, max_size=12), histograms)


def numbers_of(some: set[Row]) -> dict[Row, int]:
    return {key: 7 * place for place, key in enumerate(sorted(some))}


@given(parts)
def test_a_part_of_a_day_comes_out_as_it_was_and_its_models_beside_it(part: Part) -> None:
    known = part.keys() | {(*model, "", "", 0, 0, "") for model in part.histograms}
    number_of = numbers_of(known)

    found, models = unpacked_part(packed_part(part, number_of), {n: key for key, n in number_of.items()})

    assert found == part
    assert models == part.models
    for place in range(len(MEASURES)):
        whole = sum(row[place] for row in part.spending.values())
        assert sum(row[place] for row in models.values()) == whole


@given(parts)
def test_the_usual_end_is_in_no_row_of_the_ends(part: Part) -> None:
    part = Part(part.spending, {})
    sheet = unpacked(packed_part(part, numbers_of(part.keys())).ends)

    outcomes, streamed, _ = sheet.ids.tolist()
    told = [(sheet.names[0][outcome], one) for outcome, one in zip(outcomes, streamed, strict=True)]

    ends = [(outcome, streamed) for *_, outcome, streamed in part.spending]
    assert sorted(told) == sorted(end for end in ends if end != USUAL)


@given(st.dictionaries(of_sessions, st.tuples(measures, took_of_one), max_size=12))
def test_sessions_come_out_as_they_were_in_the_order_of_their_half_hours(
    made: dict[Row, tuple[Row, tuple[list[int], list[int]]]],
) -> None:
    took = {key: both for key, (_, both) in made.items() if any(both)}
    sums = {key: counting(row, both) for key, (row, both) in made.items()}
    number_of = numbers_of(session_keys(sums))

    found = packed_sessions(sums, took, number_of)

    keys = {n: key for key, n in number_of.items()}
    assert sessions(found.sheet, keys) == sums
    assert unpacked_took(found, keys) == took
    half_hours = unpacked(found.sheet).ids[0].tolist()
    assert half_hours == sorted(half_hours)


def counting(row: Row, both: tuple[list[int], list[int]]) -> Row:
    """With as many timed calls as there are."""
    found = list(row)
    for place, some in zip(TIMED, both, strict=True):
        found[place] = len(some)
    return tuple(found)


def test_of_sessions_from_before_it_is_not_known_how_long_calls_took() -> None:
    found = packed_sessions({}, {}, {})
    assert unpacked_took(PackedSessions(found.sheet, None), {}) == {}


def test_what_is_taken_away_twice_is_told_rather_than_hidden() -> None:
    """Books that somebody else wrote in: `db check` shows it, so nothing may break here."""
    key = ("p", "m", "", "", 0, 0, "")
    number_of = {key: 1}
    failed = Part({(*key, "failed", 1): (1,) * len(MEASURES)}, {})
    none, ends = packed_part(Part({}, {}), number_of), packed_part(failed, number_of).ends

    found, _ = unpacked_part(PackedPart(none.usage, ends, none.models, none.histograms), {1: key})

    assert found.spending[*key, *USUAL] == (-1,) * len(MEASURES)


def test_a_part_of_nothing_is_nothing() -> None:
    nothing = Part({}, {})
    assert unpacked_part(packed_part(nothing, {}), {}) == (nothing, {})


@pytest.mark.parametrize("end", ENDS)
def test_every_end_can_be_told(end: str) -> None:
    key = ("p", "m", "", "", 0, 0, "")
    part = Part({(*key, end, 0): (1,) * len(MEASURES)}, {})
    found, _ = unpacked_part(packed_part(part, {key: 4}), {4: key})
    assert found == part
