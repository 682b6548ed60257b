"""Amounts as others wrote them, and as they are shown."""

from decimal import Decimal

import pytest

from wellhead.money import STATED_NANOUSD_MAX, decimal_usd, nanousd, stated_nanousd


@pytest.mark.parametrize(
    ("usd", "stated"),
    [
        ("0.00014", 140_000),
        ("0", 0),
        ("-0.0", 0),
        ("-1", -1_000_000_000),
        ("5e-10", 1),
        ("4e-10", 0),
        ("1e300", STATED_NANOUSD_MAX),
        ("-1e300", -STATED_NANOUSD_MAX),
    ],
)
def test_what_a_provider_states_is_taken_as_it_stands_up_to_a_bound(usd: str, stated: int) -> None:
    assert stated_nanousd(Decimal(usd)) == stated


@pytest.mark.parametrize("usd", ["-4e-10", "-1e-10", "-1e-300"])
def test_less_than_nothing_never_becomes_nothing(usd: str) -> None:
    assert stated_nanousd(Decimal(usd)) == -1


@pytest.mark.parametrize("usd", ["-1", "1e300", "NaN", "Infinity", "much"])
def test_a_price_is_a_finite_amount_between_nothing_and_a_bound(usd: str) -> None:
    assert nanousd(usd) is None


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (1, "0.000000001"), (1_500_000_000, "1.5"), (-1_500_000_000, "-1.5"), (-1, "-0.000000001")],
)
def test_an_amount_in_decimal_text_is_exact(amount: int, text: str) -> None:
    assert decimal_usd(amount) == text
