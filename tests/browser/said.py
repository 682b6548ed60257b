"""Figures and moments as the English dashboard writes them, by its rules and in words of its own.

Unknown is "–".  Dollars have cents, amounts below a dollar up to four digits, and what is less
than those show is said to be less.  Large counts are short where there is little room.  A ratio
has one digit after the point at most, and a half is rounded up.
"""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

UNKNOWN = "–"
Known = float | int | None
MUCH = 9.99
"""Beyond that a change is said to be more."""
UNITS = ("", "K", "M", "B", "T")


def rounded(value: Known, digits: int) -> str:
    """With at most so many digits after the point, and commas between thousands."""
    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    text = f"{exact:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(value: Known) -> str:
    return UNKNOWN if value is None else rounded(value, 0)


def short(value: Known) -> str:
    if value is None:
        return UNKNOWN
    scaled, power = Decimal(repr(value)), 0
    while abs(scaled.quantize(Decimal("0.1"), ROUND_HALF_UP)) >= 1000:
        scaled, power = scaled / 1000, power + 1
    return rounded_decimal(scaled) + UNITS[power]


def rounded_decimal(value: Decimal) -> str:
    text = f"{value.quantize(Decimal('0.1'), ROUND_HALF_UP):f}"
    return text.removesuffix(".0")


def usd(value: Known) -> str:
    if value is None:
        return UNKNOWN
    exact = Decimal(repr(value))
    if 0 < exact < Decimal("0.0001"):
        return "< $0.0001"
    if exact == 0 or exact >= 1:
        return f"${exact.quantize(Decimal('0.01'), ROUND_HALF_UP):,f}"
    cents, rest = f"{exact.quantize(Decimal('0.0001'), ROUND_HALF_UP):f}".split(".")
    return f"${cents}.{rest[:2]}{rest[2:].rstrip('0')}"


def percent(ratio: Known) -> str:
    return UNKNOWN if ratio is None else f"{rounded_decimal(Decimal(repr(ratio)) * 100)}%"


def change(now: Known, then: Known) -> str:
    """How much more than before, with its sign; unknown without a before."""
    if now is None or not then:
        return UNKNOWN
    more = (now - then) / then
    if more > MUCH:
        return f"> +{percent(MUCH)}"
    text = percent(more)
    if text in ("0%", "-0%"):
        return "0%"
    return text if text.startswith("-") else f"+{text}"


def ms(value: Known) -> str:
    if value is None:
        return UNKNOWN
    for length, digits, unit in ((10, 1, "ms"), (1000, 0, "ms")):
        if value < length:
            return f"{rounded(value, digits)} {unit}"
    if value < 60_000:
        return f"{rounded(value / 1000, 1)} s"
    if value < 3_600_000:
        return f"{rounded(value / 60_000, 1)} min"
    return f"{rounded(value / 3_600_000, 1)} h"


def stamp(at: str, zone: str = "UTC") -> str:
    """`Mar 1, 09:11:58`."""
    local = datetime.fromisoformat(at).astimezone(ZoneInfo(zone))
    return f"{local:%b} {local.day}, {local:%H:%M:%S}"


def short_day(at: str, zone: str = "UTC") -> str:
    """`Mar 1`."""
    local = datetime.fromisoformat(at).astimezone(ZoneInfo(zone))
    return f"{local:%b} {local.day}"


def ratio(part: Known, whole: Known) -> float | None:
    return None if part is None or not whole else part / whole
