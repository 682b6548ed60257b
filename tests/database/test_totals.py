"""Rows that belong together, added up."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.database import totals
from wellhead.database.sheet import Numbers
from wellhead.database.totals import Counts, Totals, added_up, distinct

SIZE = 1000
rows = st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(-5, 2**40), st.integers(0, 9)), max_size=30)
sizes = st.sampled_from([SIZE, 2**50])
"""Of few codes a table can be made, and of many not."""


def columns(some: list[tuple[int, int, int]]) -> tuple[Numbers, Numbers]:
    table = np.array(some, np.int64).reshape(len(some), 3)
    return table[:, 0], table[:, 1:]


def by_hand(some: list[tuple[int, int, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for code, *row in some:
        found[code] = [so_far + more for so_far, more in zip(found.get(code, [0, 0]), row, strict=True)]
    return found


@given(rows, sizes)
def test_rows_of_a_code_become_one_in_the_order_of_the_codes(
    some: list[tuple[int, int, int]], size: int
) -> None:
    codes, sums = added_up(*columns(some), size)

    assert codes.tolist() == sorted(by_hand(some))
    assert dict(zip(codes.tolist(), sums.tolist(), strict=True)) == by_hand(some)


@given(rows, sizes)
def test_every_row_finds_its_code(some: list[tuple[int, int, int]], size: int) -> None:
    codes, _ = columns(some)
    found, at = distinct(codes, size)

    assert found[at].tolist() == codes.tolist()
    assert Counter(found.tolist()) == Counter(set(codes.tolist()))


@pytest.mark.parametrize("at_once", [0, 10, totals.ROWS_AT_ONCE])
@given(pieces=st.lists(rows, max_size=6))
def test_pieces_come_to_the_same_however_often_they_are_added_up(
    at_once: int, pieces: list[list[tuple[int, int, int]]]
) -> None:
    some = Totals(2, at_once)
    for piece in pieces:
        some.add(*columns(piece))

    codes, sums = some.found()

    expected = by_hand([row for piece in pieces for row in piece])
    assert dict(zip(codes.tolist(), sums.tolist(), strict=True)) == {
        code: row for code, row in expected.items() if any(row)
    }
    assert codes.tolist() == sorted(codes.tolist())


@pytest.mark.parametrize("at_once", [0, 10, totals.CODES_AT_ONCE])
@given(pieces=st.lists(st.lists(st.integers(0, 9), max_size=9), max_size=6))
def test_it_is_counted_how_often_codes_come(at_once: int, pieces: list[list[int]]) -> None:
    some = Counts(at_once)
    for piece in pieces:
        some.add(np.array(piece, np.int64))

    codes, counts = some.found()

    expected = Counter(code for piece in pieces for code in piece)
    assert dict(zip(codes.tolist(), counts.tolist(), strict=True)) == expected
    assert codes.tolist() == sorted(expected)


def test_what_is_taken_away_again_leaves_nothing() -> None:
    some = Totals(1)
    some.add(np.array([4]), np.array([[7]]))
    some.add(np.array([4]), -np.array([[7]]))
    assert [part.tolist() for part in some.found()] == [[], []]
