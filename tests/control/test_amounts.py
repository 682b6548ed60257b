"""Amounts of limits: counts are numbers, dollars are text, and both are exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.control.amounts import Amount, read
from wellhead.errors import Invalid
from wellhead.limit import Measure
from wellhead.shown import amount


@pytest.mark.parametrize(
    ("written", "nanousd", "again"),
    [
        ("12.50", 12_500_000_000, "12.50"),
        ("12.5", 12_500_000_000, "12.50"),
        ("12", 12_000_000_000, "12.00"),
        ("0", 0, "0.00"),
        ("0.000000001", 1, "0.000000001"),
        ("0.1", 100_000_000, "0.10"),
        ("1.005", 1_005_000_000, "1.005"),
        ("9999999999.999999999", 9_999_999_999_999_999_999, "9999999999.999999999"),
        ("007.1", 7_100_000_000, "7.10"),
    ],
)
def test_dollars_are_read_and_shown_exactly(written: str, nanousd: int, again: str) -> None:
    assert read(Measure.COST, written) == nanousd
    assert amount(Measure.COST, nanousd) == again


@given(st.integers(0, 10**18))
def test_what_is_shown_reads_as_the_same(nanousd: int) -> None:
    assert read(Measure.COST, amount(Measure.COST, nanousd)) == nanousd


@pytest.mark.parametrize(
    "written",
    [
        "",
        " 1",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        "1,5",
        "0.0000000001",
        "99999999999",
        "NaN",
        "٣",
        "1_0",
        "$1",
        "1\n",
    ],
)
def test_anything_else_is_no_amount_of_dollars(written: str) -> None:
    with pytest.raises(Invalid):
        read(Measure.COST, written)


@pytest.mark.parametrize(
    ("measure", "amount", "said"), [(Measure.COST, 12, "text"), (Measure.CALLS, "12", "without quotes")]
)
def test_the_wrong_kind_is_refused_with_the_right_one(measure: Measure, amount: Amount, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read(measure, amount)


def test_counts_are_whole_numbers() -> None:
    assert read(Measure.TOTAL_TOKENS, 5) == amount(Measure.TOTAL_TOKENS, 5) == 5
