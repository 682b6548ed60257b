"""Every moment of a slot is in its pieces once, however it is cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wellhead.database.spans import Even, Marked, even, half_hours, marked
from wellhead.moments import DAY_US, HOUR_US

H, D = HOUR_US, DAY_US


def test_spans_that_follow_each_other_are_one() -> None:
    assert even([(3, 10, 12), (4, 12, 14), (5, 14, 16)]) == Even(3, 10, 16, 2)
    assert even([(0, 5, 9)]) == Even(0, 5, 9, 4)
    for some in (
        [(0, 1, 2), (1, 3, 4)],
        [(0, 1, 2), (2, 2, 3)],
        [(0, 1, 2), (1, 2, 4)],
        [(0, 1, 2), (0, 2, 3)],
    ):
        assert even(some) is None


def test_parts_of_closed_days_are_differences_of_sheets() -> None:
    closed = {1: True, 2: True, 3: False}
    assert marked((D, 2 * D), closed).marks == {(48, 1): {0: 1}}
    assert marked((D + 5 * H, 3 * D), closed).marks == {(48, 1): {0: 1}, (10, 1): {0: -1}, (48, 2): {0: 1}}
    half = marked((D + H // 2, 2 * D), closed)
    assert half.marks == {(48, 1): {0: 1}, (1, 1): {0: -1}}
    later = marked((D + 3 * H // 2, 2 * D + 7), closed)
    assert later.marks == {(48, 1): {0: 1}, (2, 1): {0: -1}, (3, 1): {0: -1}}
    assert later.rest == [(0, 2 * D, 2 * D + 7)]
    assert marked((3 * D + H // 2, 3 * D + 2 * H), closed) == Marked(
        marks={(4, 3): {0: 1}, (2, 3): {0: -1}}, rest=[(0, 3 * D + H // 2, 3 * D + H)]
    )


def test_half_an_hour_is_a_sheet_of_its_own() -> None:
    assert marked((D + 5 * H, D + 5 * H + H // 2), {1: True}).marks == {(11, 1): {0: 1}}
    assert marked((D + 5 * H + H // 2, D + 6 * H), {1: True}).marks == {
        (12, 1): {0: 1},
        (10, 1): {0: -1},
        (11, 1): {0: -1},
    }


def test_a_sheet_between_two_slots_is_read_once() -> None:
    assert marked((D, D + 4 * H, 2 * D), {1: True}).marks == {(8, 1): {0: 1, 1: -1}, (48, 1): {1: 1}}


def test_open_days_are_cut_into_hours_and_what_is_left() -> None:
    assert marked((-1, D, 2 * D + 7), {1: True}) == Marked(
        marks={(48, 1): {1: 1}}, hours=[(0, 0, 24)], rest=[(0, -1, 0), (1, 2 * D, 2 * D + 7)]
    )


@given(
    st.lists(
        st.integers(0, 9 * D) | st.integers(0, 9 * 48).map(lambda n: n * H // 2),
        min_size=2,
        max_size=5,
        unique=True,
    ),
    st.dictionaries(st.integers(0, 9), st.booleans()),
)
def test_every_moment_of_a_slot_is_in_it_once_and_no_other_is(
    moments: list[int], closed: dict[int, bool]
) -> None:
    edges = tuple(sorted(moments))
    cut = marked(edges, dict(sorted(closed.items())))
    for slot, (since, until) in enumerate(pairwise(edges)):
        mine = [(start * H, end * H, 1) for number, start, end in cut.hours if number == slot]
        mine += [(start, end, 1) for number, start, end in cut.rest if number == slot]
        for (half_hour, day), signs in cut.marks.items():
            first = half_hour - 1 if half_hour % 2 else 0
            if slot in signs:
                mine.append((day * D + first * H // 2, day * D + half_hour * H // 2, signs[slot]))
        assert all(start < end for start, end, _ in mine)
        bounds = sorted({since, until, *(at for start, end, _ in mine for at in (start, end))})
        for at in bounds[:-1]:
            times = sum(sign for start, end, sign in mine if start <= at < end)
            assert times == (since <= at < until)


def test_half_hours_of_some_days_are_told_from_what_is_left_of_slots() -> None:
    slots, rest = half_hours((D - 1, 2 * D + H // 2, 3 * D + 5), [1, 2, 9])
    assert slots == {1: [0] * 48, 2: [0, *[1] * 47]}
    assert rest == [(0, D - 1, D), (1, 3 * D, 3 * D + 5)]
    assert half_hours((D + 5, D + H), [1]) == ({1: [None, 0, *[None] * 46]}, [(0, D + 5, D + H // 2)])
    assert half_hours((0, D), []) == ({}, [(0, 0, D)])
