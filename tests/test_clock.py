"""Moments that never go backwards."""

from hypothesis import given
from hypothesis import strategies as st

from wellhead.clock import LOOK_US, TOLERANCE_US, Clock

SECOND = 1_000_000


class Hands:
    """Two clocks that a test sets."""

    def __init__(self) -> None:
        self.wall_us = 1_800_000_000 * SECOND
        self.monotonic_us = 5 * SECOND
        self.clock = Clock(lambda: self.wall_us * 1000, lambda: self.monotonic_us * 1000)

    def pass_(self, us: int) -> int:
        self.wall_us += us
        self.monotonic_us += us
        return self.clock.now_us()


def test_it_starts_at_the_wall_clock_and_keeps_up_with_it() -> None:
    hands = Hands()
    assert hands.clock.now_us() == hands.wall_us
    for _ in range(100):
        assert hands.pass_(SECOND // 3) == hands.wall_us


def test_a_wall_clock_set_forward_is_adopted_at_the_next_look() -> None:
    hands = Hands()
    hands.wall_us += 3600 * SECOND
    assert hands.pass_(LOOK_US) == hands.wall_us


def test_a_wall_clock_set_back_is_waited_for() -> None:
    hands = Hands()
    hands.wall_us -= 8 * SECOND
    moments = [hands.pass_(SECOND // 2) for _ in range(200)]
    assert moments == sorted(set(moments))
    assert moments[10] - hands.wall_us < 8 * SECOND
    assert abs(moments[-1] - hands.wall_us) <= TOLERANCE_US


def test_small_differences_do_not_show_in_durations() -> None:
    hands = Hands()
    before = hands.pass_(LOOK_US)
    hands.wall_us += TOLERANCE_US // 2
    assert hands.pass_(2 * LOOK_US) - before == 2 * LOOK_US


@given(st.lists(st.tuples(st.integers(0, 5 * SECOND), st.integers(-(10**12), 10**12)), max_size=50))
def test_it_never_goes_backwards_however_the_wall_clock_jumps(steps: list[tuple[int, int]]) -> None:
    hands = Hands()
    last = hands.clock.now_us()
    for passed, jump in steps:
        hands.wall_us = max(0, hands.wall_us + jump)
        moment = hands.pass_(passed)
        assert moment >= last
        last = moment
