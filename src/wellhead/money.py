"""Money: whole nano-dollars (1 USD = 1,000,000,000), never a float.

The only module that turns what providers write about money into integers.
"""

from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException

NANOUSD_PER_USD = 1_000_000_000
COST_NANOUSD_MAX = 10**15
"""A single call above one million dollars is not believed."""
STATED_NANOUSD_MAX = 10**18
"""A billion dollars: what is stated beyond it, either way, is taken for that."""


def nanousd(usd: int | float | str | Decimal, most: int = COST_NANOUSD_MAX) -> int | None:
    """Dollars as a provider wrote them, in nano-dollars, half rounded up.

    A float is read by its shortest decimal form, which is what stood in the JSON.
    `None` for what is not a finite amount between 0 and `most`, which is in nano-dollars.
    """
    if isinstance(usd, bool):
        return None
    try:
        amount = Decimal(repr(usd) if isinstance(usd, float) else usd) * NANOUSD_PER_USD
        if not amount.is_finite() or not 0 <= amount <= most:
            return None
        return int(amount.to_integral_value(rounding=ROUND_HALF_UP))
    except (DecimalException, ValueError):
        return None


def stated_nanousd(usd: Decimal) -> int:
    """A finite amount of dollars as a provider states it, whether it can be believed or not.

    It is rounded like any other, but never from below nothing up to nothing, and is
    between -STATED_NANOUSD_MAX and STATED_NANOUSD_MAX.
    """
    amount = usd * NANOUSD_PER_USD
    whole = int(amount.to_integral_value(rounding=ROUND_FLOOR if amount < 0 else ROUND_HALF_UP))
    return max(-STATED_NANOUSD_MAX, min(whole, STATED_NANOUSD_MAX))


def price(count: int, nanousd_per_million: int, per: int = 1_000_000) -> int:
    """Price a count in nano-dollars, rounding half up.  No other code rounds a product of money.

    `per` says how many counts the price is for where that is not a million.
    """
    assert count >= 0
    assert nanousd_per_million >= 0
    return (count * nanousd_per_million + per // 2) // per


def usd(nanousd: int) -> float:
    """Nano-dollars as dollars, to be shown and never to be counted with: exact below some millions."""
    return nanousd / NANOUSD_PER_USD


def decimal_usd(nanousd: int) -> str:
    """Nano-dollars as dollars in decimal text: exact, with no more digits than it needs."""
    sign = "-" if nanousd < 0 else ""
    whole, rest = divmod(abs(nanousd), NANOUSD_PER_USD)
    return sign + (f"{whole}.{rest:09}".rstrip("0") if rest else str(whole))
