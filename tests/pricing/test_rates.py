"""Prices as people write them, and the hours of a day."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.rates import DAY, NOW, a_rate
from wellhead.money import nanousd as money_of
from wellhead.pricing.rates import Hours, nanousd_per_million

MINUTE = 60


@pytest.mark.parametrize(
    ("written", "nanousd"),
    [
        (3, 3_000_000_000),
        (0.1, 100_000_000),
        (0.0028, 2_800_000),
        ("2.50", 2_500_000_000),
        ("1e-9", 1),
        (Decimal("0.0000000005"), 1),
        (0, 0),
        (-1, None),
        (True, None),
        (None, None),
        ("", None),
        ("free", None),
        ("NaN", None),
        (float("inf"), None),
        (10**9, None),
        ("1e999999999", None),
        ("1e-999999999", 0),
    ],
)
def test_a_price_is_read_exactly_or_not_at_all(written: object, nanousd: int | None) -> None:
    assert nanousd_per_million(written) == nanousd


def test_an_amount_beyond_all_numbers_is_no_amount_of_money() -> None:
    assert money_of("1e999999999") is None


def test_a_rate_holds_from_its_first_moment_and_no_more_at_its_end() -> None:
    rate = replace(a_rate(input="1", since_us=NOW), until_us=NOW + DAY)
    moments = (NOW - 1, NOW, NOW + DAY - 1, NOW + DAY)
    assert [rate.holds(at_us) for at_us in moments] == [False, True, True, False]


def test_hours_may_reach_across_midnight() -> None:
    night = Hours(from_s=16 * 3600 + 30 * MINUTE, until_s=30 * MINUTE)
    day = Hours(from_s=30 * MINUTE, until_s=16 * 3600 + 30 * MINUTE)
    for second in (0, 29 * MINUTE, 30 * MINUTE, 12 * 3600, 16 * 3600 + 30 * MINUTE, 86_399):
        at_us = (20_000 * 86_400 + second) * 1_000_000
        assert night.hold(at_us) is not day.hold(at_us)
    assert day.hold(30 * MINUTE * 1_000_000)
    assert not day.hold((16 * 3600 + 30 * MINUTE) * 1_000_000)


@given(st.integers(0, 4 * 10**15), st.integers(0, 86_399), st.integers(0, 86_399))
def test_one_part_of_a_day_and_the_other_are_the_whole_day(at_us: int, one: int, other: int) -> None:
    if one != other:
        assert Hours(one, other).hold(at_us) is not Hours(other, one).hold(at_us)
