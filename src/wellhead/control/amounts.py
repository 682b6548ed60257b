"""Amounts of limits on the wire: whole numbers of calls and tokens, dollars as decimal text.

A JSON number with a point is a float to most programs, and a float is no money.  A
count as text is refused as well, so that nobody need guess what an amount means.
"""

import re

from wellhead.errors import Invalid
from wellhead.limit import Measure
from wellhead.money import NANOUSD_PER_USD

Amount = int | str
DECIMALS_MAX = 9
DOLLARS = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,9}))?")


def read(measure: Measure, amount: Amount) -> int:
    """Calls, tokens or nano-dollars; raises `Invalid`."""
    if measure is not Measure.COST:
        if isinstance(amount, str):
            raise Invalid(f"the amount of a limit on {measure} is a whole number, without quotes")
        return amount
    if not isinstance(amount, str):
        raise Invalid('the amount of a limit on cost is decimal US dollars as text, such as "12.50"')
    found = DOLLARS.fullmatch(amount)
    if found is None:
        raise Invalid(
            'the amount of a limit on cost is US dollars such as "12.50", '
            f"with at most {DECIMALS_MAX} digits after the point"
        )
    return int(found.group(1)) * NANOUSD_PER_USD + int((found.group(2) or "").ljust(DECIMALS_MAX, "0"))
