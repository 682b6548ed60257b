"""Moments on the wire: ISO-8601 to microseconds since the epoch, and back."""

import re
from datetime import UTC, datetime, timedelta

from wellhead.errors import CallerError
from wellhead.moments import DAY_US, EPOCH, to_the_second

EXAMPLE = "2026-03-01T00:00:00Z"
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
LATEST_US = (datetime(9999, 12, 31, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
# A `+` that was not written as %2B has become a space on its way through the URL.
LOST_PLUS = re.compile(r"(T[0-9:.,]+) ([0-9]{2}:?[0-9]{2})")


def moment_us(text: str | None, parameter: str) -> int | None:
    """A moment with `Z` or an offset, or without any in UTC; a date alone is its midnight.

    Raises `CallerError` 400 for anything else.
    """
    if text is None:
        return None
    try:
        # A day is a whole day elsewhere, so it has one form; `20260301` would be its midnight and no more.
        if len(text) <= len("2026-03-01") and DATE.fullmatch(text) is None:
            raise ValueError
        moment = datetime.fromisoformat(LOST_PLUS.sub(r"\1+\2", text.upper()))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise CallerError("INVALID_TIME", 400, f"`{parameter}` must be a time such as {EXAMPLE}.") from None


def range_us(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """The range [from, to); raises `CallerError` 400 when it is malformed or runs backwards."""
    since_us, until_us = moment_us(since, "from"), moment_us(until, "to")
    if since_us is not None and until_us is not None and since_us > until_us:
        raise CallerError("INVALID_RANGE", 400, "`from` must not be later than `to`.")
    return since_us, until_us


def open_range_us(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """The range [from, to), where `to` may be a day, which is then in it as well; either may be absent.

    Raises `CallerError` 400.
    """
    since_us, until_us = range_us(since, until)
    if until is not None and until_us is not None and DATE.fullmatch(until):
        until_us += DAY_US
    return (
        None if since_us is None else min(max(since_us, 0), LATEST_US),
        None if until_us is None else min(max(until_us, 0), LATEST_US),
    )


def through_us(since: str | None, until: str | None, now_us: int) -> tuple[int, int]:
    """The range [from, to), where `to` may be a day, which is then in it as well; absent, it is now.

    Without `from` it is from the beginning.  Raises `CallerError` 400.
    """
    since_us, until_us = moment_us(since, "from") or 0, moment_us(until, "to")
    if until is None or until_us is None:
        until_us = last_us = now_us
    else:
        last_us = until_us
        until_us += DAY_US if DATE.fullmatch(until) else 0
    # The wrong way round by days is a mistake also where it is an empty range of moments.
    if since_us >= max(until_us, 0) and since_us > max(last_us, 0):
        raise CallerError("INVALID_RANGE", 400, "`from` must not be later than `to`.")
    return min(max(since_us, 0), LATEST_US), min(max(until_us, 0), LATEST_US)


def to_the_second_if(us: int | None) -> str | None:
    return None if us is None else to_the_second(us)
