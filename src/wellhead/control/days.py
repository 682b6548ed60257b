"""Days on the wire: `YYYY-MM-DD`, UTC calendar days, both ends of a range included.

What is said about a mistake begins with agent-cli-proxy's own words.
"""

import re
from datetime import date

from wellhead.errors import CallerError
from wellhead.moments import DAY_US

DAYS_MAX = 366
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
EXAMPLE_DAY = "2026-03-01"


def day_us(text: str, parameter: str) -> int:
    """The start of a day; raises `CallerError` 400 for what is not a real date in exactly this form."""
    try:
        if DATE.fullmatch(text) is None:
            raise ValueError
        return (date.fromisoformat(text).toordinal() - EPOCH_ORDINAL) * DAY_US
    except ValueError:
        raise CallerError(
            "INVALID_TIME", 400, f"Invalid {parameter} parameter; expected YYYY-MM-DD, a real date."
        ) from None


def today_us(now_us: int) -> int:
    """The start of the day that it is."""
    return now_us - now_us % DAY_US


def range_us(since: str | None, until: str | None) -> tuple[int, int]:
    """From the start of the one day to the end of the other; raises `CallerError` 400."""
    if not since or not until:
        raise CallerError("MISSING_PARAMETER", 400, "Missing from or to parameter.")
    return bounded(day_us(since, "from"), day_us(until, "to") + DAY_US)


def bounded(since_us: int, until_us: int) -> tuple[int, int]:
    """A range of some length, but no more than is answered at once; raises `CallerError` 400."""
    if since_us >= until_us:
        raise CallerError("INVALID_RANGE", 400, "Invalid range; from must be on or before to.")
    if until_us - since_us > DAYS_MAX * DAY_US:
        raise CallerError("INVALID_RANGE", 400, f"Date range cannot exceed {DAYS_MAX} days.")
    return since_us, until_us


def edges_us(since_us: int, until_us: int) -> tuple[int, ...]:
    """The bounds of the days of a range."""
    return tuple(range(since_us, until_us + 1, DAY_US))


def shown(us: int) -> str:
    """A day, by any moment in it."""
    return date.fromordinal(us // DAY_US + EPOCH_ORDINAL).isoformat()
