"""Rows of sums, packed and added up."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.database.sheet import joined, packed, rows_in, unpacked
from wellhead.errors import BooksUnavailable

LANES = 5
rows = st.lists(st.tuples(*[st.integers(0, 2**40) | st.just(0)] * LANES), max_size=20)


@given(rows, st.integers(0, 3), st.lists(st.lists(st.text(max_size=5), max_size=3), max_size=2))
def test_what_is_packed_comes_out_again(
    made: list[tuple[int, ...]], columns: int, names: list[list[str]]
) -> None:
    ids = [[(7 * place + column) ** 5 % 2**32 for place in range(len(made))] for column in range(columns)]

    sheet = unpacked(packed(ids, made, names))

    assert sheet.ids.tolist() == ids
    assert sheet.sums.tolist() == list(map(list, made))
    assert sheet.names == names
    assert len(sheet) == len(made)


def test_a_damaged_sheet_says_what_to_do() -> None:
    value = packed([[1, 2]], [(3, 4), (5, 6)])
    for damaged in (value[:-1], value[:-1] + bytes([value[-1] ^ 1])):
        with pytest.raises(BooksUnavailable, match="db rebuild"):
            unpacked(damaged)


@given(st.lists(rows, max_size=4), st.sampled_from([None, (3, 1)]))
def test_sheets_come_out_joined_as_they_do_one_by_one(
    several: list[list[tuple[int, ...]]], wanted: tuple[int, ...] | None
) -> None:
    values = [packed([range(len(one))], one, (["a"] * which,)) for which, one in enumerate(several)]

    found = joined(values, wanted)

    places = [(which, place) for which, one in enumerate(several) for place in range(len(one))]
    assert list(zip(*found.ids.tolist(), strict=True)) == places
    lanes = range(LANES) if wanted is None else wanted
    assert found.sums.tolist() == [[row[lane] for lane in lanes] for one in several for row in one]
    assert found.names == [[["a"] * which] for which in range(len(several))]
    assert list(map(rows_in, values)) == list(map(len, several))


def test_the_greatest_sum_of_all_fits_and_more_is_a_mistake() -> None:
    most = (2**63 - 1,) * LANES
    assert unpacked(packed([[1]], [most])).sums.tolist() == [list(most)]
    with pytest.raises(OverflowError):
        packed([[1]], [(2**63,) * LANES])


def test_no_threads_come_with_what_adds_up_sheets() -> None:
    code = "import os, wellhead.database.sheet; print(len(os.listdir('/proc/self/task')))"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout == "1\n"


def test_places_that_are_zero_everywhere_take_no_room() -> None:
    few = packed([range(1000)], [(place % 200, 0, 0, 0, 0) for place in range(1000)])
    assert len(few) < 2000
