"""Every moment of a slot is in its pieces once, however it is cut."""

from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.database.spans import Even, Marked, Spans, even, marked, spans, split, whole_days
from wellhead.intervals import Interval, edges_us
from wellhead.moments import DAY_US, HOUR_US

H, D = HOUR_US, DAY_US


def test_slots_are_cut_into_whole_days_whole_hours_and_what_is_left() -> None:
    assert spans((H, 3 * H)) == Spans(hours=[(0, 1, 3)])
    assert spans((1, H - 1, 2 * H + 5)) == Spans(
        hours=[(1, 1, 2)], rest=[(0, 1, H - 1), (1, H - 1, H), (1, 2 * H, 2 * H + 5)]
    )
    assert spans((H + 1, 2 * H)) == Spans(rest=[(0, H + 1, 2 * H)])
    assert spans((0, D, 4 * D)) == Spans(days=[(0, 0, 1), (1, 1, 4)])
    assert spans((20 * H - 1, 3 * D + 2 * H + 1)) == Spans(
        days=[(0, 1, 3)],
        hours=[(0, 20, 24), (0, 72, 74)],
        rest=[(0, 20 * H - 1, 20 * H), (0, 3 * D + 2 * H, 3 * D + 2 * H + 1)],
    )


def test_a_day_of_another_zone_is_a_day_and_some_hours_less_some_others() -> None:
    assert spans((4 * H, D + 4 * H)) == Spans(days=[(0, 0, 1)], less=[(0, 0, 4)], hours=[(0, 24, 28)])
    assert spans((22 * H, D + 22 * H)) == Spans(days=[(0, 1, 2)], hours=[(0, 22, 24)], less=[(0, 46, 48)])
    assert spans((12 * H, D + 12 * H)).days == []


def test_hours_that_go_from_one_slot_to_its_neighbour_are_read_once() -> None:
    assert spans((4 * H, D + 4 * H, 2 * D + 4 * H)) == Spans(
        days=[(0, 0, 1), (1, 1, 2)], less=[(0, 0, 4)], moved={1: [(0, 24, 28)]}, hours=[(1, 48, 52)]
    )
    assert spans((22 * H, D + 22 * H, 2 * D + 22 * H)) == Spans(
        days=[(0, 1, 2), (1, 2, 3)], hours=[(0, 22, 24)], moved={-1: [(1, 46, 48)]}, less=[(1, 70, 72)]
    )


@given(
    st.lists(
        st.integers(-(10**12), 10**12) | st.integers(-99, 99).map(lambda n: n * H),
        min_size=2,
        max_size=5,
        unique=True,
    )
)
def test_every_moment_of_a_slot_is_in_it_once_and_no_other_is(moments: list[int]) -> None:
    edges = tuple(sorted(moments))
    cut = spans(edges)
    moved = [
        piece
        for towards, some in cut.moved.items()
        for piece in ((some, H, 1), ([(slot + towards, *rest) for slot, *rest in some], H, -1))
    ]
    pieces = ((cut.days, D, 1), (cut.hours, H, 1), (cut.less, H, -1), (cut.rest, 1, 1), *moved)
    for slot, (since, until) in enumerate(pairwise(edges)):
        mine = [
            (start * unit, end * unit, sign)
            for some, unit, sign in pieces
            for number, start, end in some
            if number == slot
        ]
        assert all(start < end for start, end, _ in mine)
        bounds = sorted({since, until, *(at for start, end, _ in mine for at in (start, end))})
        for at in bounds[:-1]:
            times = sum(sign for start, end, sign in mine if start <= at < end)
            assert times == (since <= at < until)


@pytest.mark.parametrize(
    ("zone", "a_day"),
    [("UTC", 0), ("Europe/Berlin", 2), ("America/New_York", 5), ("Asia/Tokyo", 9), ("Asia/Kolkata", 11)],
)
def test_days_of_a_zone_read_fewer_hours_than_they_have(zone: str, a_day: int) -> None:
    since = 1_790_000_000_000_000 // D * D
    cut = spans(edges_us(since, since + 365 * D, Interval.DAY, ZoneInfo(zone)))
    moved = [one for some in cut.moved.values() for one in some]
    hours = sum(until - start for _, start, until in (*cut.hours, *cut.less, *moved))
    assert hours <= 365 * a_day + 24


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


def test_days_that_are_not_closed_are_read_by_their_hours() -> None:
    assert split([(0, 1, 3), (1, 3, 6)], [2, 3, 5, 9]) == (
        [(0, 2, 3), (1, 3, 4), (1, 5, 6)],
        [(0, 24, 48), (1, 96, 120)],
    )


def test_whole_days_are_told_from_what_is_left_of_slots() -> None:
    assert whole_days((D - 1, 3 * D, 4 * D + 5), [1, 2, 3, 4, 9]) == (
        {1: 0, 2: 0, 3: 1},
        [(0, D - 1, D), (1, 4 * D, 4 * D + 5)],
    )
    assert whole_days((0, D), [], 7) == ({}, [(7, 0, D)])
