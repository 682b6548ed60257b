"""Rows of sums, packed and added up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.database.sheet import joined, packed, parted, unpacked

LANES = 5
rows = st.lists(st.tuples(*[st.integers(0, 2**40) | st.just(0)] * LANES), max_size=20)


@given(rows, st.integers(0, 3), st.lists(st.lists(st.text(max_size=5), max_size=3), max_size=2))
def test_what_is_packed_comes_out_again(
    made: list[tuple[int, ...]], columns: int, names: list[list[str]]
) -> None:
    ids = [[(7 * place + column) ** 5 % 2**32 for place in range(len(made))] for column in range(columns)]

    sheet = unpacked(packed(ids, made, names))

    assert [list(column) for column in sheet.ids] == ids
    assert [parted(total, LANES) for total in sheet.sums] == made
    assert sheet.names == names
    assert len(sheet) == len(made)


@given(rows, st.lists(st.integers(0, LANES - 1), unique=True))
def test_of_the_sums_those_alone_may_come_out_that_are_wanted(
    made: list[tuple[int, ...]], wanted: list[int]
) -> None:
    sheet = unpacked(packed([range(len(made))], made), wanted)

    assert list(sheet.ids[0]) == list(range(len(made)))
    expected = [tuple(row[lane] for lane in wanted) for row in made] if wanted else []
    assert [parted(total, len(wanted)) for total in sheet.sums] == expected


@given(rows)
def test_rows_are_added_and_taken_away_lane_by_lane_in_any_order(made: list[tuple[int, ...]]) -> None:
    whole = tuple(map(sum, zip(*made, strict=True))) if made else (0,) * LANES
    total = sum(map(joined, made))
    assert parted(total, LANES) == whole

    below_zero_in_between = -joined((1,) * LANES) + total + joined((1,) * LANES)
    assert parted(below_zero_in_between, LANES) == whole


def test_the_greatest_sum_of_all_fits_and_more_is_a_mistake() -> None:
    most = (2**64 - 1,) * LANES
    assert parted(joined(most), LANES) == most
    with pytest.raises(OverflowError):
        parted(joined(most) + 1, LANES)


def test_places_that_are_zero_everywhere_take_no_room() -> None:
    few = packed([range(1000)], [(place % 200, 0, 0, 0, 0) for place in range(1000)])
    assert len(few) < 2000
